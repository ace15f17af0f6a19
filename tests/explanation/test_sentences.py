"""Every column can be said in words, and what masks inflammation is said only of whom it concerns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.explanation.sentences import factor_phrase, finding, listed, masking_hints, patient_sentence
from asthma_ml.variables import data_dictionary


@pytest.mark.parametrize("name", data_dictionary().features)
def test_every_feature_can_be_said_measured_and_missing(name):
    variable = data_dictionary()[name]
    value = variable.levels[-1] if variable.levels else 1.0
    assert finding(name, value).startswith(variable.label)
    assert finding(name, np.nan) == finding(name, None) == f"{variable.label} not measured"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("feno_ppb", 62.0, "fractional exhaled nitric oxide at 50 mL/s 62 ppb"),
        ("fev1_fvc_ratio", 0.62, "FEV1/FVC before bronchodilator 0.62"),
        ("ocs_dose_mg_day", 7.5, "maintenance oral corticosteroid, prednisolone-equivalent 7.5 mg/day"),
        ("atopy", 0.0, "atopy (positive skin prick or specific IgE): no"),
        ("biologic", "anti_il4r", "biologic therapy in use: anti il4r"),
        ("biologic", 2.0, "biologic therapy in use: anti il5"),
        ("biologic", 17.0, "biologic therapy in use 17"),
        ("home_made_index", 0.25, "home_made_index 0.25"),
    ],
)
def test_worked_findings(name, value, words):
    assert finding(name, value) == words


@pytest.mark.parametrize(
    ("record", "hint"),
    [
        ({"ocs_dose_mg_day": 5.0}, "a maintenance oral steroid can hide eosinophils and FeNO"),
        ({"ocs_dose_mg_day": 0.0}, ""),
        ({"ics_dose_ug_day": 2000.0}, "a high inhaled steroid dose can hide FeNO and eosinophils"),
        ({"ics_dose_ug_day": 1000.0}, ""),
        ({"ics_adherence_fraction": 0.5}, "poor adherence raises FeNO and eosinophils"),
        ({"ics_adherence_fraction": 0.8}, ""),
        ({"biologic": "anti_tslp"}, "anti-TSLP treatment lowers eosinophils and FeNO"),
        ({"biologic": "none"}, ""),
        ({"biologic": np.nan, "ocs_dose_mg_day": np.nan}, ""),
        ({"age_years": 40.0}, ""),
    ],
)
def test_what_masks_is_said_of_whom_it_concerns(record, hint):
    assert masking_hints(pd.DataFrame([record])).tolist() == [hint]


def test_hints_are_joined():
    hints = masking_hints(pd.DataFrame({"ocs_dose_mg_day": [5.0, 0.0], "ics_adherence_fraction": [0.1, 0.1]}))
    assert hints[0].count(",") == 1
    assert hints[1] == "poor adherence raises FeNO and eosinophils"


def test_a_prediction_that_nothing_moves_can_be_told():
    assert "No finding moves it either way." in patient_sentence("th2_high", 0.6, [])
    assert factor_phrase("th2_high", 0.6, []) == "Th2-high with probability 0.60"


def test_lists_read_as_english():
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
