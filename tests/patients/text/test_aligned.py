"""Aligned tables of psql, MySQL and Markdown: blanks around cells, rules and counts are no part of the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from asthma_ml.patients import read_patients
from asthma_ml.patients.patient_file import PatientFile

PSQL = """\
 patient_id | age | sex | feno | eos
------------+-----+-----+------+-----
 S01        |  44 | F   |   52 | 430
 S02        |  63 |     |   14 |  90
(2 rows)
"""
UNICODE = PSQL.replace("|", "│").replace("-", "─").replace("+", "┼")
MYSQL = """\
+------------+------+------+------+------+
| patient_id | age  | sex  | feno | eos  |
+------------+------+------+------+------+
| S01        |   44 | F    |   52 |  430 |
| S02        |   63 |      |   14 |   90 |
+------------+------+------+------+------+
2 rows in set (0.00 sec)
"""
MARKDOWN = """\
| patient_id | age | sex | feno | eos |
|:-----------|----:|-----|-----:|-----|
| S01 | 44 | F | 52 | 430 |
| S02 | 63 |  | 14 | 90 |
"""


BOX = """\
┌────────────┬─────┬─────┬──────┬─────┐
│ patient_id │ age │ sex │ feno │ eos │
├────────────┼─────┼─────┼──────┼─────┤
│ S01        │ 44  │ F   │ 52   │ 430 │
│ S02        │ 63  │     │ 14   │ 90  │
└────────────┴─────┴─────┴──────┴─────┘
"""
SQLCMD = """\
patient_id,age,sex,feno,eos
----------,---,---,----,---
S01       , 44,F  ,  52,430
S02       , 63,   ,  14, 90

(2 rows affected)
"""


@pytest.mark.parametrize("text", [BOX, SQLCMD, PSQL, UNICODE, MYSQL, MARKDOWN, PSQL.replace("\n", "\r\n")])
def test_aligned_tables_are_read_without_padding_and_rules(text: str, tmp_path: Path) -> None:
    path = tmp_path / "clinic.txt"
    path.write_bytes(text.encode())
    patients = read_patients(path)
    assert patients.values["patient_id"].tolist() == ["S01", "S02"]
    assert patients.values["blood_eosinophils_cells_ul"].tolist() == [430.0, 90.0]
    assert not patients.invalid.any()
    first = patients.lines[0]
    assert text.splitlines()[first - 1].strip("| │").startswith("S01")


def test_a_line_with_too_few_cells_is_invalid(tmp_path: Path) -> None:
    path = tmp_path / "clinic.txt"
    path.write_text(PSQL.replace("(2 rows)", " S03 | 5"), encoding="utf-8")
    assert read_patients(path).invalid.tolist() == [False, False, True]


def test_aligned_tables_read_alike_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "clinic.txt"
    path.write_text(PSQL, encoding="utf-8")
    with PatientFile(path, chunk_rows=1) as patients:
        assert [len(patients.read(part).values) for part in patients.parts()] == [1, 1]


@pytest.mark.parametrize("delimiter", "|,;\t")
def test_a_rule_among_the_rows_of_a_table_is_no_header(delimiter: str, tmp_path: Path) -> None:
    path = tmp_path / "clinic.csv"
    lines = ["patient_id,age,sex", "S01,44,F", "S02,63,M", "-----,---,---", "Mean,53,"]
    path.write_text("\n".join(lines).replace(",", delimiter), encoding="utf-8")
    patients = read_patients(path)
    assert patients.values["age_years"].tolist()[:2] == [44.0, 63.0]
    assert patients.invalid.tolist() == [False, False, True, True]
