"""The compiled part of writing CSV: digits, texts and delimiters, row after row.

Importing this module imports numba, so only `csv_rows` does it, when there is enough to write.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from asthma_ml.cohort.csv_rows import TEXT, WHOLE

UNWRITABLE = -1
_LARGEST = 1e9
_NEWLINE, _MINUS, _POINT, _ZERO = map(ord, "\n-.0")


def _compiled(function: Callable[..., int]) -> Callable[..., int]:
    """Machine code that lets other threads run, kept on disk if there is a folder to keep it in."""
    how: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **how)(function)
    except RuntimeError:
        return numba.njit(**how)(function)


@_compiled
def write_rows(
    cells: NDArray[np.float64],
    n_rows: int,
    kinds: NDArray[np.int8],
    first: NDArray[np.int64],
    ends: NDArray[np.int64],
    text: NDArray[np.uint8],
    delimiter: int,
    out: NDArray[np.uint8],
) -> int:
    """Write rows of CSV.

    Parameters
    ----------
    cells : ndarray of shape (n_columns, at least n_rows)
        Numbers, or numbers of texts; nothing is written for NaN.
    n_rows : int
        How many rows.
    kinds : ndarray of shape (n_columns,)
        `DECIMAL`, `WHOLE` or `TEXT`.
    first : ndarray of shape (n_columns + 1,)
        Where the texts of a column begin among all texts.
    ends : ndarray of shape (n_texts + 1,)
        Where the text before a text ends in `text`.
    text : ndarray of shape (n_bytes,)
        All texts.
    delimiter : int
        Its code.
    out : ndarray of uint8
        Where the rows go; it must be long enough.

    Returns
    -------
    int
        Bytes written, or `UNWRITABLE` if a number is huge or has more decimals than are allowed.
    """
    at = 0
    for row in range(n_rows):
        for column in range(len(kinds)):
            cell = cells[column, row]
            if cell == cell:
                if kinds[column] == TEXT:
                    at = _put_text(out, at, text, ends, first[column] + int(cell))
                else:
                    at = _put_number(out, at, cell, kinds[column])
                if at == UNWRITABLE:
                    return UNWRITABLE
            out[at] = delimiter
            at += 1
        out[at - 1] = _NEWLINE
    return at


@_compiled
def _put_text(out: Any, at: int, text: Any, ends: Any, number: int) -> int:
    for i in range(ends[number], ends[number + 1]):
        out[at] = text[i]
        at += 1
    return at


@_compiled
def _put_number(out: Any, at: int, number: float, kind: int) -> int:
    size = abs(number)
    if size >= _LARGEST:
        return UNWRITABLE
    whole = int(size)
    millionths = 0
    if whole != size:
        total = int(np.rint(size * 1e6))
        if kind == WHOLE or total / 1e6 != size:
            return UNWRITABLE
        whole, millionths = total // 1_000_000, total % 1_000_000
    if math.copysign(1.0, number) < 0 and not (kind == WHOLE and size == 0):
        out[at] = _MINUS
        at += 1
    at = _put_digits(out, at, whole, _width(whole))
    return _put_decimals(out, at, millionths) if millionths else at


@_compiled
def _put_decimals(out: Any, at: int, millionths: int) -> int:
    """A point and the decimals without the zeros at their end."""
    out[at] = _POINT
    width = 6
    if millionths % 1000 == 0:
        millionths, width = millionths // 1000, 3
    while millionths % 10 == 0:
        millionths, width = millionths // 10, width - 1
    return _put_digits(out, at + 1, millionths, width)


@_compiled
def _put_digits(out: Any, at: int, number: int, width: int) -> int:
    for i in range(at + width - 1, at - 1, -1):
        out[i] = _ZERO + number % 10
        number //= 10
    return at + width


@_compiled
def _width(number: int) -> int:
    width, limit = 1, 10
    while number >= limit:
        limit *= 10
        width += 1
    return width
