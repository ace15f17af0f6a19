"""Rows of CSV as bytes: by Python for few rows, by compiled code for many; the bytes are the same."""

from __future__ import annotations

from collections.abc import Sequence

from asthma_ml.columns import Column
from asthma_ml.files.csv_text import column_cells, csv_rows


def encode_rows(columns: Sequence[Column], delimiter: str, *, expected_rows: int = 0) -> bytes | memoryview:
    r"""Encode columns as rows of CSV.

    Cells are quoted where necessary, missing values are empty cells, and numbers have the shortest text that reads
    back equal. Rows end with LF.

    Parameters
    ----------
    columns : sequence of Column of n_rows rows
        Numbers or texts.
    delimiter : str
        One ASCII character.
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
    >>> encode_rows([Texts.of(["male", None, "a,b"]), np.array([0.25, 62.0, np.nan])], ",")
    b'male,0.25\n,62\n"a,b",\n'
    """
    return csv_rows(map(column_cells, columns), delimiter).encode()
