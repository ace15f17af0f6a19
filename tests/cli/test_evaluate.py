"""``evaluate`` measures a model on labelled patients."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from click.testing import Result

from asthma_ml.cli.evaluate import readable


def test_metrics_are_json_and_a_summary_for_people(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    other = tmp_path / "other.csv"
    assert run("generate", "--patients", 200, "--seed", 8, "-o", other).exit_code == 0
    result = run("evaluate", other, "--model", clinic / "model.aml")
    assert result.exit_code == 0, result.stderr
    metrics = json.loads(result.stdout)
    assert set(metrics["other_labels"]) <= {"mixed_granulocytic", "paucigranulocytic", "rare labels"}
    assert sum(found["n"] for found in metrics["other_labels"].values()) == metrics["left_out"]["another label"]
    assert "left out" in result.stderr
    assert "called.predictive_value.th2_high" in result.stderr


def test_unlabelled_patients_cannot_be_measured_on(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    (tmp_path / "patients.csv").write_text("patient_id,feno_ppb\n007,45\n", encoding="utf-8")
    result = run("evaluate", tmp_path / "patients.csv", "--model", clinic / "model.aml")
    assert result.exit_code == 2
    assert "phenotype" in result.stderr


def test_three_patients_are_refused(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str)
    cohort.groupby("phenotype").head(2).to_csv(tmp_path / "few.csv", index=False)
    result = run("evaluate", tmp_path / "few.csv", "--model", clinic / "model.aml")
    assert result.exit_code == 2
    assert "10 of each class are needed" in result.stderr


def test_neither_table_nor_model_is_overwritten(clinic: Path, run: Callable[..., Result]) -> None:
    for name in ("cohort.csv", "model.aml"):
        before = (clinic / name).read_bytes()
        call = ("evaluate", clinic / "cohort.csv", "--model", clinic / "model.aml", "-o", clinic / name)
        assert run(*call).exit_code == 2
        assert (clinic / name).read_bytes() == before


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
