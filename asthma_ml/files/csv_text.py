"""CSV text by Python's `csv`: cells are quoted where necessary, numbers have their shortest exact form."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from asthma_ml.columns import Column

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
    """Shortest text that reads back as the same number, with an exponent below a millionth and from 10^16 on.

    Examples
    --------
    >>> number_text(62.0), number_text(0.1), number_text(1e-5), number_text(1e-7)
    ('62', '0.1', '0.00001', '1e-07')
    """
    text = repr(number).removesuffix(".0")
    return format(Decimal(text), "f") if 1e-6 <= abs(number) < 1e-4 else text


def column_cells(column: Column) -> list[str | None]:
    """Text of each cell of a column, None where it is missing."""
    if not isinstance(column, np.ndarray):
        texts: list[str | None] = column.strings().tolist()
        return texts
    return [None if number != number else number_text(number) for number in column.tolist()]  # noqa: PLR0124


def _lines(rows: Any, delimiter: str, quoting: Any) -> str:
    lines = _Lines()
    csv.writer(lines, delimiter=delimiter, quoting=quoting, lineterminator="\r\n").writerows(rows)
    return lines.getvalue()


class _Lines(io.StringIO):
    """Ends lines with LF; `csv` itself ends them with CRLF, so that it quotes cells with CR or LF."""

    def write(self, line: str) -> int:
        return super().write(line.removesuffix("\r\n") + "\n")
