"""Machine code for text tables: split rows into cells, read plain numbers, number the distinct texts of a column.

Importing this module imports numba, so it is imported only for large tables. Cells are slices of UTF-8 bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.machine_code import compiled

COMPLETE, PARTIAL, UNREADABLE = 0, 1, 2
"""Results of `split_rows`: all bytes were split, the last row continues behind them, or a quotation is wrong."""

_LF, _CR, _QUOTE, _PLUS, _MINUS, _ZERO = (np.uint8(ord(sign)) for sign in '\n\r"+-0')
_POWERS = np.array([10.0**n for n in range(23)])
_LARGEST_EXACT = np.uint64(2**53)
_PRIME, _OTHER_PRIME = np.uint64(0x100000001B3), np.uint64(0x9E3779B97F4A7C15)
_SEED, _OTHER_SEED = np.uint64(0xCBF29CE484222325), np.uint64(0x2545F4914F6CDD1D)
_LONGEST_CELL = 100_000
_SPACE, _ASCII = np.uint8(32), np.uint8(128)


@compiled
def split_rows(
    data: NDArray[np.uint8],
    at: int,
    line: int,
    delimiter: int,
    final: bool,
    cells: NDArray[np.int32],
    rows: NDArray[np.int64],
) -> tuple[int, int, int, int]:
    """Split bytes into rows and cells.

    Parameters
    ----------
    data : ndarray of uint8
        UTF-8 text.
    at : int
        Byte at which the first row begins.
    line : int
        Its line.
    delimiter : int
        Code of the delimiter.
    final : bool
        Whether the file ends with these bytes.
    cells : ndarray of int32 of shape (2, n_columns, most_rows)
        Receives where each cell begins and ends.
    rows : ndarray of int64 of shape (4, most_rows)
        Receives where each row begins and ends, its line, and 1 if its cells must be found in another way: their
        number is wrong, or quotation marks are doubled or wrong.

    Returns
    -------
    n_rows, at, line, result : int
        Rows found, the byte and the line after them, and one of the three results.
    """
    n, row, most = len(data), 0, rows.shape[1]
    separator, n_columns = np.uint8(delimiter), cells.shape[1]
    while at < n and row < most:
        begin, first_line = at, line
        column, odd, result = 0, False, COMPLETE
        if data[at] != _LF and data[at] != _CR:
            while True:
                if at < n and data[at] == _QUOTE:
                    first = at + 1
                    last, line, doubled = _end_of_quotation(data, first, line)
                    if last >= n:
                        result = UNREADABLE if final else PARTIAL
                        break
                    at = last + 1
                    odd |= doubled
                    if at < n and data[at] != separator and data[at] != _LF and data[at] != _CR:
                        if line > first_line:
                            result = UNREADABLE
                            break
                        odd = True
                        while at < n and data[at] != _LF and data[at] != _CR:
                            at += 1
                else:
                    first = at
                    while at < n and data[at] != separator and data[at] != _LF and data[at] != _CR:
                        at += 1
                    last = at
                if last - first > _LONGEST_CELL:
                    return row, begin, first_line, UNREADABLE
                if column < n_columns:
                    cells[0, column, row], cells[1, column, row] = first, last
                column += 1
                if at >= n or data[at] != separator:
                    break
                at += 1
        if result == COMPLETE and not final and (at >= n or (data[at] == _CR and at + 1 >= n)):
            result = PARTIAL
        if result != COMPLETE:
            return row, begin, first_line, result
        if column > 0:
            rows[0, row], rows[1, row], rows[2, row] = begin, at, first_line
            rows[3, row] = odd or column != n_columns
            row += 1
        if at < n:
            at += 2 if data[at] == _CR and at + 1 < n and data[at + 1] == _LF else 1
        line += 1
    return row, at, line, COMPLETE


@compiled
def _end_of_quotation(data: Any, at: int, line: int) -> tuple[int, int, bool]:
    """Where the quotation ends, the line there, and whether it has doubled marks; the end of data if it has none."""
    n, doubled = len(data), False
    while at < n:
        sign = data[at]
        if sign == _QUOTE:
            if at + 1 >= n or data[at + 1] != _QUOTE:
                return at, line, doubled
            doubled = True
            at += 1
        elif sign == _LF or (sign == _CR and (at + 1 >= n or data[at + 1] != _LF)):
            line += 1
        at += 1
    return n, line, doubled


@compiled
def read_plain_numbers(
    data: NDArray[np.uint8],
    starts: NDArray[np.int32],
    stops: NDArray[np.int32],
    point: int,
    values: NDArray[np.float64],
    others: NDArray[np.int64],
) -> int:
    """Read numbers of digits, a sign and a decimal sign whose value is exact in one division.

    Parameters
    ----------
    data : ndarray of uint8
        UTF-8 text.
    starts, stops : ndarray of int32 of shape (n_rows,)
        Where each cell begins and ends.
    point : int
        Code of the decimal sign.
    values : ndarray of shape (n_rows,)
        Receives the numbers; NaN where the cell is empty or another text.
    others : ndarray of int64 of shape (n_rows,)
        Receives the rows with another text.

    Returns
    -------
    int
        Number of rows with another text.
    """
    n_others = 0
    for i in range(len(starts)):
        at, stop = starts[i], stops[i]
        values[i] = np.nan
        if at == stop:
            continue
        negative = data[at] == _MINUS
        at += 1 if negative or data[at] == _PLUS else 0
        number, n_digits, decimals, points = np.uint64(0), 0, 0, 0
        while at < stop and number < _LARGEST_EXACT:
            digit = np.uint8(data[at] - _ZERO)
            if digit < 10:
                number = number * np.uint64(10) + np.uint64(digit)
                n_digits += 1
                decimals += points
            elif data[at] == point and points == 0:
                points = 1
            else:
                break
            at += 1
        if at < stop or n_digits == 0 or number > _LARGEST_EXACT or decimals > 22:
            others[n_others] = i
            n_others += 1
        else:
            value = np.float64(number) / _POWERS[decimals]
            values[i] = -value if negative else value
    return n_others


@compiled
def number_texts(
    data: NDArray[np.uint8],
    starts: NDArray[np.int32],
    stops: NDArray[np.int32],
    slots: NDArray[np.int32],
    codes: NDArray[np.int32],
    first: NDArray[np.int32],
) -> int:
    """Number the distinct texts of a column in the order in which they appear.

    Parameters
    ----------
    data : ndarray of uint8
        UTF-8 text.
    starts, stops : ndarray of int32 of shape (n_rows,)
        Where each cell begins and ends.
    slots : ndarray of int32
        Hash table filled with -1; its length is a power of two and at least twice the number of rows.
    codes : ndarray of int32 of shape (n_rows,)
        Receives the number of each cell's text.
    first : ndarray of int32 of shape (n_rows,)
        Receives the first row of each text.

    Returns
    -------
    int
        Number of distinct texts.
    """
    n_texts, mask = 0, np.uint64(len(slots) - 1)
    for i in range(len(starts)):
        start, length = starts[i], stops[i] - starts[i]
        key = _SEED
        for k in range(length):
            key = (key ^ np.uint64(data[start + k])) * _PRIME
        slot = (key ^ (key >> np.uint64(29))) & mask
        while True:
            code = slots[slot]
            if code < 0:
                slots[slot] = code = n_texts
                first[n_texts] = i
                n_texts += 1
                break
            other = starts[first[code]]
            if stops[first[code]] - other == length:
                k = 0
                while k < length and data[other + k] == data[start + k]:
                    k += 1
                if k == length:
                    break
            slot = (slot + np.uint64(1)) & mask
        codes[i] = code
    return n_texts


@compiled
def hash_texts(
    data: NDArray[np.uint8],
    starts: NDArray[np.int32],
    stops: NDArray[np.int32],
    hashes: NDArray[np.uint64],
    blank: NDArray[np.uint8],
) -> None:
    """Hash each text to 128 bits.

    Parameters
    ----------
    data : ndarray of uint8
        UTF-8 text.
    starts, stops : ndarray of int32 of shape (n_rows,)
        Where each cell begins and ends.
    hashes : ndarray of uint64 of shape (n_rows, 2)
        Receives the hashes.
    blank : ndarray of uint8 of shape (n_rows,)
        Receives 1 where a cell is empty or holds spaces alone, 2 where it may hold other blanks, else 0.
    """
    for i in range(len(starts)):
        one, two = _SEED, _OTHER_SEED
        kind = np.uint8(1)
        for k in range(starts[i], stops[i]):
            sign = data[k]
            one = (one ^ np.uint64(sign)) * _PRIME
            two = (two ^ np.uint64(sign)) * _OTHER_PRIME
            two ^= two >> np.uint64(31)
            if sign < _SPACE or sign >= _ASCII:
                kind = np.uint8(2) if kind else kind
            elif sign > _SPACE:
                kind = np.uint8(0)
        hashes[i, 0], hashes[i, 1] = one ^ (one >> np.uint64(32)), two * _PRIME
        blank[i] = kind
