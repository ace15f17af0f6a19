"""Columns survive the way to Arrow and back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from asthma_ml.columns import Column, Joined, Slices, Texts
from asthma_ml.files import arrow_array, arrow_numbers, arrow_slices, arrow_texts

ROWS = 19  # no multiple of the eight rows whose nulls share a byte


@pytest.mark.parametrize("missing", [[], [0], [3, 18], range(ROWS)])
def test_numbers_return_with_their_missing_values(missing: list[int]) -> None:
    numbers = np.linspace(-1, 1, ROWS)
    numbers[list(missing)] = np.nan
    array = arrow_array(numbers)
    assert array.null_count == len(missing)
    np.testing.assert_array_equal(arrow_numbers(array), numbers)
    np.testing.assert_array_equal(arrow_numbers(array.slice(5)), numbers[5:])


def test_a_column_of_a_matrix_is_written_in_its_order() -> None:
    matrix = np.arange(6.0).reshape(3, 2)
    assert arrow_array(matrix[:, 1]).to_pylist() == [1.0, 3.0, 5.0]


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint16(), pa.int64(), pa.float32()])
def test_numbers_of_all_types_become_floats(kind: pa.DataType) -> None:
    assert arrow_numbers(pa.array([0, None, 62], kind))[[0, 2]].tolist() == [0.0, 62.0]


def test_an_integer_that_is_not_exact_as_a_float_is_refused() -> None:
    with pytest.raises(pa.ArrowInvalid):
        arrow_numbers(pa.array([2**53 + 1]))


CELLS = [None if row % 7 == 3 else f"Müller {row % 5}" for row in range(ROWS)]


def test_texts_return_with_their_missing_values() -> None:
    array = arrow_array(Texts.of(CELLS))
    assert (array.to_pylist(), array.type) == (CELLS, pa.large_string())
    assert arrow_texts(array.slice(2).dictionary_encode()).strings().tolist() == CELLS[2:]
    assert arrow_slices(array.slice(2)).strings().tolist() == [cell or "" for cell in CELLS[2:]]


@pytest.mark.parametrize(
    "column",
    [
        Texts.of([None, None]),
        Texts(np.array([0, -1], dtype=np.int32), ["a", "never used"]),
        Joined([Texts.of(["FeNO ", None, None]), Texts.of(["85", "12", None])]),
        Slices.of(["007", "", "é"]),
        np.empty(0),
        Texts.of([]),
        Joined([Texts.of([])]),
        Slices.of([]),
    ],
)
def test_columns_are_written_as_they_are(column: Column) -> None:
    cells = column.tolist() if isinstance(column, np.ndarray) else column.strings().tolist()
    array = arrow_array(column)
    array.validate(full=True)
    assert array.to_pylist() == cells
