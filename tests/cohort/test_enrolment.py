"""Enrolment: independent of the blocks searched at once, and screening excludes nobody who would enrol."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asthma_ml.cohort import PRESETS, severe_asthma_model
from asthma_ml.cohort.engine.noise import BLOCK_SIZE, Noise
from asthma_ml.cohort.enrolment import ENROLLED, SCREENED_BY, can_be_screened, can_enrol, enrol, preset_model

SEED = 3


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_enrolment_does_not_depend_on_the_blocks_computed_at_once(preset):
    model = preset_model(preset)
    together = enrol(model, SEED, range(2), preset)
    alone = [enrol(model, SEED, [block], preset) for block in range(2)]
    assert np.concatenate([part.numbers for part in alone]).tolist() == together.numbers.tolist()
    for name, column in together.values.items():
        parts = [pd.Series(part.values[name]) for part in alone]
        pd.testing.assert_series_equal(pd.concat(parts, ignore_index=True), pd.Series(column))


def test_enrolled_people_are_those_of_the_selection_equation():
    preset = PRESETS["severe_clinic"]
    model = preset_model(preset)
    everybody = model.simulate(Noise(SEED, 1), wanted=[ENROLLED])[ENROLLED]
    enrolled = enrol(model, SEED, [1], preset)
    assert (enrolled.numbers - BLOCK_SIZE).tolist() == np.flatnonzero(everybody).tolist()
    assert 0.01 < everybody.mean() < 0.15


def test_enrolment_of_nobody_is_none():
    nobody = PRESETS["severe_clinic"].derive("nobody", "", {"enrolled.least_attacks": 5000.0})
    assert enrol(preset_model(nobody), SEED, range(2), nobody) is None


SELECTING = [preset for preset in PRESETS.values() if preset.selects]
REVERSED_SELECTION = {
    "enrolled.control": -2.0,
    "enrolled.least_acq": 2.0,
    "enrolled.lung_function": 0.05,
    "enrolled.attacks": -1.0,
}


def screened_proportion(preset, do=None, people=None):
    """Proportion of people who pass screening, after a check that nobody who enrols fails it."""
    model, noise = preset_model(preset), Noise(7, 2) if people is None else people
    everybody = model.simulate(noise, do=do, wanted=[ENROLLED])
    possible = can_enrol(model, everybody[SCREENED_BY], noise.uniform(ENROLLED))
    assert not (everybody[ENROLLED][~possible] == 1).any()
    return possible.mean()


def test_model_of_the_package_can_be_screened():
    assert can_be_screened(severe_asthma_model())


@pytest.mark.parametrize("preset", SELECTING, ids=lambda preset: preset.name)
def test_screening_excludes_nobody_who_would_enrol(preset):
    screened_proportion(preset)


def test_screening_excludes_most_people_of_the_severe_clinic():
    assert screened_proportion(PRESETS["severe_clinic"]) < 0.4


def test_screening_is_valid_with_reversed_selection():
    screened_proportion(PRESETS["severe_clinic"].derive("odd", "", REVERSED_SELECTION))


@given(number=st.sampled_from(["control", "attacks", "lung_function", "oral_steroid"]), value=st.floats(-3, 3))
@settings(max_examples=10, deadline=None)
def test_screening_is_valid_with_any_coefficient(number, value):
    preset = PRESETS["trial_eligible"].derive("odd", "", {f"enrolled.{number}": value})
    screened_proportion(preset, people=Noise(7, 2, 2_000))


def test_screening_is_valid_under_an_intervention_before_enrolment():
    screened_proportion(PRESETS["severe_clinic"], {"fev1_pct_predicted": 20.0})


@pytest.mark.parametrize("do", [{"enrolled": 1}, {"treatment_step": "step_1", "enrolled": 1}])
def test_people_enrolled_by_intervention_enrol(do):
    preset = PRESETS["severe_clinic"]
    patients = enrol(preset_model(preset), 7, [2], preset, do, reselect=True, first=500)
    assert len(patients.numbers) == 500


def test_enrolment_without_the_assumed_causes_is_not_screened():
    model = severe_asthma_model()
    model = type(model)([e for e in model.equations.values() if e.name in model.with_ancestors([SCREENED_BY])])
    assert not can_be_screened(model)


def test_screened_enrolment_equals_unscreened_enrolment():
    preset = PRESETS["severe_clinic"]
    model = preset_model(preset)
    patients = enrol(model, 7, [2], preset)
    everybody = model.simulate(Noise(7, 2))
    rows = np.flatnonzero(everybody[ENROLLED])
    for name, column in everybody.items():
        assert (column[rows] == patients.values[name]).all(), name
