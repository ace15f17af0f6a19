"""Screening saves work and changes nothing: whoever is ruled out early would not have enrolled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asthma_ml.cohort import PRESETS, Noise, severe_asthma_model
from asthma_ml.cohort.enrolment import enrol, preset_model
from asthma_ml.cohort.screening import ENROLLED, SCREENED_BY, can_be_screened, may_enrol

SELECTING = [preset for preset in PRESETS.values() if preset.selects]
UPSIDE_DOWN = {
    "enrolled.control": -2.0,
    "enrolled.least_acq": 2.0,
    "enrolled.lung_function": 0.05,
    "enrolled.attacks": -1.0,
}


def assert_nobody_is_missed(preset, do=None, people=None):
    model, noise = preset_model(preset), Noise(7, 2) if people is None else people
    everybody = model.simulate(noise, do=do, wanted=[ENROLLED])
    may = may_enrol(model, everybody[SCREENED_BY], noise.uniform(ENROLLED))
    assert not (everybody[ENROLLED][~may] == 1).any()
    return may.mean()


def test_the_model_of_the_package_can_be_screened():
    assert can_be_screened(severe_asthma_model())


@pytest.mark.parametrize("preset", SELECTING, ids=lambda preset: preset.name)
def test_nobody_who_would_enrol_is_ruled_out(preset):
    assert_nobody_is_missed(preset)


def test_most_people_are_ruled_out_in_the_severe_clinic():
    assert assert_nobody_is_missed(PRESETS["severe_clinic"]) < 0.4


def test_nor_when_the_selection_is_turned_upside_down():
    assert_nobody_is_missed(PRESETS["severe_clinic"].derive("odd", "", UPSIDE_DOWN))


@given(number=st.sampled_from(["control", "attacks", "lung_function", "oral_steroid"]), value=st.floats(-3, 3))
@settings(max_examples=10, deadline=None)
def test_nor_with_any_coefficient(number, value):
    preset = PRESETS["trial_eligible"].derive("odd", "", {f"enrolled.{number}": value})
    assert_nobody_is_missed(preset, people=Noise(7, 2, 2_000))


def test_nor_under_an_intervention_that_selects_anew():
    assert_nobody_is_missed(PRESETS["severe_clinic"], {"fev1_pct_predicted": 20.0})


@pytest.mark.parametrize("do", [{"enrolled": 1}, {"treatment_step": "step_1", "enrolled": 1}])
def test_whoever_is_made_to_enrol_enrols(do):
    preset = PRESETS["severe_clinic"]
    patients = enrol(preset_model(preset), 7, [2], preset, do, select_anew=True, first=500)
    assert len(patients.numbers) == 500


def test_enrolment_with_a_further_cause_is_not_screened():
    model = severe_asthma_model()
    model = type(model)([e for e in model.equations.values() if e.name in model.with_ancestors([SCREENED_BY])])
    assert not can_be_screened(model)


def test_the_screened_block_is_the_whole_block():
    preset = PRESETS["severe_clinic"]
    model = preset_model(preset)
    patients = enrol(model, 7, [2], preset)
    everybody = model.simulate(Noise(7, 2))
    rows = np.flatnonzero(everybody[ENROLLED])
    for name, column in everybody.items():
        assert (column[rows] == patients.values[name]).all(), name
