"""Cells: separators of thousands, decimal signs, censored values, codes for missing."""

from __future__ import annotations

import hypothesis.strategies as st
import pandas as pd
import pytest
from hypothesis import given

from asthma_ml.patients import ColumnMap, read_patients
from asthma_ml.patients.columns.level_text import read_level
from asthma_ml.patients.columns.number_text import read_number
from asthma_ml.variables import data_dictionary


@pytest.mark.parametrize(
    ("text", "decimal_comma", "value"),
    [
        ("1,234.5", False, 1234.5),
        ("1,234,567", False, 1234567.0),
        ("1.234,5", True, 1234.5),
        ("1.234.567", True, 1234567.0),
        ("1 234", False, 1234.0),
        ("1\u00a0234,5", True, 1234.5),
        ("1\u202f234", True, 1234.0),
        ("12'345", False, 12345.0),
        ("-1,234.5", False, -1234.5),
        ("0,350", True, 0.35),
        ("0.350", True, 0.35),
        ("38.5", True, 38.5),
        ("1234", True, 1234.0),
    ],
)
def test_unambiguous_thousands_are_read(text: str, decimal_comma: bool, value: float) -> None:
    assert read_number(text, decimal_comma).value == value


@pytest.mark.parametrize(("text", "decimal_comma"), [("1,234", False), ("1.234", True), ("-12,345", False)])
def test_ambiguous_thousands_are_refused(text: str, decimal_comma: bool) -> None:
    reading = read_number(text, decimal_comma)
    assert (reading.value, reading.rule) == (None, "thousands")


@pytest.mark.parametrize(
    ("text", "decimal_comma", "value"),
    [
        ("1,234", False, 1234.0),
        ("1.234", False, 1.234),
        ("1.234", True, 1234.0),
        ("1,234", True, 1.234),
        ("3,5", True, 3.5),
        ("3,5", False, None),
        ("3.5", True, None),
        ("1,23,4", False, None),
    ],
)
def test_a_stated_decimal_sign_resolves_ambiguous_thousands(
    text: str, decimal_comma: bool, value: float | None
) -> None:
    assert read_number(text, decimal_comma, decimal_stated=True).value == value


@pytest.mark.parametrize("text", ["1,23,4", "12,34.5", "1 23", "1'2", "1 2345", "01,234.5", "1.2.3", "1,2,3"])
def test_wrong_groups_of_digits_are_not_a_number(text: str) -> None:
    assert read_number(text).value is None


@given(st.floats(-1e6, 1e6))
def test_numbers_with_thousands_keep_their_value(number: float) -> None:
    american = f"{number:,.2f}"
    european = american.translate(str.maketrans(",.", ".,"))
    expected = float(f"{number:.2f}")
    assert read_number(american, decimal_stated=True).value == expected
    assert read_number(european, decimal_comma=True, decimal_stated=True).value == expected


def test_typed_columns_have_a_decimal_point() -> None:
    patients = read_patients(pd.DataFrame({"feno_ppb": [1.234, 12.5]}), ColumnMap(decimal=","))
    assert patients.values["feno_ppb"].tolist() == [1.234, 12.5]


def test_likely_codes_for_missing_give_a_problem() -> None:
    table = pd.DataFrame({"patient_id": ["-9", "2"], "feno_ppb": ["-9", "999"], "total_ige_ku_l": ["999", "-9"]})
    patients = read_patients(table)
    assert [(problem.line, problem.column, problem.severity) for problem in patients.problems] == [
        (2, "feno_ppb", "error"),
        (2, "total_ige_ku_l", "warning"),
        (3, "feno_ppb", "error"),
        (3, "total_ige_ku_l", "error"),
    ]
    assert {problem.rule for problem in patients.problems} == {"missing_code"}
    assert patients.values["total_ige_ku_l"].tolist()[0] == 999.0
    mapped = read_patients(table, ColumnMap(missing=("-9", "999")))
    assert mapped.values[["feno_ppb", "total_ige_ku_l"]].isna().all(axis=None)
    assert {problem.rule for problem in mapped.problems} == {"no_data"}


@pytest.mark.parametrize(
    ("name", "text", "level"),
    [
        ("biologic", "Mepolizumab", "anti_il5"),
        ("biologic", "DUPILUMAB", "anti_il4r"),
        ("sex", "8532", "female"),
        ("sex", "M", "male"),
        ("smoking_status", "Ex-smoker", "former"),
        ("smoking_status", "266919005", "never"),
    ],
)
def test_codes_and_drug_names_are_known(name: str, text: str, level: str) -> None:
    assert read_level(text, data_dictionary()[name]).value == level


def test_every_code_maps_to_a_level() -> None:
    for variable in data_dictionary().values():
        assert set(variable.codes.values()) <= set(variable.levels)
