"""Rows of a table that is in memory as a whole: a small text file, a workbook, a file of SPSS, Stata or SAS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from asthma_ml.patients.text.plain_files import Progress
from asthma_ml.patients.text.text_tables import TextTable

ALL_ROWS = 2**62


class Cut(NamedTuple):
    """A part of a file: its rows, the bytes or the table that hold them, and the number of lines before it."""

    start: int
    stop: int
    content: Any
    lines_before: int


class TableRows:
    """Rows of a table that is in memory.

    Parameters
    ----------
    table : TextTable
        The table.
    chunk_rows : int or None
        Rows of a part; None for one part.
    """

    def __init__(self, table: TextTable, chunk_rows: int | None) -> None:
        self._table, self._chunk_rows = table, chunk_rows or ALL_ROWS
        self.names, self.typed_names = table.names, table.typed_names
        self.findings, self.layout, self.decimal_comma = table.findings, table.layout, table.decimal_comma

    def first_rows(self) -> Sequence[Sequence[str]]:
        """Cells of the first rows."""
        return self._table.first_rows()

    def cuts(self, first_row: int = 0, progress: Progress | None = None) -> Iterator[tuple[TextTable, Cut]]:
        """Yield the rows part by part, with their place; one part begins with `first_row`."""
        yield from cuts_of_table(self._table, self._chunk_rows, first_row)
        if progress is not None:
            progress(len(self._table), len(self._table))

    def parts(self, cuts: Sequence[Cut], first_row: int) -> Iterator[Cut]:
        """Yield the parts from a row on."""
        return (each for each in cuts if each.start >= first_row)

    def table(self, cut: Cut) -> TextTable:
        """Return the rows of a part."""
        part: TextTable = cut.content
        return part


def cuts_of_table(table: TextTable, chunk_rows: int, first_row: int) -> Iterator[tuple[TextTable, Cut]]:
    """Yield parts of a table, at least one; one part begins with `first_row`."""
    start, stop = 0, -1
    while stop < len(table):
        size = chunk_rows if start >= first_row else min(chunk_rows, first_row - start)
        stop = min(start + size, len(table))
        part = table.rows(start, stop)
        yield part, Cut(start, stop, part, 0)
        start = stop
