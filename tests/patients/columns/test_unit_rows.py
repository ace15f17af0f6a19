"""A row of units below the header says in which units the values are."""

from __future__ import annotations

from pathlib import Path

import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients import ColumnMap, PatientTable, read_patients
from asthma_ml.patients.patient_file import PatientFile

TABLE = "patient_id,age,ige,feno,eos\n{units}\nS01,44,310,52,{eos}\nS02,63,96,14,{low}\n"


def read(
    tmp_path: Path, units: str, eos: str = "430", low: str = "90", columns: ColumnMap | None = None
) -> PatientTable:
    path = tmp_path / "clinic.csv"
    path.write_text(TABLE.format(units=units, eos=eos, low=low), encoding="utf-8")
    return read_patients(path, columns)


def test_another_unit_is_taken_from_the_row(tmp_path: Path) -> None:
    patients = read(tmp_path, ",years,ng/mL,ppb,10^9/L", "0.43", "0.09")
    assert patients.values["total_ige_ku_l"].round(1).tolist()[1:] == [129.2, 40.0]
    assert patients.values["blood_eosinophils_cells_ul"].tolist()[1:] == [430.0, 90.0]
    assert [each.column for each in patients.problems if each.rule == "unit_row"] == [
        "blood_eosinophils_cells_ul",
        "total_ige_ku_l",
    ]
    assert patients.invalid.tolist() == [True, False, False]


def test_usual_units_need_no_word(tmp_path: Path) -> None:
    patients = read(tmp_path, "-,(years),kU/L,[ppb],cells/uL")
    assert patients.values["total_ige_ku_l"].tolist()[1:] == [310.0, 96.0]
    assert "unit_row" not in [each.rule for each in patients.problems]


def test_the_column_map_takes_precedence(tmp_path: Path) -> None:
    stated = ColumnMap.from_mapping({"columns": {"total_ige_ku_l": {"from": "ige", "unit": "kU/L"}}})
    patients = read(tmp_path, ",years,ng/mL,ppb,cells/uL", columns=stated)
    assert patients.values["total_ige_ku_l"].tolist()[1:] == [310.0, 96.0]


def test_a_unit_that_needs_another_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match="the row of units says %, which needs another column"):
        read(tmp_path, ",years,kU/L,ppb,%", "4.3", "1.2")


def test_parts_of_a_file_have_the_same_units(tmp_path: Path) -> None:
    read(tmp_path, ",years,ng/mL,ppb,cells/uL")
    with PatientFile(tmp_path / "clinic.csv", chunk_rows=1) as patients:
        ige = [part.values["total_ige_ku_l"] for part in map(patients.read, patients.parts())]
    assert [round(float(value[0]), 1) for value in ige[1:]] == [129.2, 40.0]
