"""Mechanism contributions: what the factors do to a prediction in the causal model, and what a row tells of it."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator

import asthma_ml as aml
from asthma_ml.cohort import FACTOR_REFERENCES, generate_cohort, preset_named
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import (
    ADDITIVITY_TOLERANCE,
    contributions_of,
    explain_mechanisms,
    mechanism_contributions,
)
from asthma_ml.training import learn_mechanisms, twin_effects
from asthma_ml.variables import FACTORS, FOUR_CLASSES, ID

CLINIC = preset_named("severe_clinic")
SEED = 11


@pytest.fixture(scope="module")
def model():
    return aml.PhenotypeClassifier(n_trees=20).fit(*generate_cohort(800, seed=1).training_data())


@pytest.fixture(scope="module")
def twins(model):
    return twin_effects(model, CLINIC, n_patients=1_500, seed=SEED)


@pytest.fixture(scope="module")
def explained(model):
    model.mechanisms_ = learn_mechanisms(model, n_patients=4_000, seed=2)
    return model


def log_odds(model, table):
    th2_high = model.predict_proba(model.encode(table))[:, list(model.classes_).index("th2_high")]
    return np.log(th2_high / (1 - th2_high))


def test_the_effect_of_missed_doses_is_that_of_the_same_patients_generated_with_every_dose_taken(model, twins):
    patients = generate_cohort(300, SEED).observed
    with_every_dose = generate_cohort(300, SEED, do=FACTOR_REFERENCES["adherence"]).observed
    assert patients[ID].equals(with_every_dose[ID])
    by_hand = log_odds(model, patients) - log_odds(model, with_every_dose)
    np.testing.assert_allclose(twins.effects[1, FACTORS.index("adherence"), :300], by_hand, atol=1e-9)


def test_contributions_lead_from_the_reference_patient_to_the_patient(model, twins):
    contributions = twins.effects[0]
    np.testing.assert_allclose(twins.reference + contributions.sum(axis=0), log_odds_of_rows(model, twins), atol=1e-9)


def log_odds_of_rows(model, twins):
    th2_high = model.predict_proba(twins.X)[:, list(model.classes_).index("th2_high")]
    return np.log(th2_high / (1 - th2_high))


def test_adherence_and_treatment_leave_the_endotype_unchanged(twins):
    changes = twins.drive_changes
    assert not changes[:, FACTORS.index("adherence")].any()
    assert changes[:, FACTORS.index("immune_profile")].any()


def test_a_factor_that_does_nothing_gets_nothing():
    """A model that sees only age and sex responds to nothing but the context of the patient."""
    X, y = generate_cohort(800, seed=1).training_data()
    model = aml.PhenotypeClassifier(n_trees=10).fit(X[["age_years", "sex"]], y)
    model.mechanisms_ = learn_mechanisms(model, n_patients=1_000)
    found = explain_mechanisms(model, X.head(100))
    others = [k for k, name in enumerate(FACTORS) if name != "patient_context"]
    for nothing in (found.values, found.low, found.high, found.alone):
        assert not nothing[:, others].any()
    assert found.values[:, FACTORS.index("patient_context")].any()


def test_expected_contributions_add_up_in_every_row(explained):
    patients = generate_cohort(500, seed=7).observed
    found = explain_mechanisms(explained, patients)
    inside = found.outside < 0
    total = found.base + found.values.sum(axis=1) + found.remainder
    np.testing.assert_allclose(total[inside], log_odds(explained, patients)[inside], atol=ADDITIVITY_TOLERANCE)
    assert inside.mean() > 0.9


def test_missed_doses_count_towards_th2_high_and_taken_ones_do_not(explained):
    patients = generate_cohort(400, seed=8).observed
    patients = patients[patients["ics_adherence_fraction"].notna() & (patients["ics_dose_ug_day"] > 1_000)]
    of_adherence = explain_mechanisms(explained, patients).values[:, FACTORS.index("adherence")]
    poor, good = (
        (patients["ics_adherence_fraction"] < 0.4).to_numpy(),
        (patients["ics_adherence_fraction"] > 0.85).to_numpy(),
    )
    assert np.nanmean(of_adherence[poor]) > 0.1 + np.nanmean(of_adherence[good])


def test_nine_of_ten_intervals_hold_the_true_contribution(explained):
    new = twin_effects(explained, CLINIC, n_patients=1_500, seed=31)
    found = mechanism_contributions(contributions_of(explained, new.X, per_feature=False))
    inside = found.outside < 0
    true = new.effects[0].T[inside]
    held = (found.low[inside] <= true) & (true <= found.high[inside])
    assert np.all(np.abs(held.mean(axis=0) - 0.9) < 0.04)


def test_a_patient_outside_the_simulated_world_gets_none(explained):
    patients = generate_cohort(20, seed=7).observed
    patients = patients[explain_mechanisms(explained, patients).outside < 0].head(2).reset_index(drop=True)
    patients.loc[1, "no2_ug_m3"] = 190.0
    found = explain_mechanisms(explained, patients)
    assert explained.feature_names_in_[found.outside[1]] == "no2_ug_m3"
    assert np.isnan(found.values[1]).all()
    assert np.isnan([found.base[1], found.remainder[1], found.log_odds[1]]).all()
    assert not np.isnan(found.values[0]).any()


def test_a_row_does_not_depend_on_the_other_rows(explained):
    patients = generate_cohort(50, seed=7).observed
    together, alone = explain_mechanisms(explained, patients), explain_mechanisms(explained, patients.iloc[[3]])
    assert np.array_equal(together.values[3], alone.values[0], equal_nan=True)
    assert np.array_equal(together.low[3], alone.low[0], equal_nan=True)


def test_the_number_of_processes_does_not_change_the_regression():
    X, y = generate_cohort(400, seed=1).training_data()
    model = aml.PhenotypeClassifier(n_trees=5).fit(X[["feno_ppb", "ics_adherence_fraction"]], y)
    one, two = (learn_mechanisms(model, n_patients=2_500, seed=3, jobs=jobs) for jobs in (1, 2))
    assert np.array_equal(one.branches.leaf, two.branches.leaf)
    assert np.array_equal(one.errors, two.errors)


def test_four_classes_are_explained_each_by_its_own_log_odds():
    X, y = generate_cohort(1_500, seed=1).training_data(FOUR_CLASSES)
    X = X[["feno_ppb", "blood_eosinophils_cells_ul", "blood_neutrophils_cells_ul", "ics_adherence_fraction"]]
    model = aml.PhenotypeClassifier(n_trees=5).fit(X, y)
    model.mechanisms_ = learn_mechanisms(model, n_patients=2_000)
    rows = X.head(200)
    found = explain_mechanisms(model, rows)
    inside, most_probable = found.outside < 0, model.predict_proba(rows).max(axis=1)
    expected = np.log(most_probable / (1 - most_probable))
    total = found.base + found.values.sum(axis=1) + found.remainder
    np.testing.assert_allclose(found.log_odds[inside], expected[inside], atol=1e-9)
    np.testing.assert_allclose(total[inside], expected[inside], atol=ADDITIVITY_TOLERANCE)


def test_generated_patients_have_only_the_tests_of_the_given_patients(model):
    measured = np.ones((2, len(model.feature_names_in_)), dtype=bool)
    measured[:, list(model.feature_names_in_).index("feno_ppb")] = False
    found = twin_effects(model, CLINIC, measured, n_patients=200, seed=1)
    of_feature = dict(zip(model.feature_names_in_, np.isnan(found.X).all(axis=0), strict=True))
    assert of_feature["feno_ppb"]
    assert not np.isnan(found.X[:, list(model.feature_names_in_).index("sputum_il5_log2")]).any()


def test_a_patient_whose_prescriptions_are_not_recorded_is_explained_without_bias(explained):
    """Half of the generated records have gaps, so that the regression knows what a missing column leaves open."""
    new = twin_effects(explained, CLINIC, n_patients=1_500, seed=32)
    lacking = [name in ("ocs_dose_mg_day", "ics_dose_ug_day", "biologic") for name in explained.feature_names_in_]
    found = mechanism_contributions(
        contributions_of(explained, np.where(lacking, np.float32(np.nan), new.X), per_feature=False)
    )
    context = FACTORS.index("patient_context")
    true = _contributions_without(explained, lacking)[context]
    assert abs(np.nanmean(found.values[:, context]) - true.mean()) < 0.2


def _contributions_without(model, lacking):
    measured = np.tile(~np.array(lacking), (1, 1))
    return twin_effects(model, CLINIC, measured, n_patients=1_500, seed=32).effects[0]


def test_recalibration_forgets_what_was_learned_of_other_log_odds(explained):
    recalibrated = deepcopy(explained).recalibrate(*generate_cohort(400, seed=9).training_data())
    assert recalibrated.mechanisms_ is None


def test_a_model_file_keeps_the_regression(explained, tmp_path):
    aml.save_model(explained, tmp_path / "model.aml")
    patients = generate_cohort(40, seed=7).observed
    expected = explain_mechanisms(explained, patients).values
    for compiled in (False, True):
        loaded = aml.load_model(tmp_path / "model.aml", compiled=compiled)
        assert np.array_equal(explain_mechanisms(loaded, patients).values, expected, equal_nan=True)
    without = aml.load_model(tmp_path / "model.aml", compiled=True, mechanisms=False)
    with pytest.raises(UnusableInputError, match="--mechanisms PRESET"):
        explain_mechanisms(without, patients)


def test_a_model_that_starts_from_one_with_mechanisms_is_saved(explained, tmp_path):
    X, y = generate_cohort(120, seed=5).training_data()
    aml.save_model(deepcopy(explained).set_params(start_from=FrozenEstimator(explained)).fit(X, y), tmp_path / "m.aml")
    loaded = aml.load_model(tmp_path / "m.aml")
    assert loaded.mechanisms_ is None
    assert loaded.start_from.estimator.n_patients_ == explained.n_patients_
    assert explained.mechanisms_ is not None


def test_trees_deeper_than_three_levels_have_mechanisms():
    X, y = generate_cohort(400, seed=1).training_data()
    model = aml.PhenotypeClassifier(n_trees=5, max_depth=4).fit(X[["feno_ppb", "age_years"]], y)
    model.mechanisms_ = learn_mechanisms(model, n_patients=1_000)
    found = explain_mechanisms(model, X.head(50))
    total = found.base + found.values.sum(axis=1) + found.remainder
    np.testing.assert_allclose(total, log_odds(model, X.head(50)), atol=ADDITIVITY_TOLERANCE)


def test_a_feature_that_nobody_has_is_no_obstacle():
    """A clinic may lack a test, and the simulated patients a column of its own."""
    X, y = generate_cohort(400, seed=1).training_data()
    X["dust_mite_skin_prick_mm"] = np.arange(len(X)) % 9
    features = ["feno_ppb", "sputum_eosinophils_pct", "dust_mite_skin_prick_mm"]
    model = aml.PhenotypeClassifier(n_trees=5).fit(X[features], y)
    model.mechanisms_ = learn_mechanisms(model, patients=X[["feno_ppb"]], n_patients=1_000)
    found = explain_mechanisms(model, X[features])
    inside = found.outside < 0
    assert np.isfinite(found.values[inside]).all()
    assert inside.mean() > 0.9


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_patients": 10}, "1000 or more"),
        ({"preset": "no_such_clinic"}, "no_such_clinic"),
        ({"patients": pd.DataFrame({"feno_ppb": []})}, "the table has no rows"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(model, given, message):
    with pytest.raises(UnusableInputError, match=message):
        learn_mechanisms(model, **given)
