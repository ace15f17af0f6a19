"""Every true value lies in the interval of its reading."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.cohort import clinic
from asthma_ml.cohort.enrolment import enrol, preset_model
from asthma_ml.cohort.presets import PRESETS
from asthma_ml.inference.readings import IN_FIVES, IN_HUNDREDS, read_evidence
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
    """True values of enrolled patients, their table and its readings."""
    model = preset_model(DIRTY)
    patients = enrol(model, 5, range(4), DIRTY)
    table = clinic.record_table(patients.values, data_dictionary())
    return patients.values, table, read_evidence(table, model)


def test_true_values_lie_in_their_intervals(clinic_patients):
    values, _, found = clinic_patients
    numbers = {name: reading for name, reading in found.items() if reading.interval is not None}
    assert len(numbers) > 25
    for name, reading in numbers.items():
        lower, upper = reading.ends(values)
        inside = (values[name] >= lower) & (values[name] <= upper)
        assert inside[reading.observed].all(), name


def test_intervals_are_as_narrow_as_the_rounding_allows(clinic_patients):
    values, _, found = clinic_patients
    for name, reading in found.items():
        if reading.interval is None:
            continue
        lower, upper = reading.ends(values)
        width = (upper - lower)[reading.observed & np.isfinite(upper - lower)]
        widest = {"count": 110.0, "year": 5.0}
        kind = "count" if name in clinic.EOSINOPHIL_COUNTS else "year" if name in clinic.RECALLED_YEARS else "other"
        assert width.max() <= widest.get(kind, data_dictionary()[name].resolution) + 1e-6, name


def test_levels_flags_and_counts_are_exact(clinic_patients):
    values, _, found = clinic_patients
    smoking = found["smoking_status"]
    assert (values["smoking_status"].codes[smoking.observed] == smoking.recorded[smoking.observed]).all()
    assert (values["exacerbations_12m"] == found["exacerbations_12m"].recorded).all()


def test_missing_values_tell_which_tests_were_done(clinic_patients):
    values, _, found = clinic_patients
    for test in clinic.COLUMNS_OF_TEST:
        assert (found[test].recorded == values[test]).all(), test


def test_a_habit_is_excluded_only_where_it_is_absent(clinic_patients):
    values, _, found = clinic_patients
    for flag in (IN_HUNDREDS, IN_FIVES):
        denied = found[flag].observed
        assert denied.mean() > 0.2
        assert (values[flag][denied] == 0).all()


@pytest.mark.parametrize(("recorded", "lower", "upper"), [(300.0, 255.0, 345.0), (400.0, 345.0, 455.0)])
def test_hundreds_are_rounded_half_to_even(recorded, lower, upper):
    """300 cells/uL in hundreds were 260 to 340 in tens, 400 were 350 to 450."""
    table = pd.DataFrame({"blood_eosinophils_cells_ul": [recorded]})
    reading = read_evidence(table, preset_model(DIRTY))["blood_eosinophils_cells_ul"]
    assert reading.ends({IN_HUNDREDS: np.array([1.0])}) == (lower, upper)
    assert reading.ends({IN_HUNDREDS: np.array([0.0])}) == (recorded - 5, recorded + 5)


def test_absent_columns_and_the_label_are_no_evidence(clinic_patients):
    _, table, found = clinic_patients
    fewer = read_evidence(table.drop(columns=["feno_ppb"]), preset_model(DIRTY))
    assert LABEL not in found
    assert {"feno_ppb", "feno_measured"} == found.keys() - fewer.keys()
