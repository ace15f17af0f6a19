"""``generate`` writes a cohort, its schema and its truth table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result

from asthma_ml.variables import data_dictionary


def test_cohort_has_the_columns_of_the_data_dictionary_and_a_schema(tmp_path: Path, run: Callable[..., Result]) -> None:
    assert run("generate", "--patients", 20, "-o", tmp_path / "cohort.csv").exit_code == 0
    cohort = pd.read_csv(tmp_path / "cohort.csv")
    assert list(cohort.columns) == list(data_dictionary())
    assert len(cohort) == 20
    assert json.loads((tmp_path / "cohort.schema.json").read_text(encoding="utf-8"))


def test_truth_is_a_separate_table(tmp_path: Path, run: Callable[..., Result]) -> None:
    result = run("generate", "--patients", 20, "--truth", tmp_path / "truth.csv", "-o", tmp_path / "cohort.csv")
    assert result.exit_code == 0
    cohort, truth = pd.read_csv(tmp_path / "cohort.csv"), pd.read_csv(tmp_path / "truth.csv")
    assert list(truth["patient_id"]) == list(cohort["patient_id"])
    assert all(name.startswith("true_") for name in truth.columns.drop("patient_id"))
    assert not any(name.startswith("true_") for name in cohort.columns)


@pytest.mark.parametrize("jobs", [1, 2])
def test_same_seed_gives_the_same_bytes_for_any_number_of_jobs(
    jobs: int, tmp_path: Path, run: Callable[..., Result]
) -> None:
    first = run("generate", "--patients", 30, "--seed", 5)
    again = run("generate", "--patients", 30, "--seed", 5, "--jobs", jobs)
    assert first.exit_code == 0
    assert first.stdout == again.stdout
    assert first.stdout != run("generate", "--patients", 30, "--seed", 6).stdout


def test_do_sets_a_variable(tmp_path: Path, run: Callable[..., Result]) -> None:
    path = tmp_path / "cohort.parquet"
    assert run("generate", "--patients", 20, "--do", "smoking_status=never", "-o", path).exit_code == 0
    assert set(pd.read_parquet(path)["smoking_status"].dropna()) == {"never"}


def test_where_selects_patients_and_reports_the_acceptance_rate(tmp_path: Path, run: Callable[..., Result]) -> None:
    path = tmp_path / "cohort.csv"
    result = run("generate", "--patients", 20, "--where", "smoking_status == 'never' and age_years > 60", "-o", path)
    assert result.exit_code == 0
    cohort = pd.read_csv(path)
    assert set(cohort["smoking_status"]) == {"never"}
    assert cohort["age_years"].min() > 60
    schema = json.loads((tmp_path / "cohort.schema.json").read_text(encoding="utf-8"))
    assert (
        f"{schema['acceptance_rate']:.2%} of {schema['patients_examined']:,} enrolled patients meet --where"
        in result.stderr
    )


def test_standard_output_equals_the_file(tmp_path: Path, run: Callable[..., Result]) -> None:
    shown = run("generate", "--patients", 30)
    assert run("generate", "--patients", 30, "-o", tmp_path / "cohort.csv").exit_code == 0
    assert shown.stdout_bytes == (tmp_path / "cohort.csv").read_bytes()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--preset", "no_such_clinic"),
        ("--do", "no_such_variable=1"),
        ("--where", "no_such_column > 1"),
        ("--where", "smoking_status == 'vaping'"),
    ],
)
def test_unknown_names_are_refused_in_one_line(
    wrong: tuple[str, str], tmp_path: Path, run: Callable[..., Result]
) -> None:
    result = run("generate", "--patients", 10, *wrong, "-o", tmp_path / "cohort.csv")
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
