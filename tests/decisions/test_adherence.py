"""Worked patients of the adherence gate."""

from __future__ import annotations

from math import isnan, nan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asthma_ml.columns import ColumnTable, Texts
from asthma_ml.decisions.adherence import GATES, adherence_gate, judge_adherence

PATIENTS = {
    "good adherence and technique": ({"adherence": 0.92, "technique": "correct"}, "clear", "treatment is taken"),
    "adherence at the threshold": ({"adherence": 0.80, "technique": "acceptable"}, "clear", "treatment is taken"),
    "low adherence": ({"adherence": 0.79, "technique": "correct"}, "check_first", "below 80 %"),
    "poor technique": ({"adherence": 0.95, "technique": "poor"}, "check_first", "technique is poor"),
    "FeNO falls under observation": (
        {"adherence": 0.95, "technique": "correct", "fall": 53.0},
        "check_first",
        "FeNO fell",
    ),
    "FeNO unchanged under observation": ({"fall": 21.0, "feno": 60.0}, "clear", "treatment is taken"),
    "FeNO too low for the test": ({"fall": 60.0, "feno": 20.0}, "unknown", "adherence is not recorded"),
    "technique not recorded": ({"adherence": 0.95}, "unknown", "technique is not recorded"),
    "nothing recorded": ({}, "unknown", "adherence is not recorded, inhaler technique is not recorded"),
    "no education": ({"adherence": 0.5, "technique": "poor", "education": 0.0}, "check_first", "no structured asthma"),
    "no education, otherwise good": (
        {"adherence": 0.9, "technique": "correct", "education": 0.0},
        "clear",
        "treatment is taken",
    ),
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
    result = adherence_gate(patient).iloc[0]
    assert result["gate"] == gate
    assert reason in result["reason"]


def test_a_table_gives_the_gates_of_its_single_rows():
    together = pd.DataFrame(
        [{column: record.get(name, np.nan) for name, column in COLUMNS.items()} for record, *_ in PATIENTS.values()]
    )
    assert adherence_gate(together)["gate"].tolist() == [gate for _, gate, _ in PATIENTS.values()]


def test_columns_may_be_missing_and_the_index_is_kept():
    result = adherence_gate(pd.DataFrame({"age_years": [40.0, 60.0]}, index=["a", "b"]))
    assert result.index.tolist() == ["a", "b"]
    assert set(result["gate"]) == {"unknown"} < set(GATES)
    assert adherence_gate(pd.DataFrame({"age_years": []})).empty


def test_a_table_of_columns_has_the_gates_and_reasons_of_the_data_frame():
    frame = pd.DataFrame(
        [{column: record.get(name, np.nan) for name, column in COLUMNS.items()} for record, *_ in PATIENTS.values()]
    )
    technique = Texts.of(frame["inhaler_technique"].astype(object).where(frame["inhaler_technique"].notna(), None))
    columns = {name: frame[name].to_numpy(dtype=float) for name in frame if name != "inhaler_technique"}
    found = judge_adherence(ColumnTable(columns | {"inhaler_technique": technique}, len(frame)))
    expected = adherence_gate(frame)
    assert [GATES[code] for code in found.gate] == expected["gate"].tolist()
    assert found.reason.strings().tolist() == expected["reason"].tolist()


RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "adherence": st.sampled_from([nan, 0.0, 0.5, 0.79, 0.8, 1.0]),
            "technique": st.sampled_from([None, "", "poor", "acceptable", "correct"]),
            "fall": st.sampled_from([nan, 21.0, 41.9, 42.0, 60.0]),
            "feno": st.sampled_from([nan, 20.0, 44.9, 45.0, 80.0]),
            "education": st.sampled_from([nan, 0.0, 1.0]),
        }
    ),
    max_size=20,
)


def judged_alone(adherence, technique, fall, feno, education):
    """Gate and reason of one patient, rule by rule."""
    tested = not isnan(fall) and not feno < 45
    against = ["recorded adherence is below 80 % of the prescribed doses"] * (adherence < 0.8)
    against += ["FeNO fell by 42 % or more in a week of directly observed treatment"] * (tested and fall >= 42)
    against += ["inhaler technique is poor"] * (technique == "poor")
    missing = ["adherence is not recorded"] * (isnan(adherence) and not tested)
    missing += ["inhaler technique is not recorded"] * (technique in {None, ""} and not tested)
    gate = "check_first" if against else "unknown" if missing else "clear"
    uneducated = ["no structured asthma education"] * (education == 0)
    if gate == "clear":
        return gate, "the record indicates that the treatment is taken"
    return gate, ", ".join([*(against or missing), *uneducated])


@given(RECORDS)
def test_each_patient_of_a_table_is_judged_by_the_rules_alone(records):
    cells = {column: [record[name] for record in records] for name, column in COLUMNS.items()}
    technique = Texts.of(cells.pop("inhaler_technique"))
    columns = {name: np.array(values, dtype=float) for name, values in cells.items()}
    found = judge_adherence(ColumnTable(columns | {"inhaler_technique": technique}, len(records)))
    gates = [GATES[code] for code in found.gate]
    together = [*zip(gates, found.reason.strings(), strict=True)]
    assert together == [judged_alone(**record) for record in records]
