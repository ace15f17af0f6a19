"""Predictions of counterfactual twins without oral steroids."""

import pytest

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.causal.steroid_masking import evaluate_steroid_masking
from asthma_ml.evaluation.causal.twins import TwinCohort


def trained_on(columns):
    X, y = generate_cohort(1_000, seed=1).training_data()
    return PhenotypeClassifier(n_trees=30).fit(X[columns], y)


@pytest.fixture(scope="module")
def by_blood_count():
    """A model of the blood count alone, which oral steroids lower."""
    return trained_on(["blood_eosinophils_cells_ul"])


@pytest.fixture(scope="module")
def masked(by_blood_count):
    return evaluate_steroid_masking(by_blood_count, TwinCohort(800, seed=2))


def test_unmasked_patients_change_to_th2_high_only(masked):
    row = masked["never_prescribed"][0]
    assert row["class_changes"]["lower"] > 0
    assert row["changed_to"]["neutrophilic_th2_low"] == 0
    assert row["changed_to"]["th2_high"] == round(row["class_changes"]["value"] * row["n"])


def test_sensitivity_for_th2_high_is_higher_in_the_twin(masked):
    th2_high = next(row for row in masked["never_prescribed"] if row["label"] == "th2_high")
    assert th2_high["accuracy_in_twin"]["value"] > th2_high["accuracy_as_treated"]["value"]


def test_a_model_without_the_dose_predicts_both_twins_alike(masked):
    assert masked["never_prescribed"] == masked["prescribed_and_not_taken"]


def test_a_model_of_unaffected_columns_never_changes():
    found = evaluate_steroid_masking(trained_on(["il13_rs20541", "age_at_onset_years"]), TwinCohort(300, seed=2))
    assert {row["class_changes"]["value"] for rows in found.values() for row in rows} == {0.0}


def test_only_the_given_patients_are_counted(by_blood_count, masked):
    observed = generate_cohort(800, seed=2).observed
    on_steroids = observed[observed["ocs_dose_mg_day"] > 0]
    assert masked["never_prescribed"][0]["n"] == len(on_steroids)
    some = on_steroids["patient_id"].head(30).tolist()
    found = evaluate_steroid_masking(by_blood_count, TwinCohort(800, seed=2, ids=some))
    assert found["never_prescribed"][0]["n"] == 30


def test_a_cohort_without_oral_steroids_is_refused(by_blood_count):
    with pytest.raises(UnusableInputError, match="none of these patients takes oral steroids"):
        evaluate_steroid_masking(by_blood_count, TwinCohort(50, seed=2, where="ocs_dose_mg_day == 0"))


def test_patients_outside_the_cohort_are_refused(by_blood_count):
    ids = generate_cohort(100, seed=2).observed["patient_id"].tolist()
    with pytest.raises(UnusableInputError, match="50 of 100 patients are not among the first 50"):
        evaluate_steroid_masking(by_blood_count, TwinCohort(50, seed=2, ids=ids))
