"""Cells mean what a reader sees, however they are spelled in Unicode, HTML or a spreadsheet."""

from __future__ import annotations

import unicodedata

import hypothesis.strategies as st
import pytest
from hypothesis import given

from asthma_ml.patients.columns.cell_text import cell_text
from asthma_ml.patients.columns.number_text import read_number

ARABIC, PERSIAN, DEVANAGARI, FULL_WIDTH = "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "０１２３４５６７８９"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("−3.5", -3.5),
        ("–3.5", -3.5),
        ("‐3.5", -3.5),
        ("－３．５", -3.5),
        ("\ufeff52", 52.0),
        ("5\u200b2", 52.0),
        ("52\u00ad", 52.0),
        ("\u00a052\u3000", 52.0),
        ("\u200e52\u200f", 52.0),
        ('="52"', 52.0),
        ("=52", 52.0),
        ("'52", 52.0),
        ('"52"', 52.0),
        ("&nbsp;52", 52.0),
        ("&#53;2", 52.0),
        ("&lt; 5", 5.0),
        ("&amp;lt;5", 5.0),
        ("٣٫٥", 3.5),
        ("１，２３４．５", 1234.5),
    ],
)
def test_a_number_is_read_as_it_looks(text: str, value: float) -> None:
    assert read_number(text).value == value


@pytest.mark.parametrize("text", ["10²", "½", "①", "5₂", "5\u20632", "=1+1", "10–20", "5-", "Ⅳ", "⁵"])
def test_what_is_no_plain_number_is_refused(text: str) -> None:
    assert read_number(text).value is None


@given(st.floats(-1e6, 1e6), st.sampled_from([ARABIC, PERSIAN, DEVANAGARI, FULL_WIDTH]))
def test_digits_of_other_scripts_have_their_value(number: float, digits: str) -> None:
    text = f"{number:.3f}"
    assert read_number(text.translate(str.maketrans("0123456789", digits))).value == float(text)


@given(st.text(st.characters(codec="utf-8", exclude_characters="&='\"")))
def test_normalisation_is_done_after_one_pass_and_independent_of_the_unicode_form(text: str) -> None:
    once = cell_text(text)
    assert cell_text(once) == once or once[:1] in ("=", "'", '"')
    assert cell_text(unicodedata.normalize("NFD", text)) == cell_text(unicodedata.normalize("NFC", text))


@given(st.integers(0, 10**6), st.sampled_from(["\u200b", "\u200d", "\ufeff", "\u2060", "\u00ad", "\ufe0f"]), st.data())
def test_invisible_characters_do_not_count(number: int, invisible: str, data: st.DataObject) -> None:
    text = str(number)
    place = data.draw(st.integers(0, len(text)))
    assert read_number(text[:place] + invisible + text[place:]).value == number
