"""Compiled kernel of the row encoder: numbers, texts, quotes and delimiters.

Importing this module imports numba; the encoder does so only for many rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.files.number_kernel import put_number
from asthma_ml.files.row_layout import COPIED, NUMBER, TEXT
from asthma_ml.machine_code import compiled

_QUOTE, _NEWLINE, _RETURN = (np.uint8(ord(sign)) for sign in '"\n\r')


@compiled
def write_rows(
    cells: NDArray[np.int64],
    n_rows: int,
    kinds: NDArray[np.int8],
    slots: NDArray[np.int64],
    first: NDArray[np.int64],
    ends: NDArray[np.int64],
    special: NDArray[np.bool_],
    content: NDArray[np.uint8],
    data: NDArray[np.uint8],
    delimiter: int,
    out: NDArray[np.uint8],
    at: int,
) -> int:
    """Write rows of CSV into a buffer.

    Parameters
    ----------
    cells : ndarray of shape (n_slots, at least n_rows)
        Values of the slots.
    n_rows : int
        Number of rows.
    kinds, slots, first, ends, special, content, data : ndarray
        A `RowLayout`.
    delimiter : int
        Code of the delimiter.
    out : ndarray of uint8
        Receives the rows; it must have room for them.
    at : int
        Where the first row begins in `out`.

    Returns
    -------
    int
        Where the rows end in `out`.
    """
    numbers, bits, separator = cells.view(np.float64), cells.view(np.uint64), np.uint8(delimiter)
    for row in range(n_rows):
        start = at
        for column in range(len(kinds)):
            kind, slot = kinds[column], slots[column]
            if kind == NUMBER:
                at = put_number(out, at, numbers[slot, row], bits[slot, row])
            elif kind == TEXT:
                at = _put_text(out, at, cells, row, slot, slots[column + 1], first, ends, special, content)
            else:
                begin, stop = first[slot] + cells[slot, row], first[slot] + cells[slot + 1, row]
                if kind == COPIED:
                    out[at : at + stop - begin] = data[begin:stop]
                    at += stop - begin
                else:
                    at = _put_slice(out, at, data, begin, stop, separator)
            out[at] = separator
            at += 1
        if len(kinds) == 1 and at == start + 1:  # an empty line would be no row
            out[start], out[start + 1] = _QUOTE, _QUOTE
            at += 2
        out[at - 1] = _NEWLINE
    return at


@compiled
def _put_text(
    out: Any, at: int, cells: Any, row: int, slot: int, stop: int, first: Any, ends: Any, special: Any, content: Any
) -> int:
    """Write the parts of a text, in quotes if one of them needs it."""
    quoted = False
    for part in range(slot, stop):
        cell = cells[part, row]
        quoted |= cell >= 0 and special[first[part] + cell]
    if quoted:
        out[at] = _QUOTE
        at += 1
    for part in range(slot, stop):
        cell = cells[part, row]
        if cell >= 0:
            text = first[part] + cell
            for place in range(ends[text], ends[text + 1]):
                out[at] = content[place]
                at += 1
    if quoted:
        out[at] = _QUOTE
        at += 1
    return at


@compiled
def _put_slice(out: Any, at: int, data: Any, begin: int, stop: int, separator: Any) -> int:
    """Copy a cell of the input; write it again in quotes if it needs them."""
    special = False
    for place in range(begin, stop):
        sign = data[place]
        out[at + place - begin] = sign
        special |= sign in (separator, _QUOTE, _NEWLINE, _RETURN)
    if not special:
        return at + stop - begin
    out[at] = _QUOTE
    at += 1
    for place in range(begin, stop):
        if data[place] == _QUOTE:
            out[at] = _QUOTE
            at += 1
        out[at] = data[place]
        at += 1
    out[at] = _QUOTE
    return at + 1
