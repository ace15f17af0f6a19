"""Columns of texts equal the texts that are written row by row."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from asthma_ml.columns import Joined, Texts
from asthma_ml.wording import joined, rounded, rounded_texts, text_of_patterns, text_of_rows
from asthma_ml.wording.by_pattern import text_of_row
from asthma_ml.wording.numbers import signed_texts

# Numbers at which rounding changes, their neighbours, and any others.
HALVES = st.integers(-30_000, 30_000).map(lambda k: k / 20_000)
NUMBERS = st.one_of(st.floats(), st.floats(-2, 2), HALVES, HALVES.map(lambda x: float(np.nextafter(x, 2))))
COLUMN = st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "cc"])), min_size=4, max_size=4).map(Texts.of)


@given(st.lists(NUMBERS))
def test_number_has_the_text_that_it_has_alone(values):
    column = np.array(values, dtype=float)
    assert rounded_texts(column).strings().tolist() == [rounded(value) for value in values]
    assert signed_texts(column).strings().tolist() == [f"{value:+.2f}" for value in values]


@given(st.integers(1, 140).flatmap(lambda n: arrays(bool, st.tuples(st.integers(0, 6), st.just(n)))))
def test_pattern_has_the_text_of_its_row(holds):
    def text(row):
        return ",".join(map(str, np.flatnonzero(row))) or None

    assert text_of_patterns(holds, text).strings().tolist() == [text(row) for row in holds]


@given(st.lists(st.one_of(COLUMN, st.lists(COLUMN, min_size=1, max_size=3).map(Joined)), min_size=1, max_size=5))
def test_joined_texts_have_separators_between_them_only(columns):
    found, cells = joined(columns), zip(*(column.strings() for column in columns), strict=True)
    expected = ["; ".join(text for text in row if text is not None) for row in cells]
    assert [text or "" for text in found.strings()] == expected
    assert [text_of_row(found, row) for row in range(4)] == expected


@given(st.lists(st.tuples(st.sets(st.integers(0, 7)), st.sampled_from("abc"))))
def test_statements_on_rows_are_listed_in_their_order(statements):
    found = text_of_rows([(np.array(sorted(rows), dtype=np.intp), text) for rows, text in statements], 8)
    expected = [", ".join(text for rows, text in statements if row in rows) or None for row in range(8)]
    assert found.strings().tolist() == expected
