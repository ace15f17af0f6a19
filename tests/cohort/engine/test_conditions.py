"""Conditions: selected patients and refused expressions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.cohort.engine.conditions import Condition
from asthma_ml.errors import UnusableInputError

PATIENTS = pd.DataFrame(
    {
        "age_years": [30.0, 50.0, 70.0, 80.0],
        "feno_ppb": [20.0, np.nan, 60.0, 45.0],
        "smoking_status": ["never", "former", "never", np.nan],
        "true_type2_drive": [0.1, 0.2, 1.5, -1.0],
    }
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("age_years >= 50", [1, 2, 3]),
        ("smoking_status == 'never' and feno_ppb > 50", [2]),
        ("smoking_status in ['former', 'current'] or age_years == 30", [0, 1]),
        ("40 < age_years < 75", [1, 2]),
        ("not (age_years > 40)", [0]),
        ("(feno_ppb > 40) & (true_type2_drive > 0)", [2]),
        ("feno_ppb / 2 > age_years - 70 + -1 * 2", [0, 2, 3]),
        ("feno_ppb.isna()", [1]),
        ("feno_ppb.notna() and\n smoking_status.notna()", [0, 2]),
        ("feno_ppb > 0", [0, 2, 3]),
        ("smoking_status != 'never'", [1, 3]),
    ],
)
def test_condition_selects_patients(text, rows):
    assert np.flatnonzero(Condition(text, list(PATIENTS)).met_by(PATIENTS)).tolist() == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("feno_pbb > 50", r"no such column: feno_pbb \(did you mean feno_ppb\?\)"),
        ("fev > 50 and age_year > 3", r"fev.*, age_year \(did you mean age_years\?\)"),
        ("smoking_status == 'nver'", r"no level nver \(did you mean never\?\); levels are never, former, current"),
        ("smoking_status in ('never', 'vaping')", "no level vaping"),
        ("age_years >", "invalid expression"),
        ("age_years = 3", "invalid expression"),
        ("", "invalid expression"),
        ("@age > 3", "invalid expression"),
        ("3 > 2", "contains no column"),
        ("age_years + 1", "true or false for each patient"),
        ("age_years", "true or false for each patient"),
        ("smoking_status > 3", "where 'smoking_status > 3': "),
    ],
)
def test_unusable_conditions_are_refused_in_one_line(text, message):
    with pytest.raises(UnusableInputError, match=message) as refusal:
        Condition(text, list(PATIENTS)).met_by(PATIENTS)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "age_years.values.tofile('x')",
        "age_years.mean() > 3",
        "age_years.isna",
        "age_years.isna(1)",
        "(lambda: age_years)() > 3",
        "[a for a in age_years]",
        "age_years[0] > 3",
        "9 ** 9 ** 9 > age_years",
        "f'{age_years}' == 'a'",
    ],
)
def test_condition_cannot_call_functions(text):
    with pytest.raises(UnusableInputError, match="is not allowed"):
        Condition(text, list(PATIENTS))
