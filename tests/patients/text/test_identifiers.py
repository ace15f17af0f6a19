"""Blank and repeated identifiers are the same whether a small or a large file is read."""

from __future__ import annotations

import sys

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from asthma_ml.columns import Slices, Texts
from asthma_ml.patients.text.identifiers import RepeatedIdentifiers, blank_cells, identifier_hashes, repeated_cells

BLANKS = [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()]
CELL = st.one_of(
    st.text(max_size=3).filter(str.isprintable), st.lists(st.sampled_from(BLANKS), max_size=3).map("".join)
)


def test_every_blank_of_unicode_is_blank() -> None:
    assert blank_cells(Slices.of(BLANKS)).all()
    assert not blank_cells(Slices.of([f"{blank}7" for blank in BLANKS])).any()


@settings(deadline=None)
@given(st.lists(CELL, min_size=1, max_size=8))
def test_identifiers_of_both_kinds_of_columns_agree(cells: list[str]) -> None:
    blank = [not cell.strip() for cell in cells]
    repeated = [cells.count(cell) > 1 for cell in cells]
    for column in (Slices.of(cells), Texts.of(cells)):
        assert blank_cells(column).tolist() == blank
        assert repeated_cells(column).tolist() == repeated
        with RepeatedIdentifiers() as identifiers:
            identifiers.add(identifier_hashes(column))
            found = identifiers.repeated()
        np.testing.assert_array_equal(found, np.array(repeated) & ~np.array(blank))
