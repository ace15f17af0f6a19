"""Excel workbooks: the first sheet is a table like any other, and nothing else is read without a word."""

from __future__ import annotations

import io
import sys
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients import ColumnMap, PatientTable, read_patients
from asthma_ml.patients.patient_file import PatientFile
from asthma_ml.patients.text import workbooks
from asthma_ml.prediction import predict_file
from tests.workbook_files import Cell, workbook

HEADER: list[Cell] = ["patient_id", "age", "sex", "FeNO (ppb)", "visit", "eos"]
ROWS: list[list[Cell]] = [
    ["007", 44, "F", 52.5, date(2024, 3, 1), 430],
    ["008", 63, "M", "#N/A", None, 90],
]


def path_of(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "clinic.xlsx"
    path.write_bytes(content)
    return path


def read(tmp_path: Path, **sheets: list[list[Cell]]) -> PatientTable:
    return read_patients(path_of(tmp_path, workbook(sheets)))


def test_numbers_dates_text_and_errors(tmp_path: Path) -> None:
    patients = read(tmp_path, Data=[HEADER, *ROWS])
    assert patients.values["patient_id"].tolist() == ["007", "008"]
    np.testing.assert_array_equal(patients.values["feno_ppb"], [52.5, np.nan])
    assert patients.raw["visit"].tolist() == ["2024-03-01", ""]
    assert patients.raw["age"].tolist() == ["44", "63"]
    assert not patients.invalid.any()


def test_rows_are_named_by_their_number_in_the_sheet(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [["Export of 1 May"], [], HEADER, *ROWS, [None], ["Mean", 53.5, None, 52.5, None, 260]]
    patients = read(tmp_path, Data=rows)
    assert patients.lines.tolist() == [4, 5, 7]
    assert [each.line for each in patients.problems if each.severity == "error"] == [7]
    assert "preamble" in [each.rule for each in patients.problems]


def test_other_sheets_are_named_unless_they_are_empty(tmp_path: Path) -> None:
    patients = read(tmp_path, Cover=[], Data=[HEADER, *ROWS], Empty=[], Codes=[["sex", "F = female"]])
    [message] = [each.message for each in patients.problems if each.rule == "sheets"]
    assert message == "only the sheet `Data` is read, not `Codes`"


def test_columns_without_a_name_and_without_values_are_left_out(tmp_path: Path) -> None:
    patients = read(tmp_path, Data=[[None, *HEADER], *([None, *row] for row in ROWS)])
    assert [*patients.raw] == [str(name) for name in HEADER]


def test_a_stated_decimal_comma_does_not_touch_numbers(tmp_path: Path) -> None:
    path = path_of(tmp_path, workbook({"Data": [["patient_id", "feno_ppb"], ["007", 52.125], ["008", 14.5]]}))
    patients = read_patients(path, ColumnMap(decimal=","))
    assert patients.values["feno_ppb"].tolist() == [52.125, 14.5]


def test_a_workbook_reads_alike_in_parts_and_is_predicted(tmp_path: Path) -> None:
    path = path_of(tmp_path, workbook({"Data": [HEADER, *ROWS * 5]}))
    with PatientFile(path, chunk_rows=3) as patients:
        parts = [patients.read(part) for part in patients.parts()]
    assert sum(len(part.values) for part in parts) == 10
    predicted = predict_file("shipped", path, tmp_path / "out.csv", explain="none")
    assert predicted.n_patients == 10
    first = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()[1]
    assert first.startswith("007,44,F,52.5,2024-03-01,430,")


def test_without_the_reader_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(UnusableInputError, match=r"pip install \"asthma-ml\[formats\]\"`, or save the sheet as CSV"):
        read(tmp_path, Data=[HEADER, *ROWS])


def archive(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in members.items():
            opened.writestr(name, data)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (workbook({"Empty": []}), "no sheet of the workbook has cells"),
        (workbook({"Data": [HEADER, *ROWS]})[:-200], "damaged Excel workbook"),
        (archive(readme=b"no workbook"), "a ZIP archive, not an Excel workbook"),
        (archive(**{"content.xml": b"<office/>"}), "an OpenDocument file, not an Excel workbook"),
        (archive(**{"xl/workbook.xml": b"<workbook/>"}), "no workbook that can be read"),
        (workbook({"Cover": [["A study"]], "Data": [HEADER, *ROWS]}), "move the sheet of the patients to the front"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 600, "no workbook that can be read"),
        (workbook({"Data": [["age", "age"], [1, 2]]}), "row 1: column names must be unique"),
    ],
)
def test_other_archives_are_refused_in_one_line(content: bytes, expected: str, tmp_path: Path) -> None:
    path = path_of(tmp_path, content)
    with pytest.raises(UnusableInputError) as refusal:
        read_patients(path)
    assert str(refusal.value).startswith(str(path))
    assert expected in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_workbook_that_would_not_fit_into_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = workbook({"Data": [HEADER, *ROWS]})
    monkeypatch.setattr(workbooks, "_MOST_BYTES", 100)
    with pytest.raises(UnusableInputError, match="save the sheet as CSV"):
        read_patients(path_of(tmp_path, content))


def test_one_cell_far_away_does_not_exhaust_memory(tmp_path: Path) -> None:
    far = b'<worksheet><sheetData><row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    changed = io.BytesIO(workbook({"Data": [HEADER]}))
    with zipfile.ZipFile(changed, "a") as opened:
        opened.writestr("xl/worksheets/sheet2.xml", far)
    with pytest.raises(UnusableInputError, match="more than 30000000 cells"):
        read_patients(path_of(tmp_path, changed.getvalue()))
