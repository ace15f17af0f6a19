"""What-ifs: advice and masking treatments, asked of the counterfactual twins of a patient."""

from __future__ import annotations

import re
from copy import copy
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest

from asthma_ml.classifier import PhenotypeClassifier, without_scale_checks
from asthma_ml.cohort import generate_cohort, reference_interventions
from asthma_ml.explanation.what_if import (
    ADVICE,
    TREATMENTS,
    _Twins,
    smallest_change,
    what_if_text,
    without_treatment,
)
from asthma_ml.inference import abduct
from asthma_ml.variables import FACTORS, LABEL

COHORT = generate_cohort(400, seed=2).observed.drop(columns=LABEL)
PATIENTS = {
    "missed doses": COHORT["ics_adherence_fraction"] < 0.4,
    "smoker": COHORT["smoking_status"] == "current",
    "exposed at work": COHORT["occupational_exposure"] == "asthmogen",
    "oral steroid": (COHORT["ocs_dose_mg_day"] >= 10) & (COHORT["biologic"] == "none"),
    "biologic": (COHORT["ocs_dose_mg_day"] == 0) & (COHORT["biologic"] == "anti_il4r"),
    "nothing to advise but doses": (COHORT["smoking_status"] == "never") & (COHORT["occupational_exposure"] == "none"),
}


@pytest.fixture(scope="module")
def model():
    return PhenotypeClassifier(n_trees=20).fit(*generate_cohort(1_500, seed=1).training_data())


@pytest.fixture(scope="module", params=PATIENTS.values(), ids=PATIENTS)
def patient(request):
    return COHORT.loc[request.param].iloc[[0]]


@pytest.fixture(scope="module")
def states(patient):
    return abduct(patient, n_particles=500, n_states=60)


def log_odds(model, table):
    with without_scale_checks():
        margins = model.decision_function(model.encode(table))
    return margins if model.classes_[1] == "th2_high" else -margins


def test_prescriptions_are_never_advised(model, patient, states):
    found = smallest_change(model, patient, states)
    assert set(found.asked) <= set(ADVICE)
    assert not {"ocs_dose_mg_day", "biologic", "ics_dose_ug_day"} & {name for do in ADVICE.values() for name in do}


def test_advice_concerns_what_the_record_shows(model, patient, states):
    asked, row = smallest_change(model, patient, states).asked, patient.iloc[0]
    assert "smoking_status" not in asked or row["smoking_status"] == "current"
    assert "occupational_exposure" not in asked or row["occupational_exposure"] in ("irritant", "asthmogen")


def test_fewest_pieces_of_advice_that_change_the_call_of_most_twins(model, patient, states):
    found, twins = smallest_change(model, patient, states), _Twins(model, patient, states)
    assert sum(found.called.values()) == 60
    assert found.changes_call == (found.called.get(twins.call, 0) < 30)
    for n in range(1, len(found.asked) if found.changes_call else 0):
        assert not any(twins.under(fewer).changes_call for fewer in combinations(found.asked, n))


def test_change_under_full_adherence_is_minus_the_effect_of_adherence_alone(model, patient, states):
    """As the mechanism attribution defines it: the patient minus the twin with adherence at its reference."""
    everything_but_adherence = 2 ** len(FACTORS) - 1 - 2 ** FACTORS.index("adherence")
    twins = states.observed(reference_interventions(everything_but_adherence))
    alone = log_odds(model, patient)[0] - log_odds(model, twins)
    found = _Twins(model, patient, states).under(("adherence",))
    assert found.change == pytest.approx(-alone.mean(), abs=1e-6)
    assert (found.low, found.high) == pytest.approx(-np.percentile(alone, [95, 5]), abs=1e-6)


def test_missed_doses_raise_the_markers_that_full_adherence_lowers(model):
    """A record edited to full adherence would keep this FeNO, as evidence of more severe inflammation."""
    patient = COHORT.loc[(COHORT["ics_adherence_fraction"] < 0.4) & (COHORT["feno_ppb"] > 60)].iloc[[0]]
    states = abduct(patient, n_particles=500, n_states=60)
    found = _Twins(model, patient, states).under(("adherence",))
    assert found.markers["feno_ppb"] < 0.9 * patient["feno_ppb"].item()


def test_patient_who_stops_smoking_keeps_the_pack_years_and_gains_feno(model):
    patient = COHORT.loc[(COHORT["smoking_status"] == "current") & COHORT["feno_ppb"].notna()].iloc[[0]]
    states = abduct(patient, n_particles=500, n_states=60)
    do = dict(_Twins(model, patient, states)._interventions(("smoking_status",)))
    twins = states.observed(do)
    assert (twins["pack_years"] == patient["pack_years"].item()).all()
    assert twins["feno_ppb"].median() > patient["feno_ppb"].item()


def test_masking_is_asked_of_treated_patients_only(model, patient, states):
    found, row = without_treatment(model, patient, states), patient.iloc[0]
    given = tuple(name for name in TREATMENTS if row[name] not in (0, "none"))
    assert (found.asked if found else ()) == given
    assert found is None or found.sentence().startswith("Question to the causal model, not advice: with no ")


def test_oral_steroid_hides_eosinophils_that_the_twin_has():
    patient = COHORT.loc[PATIENTS["oral steroid"] & (COHORT["blood_eosinophils_cells_ul"] < 150)].iloc[[0]]
    twins = abduct(patient, n_particles=500, n_states=60).observed(TREATMENTS["ocs_dose_mg_day"])
    assert twins["blood_eosinophils_cells_ul"].median() > patient["blood_eosinophils_cells_ul"].item()


def test_columns_that_the_record_lacks_stay_unknown_in_the_twins(model):
    patient = COHORT.loc[PATIENTS["oral steroid"]].iloc[[0]][["feno_ppb", "ocs_dose_mg_day", "age_years"]]
    states = abduct(patient, n_states=60)
    nothing = _Twins(model, patient, states).under(())
    assert (nothing.change, nothing.low, nothing.high) == pytest.approx((0, 0, 0), abs=1e-6)
    assert not nothing.changes_call


def test_text_says_why_the_causal_model_has_no_answer(model):
    impossible = COHORT.iloc[[0]].assign(age_years=15.0, age_at_onset_years=75.0, pack_years=250.0)
    assert what_if_text(model, impossible).startswith("No what-if: this patient is too improbable under the causal")


def test_text_asks_the_clinic_of_the_mechanism_regression(model):
    of_registry = copy(model)
    of_registry.mechanisms_ = SimpleNamespace(preset="severe_registry")
    impossible = COHORT.iloc[[0]].assign(age_years=15.0, age_at_onset_years=75.0, pack_years=250.0)
    assert "too improbable under the causal model of severe_registry" in what_if_text(of_registry, impossible)


def test_a_clinic_of_ones_own_is_asked_by_its_file(model, tmp_path):
    of_own_clinic, patient = copy(model), COHORT.loc[PATIENTS["oral steroid"]].iloc[[0]]
    of_own_clinic.mechanisms_ = SimpleNamespace(preset="our_clinic")
    assert "our_clinic, a preset of your own; name its file with --preset" in what_if_text(of_own_clinic, patient)
    (tmp_path / "ours.toml").write_text('name = "our_clinic"')
    found = what_if_text(of_own_clinic, patient, str(tmp_path / "ours.toml"))
    assert found.startswith("What-if in the causal model")


def test_predicted_class_is_compared_in_the_task_of_four_classes():
    observed = generate_cohort(1_000, seed=1).observed
    four = PhenotypeClassifier(n_trees=5).fit(observed.drop(columns=[LABEL, "patient_id", "site"]), observed[LABEL])
    patient = COHORT.loc[PATIENTS["missed doses"]].iloc[[0]]
    found = smallest_change(four, patient, abduct(patient, n_particles=500, n_states=60))
    assert found.explained == four.predict(four.encode(patient))[0]
    assert sum(found.called.values()) == 60


def test_text_names_the_twins_and_the_change(model):
    text = what_if_text(model, COHORT.loc[PATIENTS["oral steroid"]].iloc[[0]])
    assert text.startswith("What-if in the causal model, not a forecast: with every prescribed dose taken")
    assert re.search(r"with no oral steroid, the markers change as well \(median .*eosinophils \d+ cells/uL\)", text)
    assert "The log-odds of Th2-high change by " in text
