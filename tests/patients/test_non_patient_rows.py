"""Rows that are no patients are named and never called; patients whose identifiers look alike stay patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients import ColumnMap, PatientTable, read_patients
from asthma_ml.patients.patient_file import PatientFile
from asthma_ml.patients.summary_words import summary_label

HEADER = "patient_id,age,sex,feno,eos\n"
PATIENTS = "S01,44,F,52,430\nS02,63,M,14,90\n"


def read(tmp_path: Path, *lines: str, header: str = HEADER) -> PatientTable:
    path = tmp_path / "clinic.csv"
    path.write_text(header + PATIENTS + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return read_patients(path)


def told(patients: PatientTable) -> dict[int | None, str]:
    return {each.line: each.message for each in patients.problems if each.rule in ("no_patient", "no_data")}


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Mean,53.5,,33,260", "summary"),
        ("Mean (SD),53.5,,33,260", "summary"),
        ("SD,13.4,,26.9,240", "summary"),
        ("Mittelwert,53.5,,33,260", "summary"),
        ("Écart-type,13.4,,26.9,240", "summary"),
        ("Total général,107,,66,520", "summary"),
        ("合計,107,,66,520", "summary"),
        ("N = 2,2,,2,2", "summary"),
        ("N=2,,,,", "summary"),
        ("75%,58,,42,345", "summary"),
        ("1st Qu.,49,,23,175", "summary"),
        ("Mean of group A,53,,33,260", "summary"),
        ("Site total,107,,66,520", "summary"),
        ("=AVERAGE(B2:B3),53,,33,260", "summary"),
        ("p-value,0.3,,0.04,0.01", "summary"),
        ("ULN,80,,25,300", "summary"),
        ("count,2,2,2,2", "summary"),
        ("min,44,F,14,90", "summary"),
        ("25%,48,F,23,175", "summary"),
        ("top,44,F,,", "summary"),
        ("severe mean,53,,33,260", "summary"),
        ("Mean group 1,53,,33,260", "summary"),
        ("Group A,53,,33,260", "summary"),
        ("Controls,53,,33,260", "summary"),
        ("Female,53,,33,260", "summary"),
        ("Śr.,53,,33,260", "summary"),
        ("SD,13.4,0.5,26.9,240", "summary"),
        ("SD,13.4,-,26.9,240", "summary"),
        (",53.5,,33,260", "no identifier"),
        ("patient_id,age,sex,feno,eos", "header"),
        (",years,,ppb,cells/uL", "units"),
        ("ID,(years),M/F,[ppb],/uL", "units"),
        ("unit,yr,-,ppb,cells/uL", "units"),
        ("-----,---,---,----,----", "separator"),
        (
            '"{""ImportId"":""QID1""}","{""ImportId"":""Q2""}","{""ImportId"":""Q3""}","{""ImportId"":""Q4""}",',
            "import",
        ),
        ("What is your id?,How old are you?,What sex are you?,Last FeNO in ppb,Last eosinophils", "labels"),
        ("Printed on 2024-03-01 by lab system,,,,", "note"),
        ("Reference: eos 0-500 cells/uL,,,,", "note"),
        ("End of report", "note"),
        ("(2 rows)", "note"),
        ("S03,,,,", "no data"),
        (",,,,", "no data"),
        ("S03,NA,NA,n/a,", "no data"),
    ],
)
def test_a_row_that_is_no_patient_is_named_and_invalid(line: str, kind: str, tmp_path: Path) -> None:
    patients = read(tmp_path, line)
    assert patients.invalid.tolist() == [False, False, True]
    [message] = told(patients).values()
    assert kind in message
    assert patients.values.drop(columns="patient_id").iloc[2].isna().all()
    if kind != "no data":
        assert [each.line for each in patients.problems if each.severity == "error"] == [4]


@pytest.mark.parametrize(
    "identifier",
    [
        "Mean Street",
        "TOTAL-003",
        "MEAN01",
        "Sum 3",
        "Mean_1",
        "P25",
        "SD",
        "Max",
        "N",
        "sd",
        "Q1",
        "Meanwhile",
        "Maxima",
        "MIN-7",
        "S:4",
    ],
)
def test_a_patient_whose_identifier_resembles_a_summary_stays_a_patient(identifier: str, tmp_path: Path) -> None:
    patients = read(tmp_path, f"{identifier},51,F,22,100")
    assert told(patients) == {}
    assert not patients.invalid.any()


@pytest.mark.parametrize("header", ["patient_id,feno,age,eos,sex", "patient_id,age,sex,feno,ige"])
def test_a_second_table_below_with_other_columns_is_refused(header: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match="line 4: another table begins here"):
        read(tmp_path, header, "S01,44,61,38,52")


@pytest.mark.parametrize("sexes", [("F", "M"), ("1", "2")])
def test_initials_are_judged_alike_by_their_label_and_their_codes(sexes: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "clinic.csv"
    rows = [f"{name},44,{sexes[i % 2]},52,430" for i, name in enumerate(["AB", "SD", "MW", "TO", "DS", "CV"])]
    path.write_text("\n".join([HEADER.strip(), *rows, "SD,3.1,,4.2,12"]) + "\n", encoding="utf-8")
    levels = ColumnMap.from_mapping(
        {"columns": {"sex": {"levels": {"F": "female", "M": "male", "1": "female", "2": "male"}}}}
    )
    assert read_patients(path, levels).invalid.tolist() == [False] * 6 + [True]


@pytest.mark.parametrize("chunk_rows", [1, 3, 10])
def test_initials_are_patients_where_no_category_says_more(chunk_rows: int, tmp_path: Path) -> None:
    path = tmp_path / "clinic.csv"
    names = ["AB", "SD", "MW", "TO", "Mean"]
    path.write_text("patient_id,age,feno\n" + "".join(f"{name},44,52\n" for name in names), encoding="utf-8")
    with PatientFile(path, chunk_rows=chunk_rows) as file:
        parts = [file.read(part).invalid for part in file.parts()]
    assert np.concatenate(parts).tolist() == [False] * 4 + [True]
    doubtful = [problem.line for problem in read_patients(path).problems if problem.rule == "summary_label"]
    assert doubtful == [3, 4]


@pytest.mark.parametrize("first", ["SD", "Group A", "Severe"])
def test_a_ward_or_group_beside_an_identifier_is_no_summary(first: str, tmp_path: Path) -> None:
    patients = read(tmp_path, f"{first},S03,44,52,430", header="ward,patient_id,age,feno,eos\n")
    assert 4 not in told(patients)


def test_the_first_column_may_label_a_summary_beside_the_identifier(tmp_path: Path) -> None:
    patients = read(tmp_path, "x,x,44,F,52,430", "Mean,,53,,33,260", header="No,patient_id,age,sex,feno,eos\n")
    assert [line for line, message in told(patients).items() if "summary" in message] == [5]


def test_a_patient_without_identifier_stays_a_patient(tmp_path: Path) -> None:
    assert not read(tmp_path, ",53,F,33,260", ",53,,,").invalid.any()


def test_a_row_of_one_missing_value_in_a_lone_column_is_a_patient(tmp_path: Path) -> None:
    path = tmp_path / "clinic.csv"
    path.write_text("feno_ppb,note\n52,\n,late\n", encoding="utf-8")
    assert not read_patients(path).invalid.any()


def test_rows_are_judged_alike_whole_and_in_parts(tmp_path: Path) -> None:
    lines = ["Mean,53.5,,33,260", "S03,,,,", "patient_id,age,sex,feno,eos", "End of report", "S04,51,F,22,100"] * 3
    whole = read(tmp_path, *lines)
    with PatientFile(tmp_path / "clinic.csv", chunk_rows=2) as patients:
        parts = [patients.read(part) for part in patients.parts()]
    assert np.concatenate([part.invalid for part in parts]).tolist() == whole.invalid.tolist()
    found = [problem for part in parts for problem in part.problems if problem.column == "row"]
    assert found == [problem for problem in whole.problems if problem.column == "row"]
    assert whole.invalid.sum() == 12


@pytest.mark.parametrize(
    "text", ["S01", "", "P00017", "7", "Meaning less", "Hotel Total 3", "x" * 100, "Anna", "Summer", "-"]
)
def test_other_texts_are_no_summary(text: str) -> None:
    assert summary_label(text) == ""


@pytest.mark.parametrize(
    "line",
    [
        "Total,107,27,66,5",
        ",53,27,33,",
        "patient_id,age,sex,feno,polyps",
        ",years,M/F,ppb,0/1",
        "----,---,---,----,----",
    ],
)
@pytest.mark.parametrize("codes", [("F", "M"), ("1", "2")])
def test_codes_of_patients_are_judged_without_other_rows(line: str, codes: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "clinic.csv"
    rows = [f"S{i},44,{codes[i % 2]},52,{i % 2}" for i in range(6)]
    plain, with_line = (["patient_id,age,sex,feno,polyps", *rows, *more] for more in ([], [line]))
    path.write_text("\n".join(plain), encoding="utf-8")
    alone = read_patients(path)
    path.write_text("\n".join(with_line), encoding="utf-8")
    patients = read_patients(path)
    pd.testing.assert_frame_equal(patients.values.iloc[:6], alone.values)
    assert patients.invalid.tolist()[:6] == alone.invalid.tolist()
    with PatientFile(path, chunk_rows=2) as file:
        parts = [file.read(part).invalid for part in file.parts()]
    assert np.concatenate(parts).tolist() == patients.invalid.tolist()
