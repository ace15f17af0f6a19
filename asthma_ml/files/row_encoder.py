"""Rows of CSV as bytes: by Python for few rows, by compiled code for many; the bytes are the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asthma_ml.columns import Column, Slices
from asthma_ml.files.csv_text import column_cells, csv_rows
from asthma_ml.files.row_layout import row_layout
from asthma_ml.machine_code import Patience

PATIENCE = Patience(1_000_000, once_loaded=0.07)
"""Cells that Python writes in the time that loading machine code takes."""

_ROWS_AT_ONCE = 1_024
"""Rows whose cells fit into the processor's cache."""
# Columns at distances of a power of two compete for the same lines of the cache.
_PADDING = 8


def encode_rows(
    columns: Sequence[Column], delimiter: str, *, copied: Slices | None = None, expected_rows: int = 0
) -> bytes | memoryview:
    r"""Encode columns as rows of CSV.

    Cells are quoted where necessary, missing values are empty cells, and numbers have the shortest text that reads
    back equal. Rows end with LF.

    Parameters
    ----------
    columns : sequence of Column of n_rows rows
        Numbers or texts.
    delimiter : str
        One ASCII character.
    copied : Slices of n_rows rows, default=None
        Cells that are copied to the beginning of each row, already encoded.
    expected_rows : int, default=0
        Number of rows of the whole table, if known; for many, compiled code is loaded at once.

    Returns
    -------
    bytes or memoryview
        The rows as UTF-8.

    Examples
    --------
    >>> import numpy as np
    >>> from asthma_ml.columns import Texts
    >>> bytes(encode_rows([Texts.of(["male", None, "a,b"]), np.array([0.25, 62.0, np.nan])], ","))
    b'male,0.25\n,62\n"a,b",\n'
    """
    cells = sum(map(len, columns))
    if cells and PATIENCE.is_over(cells, expected_rows * len(columns)):
        return encode_compiled(columns, delimiter, copied)
    return encode_plainly(columns, delimiter, copied)


def encode_plainly(columns: Sequence[Column], delimiter: str, copied: Slices | None = None) -> bytes:
    """Encode columns as rows of CSV with Python."""
    cells = [column_cells(column) for column in columns]
    if copied is None:
        return csv_rows(cells, delimiter).encode()
    # With a cell before it, an empty cell needs no quotes.
    rows = (csv_rows([["0"], *([cell] for cell in row)], delimiter)[1:] for row in zip(*cells, strict=True))
    return "".join(start + row for start, row in zip(copied.strings().tolist(), rows, strict=True)).encode()


def encode_compiled(columns: Sequence[Column], delimiter: str, copied: Slices | None = None) -> memoryview:
    """Encode columns as rows of CSV with compiled code."""
    from asthma_ml.files.row_kernel import write_rows

    values, layout = row_layout(columns, delimiter, copied)
    n_rows = len(values[0])
    cells = np.empty((len(values), min(n_rows, _ROWS_AT_ONCE) + _PADDING), dtype=np.int64)
    out, at = np.empty(layout.longest(values), dtype=np.uint8), 0
    for start in range(0, n_rows, _ROWS_AT_ONCE):
        size = min(n_rows - start, _ROWS_AT_ONCE)
        for cell, value in zip(cells, values, strict=True):
            cell[:size] = value[start : start + size]
        at = write_rows(cells, size, *layout, ord(delimiter), out, at)
    return out[:at].data
