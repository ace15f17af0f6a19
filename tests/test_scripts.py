"""The scripts run the commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from asthma_ml.model_files.shipped import example_patients_path

SCRIPTS = Path(__file__).parent.parent / "scripts"


def test_predict_works_with_the_shipped_model(tmp_path: Path) -> None:
    out = tmp_path / "predictions.csv"
    call = [sys.executable, SCRIPTS / "predict.py", example_patients_path(), "-o", out]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert len(pd.read_csv(out)) == len(pd.read_csv(example_patients_path()))


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.stem)
def test_each_script_has_help(script: Path) -> None:
    done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Examples:" in done.stdout
