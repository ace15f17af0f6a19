"""Who enrols: the same people in however many blocks they are looked for at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.cohort import PRESETS
from asthma_ml.cohort.engine.noise import BLOCK_SIZE, Noise
from asthma_ml.cohort.enrolment import enrol, preset_model
from asthma_ml.cohort.screening import ENROLLED

SEED = 3


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_blocks_taken_together_hold_the_people_of_blocks_taken_alone(preset):
    model = preset_model(preset)
    together = enrol(model, SEED, range(2), preset)
    alone = [enrol(model, SEED, [block], preset) for block in range(2)]
    assert np.concatenate([part.numbers for part in alone]).tolist() == together.numbers.tolist()
    for name, column in together.values.items():
        parts = [pd.Series(part.values[name]) for part in alone]
        pd.testing.assert_series_equal(pd.concat(parts, ignore_index=True), pd.Series(column))


def test_only_those_enrol_whom_the_selection_equation_takes():
    preset = PRESETS["severe_clinic"]
    model = preset_model(preset)
    everybody = model.simulate(Noise(SEED, 1), wanted=[ENROLLED])[ENROLLED]
    enrolled = enrol(model, SEED, [1], preset)
    assert (enrolled.numbers - BLOCK_SIZE).tolist() == np.flatnonzero(everybody).tolist()
    assert 0.01 < everybody.mean() < 0.15


def test_blocks_in_which_nobody_enrols():
    nobody = PRESETS["severe_clinic"].derive("nobody", "", {"enrolled.least_attacks": 5000.0})
    assert enrol(preset_model(nobody), SEED, range(2), nobody) is None
