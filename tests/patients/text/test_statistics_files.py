"""Files of SPSS, Stata and SAS: labels say what codes mean, and declared codes for missing are missing."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients import PatientTable, read_patients
from asthma_ml.patients.patient_file import PatientFile

FRAME = pd.DataFrame(
    {
        "patient_id": ["S01", "S02", "S03"],
        "sex": [1.0, 2.0, 9.0],
        "feno_ppb": [52.0, 14.0, -9.0],
        "exacerbations_12m": [0.0, 3.0, 1.0],
    }
)
LABELS: dict[str, dict[int | float, str]] = {
    "sex": {1: "Male", 2: "Female", 9: "Unknown"},
    "exacerbations_12m": {0: "None", 3: "3 or more"},
}


def read_spss(tmp_path: Path, frame: pd.DataFrame = FRAME, **options: Any) -> PatientTable:
    pyreadstat.write_sav(frame, tmp_path / "clinic.sav", **options)
    return read_patients(tmp_path / "clinic.sav")


def test_value_labels_and_missing_codes_of_spss(tmp_path: Path) -> None:
    codes = {"sex": [9], "feno_ppb": [-9]}
    patients = read_spss(tmp_path, variable_value_labels=LABELS, missing_ranges=codes)
    assert patients.values["sex"].tolist()[:2] == ["male", "female"]
    assert patients.values["sex"].isna().tolist() == [False, False, True]
    np.testing.assert_array_equal(patients.values["feno_ppb"], [52.0, 14.0, np.nan])
    assert patients.values["exacerbations_12m"].tolist() == [0.0, 3.0, 1.0]
    assert patients.raw["sex"].tolist() == ["Male", "Female", ""]


def test_a_label_of_a_number_that_is_none_is_not_read_as_the_number(tmp_path: Path) -> None:
    frame = FRAME.assign(feno_ppb=[52.0, 14.0, 97.0])
    patients = read_spss(tmp_path, frame, variable_value_labels={"feno_ppb": {97: "Refused"}})
    np.testing.assert_array_equal(patients.values["feno_ppb"], [52.0, 14.0, np.nan])


def test_stata_and_sas(tmp_path: Path) -> None:
    pyreadstat.write_dta(FRAME, tmp_path / "clinic.dta", variable_value_labels={"sex": LABELS["sex"]})
    pyreadstat.write_dta(FRAME, tmp_path / "old.dta", version=8)
    pyreadstat.write_xport(FRAME, tmp_path / "clinic.xpt")
    assert read_patients(tmp_path / "clinic.dta").values["sex"].tolist()[:2] == ["male", "female"]
    for name in ("clinic.dta", "old.dta", "clinic.xpt"):
        patients = read_patients(tmp_path / name)
        assert patients.values["patient_id"].tolist() == ["S01", "S02", "S03"]
        assert patients.values["feno_ppb"].tolist()[:2] == [52.0, 14.0]


def test_a_column_whose_label_is_known_is_pointed_at(tmp_path: Path) -> None:
    labels = ["", "Sex of the patient", "", "Exacerbations", "FeNO (ppb)"]
    frame = FRAME.rename(columns={"feno_ppb": "q12"})[["patient_id", "sex", "exacerbations_12m", "q12"]].assign(q13=1.0)
    patients = read_spss(
        tmp_path, frame[["patient_id", "sex", "exacerbations_12m", "q13", "q12"]], column_labels=labels
    )
    [message] = [each.message for each in patients.problems if each.rule == "column_label"]
    assert "`q12` is labelled `FeNO (ppb)`" in message
    assert "[columns.feno_ppb]" in message


def test_dates_are_text_and_whole_numbers_have_no_decimals(tmp_path: Path) -> None:
    frame = FRAME.assign(visit=[date(2024, 3, 1), date(2024, 3, 2), None])
    patients = read_spss(tmp_path, frame)
    assert patients.raw["visit"].tolist() == ["2024-03-01", "2024-03-02", ""]
    assert patients.raw["feno_ppb"].tolist() == ["52", "14", "-9"]


def test_the_file_reads_alike_in_parts(tmp_path: Path) -> None:
    whole = read_spss(tmp_path, variable_value_labels=LABELS)
    with PatientFile(tmp_path / "clinic.sav", chunk_rows=2) as patients:
        parts = [patients.read(part) for part in patients.parts()]
    values = pd.concat([PatientTable(part, "clinic").values for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(values, whole.values)


def test_without_the_reader_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyreadstat.write_sav(FRAME, tmp_path / "clinic.sav")
    monkeypatch.setitem(sys.modules, "pyreadstat", None)
    with pytest.raises(UnusableInputError, match=r"a file of SPSS; install its reader with `pip install"):
        read_patients(tmp_path / "clinic.sav")


@pytest.mark.parametrize("start", [b"$FL2", b"<stata_dta>", b"HEADER RECORD*******LIBRARY", b"q\x02\x01\0"])
def test_damaged_files_are_refused_in_one_line(start: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clinic.sav"
    path.write_bytes(start + b"and nothing else" * 9)
    with pytest.raises(UnusableInputError, match="damaged file of") as refusal:
        read_patients(path)
    assert "\n" not in str(refusal.value)
