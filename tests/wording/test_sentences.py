"""Every column can be said in words, and what masks inflammation is said only of whom it concerns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.decisions.masking import masking_hints
from asthma_ml.variables import data_dictionary
from asthma_ml.wording.sentences import factor_phrase, finding, listed, patient_sentence


@pytest.mark.parametrize("name", data_dictionary().features)
def test_every_feature_can_be_said_measured_and_missing(name):
    variable = data_dictionary()[name]
    value = variable.levels[-1] if variable.levels else 1.0
    assert finding(name, value).startswith(variable.label)
    asked = variable.factor in ("environment", "adherence", "patient_context")
    expected = f"{variable.label} not {'recorded' if asked else 'measured'}"
    assert finding(name, np.nan) == finding(name, None) == expected


def test_a_treatment_is_recorded_and_a_marker_is_measured():
    assert finding("biologic", None) == "biologic therapy in use not recorded"
    assert finding("feno_ppb", None).endswith("not measured")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("feno_ppb", 62.0, "fractional exhaled nitric oxide at 50 mL/s 62 ppb"),
        ("fev1_fvc_ratio", 0.62, "FEV1/FVC before bronchodilator 0.62"),
        ("ocs_dose_mg_day", 7.5, "maintenance oral corticosteroid, prednisolone-equivalent 7.5 mg/day"),
        ("atopy", 0.0, "atopy (positive skin prick or specific IgE): no"),
        ("biologic", "anti_il4r", "biologic therapy in use: anti-IL-4R"),
        ("biologic", 2.0, "biologic therapy in use: anti-IL-5"),
        ("biologic", 17.0, "biologic therapy in use 17"),
        ("home_made_index", 0.25, "home_made_index 0.25"),
    ],
)
def test_worked_findings(name, value, words):
    assert finding(name, value) == words


LOW, HIGH = (
    {"feno_ppb": 12.0, "blood_eosinophils_cells_ul": 90.0},
    {"feno_ppb": 70.0, "blood_eosinophils_cells_ul": 600.0},
)
BY_MOUTH = "a maintenance oral steroid goes with fewer eosinophils and lower FeNO"
HIGH_DOSE = "a high inhaled steroid dose goes with lower FeNO and fewer eosinophils"
UNTAKEN = "poor adherence goes with higher FeNO and more eosinophils"
SMOKE = "current smoking goes with lower FeNO"
NEUTROPHILIC = "neutrophilic_th2_low"


def hint(called, **record):
    return masking_hints(pd.DataFrame([record]), np.array([called], dtype=object))[0]


@pytest.mark.parametrize(
    ("called", "record", "expected"),
    [
        (None, LOW | {"ocs_dose_mg_day": 5.0}, BY_MOUTH),
        (NEUTROPHILIC, LOW | {"ocs_dose_mg_day": 5.0}, BY_MOUTH),
        (None, {"ocs_dose_mg_day": 5.0}, BY_MOUTH),
        (None, HIGH | {"ocs_dose_mg_day": 5.0}, ""),
        ("th2_high", LOW | {"ocs_dose_mg_day": 5.0}, ""),
        (None, LOW | {"ocs_dose_mg_day": 0.0}, ""),
        (NEUTROPHILIC, LOW | {"ics_dose_ug_day": 2000.0}, HIGH_DOSE),
        (NEUTROPHILIC, LOW | {"ics_dose_ug_day": 1000.0}, ""),
        ("th2_high", HIGH | {"ics_dose_ug_day": 2000.0}, ""),
        (None, HIGH | {"ics_adherence_fraction": 0.5}, UNTAKEN),
        ("th2_high", HIGH | {"ics_adherence_fraction": 0.5}, UNTAKEN),
        (NEUTROPHILIC, HIGH | {"ics_adherence_fraction": 0.5}, ""),
        (None, HIGH | {"ics_adherence_fraction": 0.8}, ""),
        (None, LOW | {"smoking_status": "current"}, SMOKE),
        (None, HIGH | {"smoking_status": "current"}, ""),
        (None, LOW | {"smoking_status": "former"}, ""),
        (
            "th2_high",
            HIGH | {"biologic": "anti_tslp"},
            "anti-TSLP treatment goes with fewer eosinophils and lower FeNO",
        ),
        ("th2_high", HIGH | {"biologic": "anti_ige"}, "anti-IgE treatment goes with higher total IgE"),
        (None, {"biologic": "none"}, ""),
        (None, {"biologic": np.nan, "ocs_dose_mg_day": np.nan}, ""),
        (None, {"age_years": 40.0}, ""),
    ],
)
def test_what_masks_is_said_where_it_matters(called, record, expected):
    assert hint(called, **record) == expected


def test_a_steroid_that_hides_and_doses_not_taken_are_never_said_together():
    untaken = {"ics_adherence_fraction": 0.2, "ics_dose_ug_day": 2000.0}
    assert hint(None, **LOW, **untaken) == UNTAKEN
    assert hint(None, **LOW, **untaken, ocs_dose_mg_day=10.0) == BY_MOUTH


def test_hints_are_joined():
    assert hint(None, **LOW, ocs_dose_mg_day=5.0, smoking_status="current") == f"{BY_MOUTH}, {SMOKE}"


def test_a_prediction_that_nothing_moves_can_be_told():
    assert "No finding moves it either way." in patient_sentence("th2_high", 0.6, [])
    assert factor_phrase("th2_high", 0.6, []) == "Th2-high with probability 0.60"


def test_lists_read_as_english():
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
