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
_EQUALS, _PERCENT, _COLON, _BRACKET, _BLANK = (np.uint8(ord(sign)) for sign in "=%:( ")
_POWERS = np.array([10.0**n for n in range(23)])
_LARGEST_EXACT = np.uint64(2**53)
_PRIME, _OTHER_PRIME = np.uint64(0x100000001B3), np.uint64(0x9E3779B97F4A7C15)
_SEED, _OTHER_SEED = np.uint64(0xCBF29CE484222325), np.uint64(0x2545F4914F6CDD1D)
_LONGEST_CELL = 100_000


@compiled
def split_rows(
    data: NDArray[np.uint8],
    at: int,
    line: int,
    delimiter: int,
    final: bool,
    cells: NDArray[np.integer[Any]],
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
    cells : ndarray of int of shape (2, n_columns, most_rows)
        Receives where each cell begins and ends.
    rows : ndarray of int64 of shape (4, most_rows)
        Receives where each row begins and ends, its line, and 1 if its cells must be found in another way: their
        number is wrong, or quotation marks are doubled or wrong.

    Returns
    -------
    n_rows, at, line, result : int
        Rows found, the byte and the line after them, and one of the three results.
    """
    row, separator = 0, np.uint8(delimiter)
    while at < len(data) and row < rows.shape[1]:
        begin, first_line = at, line
        n_cells, odd, result = 0, False, COMPLETE
        if not _ends_line(data[at]):
            at, line, n_cells, odd, result = _split_row(data, at, line, separator, cells, row)
        end = at
        at, result = _end_of_line(data, at, final, result)
        if result != COMPLETE:
            return row, begin, first_line, result
        line += 1
        if n_cells > 0:
            rows[0, row], rows[1, row], rows[2, row], rows[3, row] = begin, end, first_line, odd
            row += 1
    return row, at, line, COMPLETE


@compiled
def _split_row(data: Any, at: int, line: int, separator: Any, cells: Any, row: int) -> tuple[int, int, int, bool, int]:
    """Split one row: the byte and the line at its end, its number of cells, whether it is odd, and the result."""
    n_cells, odd, first_line, n_columns = 0, False, line, cells.shape[1]
    while True:
        quoted = at < len(data) and data[at] == _QUOTE
        if quoted:
            first = at + 1
            last, line, doubled = _end_of_quotation(data, first, line)
            if last >= len(data):
                return at, line, n_cells, odd, PARTIAL
            at = _end_of_plain_cell(data, last + 1, separator)
            if at > last + 1:
                if line > first_line:
                    return at, line, n_cells, odd, UNREADABLE
                odd, at = True, _end_of_plain_cell(data, at, _LF)
            odd |= doubled
        else:
            first = at
            at = last = _end_of_plain_cell(data, at, separator)
        if last - first > _LONGEST_CELL:
            return at, line, n_cells, odd, UNREADABLE
        if n_cells < n_columns:
            cells[0, n_cells, row], cells[1, n_cells, row] = first, last
        n_cells += 1
        if at >= len(data) or data[at] != separator:
            return at, line, n_cells, odd or n_cells != n_columns, COMPLETE
        at += 1


@compiled
def _ends_line(sign: Any) -> bool:
    return bool(sign in (_LF, _CR))


@compiled
def _end_of_plain_cell(data: Any, at: int, separator: Any) -> int:
    """Where the next delimiter or line break is."""
    while at < len(data) and data[at] != separator and data[at] != _LF and data[at] != _CR:
        at += 1
    return at


@compiled
def _end_of_line(data: Any, at: int, final: bool, result: int) -> tuple[int, int]:
    """The byte after a line break, and the result; a line without a break is complete only at the end of the file."""
    n = len(data)
    if result == PARTIAL and final:
        return at, UNREADABLE
    if result != COMPLETE or (not final and (at >= n or (data[at] == _CR and at + 1 >= n))):
        return at, result if result != COMPLETE else PARTIAL
    if at < n:
        at += 2 if data[at] == _CR and at + 1 < n and data[at + 1] == _LF else 1
    return at, COMPLETE


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
    starts: NDArray[np.integer[Any]],
    stops: NDArray[np.integer[Any]],
    point: int,
    values: NDArray[np.float64],
    others: NDArray[np.int64],
) -> int:
    """Read numbers of digits, a sign and a decimal sign whose value is exact in one division.

    Parameters
    ----------
    data : ndarray of uint8
        UTF-8 text.
    starts, stops : ndarray of int of shape (n_rows,)
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
    starts: NDArray[np.integer[Any]],
    stops: NDArray[np.integer[Any]],
    slots: NDArray[np.int32],
    codes: NDArray[np.int32],
    first: NDArray[np.int32],
) -> int:
    """Number the distinct texts of a column in the order in which they appear.

    Parameters
    ----------
    data : ndarray of uint8
        UTF-8 text.
    starts, stops : ndarray of int of shape (n_rows,)
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
        slot = _hash(data, start, stops[i]) & mask
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
    starts: NDArray[np.integer[Any]],
    stops: NDArray[np.integer[Any]],
    hashes: NDArray[np.uint64],
) -> None:
    """Hash each text to 128 bits.

    Parameters
    ----------
    data, starts, stops
        As for `number_texts`.
    hashes : ndarray of uint64 of shape (n_rows, 2)
        Receives the hashes.
    """
    for i in range(len(starts)):
        hashes[i, 0] = _hash(data, starts[i], stops[i])
        other = _OTHER_SEED
        for k in range(starts[i], stops[i]):
            other = (other ^ np.uint64(data[k])) * _OTHER_PRIME
            other ^= other >> np.uint64(31)
        hashes[i, 1] = other * _PRIME


@compiled
def may_be_labels(
    data: NDArray[np.uint8],
    starts: NDArray[np.integer[Any]],
    stops: NDArray[np.integer[Any]],
    longest: int,
    worth: NDArray[np.bool_],
) -> None:
    """Find texts that may be the label of a summary row: those without a digit, or with a sign beside it.

    Parameters
    ----------
    data, starts, stops
        As for `number_texts`.
    longest : int
        Largest number of bytes of a label.
    worth : ndarray of bool of shape (n_rows,)
        Receives whether each text is worth a look, as `summary_words.may_be_label` says.
    """
    for i in range(len(starts)):
        length, digit, apart = stops[i] - starts[i], False, False
        if length > 3:
            for k in range(starts[i], stops[i]):
                sign = data[k]
                digit = digit or bool(np.uint8(sign - _ZERO) < 10)
                apart = apart or sign in (_EQUALS, _PERCENT, _COLON, _BRACKET, _BLANK)
        worth[i] = 0 < length <= longest and (apart or not digit)


@compiled
def _hash(data: Any, start: int, stop: int) -> Any:
    key = _SEED
    for k in range(start, stop):
        key = (key ^ np.uint64(data[k])) * _PRIME
    return key ^ (key >> np.uint64(29))
