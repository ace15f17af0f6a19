"""``train`` makes a model from a labelled table, and refuses tables that tell the answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result


def test_training_counts_what_it_leaves_out_and_reports_metrics(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str)
    cohort.loc[:4, "phenotype"] = None
    cohort.to_csv(tmp_path / "cohort.csv", index=False)
    result = run("train", tmp_path / "cohort.csv", "-o", tmp_path / "model.aml")
    assert result.exit_code == 0, result.stderr
    assert "left out: 5 rows, no label" in result.stderr
    assert "another label" in result.stderr
    assert "auc" in result.stdout
    assert (tmp_path / "model.aml").is_file()


def test_a_model_has_a_card_beside_it(clinic: Path, run: Callable[..., Result]) -> None:
    assert [path.name for path in clinic.iterdir() if "model" in path.name and path.suffix == ".json"]
    assert "intended_use" in run("inspect", clinic / "model.aml").stdout


@pytest.mark.parametrize("column", ["true_phenotype", "aml_p_th2_high"])
def test_columns_that_tell_the_answer_are_refused(
    column: str, clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    pd.read_csv(clinic / "cohort.csv").assign(**{column: 1}).to_csv(tmp_path / "cohort.csv", index=False)
    result = run("train", tmp_path / "cohort.csv", "-o", tmp_path / "model.aml")
    assert result.exit_code == 2
    assert column in result.stderr
    assert not (tmp_path / "model.aml").exists()


def test_an_absent_label_is_named(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    result = run("train", clinic / "cohort.csv", "--label", "diagnosis", "-o", tmp_path / "model.aml")
    assert result.exit_code == 2
    assert "diagnosis" in result.stderr


def test_too_few_patients_are_refused(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    pd.read_csv(clinic / "cohort.csv").head(10).to_csv(tmp_path / "few.csv", index=False)
    result = run("train", tmp_path / "few.csv", "-o", tmp_path / "model.aml")
    assert result.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["few.csv"]


def test_the_input_is_never_overwritten(clinic: Path, run: Callable[..., Result]) -> None:
    before = (clinic / "cohort.csv").read_bytes()
    assert run("train", clinic / "cohort.csv", "-o", clinic / "cohort.csv").exit_code == 2
    assert (clinic / "cohort.csv").read_bytes() == before
