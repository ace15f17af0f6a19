"""``demo`` runs the complete workflow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result


def test_demo_writes_model_predictions_and_figures(tmp_path: Path, run: Callable[..., Result]) -> None:
    out, table = tmp_path / "\x1b[2Jout", tmp_path / "patients.csv"
    table.write_text("patient_id,feno_ppb\n\x1b[31m007,45\n008,20\n", encoding="utf-8")
    sizes = ("--patients", 150, "--test-patients", 200, "--seed", 1)
    result = run("demo", "-o", out, *sizes, "--patients-file", table)
    assert result.exit_code == 0, result.stderr
    assert "\x1b" not in result.output
    names = {path.name for path in out.iterdir()}
    assert {"cohort.csv", "truth.csv", "model.aml", "predictions.csv", "factors.png", "first_patient.png"} <= names
    predictions = pd.read_csv(out / "predictions.csv")
    assert predictions["aml_status"].notna().all()
    for step in ("1. Cohort", "2. Model", "3. Evaluation on 200 new patients", "4. Predictions"):
        assert step in result.stdout
    assert "among patients of the two classes" in result.stdout
    assert "P(unmodelled diagnosis)" in result.stdout


def test_failed_demo_leaves_no_files(
    tmp_path: Path, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "predictions.csv")

    monkeypatch.setattr("asthma_ml.cli.demo.predict_and_explain", full)
    result = run("demo", "-o", tmp_path / "new" / "out", "--patients", 150, "--test-patients", 200)
    assert result.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_patients_file_is_never_overwritten(tmp_path: Path, run: Callable[..., Result]) -> None:
    (tmp_path / "cohort.csv").write_text("patient_id,feno_ppb\n007,45\n", encoding="utf-8")
    result = run("demo", "-o", tmp_path, "--patients", 150, "--patients-file", tmp_path / "cohort.csv")
    assert result.exit_code == 2
    assert "would overwrite the input" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["cohort.csv"]
