"""Unusual cells of files and frames: other digits, flags, words for missing, zeros of SAS."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from asthma_ml.patients import read_patients

ROWS = """patient_id,age,sex,feno,eos,smoking
S01,４４,Frau,="52",430 H,Ex-smoker
S02,٦٣,männlich,&lt;5,320 cells/uL,Never smoked tobacco (finding)
S03,> 89,Other,#NULL!,HEMOLYZED,unknown
S04,045Y,女,−1,5.397605346934028e-79,8517006.0
"""


def test_cells_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "clinic.csv"
    path.write_text(ROWS, encoding="utf-8")
    patients = read_patients(path)
    values = patients.values
    assert values["age_years"].tolist() == [44.0, 63.0, 89.0, 45.0]
    assert values["sex"].fillna("").tolist() == ["female", "male", "", "female"]
    assert values["blood_eosinophils_cells_ul"].fillna(-1).tolist() == [430.0, 320.0, -1.0, 0.0]
    assert values["smoking_status"].fillna("").tolist() == ["former", "never", "", "former"]
    assert patients.invalid.tolist() == [False, False, False, True]
    said = [(problem.line, problem.column, problem.rule) for problem in patients.problems if problem.line]
    assert sorted(each for each in said if each[2] not in ("usual", "limits")) == [
        (2, "blood_eosinophils_cells_ul", "text_beside"),
        (3, "blood_eosinophils_cells_ul", "unit_beside"),
        (3, "feno_ppb", "censored"),
        (4, "age_years", "censored"),
        (4, "blood_eosinophils_cells_ul", "not_stated"),
        (4, "sex", "not_stated"),
        (4, "smoking_status", "not_stated"),
        (5, "age_years", "unit_beside"),
    ]


@pytest.mark.parametrize("as_text", [True, False])
def test_a_number_below_every_measurement_is_0_or_missing(as_text: bool) -> None:
    numbers = np.array([5.397605346934028e-79, -5.397605346934028e-79, 9.380616e-312, 5e-324, 0.5, 0.0])
    column = pd.Series([repr(each) for each in numbers.tolist()] if as_text else numbers)
    patients = read_patients(pd.DataFrame({"patient_id": list("abcdef"), "pack_years": column}))
    assert patients.values["pack_years"].fillna(-1).tolist() == [0.0, 0.0, -1.0, -1.0, 0.5, 0.0]
    assert [(problem.line, problem.rule) for problem in patients.problems if problem.rule == "missing_code"] == [
        (4, "missing_code"),
        (5, "missing_code"),
    ]


def test_floats_of_codes_are_codes() -> None:
    frame = pd.DataFrame({"sex": [8507.0, 8532.0, np.nan], "nasal_polyps": [1.0, 5.397605346934028e-79, 0.0]})
    values = read_patients(frame.assign(feno=[20, 30, 40])).values
    assert values["sex"].fillna("").tolist() == ["male", "female", ""]
    assert values["nasal_polyps"].tolist() == [1.0, 0.0, 0.0]
