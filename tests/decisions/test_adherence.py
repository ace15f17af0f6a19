"""Worked patients: is the inhaled steroid taken?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.decisions.adherence import GATES, adherence_gate

PATIENTS = {
    "takes it and inhales well": ({"adherence": 0.92, "technique": "correct"}, "clear", "speaks for"),
    "just enough doses": ({"adherence": 0.80, "technique": "acceptable"}, "clear", "speaks for"),
    "too few doses": ({"adherence": 0.79, "technique": "correct"}, "check_first", "fewer than 80%"),
    "poor technique": ({"adherence": 0.95, "technique": "poor"}, "check_first", "technique is poor"),
    "FeNO falls once observed": ({"adherence": 0.95, "technique": "correct", "fall": 53.0}, "check_first", "FeNO fell"),
    "FeNO stays when observed": ({"fall": 21.0, "feno": 60.0}, "clear", "speaks for"),
    "FeNO too low for the test": ({"fall": 60.0, "feno": 20.0}, "unknown", "no record of doses"),
    "technique never watched": ({"adherence": 0.95}, "unknown", "technique not observed"),
    "nothing on record": ({}, "unknown", "no record of doses taken, inhaler technique not observed"),
    "never taught": ({"adherence": 0.5, "technique": "poor", "education": 0.0}, "check_first", "no structured asthma"),
    "never taught, all well": ({"adherence": 0.9, "technique": "correct", "education": 0.0}, "clear", "speaks for"),
}
COLUMNS = {
    "adherence": "ics_adherence_fraction",
    "technique": "inhaler_technique",
    "fall": "feno_suppression_pct",
    "feno": "feno_ppb",
    "education": "asthma_education",
}


@pytest.mark.parametrize(("record", "gate", "reason"), PATIENTS.values(), ids=PATIENTS)
def test_worked_patient(record, gate, reason):
    patient = pd.DataFrame({column: [record.get(name, np.nan)] for name, column in COLUMNS.items()})
    judged = adherence_gate(patient).iloc[0]
    assert judged["gate"] == gate
    assert reason in judged["reason"]


def test_all_patients_together_are_judged_as_one_by_one():
    together = pd.DataFrame(
        [{column: record.get(name, np.nan) for name, column in COLUMNS.items()} for record, *_ in PATIENTS.values()]
    )
    assert adherence_gate(together)["gate"].tolist() == [gate for _, gate, _ in PATIENTS.values()]


def test_columns_may_be_missing_and_the_index_is_kept():
    judged = adherence_gate(pd.DataFrame({"age_years": [40.0, 60.0]}, index=["a", "b"]))
    assert judged.index.tolist() == ["a", "b"]
    assert set(judged["gate"]) == {"unknown"} < set(GATES)
    assert adherence_gate(pd.DataFrame({"age_years": []})).empty
