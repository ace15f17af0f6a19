"""``compare-real`` compares a cohort with a table of real patients."""

import csv
import io

import pytest

from asthma_ml.cohort import generate_cohort
from asthma_ml.fidelity.real_patients import COLUMNS
from asthma_ml.files import write_table


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    """Table with a renamed column and survey weights."""
    path = tmp_path_factory.mktemp("hospital") / "hospital.csv"
    people = generate_cohort(400, seed=8, preset="population_asthma").observed
    write_table(people.rename(columns={"bmi_kg_m2": "weight for height"}).assign(weight=2.0), path)
    return path


def test_figures_are_printed_as_a_table_and_as_text(run, hospital, tmp_path):
    names = tmp_path / "map.toml"
    names.write_text('[columns.bmi_kg_m2]\nfrom = "weight for height"\n', encoding="utf-8")
    result = run("compare-real", hospital, "--columns", names, "--weights", "weight", "--patients", "1000")
    assert result.exit_code == 0
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert tuple(rows[0]) == COLUMNS
    assert {row["figure"] for row in rows} == {"quartile", "correlation", "auc"}
    assert "bmi_kg_m2" in {row["column"] for row in rows}
    assert {row["within"] for row in rows if row["figure"] != "auc"} <= {"true", "false"}
    assert "Quartiles (target: within 15%)" in result.stderr
    assert "all columns" in result.stderr


def test_unknown_column_of_weights_is_refused(run, hospital):
    result = run("compare-real", hospital, "--weights", "nothing")
    assert result.exit_code == 2
    assert result.stderr == f"asthma-ml: {hospital}: no column nothing; name one with --weights\n"


def test_input_is_never_overwritten(run, hospital):
    result = run("compare-real", hospital, "-o", hospital)
    assert result.exit_code == 2
    assert "would overwrite the input" in result.stderr
