"""A code with several meanings is believed only beside codes that settle it."""

from __future__ import annotations

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from asthma_ml.columns import Texts
from asthma_ml.patients import MappedColumn
from asthma_ml.patients.columns.cells import CellParser
from asthma_ml.patients.columns.code_sets import believable
from asthma_ml.variables import data_dictionary

CODES = ["", "F", "M", "H", "W", "K", "N", "X", "U", "1", "2", "female", "hombre", "mujer", "unknown", "?", "8507", "Z"]


def read(name: str, cells: str) -> dict[str, object]:
    """Values of a column whose cells are separated by blanks, by cell; `error` for an error."""
    parser = CellParser(data_dictionary()[name], MappedColumn(name))
    column = Texts.of(cells.split())
    judged = replace(parser, verdict=parser.judged(parser.codes(column)))
    readings = {cell: judged(cell) for cell in cells.split()}
    return {
        cell: "error" if found.rule and found.severity == "error" else found.value for cell, found in readings.items()
    }


@pytest.mark.parametrize(
    ("cells", "levels"),
    [
        ("F M", ["female", "male"]),
        ("f m", ["female", "male"]),
        ("H M", ["male", "female"]),
        ("H F", ["male", "female"]),
        ("W M D", ["female", "male", None]),
        ("V M", [None, None]),
        ("V M X", [None, None, None]),
        ("V M vrouw", ["female", "male", "female"]),
        ("V M vyras", ["male", "female", "male"]),
        ("V M mujer", ["male", "female", "female"]),
        ("V F", ["male", "female"]),
        ("V H", ["male", "female"]),
        ("V S", ["male", "female"]),
        ("K M", ["female", "male"]),
        ("K E", ["female", "male"]),
        ("N M", ["female", "male"]),
        ("N F", ["female", "male"]),
        ("Ж М", ["female", "male"]),
        ("F M U O X", ["female", "male", None, None, None]),
        ("F M Z", ["female", "male", None]),
        ("F M N", ["female", "male", None]),
        ("F M 3", ["female", "male", "error"]),
        ("F M 9 -99", ["female", "male", None, None]),
        ("female male 9 3", ["female", "male", "error", "error"]),
        ("1 2 9", ["error", "error", "error"]),
        ("M female", ["male", "female"]),
        ("M male", ["male", "male"]),
        ("M mujer hombre", ["female", "female", "male"]),
        ("M hombre", [None, "male"]),
        ("M", [None]),
        ("F", ["female"]),
        ("M 1 2", ["error", "error", "error"]),
        ("F 3", ["error", "error"]),
        ("F O", ["female", None]),
        ("F N K", [None, None, None]),
        ("M H K female", [None, None, None, "female"]),
        ("F M H", ["female", None, "male"]),
        ("8507 8532.0 8551", ["male", "female", None]),
    ],
)
def test_sex(cells: str, levels: list[str | None]) -> None:
    assert [*read("sex", cells).values()] == levels


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        ("1 0", [1.0, 0.0]),
        ("1", [1.0]),
        ("1 2", ["error", "error"]),
        ("0 1 2", ["error", "error", "error"]),
        ("0 1 9", [0.0, 1.0, None]),
        ("0 1 8 999 -9", [0.0, 1.0, None, None, None]),
        ("yes no 9", [1.0, 0.0, None]),
        ("1 9", ["error", "error"]),
        ("0 1 2 9", ["error", "error", "error", "error"]),
        ("0 1 unknown", [0.0, 1.0, None]),
        ("y .n \\N", [1.0, None, None]),
        ("1 0 .a #N/A <NA>", [1.0, 0.0, None, None, None]),
        ("+ -", [1.0, 0.0]),
        ("yes -", [1.0, None]),
        ("Y N", [1.0, 0.0]),
        ("J N", [1.0, 0.0]),
        ("S N", [1.0, 0.0]),
        ("O N", [1.0, 0.0]),
        ("T N", [1.0, 0.0]),
        ("T F", [1.0, 0.0]),
        ("E H", [1.0, 0.0]),
        ("E K", [0.0, 1.0]),
        ("E", [None]),
        ("P N", [1.0, 0.0]),
        ("P J", [1.0, 0.0]),
        ("J E", [1.0, 0.0]),
        ("P A", [1.0, 0.0]),
        ("A N", [1.0, 0.0]),
        ("A", [None]),
        ("X", [1.0]),
        ("X N", [None, 0.0]),
        ("○ ×", [1.0, 0.0]),
        ("☒ ☐", [1.0, 0.0]),
    ],
)
def test_flags(cells: str, values: list[object]) -> None:
    assert [*read("atopy", cells).values()] == values


@pytest.mark.parametrize(
    ("cells", "levels"),
    [
        ("N F C", ["never", "former", "current"]),
        ("N E C", ["never", "former", "current"]),
        ("C", [None]),
        ("smoker nonsmoker", ["current", None]),
        ("exsmoker nonsmoker", ["former", "never"]),
        ("never current former 9 8", ["never", "current", "former", None, None]),
        ("0 1 2 9", ["error", "error", "error", "error"]),
        ("0 1 2", ["error", "error", "error"]),
    ],
)
def test_smoking(cells: str, levels: list[str | None]) -> None:
    assert [*read("smoking_status", cells).values()] == levels


def test_the_message_says_which_line_of_a_column_map_settles_it() -> None:
    verdict = believable(["1", "2", "2", "M"], data_dictionary()["sex"])
    assert verdict.severity == "error"
    assert '[columns.sex] levels = { "1" = "...", "2" = "...", "m" = "..." }' in verdict.message


def test_codes_that_the_column_map_states_are_not_judged() -> None:
    mapped = MappedColumn("nasal_polyps", levels={"1": 0.0, "2": 1.0})
    parser = CellParser(data_dictionary()["nasal_polyps"], mapped)
    assert not parser.codes(Texts.of(["1", "2", "2.0"]))


@given(st.lists(st.sampled_from(CODES)))
def test_the_order_and_the_number_of_codes_do_not_matter(codes: list[str]) -> None:
    sex = data_dictionary()["sex"]
    assert believable(codes, sex) == believable([*reversed(codes), *codes], sex)


@given(st.lists(st.sampled_from(CODES), min_size=1))
def test_no_letter_has_two_meanings_in_a_column(codes: list[str]) -> None:
    verdict = believable(codes, data_dictionary()["sex"])
    assert verdict.doubtful.isdisjoint(verdict.levels)
    assert bool(verdict.doubtful) == bool(verdict.message)
    if "M" in codes and "H" in codes:
        assert verdict.levels.get("m") != "male"


def test_codes_for_missing_are_counted_in_a_warning() -> None:
    """A nurse writes 9 where the sex was not recorded."""
    sex = data_dictionary()["sex"]
    found = replace(CellParser(sex, MappedColumn("sex")), verdict=believable(["F", "M", "9"], sex))("9")
    assert (found.value, found.rule, found.severity) == (None, "missing_code", "warning")
