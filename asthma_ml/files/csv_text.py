"""CSV text by Python's `csv`: cells are quoted where necessary, numbers have their shortest exact form."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from asthma_ml.columns import Column

if TYPE_CHECKING:
    import pandas as pd

DELIMITERS = (",", ";", "\t", "|")


def csv_header(names: Iterable[object], delimiter: str) -> str:
    """First line of a CSV file."""
    texts = [str(name) for name in names]
    # Quotes prevent that a reader takes another delimiter inside a name for the delimiter of the file.
    ambiguous = any(sign in text for text in texts for sign in (*DELIMITERS, "\ufeff"))
    return _lines([texts], delimiter, csv.QUOTE_ALL if ambiguous else csv.QUOTE_MINIMAL)


def csv_rows(columns: Iterable[Sequence[Any]], delimiter: str) -> str:
    """Lines of a CSV file from columns of cells; a cell that is None becomes empty."""
    return _lines(zip(*columns, strict=True), delimiter, csv.QUOTE_MINIMAL)


def number_text(number: float) -> str:
    """Shortest text that reads back as the same number, without decimals that are zero.

    Examples
    --------
    >>> number_text(62.0), number_text(0.1), number_text(1e-7)
    ('62', '0.1', '1e-07')
    """
    return repr(number).removesuffix(".0")


def column_cells(column: Column) -> list[str | None]:
    """Text of each cell of a column, None where it is missing."""
    if not isinstance(column, np.ndarray):
        texts: list[str | None] = column.strings().tolist()
        return texts
    return [None if number != number else number_text(number) for number in column.tolist()]  # noqa: PLR0124


def frame_cells(frame: pd.DataFrame) -> list[list[Any]]:
    """Cells of a table by column, None where missing."""
    columns = (frame.iloc[:, i] for i in range(frame.shape[1]))
    return [
        [None if missing else cell for cell, missing in zip(column.tolist(), column.isna().tolist(), strict=True)]
        for column in columns
    ]


def _lines(rows: Any, delimiter: str, quoting: Any) -> str:
    lines = _Lines()
    csv.writer(lines, delimiter=delimiter, quoting=quoting, lineterminator="\r\n").writerows(rows)
    return lines.getvalue()


class _Lines(io.StringIO):
    """Ends lines with LF; `csv` itself ends them with CRLF, so that it quotes cells with CR or LF."""

    def write(self, line: str) -> int:
        return super().write(line.removesuffix("\r\n") + "\n")
