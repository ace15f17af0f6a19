"""``evaluate`` measures a model on labelled patients."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from asthma_ml.cli.evaluate import readable


def test_metrics_are_json_and_a_summary_for_people(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    other = tmp_path / "other.csv"
    assert run("generate", "--patients", 200, "--seed", 8, "-o", other).exit_code == 0
    result = run("evaluate", other, "--model", clinic / "model.aml")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)
    assert "left out" in result.stderr


def test_unlabelled_patients_cannot_be_measured_on(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    (tmp_path / "patients.csv").write_text("patient_id,feno_ppb\n007,45\n", encoding="utf-8")
    result = run("evaluate", tmp_path / "patients.csv", "--model", clinic / "model.aml")
    assert result.exit_code == 2
    assert "phenotype" in result.stderr


def test_a_summary_is_flat_aligned_and_leaves_tables_out() -> None:
    metrics = {
        "n": 40,
        "auc": {"value": 0.8712, "lower": 0.8, "upper": 0.9},
        "decisions": {"share": 0.5},
        "rows": [0] * 9,
    }
    assert readable(metrics).splitlines() == [
        "n                40",
        "auc              0.871 (0.800 to 0.900)",
        "decisions.share  0.500",
    ]
