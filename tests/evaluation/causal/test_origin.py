"""Patients of a file are checked against their preset and seed."""

from __future__ import annotations

import pandas as pd
import pytest

from asthma_ml.cohort import generate_cohort
from asthma_ml.cohort.presets import PRESETS
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.causal.origin import Origin, refuse_other_patients

CLINIC = PRESETS["severe_clinic"]


@pytest.fixture(scope="module")
def patients() -> pd.DataFrame:
    return generate_cohort(200, seed=4).observed


def test_patients_of_the_preset_and_seed_are_accepted(patients: pd.DataFrame) -> None:
    refuse_other_patients(patients, Origin(CLINIC, 4))
    refuse_other_patients(patients.drop(columns="patient_id"), Origin(CLINIC, seed=None))


def test_another_seed_is_refused(patients: pd.DataFrame) -> None:
    with pytest.raises(UnusableInputError, match="none of these patients is of preset severe_clinic, seed 99"):
        refuse_other_patients(patients, Origin(CLINIC, 99))


def test_a_part_of_a_cohort_is_compared(patients: pd.DataFrame) -> None:
    last = patients.tail(30)
    refuse_other_patients(last, Origin(CLINIC, 4))
    with pytest.raises(UnusableInputError, match="age_years differ"):
        refuse_other_patients(last.assign(age_years=last["age_years"] + 1), Origin(CLINIC, 4))


def test_people_who_do_not_enrol_are_refused(patients: pd.DataFrame) -> None:
    person = int(patients["patient_id"].str[4:].astype(int).min())
    others = patients.assign(patient_id=[f"P04-{number:08d}" for number in range(person, person + len(patients))])
    with pytest.raises(UnusableInputError, match=r"\d+ of 64 did not enrol"):
        refuse_other_patients(others, Origin(CLINIC, 4))


def test_repeated_identifiers_are_refused(patients: pd.DataFrame) -> None:
    twice = pd.concat([patients, patients.head(3)], ignore_index=True)
    with pytest.raises(UnusableInputError, match="patient_id repeats in 3 rows: these patients cannot be"):
        refuse_other_patients(twice, Origin(CLINIC, 4))


def test_patients_without_identifiers_are_refused(patients: pd.DataFrame) -> None:
    with pytest.raises(UnusableInputError, match="no column patient_id: these patients cannot"):
        refuse_other_patients(patients.drop(columns="patient_id"), Origin(CLINIC, 4))
    with pytest.raises(UnusableInputError, match="none of these patients"):
        refuse_other_patients(patients.assign(patient_id=None), Origin(CLINIC, 4))
