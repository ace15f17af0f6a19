"""Tables that are not like the training patients are told; those that are, are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.prediction import detect_shift, predict_file, shift_statistics, shift_warning
from tests.synthetic_patients import fitted_classifier, synthetic_patients


@pytest.fixture(scope="module")
def model():
    return fitted_classifier()


def found_in(model, table):
    return detect_shift(model, shift_statistics(model, model.encode(table)))


def test_patients_like_the_training_patients_depart_in_nothing(model):
    for seed in range(100, 120):
        assert found_in(model, synthetic_patients(1000, seed=seed)[0]) == []


def test_another_assay_is_named(model):
    patients, _ = synthetic_patients(1000, seed=3)
    found = found_in(model, patients.assign(feno_ppb=patients["feno_ppb"] * 1.5))
    assert [(departure.column, departure.kind) for departure in found] == [("feno_ppb", "values")]
    assert str(found[0]).startswith("feno_ppb higher by 0.")


def test_tests_that_are_done_less_often_are_named(model):
    patients, _ = synthetic_patients(1000, seed=3)
    rarely = patients["sputum_neutrophils_pct"].mask(np.arange(1000) % 2 == 0)
    found = found_in(model, patients.assign(sputum_neutrophils_pct=rarely))
    assert [(departure.column, departure.kind) for departure in found] == [("sputum_neutrophils_pct", "gaps")]
    then = synthetic_patients()[0]["sputum_neutrophils_pct"].notna().mean()
    assert str(found[0]) == f"sputum_neutrophils_pct measured in {rarely.notna().mean():.0%} (training {then:.0%})"


def test_a_clinic_of_smokers_is_named_by_its_column(model):
    patients, _ = synthetic_patients(600, seed=3)
    assert {d.column for d in found_in(model, patients.assign(smoking_status="current"))} == {"smoking_status"}


def test_few_patients_and_missing_columns_are_no_departure(model):
    patients, _ = synthetic_patients(12, seed=3)
    assert found_in(model, patients.assign(feno_ppb=patients["feno_ppb"] * 1.5)) == []
    assert found_in(model, synthetic_patients(1000, seed=3)[0][["feno_ppb", "sex"]]) == []
    assert found_in(model, patients.iloc[:0]) == []


def test_parts_of_a_table_add_up(model):
    encoded = model.encode(synthetic_patients(300, seed=3)[0])
    whole = shift_statistics(model, encoded)
    parts = shift_statistics(model, encoded[:100]) + shift_statistics(model, encoded[100:])
    assert (parts.n_patients, parts.n_measured.tolist()) == (whole.n_patients, whole.n_measured.tolist())
    np.testing.assert_allclose(parts.scores, whole.scores)


def test_patients_of_other_diseases_are_no_departure_for_a_model_that_has_seen_them():
    X, y = synthetic_patients(1500, n_classes=4)
    two = np.isin(y, ["th2_high", "neutrophilic_th2_low"])
    model = PhenotypeClassifier(n_trees=2).fit(X[two], y[two])
    clinic, _ = synthetic_patients(1500, seed=8, n_classes=4)
    high = clinic[clinic["blood_eosinophils_cells_ul"] > clinic["blood_eosinophils_cells_ul"].median()]
    assert found_in(model.fit_auxiliary(X, y), clinic) == []
    assert found_in(model, high)


def test_only_the_largest_departures_are_told(model):
    patients, _ = synthetic_patients(1000, seed=3)
    numbers = patients.select_dtypes("number")
    said = shift_warning(found_in(model, patients.assign(**(numbers * 1.6 + 1))), 1000)
    assert said.count(";") > 4
    assert " more; 1000 looked at)" in said
    assert shift_warning([], 1000) == ""


@pytest.mark.parametrize("chunk_rows", [100, 1000])
def test_a_file_of_other_patients_is_warned_of_however_it_is_cut(model, tmp_path, chunk_rows):
    patients, _ = synthetic_patients(600, seed=3)
    patients = patients.assign(patient_id=np.arange(600).astype(str))
    for factor, n_warnings in ((1.0, 0), (1.6, 1)):
        table = tmp_path / f"{factor}.csv"
        patients.assign(feno_ppb=(patients["feno_ppb"] * factor).clip(upper=390)).to_csv(table, index=False)
        found = predict_file(model, table, tmp_path / "out.csv", explain="none", chunk_rows=chunk_rows)
        told = [warning for warning in found.warnings if "not like the training patients" in warning]
        assert len(told) == n_warnings
        if told:
            assert "feno_ppb higher by" in told[0]


def test_a_column_that_was_never_measured_in_training_says_nothing():
    X, y = synthetic_patients(200)
    model = PhenotypeClassifier(n_trees=2).fit(X.assign(feno_ppb=np.nan), y)
    found = found_in(model, pd.concat([X, X]))
    assert [(departure.column, departure.kind) for departure in found] == [("feno_ppb", "gaps")]
