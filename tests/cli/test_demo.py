"""``demo`` does the main job, start to end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from click.testing import Result


def test_the_main_job_leaves_model_predictions_and_figure(tmp_path: Path, run: Callable[..., Result]) -> None:
    out = tmp_path / "out"
    result = run("demo", "-o", out, "--patients", 150, "--seed", 1)
    assert result.exit_code == 0, result.stderr
    names = {path.name for path in out.iterdir()}
    assert {"cohort.csv", "truth.csv", "model.aml", "predictions.csv", "factors.png", "first_patient.png"} <= names
    predictions = pd.read_csv(out / "predictions.csv")
    assert predictions["aml_status"].notna().all()
    for step in ("1. Cohort", "2. Model", "3. The same model", "4. Predictions"):
        assert step in result.stdout
