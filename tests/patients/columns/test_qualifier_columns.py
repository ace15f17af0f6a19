"""A unit, an operator or a flag in the column beside a value counts, for the whole file and not part by part."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients import ColumnMap, read_patients
from asthma_ml.patients.patient_file import PatientFile
from asthma_ml.prediction import predict_file


def said(table: dict[str, list[str]]) -> list[str]:
    return [str(problem) for problem in read_patients(pd.DataFrame({"patient_id": ["1", "2"], **table})).problems]


@pytest.mark.parametrize("name", ["ige_unit", "IgE Units", "ige.uom", "unit_ige", "IgE (unit)", "IGE_ORRESU", "unit"])
@pytest.mark.parametrize(("unit", "value"), [("ng/mL", 100.0), ("IU/mL", 240.0), ("[IU]/mL", 240.0), ("kU/L", 240.0)])
def test_the_unit_of_a_column_beside_the_value_is_used(name: str, unit: str, value: float) -> None:
    patients = read_patients(pd.DataFrame({"ige": ["240", ""], name: [unit, ""]}))
    assert patients.values["total_ige_ku_l"].tolist()[0] == value
    assert any(f"taken from `{name}`" in str(problem) for problem in patients.problems)


@pytest.mark.parametrize(
    ("units", "message"),
    [
        (["ng/mL", "kU/L"], "several units (`kU/L`, `ng/mL`)"),
        (["mg", "mg"], "`mg`, which is no unit of total_ige_ku_l"),
        (["ng/mL", "mg"], "several units"),
    ],
)
def test_several_or_unknown_units_are_refused_with_the_way_out(units: list[str], message: str) -> None:
    table = pd.DataFrame({"ige": ["240", "96"], "ige_unit": units})
    with pytest.raises(UnusableInputError, match="`ige_unit` holds") as refused:
        read_patients(table)
    assert message in str(refused.value)
    column_map = ColumnMap.from_mapping({"columns": {"total_ige_ku_l": {"from": "ige", "unit": "kU/L"}}})
    assert read_patients(table, column_map).values["total_ige_ku_l"].tolist() == [240.0, 96.0]


def test_two_spellings_of_one_unit_are_one_unit() -> None:
    table = pd.DataFrame({"ige": ["240", "96"], "ige_unit": ["IU/mL", "kU/L"]})
    assert read_patients(table).values["total_ige_ku_l"].tolist() == [240.0, 96.0]


def test_a_unit_beside_the_value_must_agree_with_the_name() -> None:
    with pytest.raises(UnusableInputError, match="`IgE unit` holds `ng/mL`, but `IgE \\(kU/L\\)` names the unit kU/L"):
        read_patients(pd.DataFrame({"IgE (kU/L)": ["240"], "IgE unit": ["ng/mL"]}))


def test_percentages_of_leukocytes_are_refused() -> None:
    with pytest.raises(UnusableInputError, match="holds `%`, which needs another column"):
        read_patients(pd.DataFrame({"eos": ["6"], "eos_unit": ["%"]}))


@pytest.mark.parametrize(
    ("name", "texts", "is_said"),
    [
        ("feno_qc", ["valid", "invalid"], True),
        ("feno_qc", ["valid", "valid"], False),
        ("feno_comment", ["", "smoked before"], True),
        ("feno_remarks", ["", ""], False),
        ("feno_source", ["clinic", "patient"], True),
        ("feno_device", ["NIOX", "NIOX"], False),
        ("feno_flag", ["", "*"], True),
        ("note", ["", "late"], False),
    ],
)
def test_what_qualifies_a_value_is_said_if_it_says_something(name: str, texts: list[str], is_said: bool) -> None:
    lines = said({"feno": ["5", "9"], name: texts})
    assert any(f"`{name}` beside `feno` is not read" in line for line in lines) == is_said


def test_operators_and_flags_give_a_warning() -> None:
    assert any(
        "`feno_operator` beside `feno` is not read" in line
        for line in said({"feno": ["5", "9"], "feno_operator": ["<", ""]})
    )
    assert any(
        "`ige_flag` beside `ige` is not read" in line for line in said({"ige": ["5", "900"], "ige_flag": ["", "H"]})
    )
    assert not any("beside" in line for line in said({"feno": ["5", "9"], "feno_operator": ["=", "="]}))


@pytest.mark.parametrize("chunk_rows", [1, 2, 100])
def test_the_whole_file_decides(tmp_path: Path, chunk_rows: int) -> None:
    path = tmp_path / "clinic.csv"
    rows = [f"{i},240,{'ng/mL' if i == 4 else ''}" for i in range(6)]
    path.write_text("\n".join(["patient_id,ige,ige_unit", *rows]) + "\n", encoding="utf-8")
    with PatientFile(path, chunk_rows=chunk_rows) as patients:
        values = [value for part in patients.parts() for value in patients.read(part).values["total_ige_ku_l"].tolist()]
    assert values == [100.0] * 6
    predicted = predict_file("shipped", path, tmp_path / "out.csv", explain="none", chunk_rows=chunk_rows)
    assert "total_ige_ku_l: unit ng/mL taken from `ige_unit`" in predicted.warnings
