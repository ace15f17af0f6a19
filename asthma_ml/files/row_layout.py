"""Columns as the compiled kernel reads them; importing this module does not import numba."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asthma_ml.columns import Column, Joined, Slices, Texts
from asthma_ml.files.text_bytes import NO_TEXTS, text_bytes

NUMBER, TEXT, JOINED, SLICE, COPIED = range(5)
"""Kinds of columns."""
STEP = 8
"""Bytes written at once."""
LONGEST_NUMBER = len("-2.2250738585072014e-308")
_QUOTES_AND_DELIMITER = 3

_PADDING = np.zeros(STEP, dtype=np.uint8)


class RowLayout(NamedTuple):
    """Kinds, texts and bytes of columns, whose cells lie in slots: arrays of one value for each row.

    A number has one slot, with its bits. A text has one slot, with its position among the distinct texts of the slot,
    negative if it is missing; a joined text has one for each part. A slice has two slots, its start and stop.

    Attributes
    ----------
    kinds : ndarray of shape (n_columns,)
        `NUMBER`, `TEXT`, `JOINED`, `SLICE` or `COPIED`: a slice that is copied as it is.
    slots : ndarray of shape (n_columns + 1,)
        First slot of each column.
    first : ndarray of shape (n_slots,)
        Position of the first text of each slot among all texts; of slices, of their first byte in `data`.
    ends : ndarray of shape (n_texts + 1,)
        End in `content` of the text before each text.
    special : ndarray of shape (n_texts,)
        Whether a cell with this text needs quotes.
    content : ndarray of uint8
        All texts, with doubled quotation marks, followed by `STEP` bytes.
    data : ndarray of uint8
        Bytes of the slices, at least `STEP`.
    """

    kinds: NDArray[np.int8]
    slots: NDArray[np.int64]
    first: NDArray[np.int64]
    ends: NDArray[np.int64]
    special: NDArray[np.bool_]
    content: NDArray[np.uint8]
    data: NDArray[np.uint8]

    def longest(self, values: Sequence[NDArray[Any]]) -> int:
        """Largest number of bytes of the rows with these values of the slots, and of what is written beyond them."""
        n_rows = len(values[0])
        room = n_rows * (len(self.kinds) * _QUOTES_AND_DELIMITER + LONGEST_NUMBER * int(np.sum(self.kinds == NUMBER)))
        lengths = np.diff(self.ends)
        for kind, slot, after in zip(self.kinds, self.slots, self.slots[1:], strict=False):
            if kind in (SLICE, COPIED):
                room += 2 * int(np.sum(values[slot + 1], dtype=np.int64) - np.sum(values[slot], dtype=np.int64))
            elif kind in (TEXT, JOINED):
                room += n_rows * sum(self._longest_text(lengths, place, values[place]) for place in range(slot, after))
        return room + LONGEST_NUMBER + 2 * STEP

    def _longest_text(self, lengths: NDArray[np.int64], slot: int, codes: NDArray[Any]) -> int:
        n_texts = int(codes.max(initial=-1)) + 1
        return int(lengths[self.first[slot] : self.first[slot] + n_texts].max(initial=0))


def row_layout(
    columns: Sequence[Column], delimiter: str, copied: Slices | None = None
) -> tuple[list[NDArray[Any]], RowLayout]:
    """Values of the slots of columns, and their layout; `copied` comes first and is copied as it is.

    Examples
    --------
    >>> values, layout = row_layout([np.array([1.0]), Texts.of(["male"])], ",")
    >>> len(values), layout.kinds.tolist(), layout.ends.tolist()
    (2, [0, 1], [0, 4])
    """
    columns = columns if copied is None else [copied, *columns]
    slots = [slot for column in columns for slot in _slots(column)]
    n_slots = [len(_slots(column)) for column in columns]
    kinds = np.array([_kind(column) for column in columns], dtype=np.int8)
    kinds[: 0 if copied is None else 1] = COPIED
    data, begins = _data(columns)
    texts = text_bytes([distinct for _, distinct in slots], delimiter, STEP)
    first = texts.first + np.repeat(begins, n_slots)
    layout = RowLayout(kinds, np.cumsum([0, *n_slots]), first, texts.ends, texts.special, texts.content, data)
    return [values for values, _ in slots], layout


def _slots(column: Column) -> list[tuple[NDArray[Any], Sequence[str]]]:
    """Values and distinct texts of the slots of a column."""
    if isinstance(column, np.ndarray):
        return [(column.view(np.int64), NO_TEXTS)]
    if isinstance(column, Slices):
        return [(column.starts, NO_TEXTS), (column.stops, NO_TEXTS)]
    if isinstance(column, Joined):
        return [(part.codes, part.distinct) for part in column.parts]
    texts = column if isinstance(column, Texts) else Texts.of(column.strings())
    return [(texts.codes, texts.distinct)]


def _kind(column: Column) -> int:
    if isinstance(column, np.ndarray):
        return NUMBER
    return {Slices: SLICE, Joined: JOINED}.get(type(column), TEXT)


def _data(columns: Sequence[Column]) -> tuple[NDArray[np.uint8], list[int]]:
    """Bytes of all slices, and where those of each column begin; usually all columns share the bytes of one file."""
    keys = [(column.data.ctypes.data, len(column.data)) if isinstance(column, Slices) else None for column in columns]
    arrays = {key: column.data for key, column in zip(keys, columns, strict=True) if isinstance(column, Slices)}
    begins = dict(zip(arrays, np.cumsum([0, *map(len, arrays.values())]).tolist(), strict=False))
    data = next(iter(arrays.values()), _PADDING).view()
    if len(arrays) > 1 or len(data) < STEP:
        data = np.concatenate([*arrays.values(), _PADDING])
    data.flags.writeable = False  # the kernel is compiled for such an array only
    return data, [begins.get(key, 0) for key in keys]
