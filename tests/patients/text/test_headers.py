"""Headers as Excel and R leave them: empty columns behind, a name short, cells separated by blanks."""

from __future__ import annotations

from pathlib import Path

import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients import PatientTable, read_patients
from tests.text_files import parse_text_table

KNOWN = {"patient_id", "age", "sex", "feno"}


def read(text: str, tmp_path: Path) -> PatientTable:
    path = tmp_path / "clinic.csv"
    path.write_text(text, encoding="utf-8")
    return read_patients(path)


@pytest.mark.parametrize(
    "text",
    [
        "patient_id,age,feno,,,\nS01,44,52,,,\nS02,63,14,,,\n",
        "patient_id,age,feno,,,\nS01,44,52\nS02,63,14,,\n",
        "patient_id,age,feno,\nS01,44,52,\nS02,63,14,\n",
        "patient_id,age,feno\nS01,44,52,\nS02,63,14,\n",
        "patient_id;age;feno; ;\nS01;44;52;;\nS02;63;14;;\n",
    ],
)
def test_empty_columns_behind_the_others_are_left_out(text: str, tmp_path: Path) -> None:
    patients = read(text, tmp_path)
    assert [*patients.raw] == ["patient_id", "age", "feno"]
    assert patients.values["feno_ppb"].tolist() == [52.0, 14.0]
    assert not patients.invalid.any()


def test_a_cell_in_a_column_without_a_name_makes_its_row_invalid(tmp_path: Path) -> None:
    rows = "".join(f"S{number},44,52,,\n" for number in range(300))
    patients = read(f"patient_id,age,feno,,\n{rows}S999,44,52,,late\n", tmp_path)
    assert [each.line for each in patients.problems if each.severity == "error"] == [302]
    assert patients.raw.iloc[-1].tolist() == ["S999", "44", "52,,late"]


def test_filled_columns_without_a_name_are_numbered(tmp_path: Path) -> None:
    patients = read("patient_id,,feno,\nS01,x,52,y\n", tmp_path)
    assert [*patients.raw] == ["patient_id", "unnamed_2", "feno", "unnamed_4"]
    assert patients.values["feno_ppb"].tolist() == [52.0]


@pytest.mark.parametrize(
    "text",
    [
        '"patient_id","age","sex","feno"\n"1","S01",44,"F",52\n"2","S02",63,"M",14\n',
        "patient_id,age,sex,feno\n1,S01,44,F,52\n2,S02,63,M,14\n",
        "age\tsex\tfeno\n1\t44\tF\t52\n2\t63\tM\t14\n",
        '"age";"sex";"feno"\n"S01";44;"F";52\n"S02";63;"M";NA\n',
    ],
)
def test_a_header_of_r_that_is_one_name_short_is_understood(text: str, tmp_path: Path) -> None:
    patients = read(text, tmp_path)
    assert patients.raw.columns[0] == ""
    assert patients.values["age_years"].tolist() == [44.0, 63.0]
    assert patients.values["sex"].tolist() == ["female", "male"]
    assert "row_names" in [problem.rule for problem in patients.problems]
    assert not patients.invalid.any()


@pytest.mark.parametrize(
    "text",
    [
        "patient_id,age,feno\nS01,44,38,5\nS02,63,14,2\n",
        "patient_id,age,feno\n1,44,38,5\n2,63,14,2\n",
        "patient_id,feno,age,sex\nS01,38,5,44,F\nS02,14,2,63,M\n",
        "age,feno,note\n44,38,cough,fever\n63,14,cough,cold\n",
    ],
)
def test_decimal_commas_and_loose_text_are_no_row_names(text: str, tmp_path: Path) -> None:
    patients = read(text, tmp_path)
    assert patients.raw.columns[0] != ""
    assert patients.invalid.all()


@pytest.mark.parametrize("header", ["patient_id age sex feno", '"patient_id" "age" "sex"', "  age   sex  feno"])
def test_cells_separated_by_blanks_are_refused_with_the_way_out(header: str) -> None:
    with pytest.raises(UnusableInputError, match=r"clinic.txt, line 1: the cells are separated by blanks; .*CSV"):
        parse_text_table(f"{header}\n1 44 F 52\n".encode(), "clinic.txt", KNOWN)
