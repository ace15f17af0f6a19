"""What a table says about true values: every true value lies between the ends of its reading."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.cohort import clinic
from asthma_ml.cohort.enrolment import enrol, preset_model
from asthma_ml.cohort.presets import PRESETS
from asthma_ml.inference.readings import IN_FIVES, IN_HUNDREDS, readings
from asthma_ml.variables import LABEL, data_dictionary

DIRTY = PRESETS["severe_clinic"].derive(
    "dirty",
    "more of everything that a clinic does to a value",
    {
        "eosinophils_reported_in_hundreds.elsewhere": 0.4,
        "remembers_round_numbers.share": 0.6,
        "feno_detection_limit_ppb.limit": 14.6,
    },
)


@pytest.fixture(scope="module")
def clinic_patients():
    """True values of enrolled patients, their table, and what it says."""
    model = preset_model(DIRTY)
    patients = enrol(model, 5, range(4), DIRTY)
    table = clinic.recorded_table(patients.values, data_dictionary())
    return patients.values, table, readings(table, model)


def test_true_values_lie_between_the_ends(clinic_patients):
    values, _, found = clinic_patients
    numbers = {name: reading for name, reading in found.items() if reading.interval is not None}
    assert len(numbers) > 25
    for name, reading in numbers.items():
        lower, upper = reading.ends(values)
        inside = (values[name] >= lower) & (values[name] <= upper)
        assert inside[reading.seen].all(), name


def test_a_reading_is_no_wider_than_what_is_written_tells(clinic_patients):
    values, _, found = clinic_patients
    for name, reading in found.items():
        if reading.interval is None:
            continue
        lower, upper = reading.ends(values)
        width = (upper - lower)[reading.seen & np.isfinite(upper - lower)]
        widest = {"count": 110.0, "year": 5.0}
        kind = "count" if name in clinic.COUNTS else "year" if name in clinic.REMEMBERED else "other"
        assert width.max() <= widest.get(kind, data_dictionary()[name].resolution) + 1e-6, name


def test_levels_flags_and_counts_are_what_is_written(clinic_patients):
    values, _, found = clinic_patients
    smoking = found["smoking_status"]
    assert (values["smoking_status"].codes[smoking.seen] == smoking.written[smoking.seen]).all()
    assert (values["exacerbations_12m"] == found["exacerbations_12m"].written).all()


def test_tests_done_are_seen_from_the_gaps(clinic_patients):
    values, _, found = clinic_patients
    for test in clinic.SHOWN_BY:
        assert (found[test].written == values[test]).all(), test


def test_a_habit_is_denied_only_to_those_without_it(clinic_patients):
    values, _, found = clinic_patients
    for flag in (IN_HUNDREDS, IN_FIVES):
        denied = found[flag].seen
        assert denied.mean() > 0.2
        assert (values[flag][denied] == 0).all()


@pytest.mark.parametrize(("written", "lower", "upper"), [(300.0, 255.0, 345.0), (400.0, 345.0, 455.0)])
def test_hundreds_are_rounded_half_to_even(written, lower, upper):
    """300 cells/uL in hundreds were 260 to 340 in tens, 400 were 350 to 450."""
    table = pd.DataFrame({"blood_eosinophils_cells_ul": [written]})
    reading = readings(table, preset_model(DIRTY))["blood_eosinophils_cells_ul"]
    assert reading.ends({IN_HUNDREDS: np.array([1.0])}) == (lower, upper)
    assert reading.ends({IN_HUNDREDS: np.array([0.0])}) == (written - 5, written + 5)


def test_an_absent_column_says_nothing_and_the_label_is_not_read(clinic_patients):
    _, table, found = clinic_patients
    fewer = readings(table.drop(columns=["feno_ppb"]), preset_model(DIRTY))
    assert LABEL not in found
    assert {"feno_ppb", "feno_measured"} == found.keys() - fewer.keys()
