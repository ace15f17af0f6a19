"""Compiled kernel of the CSV encoder: digits, texts and delimiters.

Importing this module imports numba; the encoder does so only for large tables.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.files.csv_layout import STEP, TEXT, WHOLE
from asthma_ml.machine_code import compiled

UNWRITABLE = -1
_LARGEST = 1e9
_HUNDRED, _MILLION = np.uint64(100), np.uint64(1_000_000)
_PAIRS = np.array([[ord(digit) for digit in f"{number:02d}"] for number in range(100)], dtype=np.uint8)
_NEWLINE, _MINUS, _POINT, _ZERO = map(ord, "\n-.0")


@compiled
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
    """Write rows of CSV into a buffer.

    Parameters
    ----------
    cells : ndarray of shape (n_columns, at least n_rows)
        Numbers, or positions of texts; NaN becomes an empty cell.
    n_rows : int
        Number of rows.
    kinds : ndarray of shape (n_columns,)
        `DECIMAL`, `WHOLE` or `TEXT`.
    first : ndarray of shape (n_columns + 1,)
        Position of each column's first text among all texts.
    ends : ndarray of shape (n_texts + 1,)
        End in `text` of the text before each text.
    text : ndarray of shape (n_bytes,)
        All texts, followed by `STEP` bytes.
    delimiter : int
        Code of the delimiter.
    out : ndarray of uint8
        Receives the rows; it must have `STEP` bytes more than they need.

    Returns
    -------
    int
        Number of bytes written; `UNWRITABLE` if a number is too large or has more than six decimals.
    """
    at = 0
    for row in range(n_rows):
        for column in range(len(kinds)):
            cell = cells[column, row]
            if not np.isnan(cell):
                kind, whole = kinds[column], int(cell)
                if kind == TEXT:
                    at = _put_text(out, at, text, ends, first[column] + whole)
                elif kind == WHOLE and whole == cell and 0 <= whole < 10:  # flags and counts, without a call
                    out[at] = _ZERO + whole
                    at += 1
                else:
                    at = _put_number(out, at, cell, kind)
                    if at == UNWRITABLE:
                        return UNWRITABLE
            out[at] = delimiter
            at += 1
        out[at - 1] = _NEWLINE
    return at


@compiled
def _put_text(out: Any, at: int, text: Any, ends: Any, number: int) -> int:
    """Copy in whole steps, one instruction each; excess bytes are overwritten later."""
    begin: int = ends[number]
    length: int = ends[number + 1] - begin
    for start in range(0, length, STEP):
        source, target = begin + start, at + start
        # Reading all bytes before writing any lets the compiler merge the sixteen accesses into two instructions.
        a, b, c, d = text[source], text[source + 1], text[source + 2], text[source + 3]
        e, f, g, h = text[source + 4], text[source + 5], text[source + 6], text[source + 7]
        out[target], out[target + 1], out[target + 2], out[target + 3] = a, b, c, d
        out[target + 4], out[target + 5], out[target + 6], out[target + 7] = e, f, g, h
    return at + length


@compiled
def _put_number(out: Any, at: int, number: float, kind: int) -> int:
    size = abs(number)
    if size >= _LARGEST:
        return UNWRITABLE
    if math.copysign(1.0, number) < 0 and not (kind == WHOLE and size == 0):
        out[at] = _MINUS
        at += 1
    whole = np.uint64(size)
    if whole == size:
        return _put_whole(out, at, whole)
    if kind == WHOLE:
        return UNWRITABLE
    hundredths = np.rint(size * 100)
    if hundredths / 100 == size:  # the usual case
        at = _put_whole(out, at, np.uint64(hundredths) // _HUNDRED)
        return _put_hundredths(out, at, np.uint64(hundredths) % _HUNDRED)
    total = np.rint(size * 1e6)
    if total / 1e6 != size:
        return UNWRITABLE
    at = _put_whole(out, at, np.uint64(total) // _MILLION)
    return _put_millionths(out, at, np.uint64(total) % _MILLION)


@compiled
def _put_hundredths(out: Any, at: int, hundredths: Any) -> int:
    """Write a point and one or two decimals."""
    out[at] = _POINT
    _put_pair(out, at + 1, hundredths)
    return at + 2 if out[at + 2] == _ZERO else at + 3


@compiled
def _put_millionths(out: Any, at: int, millionths: Any) -> int:
    """Write a point and the decimals without trailing zeros."""
    out[at] = _POINT
    pairs = millionths // _HUNDRED
    _put_pair(out, at + 1, pairs // _HUNDRED)
    _put_pair(out, at + 3, pairs % _HUNDRED)
    _put_pair(out, at + 5, millionths % _HUNDRED)
    at += 7
    while out[at - 1] == _ZERO:
        at -= 1
    return at


@compiled
def _put_whole(out: Any, at: int, number: Any) -> int:
    end = at + _width(number)
    place = end
    while place - at >= 2:
        place -= 2
        _put_pair(out, place, number % _HUNDRED)
        number //= _HUNDRED
    if place > at:
        out[at] = np.uint8(_ZERO) + np.uint8(number)
    return end


@compiled
def _put_pair(out: Any, at: int, number: Any) -> int:
    out[at] = _PAIRS[number, 0]
    out[at + 1] = _PAIRS[number, 1]
    return at + 2


@compiled
def _width(number: Any) -> int:
    if number < _HUNDRED:
        return 1 if number < np.uint64(10) else 2
    width, limit = 2, _HUNDRED
    while number >= limit:
        limit *= np.uint64(10)
        width += 1
    return width
