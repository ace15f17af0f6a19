"""CSV text of tables of numbers and plain texts: by compiled code where possible, by Arrow otherwise.

Both give the same bytes; compiled code is several times faster. A float with up to six decimals equals a
whole number of millionths, whose digits without trailing zeros are its shortest exact form. Other columns
(more decimals, huge numbers, dates) are left to Arrow.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from asthma_ml.files.arrow_tables import arrow_table
from asthma_ml.files.csv_layout import DECIMAL, LONGEST_NUMBER, STEP, TEXT, WHOLE

_Bytes: TypeAlias = NDArray[np.uint8]

# Columns at distances of a power of two compete for the same lines of the processor's cache.
_PADDING = 8
_STEP_MORE = np.zeros(STEP, dtype=np.uint8)


class CsvEncoder:
    r"""Encodes tables as rows of CSV, without quotes.

    Parameters
    ----------
    delimiter : str
        One character.
    whole : collection of str
        Float columns that hold whole numbers.
    compiled : bool, default=False
        Whether to use compiled code where it can write the table; loading it takes a second.

    Examples
    --------
    >>> table = pd.DataFrame({"sex": pd.Categorical(["male", None]), "feno_ppb": [0.25, -3.0]})
    >>> bytes(CsvEncoder(",", compiled=True).encode(table))
    b'male,0.25\n,-3\n'
    """

    def __init__(self, delimiter: str, whole: Collection[str] = (), *, compiled: bool = False) -> None:
        self.delimiter, self.whole, self.compiled = delimiter, frozenset(whole), compiled
        self._cells = np.empty((0, 0))
        self._bytes = np.empty(0, dtype=np.uint8)

    def encode(self, table: pd.DataFrame) -> memoryview | pa.Buffer:
        """Encode the rows of a table; the bytes are valid until the next call."""
        rows = self.encode_compiled(table) if self.compiled else None
        return self.encode_with_arrow(table) if rows is None else rows

    def encode_with_arrow(self, table: pd.DataFrame) -> pa.Buffer:
        """Encode the rows of a table with Arrow."""
        sink = pa.BufferOutputStream()
        options = pa.csv.WriteOptions(include_header=False, delimiter=self.delimiter, quoting_style="none")
        pa.csv.write_csv(arrow_table(table, self.whole), sink, options)
        return sink.getvalue()

    def encode_compiled(self, table: pd.DataFrame) -> memoryview | None:
        """Encode the rows of a table with compiled code; None if it cannot write one of the columns."""
        from asthma_ml.files import csv_kernel

        columns = []
        for name, values in table.items():
            if (column := _column(values.array, name in self.whole)) is None:
                return None
            columns.append(column)
        self._make_room(columns, len(table))
        for cells, column in zip(self._cells, columns, strict=True):
            cells[: len(table)] = column.cells
        kinds = np.array([column.kind for column in columns], dtype=np.int8)
        texts = _all_texts(columns)
        end = csv_kernel.write_rows(self._cells, len(table), kinds, *texts, ord(self.delimiter), self._bytes)
        return None if end == csv_kernel.UNWRITABLE else self._bytes[:end].data

    def _make_room(self, columns: list[_Column], n_rows: int) -> None:
        """Allocate working memory; it is kept for the next table, because fresh memory is slow."""
        if self._cells.shape[1] < n_rows + _PADDING:
            self._cells = np.empty((len(columns), n_rows + _PADDING))
        longest = n_rows * sum(column.longest + 1 for column in columns) + STEP
        if len(self._bytes) < longest:
            self._bytes = np.empty(longest, dtype=np.uint8)


class _Column(NamedTuple):
    """A column as the kernel reads it: its numbers, or the positions of its texts; NaN where missing."""

    kind: int
    cells: Any
    ends: NDArray[np.int64] = np.empty(0, dtype=np.int64)
    text: _Bytes = np.empty(0, dtype=np.uint8)

    @property
    def longest(self) -> int:
        """Largest number of bytes of a cell."""
        return int(np.diff(self.ends, prepend=0).max(initial=0)) if self.kind == TEXT else LONGEST_NUMBER


def _column(values: Any, whole: bool) -> _Column | None:
    if isinstance(values, pd.Categorical):
        return _levels(values)
    if isinstance(values.dtype, pd.StringDtype):
        return _texts(values)
    if values.dtype in ("int64", "Int64"):
        return _Column(WHOLE, values.to_numpy(dtype=float, na_value=np.nan))
    return _Column(WHOLE if whole else DECIMAL, values.to_numpy()) if values.dtype == "float64" else None


def _levels(category: pd.Categorical) -> _Column:
    levels = [str(level).encode() for level in category.categories]
    cells = np.where(category.codes < 0, np.nan, category.codes)
    ends = np.cumsum([len(level) for level in levels], dtype=np.int64)
    return _Column(TEXT, cells, ends, np.frombuffer(b"".join(levels), dtype=np.uint8))


def _texts(values: Any) -> _Column:
    array = pa.array(values)
    array = (array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array).cast(pa.large_string())
    starts = np.frombuffer(array.buffers()[1], dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    cells = np.where(np.asarray(array.is_null()), np.nan, np.arange(len(array)))
    text = np.frombuffer(array.buffers()[2] or b"", dtype=np.uint8)[starts[0] : starts[-1]]
    return _Column(TEXT, cells, starts[1:] - starts[0], text)


def _all_texts(columns: list[_Column]) -> tuple[NDArray[np.int64], NDArray[np.int64], _Bytes]:
    """Texts of all columns: position of each column's first text, ends of the texts, and their bytes."""
    first = np.cumsum([0, *(len(column.ends) for column in columns)], dtype=np.int64)
    begin = np.cumsum([0, *(len(column.text) for column in columns)], dtype=np.int64)
    ends = np.concatenate([column.ends + offset for column, offset in zip(columns, begin, strict=False)])
    return first, np.concatenate([[0], ends]), np.concatenate([*(column.text for column in columns), _STEP_MORE])
