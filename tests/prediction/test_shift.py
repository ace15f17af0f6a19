"""Covariate shift is detected in shifted tables and not in others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.intervals import PatientRows
from asthma_ml.prediction import detect_shift, predict_file, shift_statistics, shift_warning
from tests.synthetic_patients import fitted_classifier, synthetic_patients


@pytest.fixture(scope="module")
def model():
    return fitted_classifier()


@pytest.fixture(scope="module")
def few_trained():
    X, y = synthetic_patients(60, seed=1)
    return PhenotypeClassifier(n_trees=2).fit(X, y)


def shifts_of(model, table):
    return detect_shift(model, shift_statistics(model, model.encode(table)))


def test_patients_like_the_training_patients_show_no_shift(model):
    for seed in range(100, 120):
        assert shifts_of(model, synthetic_patients(1000, seed=seed)[0]) == []


def test_another_assay_is_detected(model):
    patients, _ = synthetic_patients(1000, seed=3)
    shifts = shifts_of(model, patients.assign(feno_ppb=patients["feno_ppb"] * 1.5))
    assert [(shift.column, shift.kind) for shift in shifts] == [("feno_ppb", "values")]
    assert str(shifts[0]).startswith("feno_ppb higher by 0.")


def test_a_lower_measured_fraction_is_detected(model):
    patients, _ = synthetic_patients(1000, seed=3)
    rarely = patients["sputum_neutrophils_pct"].mask(np.arange(1000) % 2 == 0)
    shifts = shifts_of(model, patients.assign(sputum_neutrophils_pct=rarely))
    assert [(shift.column, shift.kind) for shift in shifts] == [("sputum_neutrophils_pct", "measured")]
    training = synthetic_patients()[0]["sputum_neutrophils_pct"].notna().mean()
    assert str(shifts[0]) == f"sputum_neutrophils_pct measured in {rarely.notna().mean():.0%} (training {training:.0%})"


def test_a_shifted_category_is_named_by_its_column(model):
    patients, _ = synthetic_patients(600, seed=3)
    assert {shift.column for shift in shifts_of(model, patients.assign(smoking_status="current"))} == {"smoking_status"}


def test_few_patients_and_missing_columns_are_no_shift(model):
    patients, _ = synthetic_patients(12, seed=3)
    assert shifts_of(model, patients.assign(feno_ppb=patients["feno_ppb"] * 1.5)) == []
    assert shifts_of(model, synthetic_patients(1000, seed=3)[0][["feno_ppb", "sex"]]) == []
    assert shifts_of(model, patients.iloc[:0]) == []


@pytest.mark.parametrize("n_patients", [1, 12, 29])
def test_a_dozen_patients_prove_nothing(model, n_patients):
    """A single patient on a rare treatment moves the mean of twelve by several standard deviations."""
    patients, _ = synthetic_patients(n_patients, seed=3)
    assert shifts_of(model, patients.assign(feno_ppb=390.0, sputum_neutrophils_pct=99.0)) == []


def test_a_model_of_few_patients_does_not_know_its_clinic_well(few_trained):
    """Its own means are uncertain: every second table of the same clinic would look shifted."""
    for seed in range(100, 110):
        assert shifts_of(few_trained, synthetic_patients(1000, seed=seed)[0]) == []


def test_visits_of_few_patients_are_few_patients(model, tmp_path):
    """Twenty patients with fifty visits each and another assay; once with and once without their identifiers."""
    visits = synthetic_patients(20, seed=3)[0].loc[np.repeat(np.arange(20), 50)]
    visits["feno_ppb"] = (visits["feno_ppb"] * 1.6).clip(upper=390)
    rows = PatientRows.of(np.repeat(np.arange(20), 50))
    assert detect_shift(model, shift_statistics(model, model.encode(visits), rows)) == []
    for ids, n_warnings in ((np.repeat(np.arange(20), 50), 0), (np.arange(1000), 1)):
        visits.assign(patient_id=ids.astype(str)).to_csv(tmp_path / "visits.csv", index=False)
        found = predict_file(model, tmp_path / "visits.csv", tmp_path / "out.csv", explain="none")
        warnings = [each for each in found.warnings if "shift" in each]
        assert len(warnings) == n_warnings, warnings


def test_statistics_of_parts_add_up_to_those_of_the_table(model):
    encoded = model.encode(synthetic_patients(300, seed=3)[0])
    whole = shift_statistics(model, encoded)
    parts = shift_statistics(model, encoded[:100]) + shift_statistics(model, encoded[100:])
    assert (parts.n_patients, parts.n_measured.tolist()) == (whole.n_patients, whole.n_measured.tolist())
    np.testing.assert_allclose(parts.scores, whole.scores)


def test_unmodelled_diagnoses_are_no_shift_for_a_model_with_an_auxiliary_classifier():
    X, y = synthetic_patients(1500, n_classes=4)
    two = np.isin(y, ["th2_high", "neutrophilic_th2_low"])
    model = PhenotypeClassifier(n_trees=2).fit(X[two], y[two])
    clinic, _ = synthetic_patients(1500, seed=8, n_classes=4)
    high = clinic[clinic["blood_eosinophils_cells_ul"] > clinic["blood_eosinophils_cells_ul"].median()]
    assert shifts_of(model.fit_auxiliary(X, y), clinic) == []
    assert shifts_of(model, high)


def test_the_warning_names_only_the_largest_shifts(model):
    patients, _ = synthetic_patients(1000, seed=3)
    shifted = model.encode(patients).to_numpy() * np.float32(1.6) + np.float32(1)
    warning = shift_warning(detect_shift(model, shift_statistics(model, shifted)), 1000)
    assert warning.count(";") > 4
    assert " more; 1000 patients tested)" in warning
    assert shift_warning([], 1000) == ""


@pytest.mark.parametrize("chunk_rows", [100, 1000])
def test_the_warning_does_not_depend_on_the_chunk_size(model, tmp_path, chunk_rows):
    patients, _ = synthetic_patients(600, seed=3)
    patients = patients.assign(patient_id=np.arange(600).astype(str))
    for factor, n_warnings in ((1.0, 0), (1.6, 1)):
        table = tmp_path / f"{factor}.csv"
        patients.assign(feno_ppb=(patients["feno_ppb"] * factor).clip(upper=390)).to_csv(table, index=False)
        found = predict_file(model, table, tmp_path / "out.csv", explain="none", chunk_rows=chunk_rows)
        shifts = [warning for warning in found.warnings if "covariate shift" in warning]
        assert len(shifts) == n_warnings
        if shifts:
            assert "feno_ppb higher by" in shifts[0]


def test_a_column_never_measured_in_training_has_only_a_shifted_measured_fraction():
    X, y = synthetic_patients(200)
    model = PhenotypeClassifier(n_trees=2).fit(X.assign(feno_ppb=np.nan), y)
    shifts = shifts_of(model, pd.concat([X, X]))
    assert [(shift.column, shift.kind) for shift in shifts] == [("feno_ppb", "measured")]
