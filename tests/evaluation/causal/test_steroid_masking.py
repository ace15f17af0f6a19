"""Twins without oral steroids: what a model says of the treatment rather than of the patient."""

import pytest

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.causal.steroid_masking import steroid_masking


def trained_on(columns):
    X, y = generate_cohort(1_000, seed=1).training_data()
    return PhenotypeClassifier(n_trees=30).fit(X[columns], y)


@pytest.fixture(scope="module")
def by_blood_count():
    """A model that sees nothing but the blood count, which oral steroids lower."""
    return trained_on(["blood_eosinophils_cells_ul"])


@pytest.fixture(scope="module")
def masked(by_blood_count):
    return steroid_masking(by_blood_count, 800, seed=2)


def test_unmasked_patients_turn_th2_high_and_never_the_other_way(masked):
    everybody = masked["never_prescribed"][0]
    assert everybody["flips"]["lower"] > 0
    assert everybody["flips_to"]["neutrophilic_th2_low"] == 0
    assert everybody["flips_to"]["th2_high"] == round(everybody["flips"]["value"] * everybody["n"])


def test_a_blood_count_finds_more_of_the_th2_high_without_steroid(masked):
    th2_high = next(row for row in masked["never_prescribed"] if row["label"] == "th2_high")
    assert th2_high["right_in_twin"]["value"] > th2_high["right_as_treated"]["value"]


def test_a_model_that_does_not_see_the_dose_cannot_tell_both_twins_apart(masked):
    assert masked["never_prescribed"] == masked["prescribed_and_not_taken"]


def test_a_model_of_the_genes_alone_never_flips():
    found = steroid_masking(trained_on(["il13_rs20541", "age_at_onset_years"]), 300, seed=2)
    assert {row["flips"]["value"] for rows in found.values() for row in rows} == {0.0}


def test_only_the_patients_asked_for_are_counted(by_blood_count, masked):
    observed = generate_cohort(800, seed=2).observed
    on_steroids = observed[observed["ocs_dose_mg_day"] > 0]
    assert masked["never_prescribed"][0]["n"] == len(on_steroids)
    some = on_steroids["patient_id"].head(30).tolist()
    assert steroid_masking(by_blood_count, 800, seed=2, ids=some)["never_prescribed"][0]["n"] == 30


def test_without_a_patient_on_oral_steroids_there_is_nothing_to_count(by_blood_count):
    with pytest.raises(UnusableInputError, match="none of these patients takes oral steroids"):
        steroid_masking(by_blood_count, 50, seed=2, where="ocs_dose_mg_day == 0")


def test_patients_who_are_not_in_the_cohort_are_refused_rather_than_left_out(by_blood_count):
    ids = generate_cohort(100, seed=2).observed["patient_id"].tolist()
    with pytest.raises(UnusableInputError, match="50 of 100 patients are not among the first 50"):
        steroid_masking(by_blood_count, 50, seed=2, ids=ids)
