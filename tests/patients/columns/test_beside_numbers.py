"""Numbers with flags, units and limits beside them are read with a warning, anything else is an error."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from asthma_ml.patients import MappedColumn
from asthma_ml.patients.columns.cells import CellParser
from asthma_ml.patients.columns.number_text import Reading
from asthma_ml.variables import data_dictionary

EOSINOPHILS = "blood_eosinophils_cells_ul"


def read(name: str, text: str, unit: str | None = None) -> Reading:
    return CellParser(data_dictionary()[name], MappedColumn(name, unit=unit))(text)


@pytest.mark.parametrize(
    ("name", "text", "value", "said"),
    [
        (EOSINOPHILS, "430 H", 430.0, "flag"),
        (EOSINOPHILS, "310*", 310.0, "flag"),
        (EOSINOPHILS, "40 (L)", 40.0, "flag"),
        (EOSINOPHILS, "H 430", 430.0, "flag"),
        (EOSINOPHILS, "↑ 430", 430.0, "flag"),
        (EOSINOPHILS, "430 HH*", 430.0, "flag"),
        (EOSINOPHILS, "430 hoch", 430.0, "flag"),
        (EOSINOPHILS, "320 cells/uL", 320.0, "unit of the variable"),
        (EOSINOPHILS, "320/µl", 320.0, "unit of the variable"),
        (EOSINOPHILS, "320 /mm³", 320.0, "unit of the variable"),
        (EOSINOPHILS, "430 cells/uL H", 430.0, "unit of the variable"),
        (EOSINOPHILS, "0.32 × 10⁹/L", 320.0, "converted to cells/uL"),
        (EOSINOPHILS, "0.32 G/l", 320.0, "converted to cells/uL"),
        (EOSINOPHILS, "< 50 L", 50.0, "limit"),
        (EOSINOPHILS, "over 1500 cells/uL", 1500.0, "limit"),
        (EOSINOPHILS, "ca. 430", 430.0, "rough"),
        ("total_ige_ku_l", "55 kU/L", 55.0, "unit of the variable"),
        ("total_ige_ku_l", "240 ng/mL", 100.0, "converted to kU/L"),
        ("feno_ppb", "52 ppb", 52.0, "unit of the variable"),
        ("age_years", "63Y", 63.0, "unit of the variable"),
        ("age_years", "045Y", 45.0, "unit of the variable"),
        ("age_years", "45 Jahre", 45.0, "unit of the variable"),
        ("age_years", "45歳", 45.0, "unit of the variable"),
        ("age_years", "> 89", 89.0, "limit"),
        ("age_years", "90+", 90.0, "limit"),
        ("age_years", "89 or older", 89.0, "limit"),
        ("exacerbations_12m", "3+", 3.0, "limit"),
        ("fev1_fvc_ratio", "66%", 0.66, "converted to ratio"),
        ("ics_adherence_fraction", "88 %", 0.88, "converted to fraction"),
        ("ics_dose_ug_day", "1 mg/day", 1000.0, "converted to ug/day"),
        ("ics_dose_ug_day", "500 mcg", 500.0, "read as the daily dose"),
        ("ics_dose_ug_day", "500µg", 500.0, "read as the daily dose"),
        ("ics_dose_ug_day", "0.5 mg", 500.0, "converted to ug/day"),
        ("ocs_dose_mg_day", "5 mg", 5.0, "read as the daily dose"),
        ("ocs_dose_mg_day", "7500 mcg", 7.5, "converted to mg/day"),
    ],
)
def test_a_number_is_read_with_a_warning(name: str, text: str, value: float, said: str) -> None:
    reading = read(name, text)
    assert (reading.value, reading.severity) == (value, "warning")
    assert said in reading.message


@pytest.mark.parametrize(("text", "value"), [("20 mg", 5.0), ("20 mg/day", 5.0), ("20000 ug", 5.0), ("20", 5.0)])
def test_a_dose_with_a_unit_is_one_of_the_drug_of_the_column(text: str, value: float) -> None:
    assert read("ocs_dose_mg_day", text, "mg/day hydrocortisone").value == value


@pytest.mark.parametrize("text", ["500 mcg bd", "2x250 mcg", "5 mg prednisolone", "5 ml"])
def test_doses_with_more_text_are_refused(text: str) -> None:
    assert read("ocs_dose_mg_day", text).value is None
    assert read("ics_dose_ug_day", text).severity == "error"


@pytest.mark.parametrize("name", ["fev1_pct_predicted", "sputum_eosinophils_pct", "ct_wall_area_pct"])
def test_a_percent_sign_is_right_for_a_percentage(name: str) -> None:
    assert read(name, "55.2 %") == Reading(55.2)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (EOSINOPHILS, "6 %"),
        (EOSINOPHILS, "430 (0-500)"),
        (EOSINOPHILS, "10-20"),
        (EOSINOPHILS, "430-"),
        (EOSINOPHILS, "(430)"),
        (EOSINOPHILS, "430 mg/dL"),
        (EOSINOPHILS, "3+"),
        (EOSINOPHILS, "430/310"),
        (EOSINOPHILS, "1,234 H"),
        (EOSINOPHILS, "430 a"),
        (EOSINOPHILS, "10²"),
        ("age_years", "006W"),
        ("age_years", "45y 3m"),
        ("age_years", "45 F"),
        ("fev1_pct_predicted", "2.1 L"),
        ("ics_dose_ug_day", "2x250"),
        ("ics_dose_ug_day", "500 BID"),
    ],
)
def test_what_is_not_understood_is_an_error(name: str, text: str) -> None:
    reading = read(name, text)
    assert (reading.value, reading.severity) == (None, "error")


def test_a_unit_in_a_cell_counts_more_than_that_of_the_column() -> None:
    assert read("total_ige_ku_l", "240", unit="ng/mL").value == 100.0
    assert read("total_ige_ku_l", "240 ng/mL", unit="ng/mL").value == 100.0
    in_own_unit = read("total_ige_ku_l", "240 kU/L", unit="ng/mL")
    assert (in_own_unit.value, in_own_unit.severity) == (240.0, "warning")


@given(
    st.integers(0, 2000),
    st.text(st.characters(exclude_categories=["N", "Cs"], exclude_characters="+-.,"), max_size=8),
    st.booleans(),
)
def test_text_beside_a_number_gives_that_number_or_none(number: int, text: str, behind: bool) -> None:
    reading = read("bmi_kg_m2", f"{number} {text}" if behind else f"{text} {number}")
    assert reading.value in (number, None) or reading.rule == "unit_beside"
