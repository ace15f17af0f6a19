"""What may mask or mimic Th2 inflammation is named for the patients in whom it matters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asthma_ml.columns import ColumnTable, Texts
from asthma_ml.decisions import masking_hints

LOW, HIGH = (
    {"feno_ppb": 12.0, "blood_eosinophils_cells_ul": 90.0},
    {"feno_ppb": 70.0, "blood_eosinophils_cells_ul": 600.0},
)
ORAL_STEROID = "a maintenance oral steroid is associated with fewer eosinophils and lower FeNO"
HIGH_DOSE = "a high inhaled steroid dose is associated with lower FeNO and fewer eosinophils"
POOR_ADHERENCE = "poor adherence is associated with higher FeNO and more eosinophils"
SMOKING = "current smoking is associated with lower FeNO"
NEUTROPHILIC = "neutrophilic_th2_low"


def hint(called, **record):
    return masking_hints(pd.DataFrame([record]), Texts.of([called])).strings()[0] or ""


@pytest.mark.parametrize(
    ("called", "record", "expected"),
    [
        (None, LOW | {"ocs_dose_mg_day": 5.0}, ORAL_STEROID),
        (NEUTROPHILIC, LOW | {"ocs_dose_mg_day": 5.0}, ORAL_STEROID),
        (None, {"ocs_dose_mg_day": 5.0}, ORAL_STEROID),
        (None, HIGH | {"ocs_dose_mg_day": 5.0}, ""),
        ("th2_high", LOW | {"ocs_dose_mg_day": 5.0}, ""),
        (None, LOW | {"ocs_dose_mg_day": 0.0}, ""),
        (NEUTROPHILIC, LOW | {"ics_dose_ug_day": 2000.0}, HIGH_DOSE),
        (NEUTROPHILIC, LOW | {"ics_dose_ug_day": 1000.0}, ""),
        ("th2_high", HIGH | {"ics_dose_ug_day": 2000.0}, ""),
        (None, HIGH | {"ics_adherence_fraction": 0.5}, POOR_ADHERENCE),
        ("th2_high", HIGH | {"ics_adherence_fraction": 0.5}, POOR_ADHERENCE),
        (NEUTROPHILIC, HIGH | {"ics_adherence_fraction": 0.5}, ""),
        (None, HIGH | {"ics_adherence_fraction": 0.8}, ""),
        (None, LOW | {"smoking_status": "current"}, SMOKING),
        (None, HIGH | {"smoking_status": "current"}, ""),
        (None, LOW | {"smoking_status": "former"}, ""),
        (
            "th2_high",
            HIGH | {"biologic": "anti_tslp"},
            "anti-TSLP treatment is associated with fewer eosinophils and lower FeNO",
        ),
        ("th2_high", HIGH | {"biologic": "anti_ige"}, "anti-IgE treatment is associated with higher total IgE"),
        (None, {"biologic": "none"}, ""),
        (None, {"biologic": np.nan, "ocs_dose_mg_day": np.nan}, ""),
        (None, {"age_years": 40.0}, ""),
    ],
)
def test_masking_is_named_where_it_matters(called, record, expected):
    assert hint(called, **record) == expected


def test_masking_steroid_and_poor_adherence_are_never_named_together():
    poor = {"ics_adherence_fraction": 0.2, "ics_dose_ug_day": 2000.0}
    assert hint(None, **LOW, **poor) == POOR_ADHERENCE
    assert hint(None, **LOW, **poor, ocs_dose_mg_day=10.0) == ORAL_STEROID


def test_hints_are_joined():
    assert hint(None, **LOW, ocs_dose_mg_day=5.0, smoking_status="current") == f"{ORAL_STEROID}, {SMOKING}"


RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "called": st.sampled_from([None, "th2_high", NEUTROPHILIC]),
            "feno_ppb": st.sampled_from([np.nan, 12.0, 24.9, 25.0, 70.0]),
            "blood_eosinophils_cells_ul": st.sampled_from([np.nan, 90.0, 150.0, 600.0]),
            "ocs_dose_mg_day": st.sampled_from([np.nan, 0.0, 5.0]),
            "ics_dose_ug_day": st.sampled_from([np.nan, 1000.0, 2000.0]),
            "ics_adherence_fraction": st.sampled_from([np.nan, 0.5, 0.8]),
            "smoking_status": st.sampled_from([None, "never", "former", "current"]),
            "biologic": st.sampled_from([None, "none", "anti_ige"]),
        }
    ),
    min_size=1,
    max_size=20,
)


def hinted_alone(record):
    """Clauses for one patient, rule by rule."""
    called, high = record["called"], record["called"] == "th2_high"
    low_feno, low_eosinophils = not record["feno_ppb"] >= 25, not record["blood_eosinophils_cells_ul"] >= 150
    masked, poor = not high and (low_feno or low_eosinophils), record["ics_adherence_fraction"] < 0.8
    oral_steroid = masked and record["ocs_dose_mg_day"] > 0
    clauses = [ORAL_STEROID] * oral_steroid
    clauses += [HIGH_DOSE] * (masked and record["ics_dose_ug_day"] > 1000 and not poor)
    clauses += [SMOKING] * (not high and low_feno and record["smoking_status"] == "current")
    clauses += [POOR_ADHERENCE] * (poor and (called is None or high) and not oral_steroid)
    clauses += ["anti-IgE treatment is associated with higher total IgE"] * (record["biologic"] == "anti_ige")
    return ", ".join(clauses) or None


@given(RECORDS)
def test_each_patient_of_a_table_has_the_hints_of_the_rules_alone(records):
    cells = {name: [record[name] for record in records] for name in records[0]}
    called, *levels = (Texts.of(cells.pop(name)) for name in ("called", "smoking_status", "biologic"))
    columns = {name: np.array(values) for name, values in cells.items()}
    columns |= dict(zip(("smoking_status", "biologic"), levels, strict=True))
    found = masking_hints(ColumnTable(columns, len(records)), called)
    assert found.strings().tolist() == [hinted_alone(record) for record in records]
