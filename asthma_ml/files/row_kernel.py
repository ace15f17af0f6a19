"""Compiled kernel of the row encoder: numbers, texts, quotes and delimiters.

Text is written to addresses, in words of `STEP` bytes; what is written beyond its end is overwritten by what follows.
Importing this module imports numba; the encoder does so only for many rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.files.number_kernel import put_number
from asthma_ml.files.row_layout import COPIED, JOINED, NUMBER, STEP, TEXT
from asthma_ml.files.words import load_word, store_word
from asthma_ml.machine_code import compiled

_U = np.uint64
_QUOTE, _NEWLINE, _RETURN, _DIGIT_ZERO = map(_U, b'"\n\r0')
_EACH_BYTE, _HIGH_BITS, _LAST_BYTE = _U(0x0101010101010101), _U(0x8080808080808080), _U(0xFF)


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
    written: int,
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
    written : int
        Number of bytes that `out` holds.

    Returns
    -------
    int
        Number of bytes that `out` then holds.
    """
    numbers, bits, separator = cells.view(np.float64), cells.view(np.uint64), np.uint64(delimiter)
    texts, slices, begin = _address(content), _address(data), _address(out)
    last_word = slices + len(data) - STEP
    at = begin + written
    for row in range(n_rows):
        start = at
        for column in range(len(kinds)):
            kind, slot = kinds[column], slots[column]
            cell = cells[slot, row]
            if kind == NUMBER:
                at = _put_cell_of_number(at, numbers[slot, row], bits[slot, row])
            elif kind == TEXT:
                if cell >= 0:
                    text = first[slot] + cell
                    at = _put_text(at, texts + ends[text], texts + ends[text + 1], special[text])
            elif kind == JOINED:
                at = _put_parts(at, cells, row, slot, slots[column + 1], first, ends, special, texts)
            else:
                offset, stop = slices + first[slot], cells[slot + 1, row]
                at = _put_slice(at, offset + cell, offset + stop, last_word, separator, kind == COPIED)
            store_word(at, separator)
            at += 1
        if len(kinds) == 1 and at == start + 1:  # an empty line would be no row
            store_word(start, _QUOTE | _QUOTE << _U(8))
            at += 2
        store_word(at - 1, _NEWLINE)
    n_bytes: int = at - begin
    return n_bytes


@compiled
def _address(array: Any) -> Any:
    # As a signed number: numba adds signed and unsigned ones as floats.
    return np.int64(array.ctypes.data)


@compiled
def _put_cell_of_number(at: int, number: float, bits: Any) -> int:
    if np.isnan(number):
        return at
    if bits >> _U(63) == _U(0) and number < 10 and int(number) == number:  # the usual flags and counts
        store_word(at, _DIGIT_ZERO + np.uint64(number))
        return at + 1
    return put_number(at, number, bits)


@compiled
def _put_text(at: int, start: int, stop: int, quoted: bool) -> int:
    at = _put_quote(at, quoted)
    for place in range(start, stop, STEP):
        store_word(at + place - start, load_word(place))
    return _put_quote(at + stop - start, quoted)


@compiled
def _put_parts(
    at: int, cells: Any, row: int, slot: int, stop: int, first: Any, ends: Any, special: Any, texts: int
) -> int:
    """Write the parts of a text, in quotes if one of them needs it."""
    quoted = False
    for part in range(slot, stop):
        quoted |= cells[part, row] >= 0 and special[first[part] + cells[part, row]]
    at = _put_quote(at, quoted)
    for part in range(slot, stop):
        if cells[part, row] >= 0:
            text = first[part] + cells[part, row]
            at = _put_text(at, texts + ends[text], texts + ends[text + 1], False)
    return _put_quote(at, quoted)


@compiled
def _put_quote(at: int, quoted: bool) -> int:
    store_word(at, _QUOTE)
    return at + 1 if quoted else at


@compiled
def _put_slice(at: int, start: int, stop: int, last_word: int, separator: Any, copied: bool) -> int:
    """Copy a cell of the input; write it again in quotes if it needs them."""
    found = _U(0)
    for place in range(start, stop, STEP):
        word = _word_before_end(place, last_word)
        store_word(at + place - start, word)
        if not copied:
            found |= _special_bytes(word, separator) & (_HIGH_BITS >> _U(8 * max(place + STEP - stop, 0)))
    return at + stop - start if found == _U(0) else _put_in_quotes(at, start, stop, last_word)


@compiled
def _special_bytes(word: Any, separator: Any) -> Any:
    """Set the highest bit of each byte that needs quotes, and perhaps of bytes after it."""
    a, b = word ^ (_EACH_BYTE * separator), word ^ (_EACH_BYTE * _QUOTE)
    c, d = word ^ (_EACH_BYTE * _NEWLINE), word ^ (_EACH_BYTE * _RETURN)
    return (a - _EACH_BYTE) & ~a | (b - _EACH_BYTE) & ~b | (c - _EACH_BYTE) & ~c | (d - _EACH_BYTE) & ~d


@compiled
def _put_in_quotes(at: int, start: int, stop: int, last_word: int) -> int:
    at = _put_quote(at, True)
    for place in range(start, stop):
        byte = _word_before_end(place, last_word) & _LAST_BYTE
        store_word(at, byte | byte << _U(8))
        at += 2 if byte == _QUOTE else 1
    return _put_quote(at, True)


@compiled
def _word_before_end(address: int, last_word: int) -> Any:
    """Bytes at an address, followed by zeros instead of bytes beyond the last word of the data."""
    beyond = max(address - last_word, 0)
    return load_word(address - beyond) >> _U(8 * beyond)
