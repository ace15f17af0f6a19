"""Corticosteroids are found in any European spelling; a dose of another drug is named if it is not read."""

from __future__ import annotations

import pandas as pd
import pytest

from asthma_ml.patients import read_patients
from asthma_ml.patients.columns.conversions import dose_factor
from asthma_ml.variables import data_dictionary

OCS, ICS = "ocs_dose_mg_day", "ics_dose_ug_day"


@pytest.mark.parametrize(
    ("drug", "name", "factor"),
    [
        ("Prednisolon", OCS, 1),
        ("prednizon", OCS, 1),
        ("Hidrocortisona", OCS, 0.25),
        ("HYDROCORTISONE", OCS, 0.25),
        ("metilprednisolone", OCS, 1.25),
        ("Medrol", OCS, 1.25),
        ("Deksametazon", OCS, 20 / 3),
        ("b\u00e9tam\u00e9thasone", OCS, 20 / 3),
        ("prednisolone sodium phosphate", OCS, 1),
        ("Fluticasonpropionat", ICS, 2),
        ("Budesonida", ICS, 1.25),
        ("beklometason", ICS, 1),
    ],
)
def test_drugs_in_other_spellings(drug: str, name: str, factor: float) -> None:
    assert dose_factor(drug, data_dictionary()[name]) == pytest.approx(factor)


@pytest.mark.parametrize("drug", ["fluticasone", "cortisol", "prednis", "", "theophylline"])
def test_other_drugs_have_no_factor(drug: str) -> None:
    assert dose_factor(drug, data_dictionary()[ICS]) is None
    assert dose_factor(drug, data_dictionary()[OCS]) is None


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("hydrocortisone_mg_day", "mg/day hydrocortisone"),
        ("Methylprednisolon (mg/Tag)", "mg/day methylprednisolone"),
        ("cortisone dose", "mg/day cortisone"),
        ("Medrol mg", "mg/day methylprednisolone"),
        ("triamcinolone_mg_day", "mg/day triamcinolone"),
        ("budesonide_ug_day", "ug/day budesonide"),
    ],
)
def test_a_dose_of_another_drug_is_named_with_its_unit(header: str, unit: str) -> None:
    patients = read_patients(pd.DataFrame({"patient_id": ["S01"], "feno_ppb": [42], header: [20]}))
    [message] = [each.message for each in patients.problems if each.rule == "other_drug"]
    assert f'unit = "{unit}"' in message


def test_a_second_drug_is_not_added_in_silence() -> None:
    patients = read_patients(
        pd.DataFrame({"patient_id": ["S01"], "prednisolone_mg_day": [5], "hydrocortisone_mg": [20]})
    )
    [problem] = [each for each in patients.problems if each.rule == "other_drug"]
    assert "multiplied by 0.25" in problem.message
    assert patients.values[OCS].tolist() == [5.0]
