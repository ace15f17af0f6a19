"""Causal contributions of the factors in one patient, from the counterfactual twins of posterior states."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import enrol, generate_cohort, preset_model, preset_named, record_table, twins_of_coalitions
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import mechanisms_of_posterior, reference_log_odds
from asthma_ml.explanation.coalitions import effects_alone, shapley_values
from asthma_ml.explanation.posterior_mechanisms import posterior_contributions
from asthma_ml.variables import FACTORS, FOUR_CLASSES, TWO_CLASSES, data_dictionary

SMALL = {"n_particles": 800, "n_states": 60}
POPULATION = preset_named("population_asthma")


class AgeAndOneVariant:
    """Log-odds of the second class: a tenth per year of age and a half per copy of one variant."""

    classes_ = np.array(TWO_CLASSES[::-1])

    def __init__(self):
        self.seen = []

    def encode(self, table):
        self.seen.append(table)
        return table

    def decision_function(self, table):
        return (0.1 * table["age_years"] + 0.5 * table["gsdmb_rs7216389"].fillna(1).astype(float)).to_numpy(float)


@pytest.fixture(scope="module")
def cohort():
    return generate_cohort(60, seed=31).observed


@pytest.fixture(scope="module")
def model():
    return PhenotypeClassifier(n_trees=40).fit(*generate_cohort(1_200, seed=1).training_data())


@pytest.fixture(scope="module")
def by_seed(model, cohort):
    """Contributions in one patient from eight independent samples."""
    base = reference_log_odds(model)
    return [mechanisms_of_posterior(model, cohort.iloc[[0]], base=base, seed=seed, **SMALL) for seed in range(8)]


@pytest.mark.parametrize("classes", [TWO_CLASSES, FOUR_CLASSES])
def test_base_contributions_and_remainder_add_up_to_the_reported_probability(classes, cohort):
    model = PhenotypeClassifier(n_trees=10).fit(*generate_cohort(800, seed=1).training_data(classes))
    patient = cohort.iloc[[0]]
    found = mechanisms_of_posterior(model, patient, **SMALL)
    (reported,) = model.predict_proba(model.encode(patient))[:, model.classes_ == found.explained_class].ravel()
    assert found.base + found.values.sum() + found.remainder == pytest.approx(logit(reported), abs=1e-6)
    (predicted,) = model.predict(model.encode(patient))
    assert found.explained_class == (TWO_CLASSES[0] if classes == TWO_CLASSES else predicted)


def test_a_patient_worked_by_hand(cohort):
    genotyped = cohort[(cohort["gsdmb_rs7216389"] == 2) & (cohort["age_years"] > 60)].iloc[[0]]
    found = mechanisms_of_posterior(AgeAndOneVariant(), genotyped, **SMALL)
    years = genotyped["age_years"].item() - 52.0
    by_hand = {"patient_context": 0.1 * years, "genetics": 0.5}
    for values in (found.values, found.low, found.high, found.alone, found.alone_low, found.alone_high):
        assert dict(zip(FACTORS, values, strict=True)) == pytest.approx(dict.fromkeys(FACTORS, 0.0) | by_hand)
    assert found.base == pytest.approx(5.2 + 0.5)
    assert found.remainder == pytest.approx(0.0, abs=1e-9)
    assert found.standard_errors == pytest.approx(np.zeros(6), abs=1e-9)


def test_a_factor_without_effect_contributes_exactly_nothing(cohort):
    X, y = generate_cohort(600, seed=1).training_data()
    of_smoking = PhenotypeClassifier(n_trees=10).fit(X[["smoking_status", "pack_years"]], y)
    smoker = cohort[cohort["smoking_status"] == "current"].iloc[[0]]
    found = mechanisms_of_posterior(of_smoking, smoker, **SMALL)
    idle = [name not in ("environment", "patient_context") for name in FACTORS]
    for values in (found.values, found.alone, found.low, found.high, found.standard_errors):
        assert (values[idle] == 0.0).all()
    assert abs(found.values[FACTORS.index("environment")]) > 10 * found.standard_errors.max()


@pytest.fixture(scope="module")
def known_patients(model):
    """Rows of generated patients, and the true effects of each kind, from their own noise."""
    scm, n = preset_model(POPULATION), 10
    patients = enrol(scm, 77, range(1), POPULATION, first=n)
    tables = twins_of_coalitions(scm, patients.values, patients.noise)
    log_odds = np.array([model.decision_function(model.encode(table)) for table in tables])
    log_odds *= 1.0 if model.classes_[1] == TWO_CLASSES[0] else -1.0
    return record_table(patients.values, data_dictionary()), shapley_values(log_odds).T, effects_alone(log_odds).T


def test_intervals_contain_the_effects_of_generated_patients(model, known_patients):
    rows, *true = known_patients
    base = reference_log_odds(model, POPULATION)
    found = [mechanisms_of_posterior(model, rows.iloc[[k]], POPULATION, base=base, **SMALL) for k in range(len(rows))]
    for actual, names in zip(true, (("values", "low", "high"), ("alone", "alone_low", "alone_high")), strict=True):
        expected, low, high = (np.array([getattr(each, name) for each in found]) for name in names)
        assert 0.8 <= np.mean((low <= actual) & (actual <= high)) < 1.0
        assert np.corrcoef(expected.ravel(), actual.ravel())[0, 1] > 0.7


def test_adherence_leaves_the_endotype_unchanged_and_the_drives_change_it(by_seed):
    changes = dict(zip(FACTORS, by_seed[0].endotype, strict=True))
    assert changes["adherence"] == 0.0
    assert changes["immune_profile"] != 0.0
    spread = np.std([found.endotype for found in by_seed], axis=0, ddof=1)
    assert (spread <= 3 * by_seed[0].endotype_standard_errors).all()


def test_the_standard_error_covers_the_differences_between_samples(by_seed):
    for values, errors in (("values", "standard_errors"), ("alone", "alone_standard_errors")):
        spread = np.std([getattr(found, values) for found in by_seed], axis=0, ddof=1)
        claimed = np.mean([getattr(found, errors) for found in by_seed], axis=0)
        assert 0.6 < np.mean(spread / claimed) < 1.4


def test_more_states_have_a_smaller_error(model, cohort, by_seed):
    larger = mechanisms_of_posterior(model, cohort.iloc[[0]], base=np.zeros(1), n_particles=6_400, n_states=480)
    smaller = np.mean([found.standard_errors for found in by_seed], axis=0)
    assert larger.effective > 4 * by_seed[0].effective
    assert np.median(smaller / larger.standard_errors) == pytest.approx(8**0.5, rel=0.4)


def test_the_twins_lack_what_the_record_lacks(cohort):
    tested = cohort[cohort["feno_ppb"].notna()].iloc[[0]]
    model = AgeAndOneVariant()
    mechanisms_of_posterior(model, tested.drop(columns=["feno_ppb"]).assign(acq6_score=np.nan), **SMALL)
    twins = model.seen[-1]
    assert len(twins) == 64 * SMALL["n_states"]
    assert twins["blood_eosinophils_cells_ul"].notna().all()
    assert twins[["feno_ppb", "acq6_score"]].isna().all(axis=None)


def test_the_reference_patients_have_the_age_of_the_reference():
    assert reference_log_odds(AgeAndOneVariant(), "severe_registry") == pytest.approx([5.2 + 0.5])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (slice(0, 2), "2 rows; give one patient"),
        (slice(0, 1), "too improbable under the causal model of severe_clinic"),
    ],
)
def test_patients_who_cannot_be_abducted_are_refused(rows, message, cohort):
    improbable = pd.DataFrame(cohort.iloc[rows]).assign(
        feno_ppb=5.0, sputum_eosinophils_pct=90.0, fev1_pct_predicted=20
    )
    with pytest.raises(UnusableInputError, match=message):
        mechanisms_of_posterior(AgeAndOneVariant(), improbable, base=np.zeros(1), **SMALL)


def test_no_patients_have_no_contributions(model, cohort):
    found = posterior_contributions(model, cohort.head(0), "severe_registry")
    assert (len(found), found.values.shape, found.preset) == (0, (0, 6), "severe_registry")
