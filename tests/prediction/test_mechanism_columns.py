"""Columns of mechanism contributions in the table of predictions, in memory and in files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import ADDITIVITY_TOLERANCE, explain_mechanisms
from asthma_ml.files import write_table
from asthma_ml.model_files import load_model
from asthma_ml.patients import read_patients
from asthma_ml.prediction import predict_file, predict_table
from asthma_ml.variables import FACTORS
from tests.synthetic_patients import fitted_classifier

COLUMNS = ["aml_mechanism_base", *(f"aml_mechanism_{name}" for name in FACTORS), "aml_mechanism_remainder"]


@pytest.fixture(scope="module")
def patients() -> pd.DataFrame:
    table = generate_cohort(60, seed=12).observed.drop(columns="phenotype")
    table.loc[3, "feno_ppb"] = 9_000.0
    table.loc[4, "no2_ug_m3"] = 250.0
    return table


@pytest.fixture(scope="module")
def predicted(patients):
    return predict_table(load_model("shipped", compiled=True), patients, "mechanisms")


def test_columns_follow_those_of_the_factors_and_add_up_in_every_row(predicted):
    assert list(predicted)[-len(COLUMNS) :] == COLUMNS
    explained = predicted[COLUMNS[1]].notna()
    total = predicted.loc[explained, COLUMNS].sum(axis=1)
    np.testing.assert_allclose(total, logit(predicted.loc[explained, "aml_p_th2_high"]), atol=ADDITIVITY_TOLERANCE)
    assert explained.sum() >= 55


def test_invalid_rows_and_rows_outside_the_simulated_world_have_none_and_say_why(predicted):
    assert predicted.loc[[3, 4], COLUMNS].isna().all(axis=None)
    assert predicted.loc[3, "aml_status"] == "invalid"
    assert "no mechanism contributions: NO2 250" in predicted.loc[4, "aml_reasons"]
    assert "outside the range of the simulated patients" in predicted.loc[4, "aml_reasons"]


def test_invalid_rows_of_a_table_have_none_in_python_either(patients):
    model = load_model("shipped", compiled=True)
    found = explain_mechanisms(model, read_patients(patients)).to_frame()
    assert found.iloc[3].isna().all()
    pd.testing.assert_frame_equal(
        found.drop(index=3), explain_mechanisms(model, patients.drop(index=3)).to_frame().set_axis(found.index.drop(3))
    )


def test_the_reason_tells_what_moved_the_model_and_what_the_causes_did(predicted):
    called = predicted[(predicted["aml_status"] == "ok") & predicted[COLUMNS[1]].notna()]
    assert called["aml_reasons"].str.contains("expected in the causal model of severe_clinic: ", regex=False).all()
    assert called["aml_reasons"].str.contains("contributions to the log-odds", regex=False).any()


@pytest.mark.parametrize(("chunk_rows", "jobs"), [(7, 1), (60, 1), (11, 2)])
def test_a_file_equals_the_table_for_any_part_and_number_of_threads(chunk_rows, jobs, patients, tmp_path):
    source, output = tmp_path / "patients.csv", tmp_path / "predictions.csv"
    write_table(patients, source)
    write_table(predict_table(load_model("shipped"), read_patients(source), "mechanisms"), tmp_path / "expected.csv")
    predict_file("shipped", source, output, explain="mechanisms", chunk_rows=chunk_rows, jobs=jobs)
    assert output.read_bytes() == (tmp_path / "expected.csv").read_bytes()


def test_a_table_without_patients_has_the_columns_too(patients, tmp_path):
    source, output = tmp_path / "patients.csv", tmp_path / "predictions.csv"
    write_table(patients.head(0), source)
    predict_file("shipped", source, output, explain="mechanisms")
    predicted = pd.read_csv(output)
    assert list(predicted)[-len(COLUMNS) :] == COLUMNS
    assert len(predicted) == 0


@pytest.mark.parametrize(
    "predict",
    [predict_table, lambda model, table, explain: predict_file(model, table, "-", explain=explain)],
    ids=["table", "file"],
)
def test_a_model_without_mechanisms_names_the_way_to_learn_them(predict, patients, tmp_path):
    write_table(patients, tmp_path / "patients.csv")
    given = patients if predict is predict_table else tmp_path / "patients.csv"
    with pytest.raises(UnusableInputError, match="--mechanisms PRESET"):
        predict(fitted_classifier(), given, "mechanisms")
