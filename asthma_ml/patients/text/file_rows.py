"""Read the rows of a file of any size, and find where the file can be cut into parts."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from asthma_ml.patients.problems import Finding
from asthma_ml.patients.text.dialect import HEADER_CHARACTERS, read_header
from asthma_ml.patients.text.expansion import LONGEST_ROW, most_bytes, row_too_long
from asthma_ml.patients.text.parquet_tables import (
    open_parquet,
    plain_texts,
    range_indexes,
    table_of_arrow,
    with_indexes,
)
from asthma_ml.patients.text.plain_files import PlainFile, Progress, damaged_parquet_refused
from asthma_ml.patients.text.preamble import VariableOf
from asthma_ml.patients.text.table_rows import ALL_ROWS, Cut, cuts_of_table
from asthma_ml.patients.text.text_tables import TextSplitter, TextTable

if TYPE_CHECKING:
    import pyarrow as pa

COMPILED_BYTES = 1_500_000
"""Size of a text file from which machine code splits it: Python needs as long for it as loading machine code takes."""

COMPILED_ROWS = 20_000
"""Rows of a Parquet file from which machine code reads its texts, for the same reason."""

_BYTES_PER_ROW = 512
_MOST_COLUMNS_SEEN = 12


def checksum(file: PlainFile) -> str:
    """SHA-256 of the content of a file."""
    digest = sha256()
    for block in file.blocks():
        digest.update(block)
    return digest.hexdigest()


class TextRows:
    """Rows of a text file.

    Parameters
    ----------
    file : PlainFile
        The file.
    chunk_rows : int or None
        Rows of a part; None for one part.
    variable_of : callable
        Returns what a known column name stands for, and None for any other name; finds the header.
    """

    def __init__(self, file: PlainFile, chunk_rows: int | None, variable_of: VariableOf) -> None:
        self._file, self._chunk_rows = file, chunk_rows or ALL_ROWS
        beginning = beginning_of(file)
        self.dialect = read_header(beginning, file.name, variable_of)
        self._size = file.file.seek(0, os.SEEK_END)
        self._splitter = TextSplitter(self.dialect, file.name, compiled=self._size >= COMPILED_BYTES)
        self._body = file.start + _n_bytes(beginning, self.dialect.last_line)
        self.names, self.decimal_comma = self.dialect.names, self.dialect.decimal_comma
        self.findings = (*file.findings, *self.dialect.findings)
        self.layout = f"{file.encoding} text, {self.dialect}"
        self.typed_names: frozenset[str] = frozenset()

    def first_rows(self) -> Sequence[Sequence[str]]:
        """Cells of the first rows."""
        return self.dialect.first_rows

    def cuts(self, first_row: int = 0, progress: Progress | None = None) -> Iterator[tuple[TextTable, Cut]]:
        """Yield the rows part by part, with their place in the file; one part begins with `first_row`.

        There is at least one part, even if it is empty.
        """
        return (self._compiled_cuts if self._splitter.compiled else self._cuts)(first_row, progress)

    def parts(self, cuts: Sequence[Cut], first_row: int) -> Iterator[Cut]:
        """Yield the parts from a row on, with the bytes that they hold."""
        for cut in (each for each in cuts if each.start >= first_row):
            if isinstance(cut.content, TextTable):
                yield cut
            else:
                begin, end = cut.content
                self._file.file.seek(begin)
                yield cut._replace(content=self._file.file.read(end - begin))

    def table(self, cut: Cut) -> TextTable:
        """Return the rows of a part."""
        if isinstance(cut.content, TextTable):
            return cut.content
        return self._splitter.table(cut.content, cut.lines_before, cut.stop - cut.start)

    def _cuts(self, first_row: int, progress: Progress | None) -> Iterator[tuple[TextTable, Cut]]:
        """Parts of a small file, which is read as a whole."""
        self._file.file.seek(self._body)
        table = self._splitter.table(self._file.file.read(), self.dialect.last_line)
        yield from cuts_of_table(table, self._chunk_rows, first_row)
        if progress is not None:
            progress(self._size, self._size)

    def _compiled_cuts(self, first_row: int, progress: Progress | None) -> Iterator[tuple[TextTable, Cut]]:
        """Parts of a large file, which is read once."""
        begin, end, row, line, n_misfits = self._body, -1, 0, self.dialect.last_line, 0
        while end < self._size:
            table, end, next_line = self._next_rows(begin, line, self._size_from(row, first_row))
            yield table, Cut(row, row + len(table), (begin, end), line)
            if progress is not None:
                progress(end - begin, self._size)
            begin, row, line, n_misfits = end, row + len(table), next_line, n_misfits + len(table.misfits)
            self._splitter.refuse_misfits(n_misfits, row, line + 1)

    def _next_rows(self, begin: int, line: int, wanted: int) -> tuple[TextTable, int, int]:
        """Rows from a byte on, the byte behind them, and the number of lines before that byte."""
        n_bytes = min(wanted * _BYTES_PER_ROW, self._size)
        while True:
            self._file.file.seek(begin)
            data = self._file.file.read(n_bytes)
            final = begin + len(data) >= self._size
            table, end, last_line = self._splitter.first_rows(
                data, line, None if wanted == ALL_ROWS else wanted, final=final
            )
            if table is None:
                return self._splitter.table(data + self._file.file.read(), line), self._size, last_line
            if final or len(table) == wanted:
                return table, begin + end, last_line
            if len(data) - end > LONGEST_ROW:
                raise row_too_long(self._file.name, last_line + 1)
            n_bytes *= 2

    def _size_from(self, row: int, first_row: int) -> int:
        return self._chunk_rows if row >= first_row else min(self._chunk_rows, first_row - row)


def beginning_of(file: PlainFile) -> str:
    """The first characters of a file; a character has at most four bytes."""
    file.file.seek(file.start)
    data = file.file.read(4 * HEADER_CHARACTERS)
    return codecs.getincrementaldecoder("utf-8")().decode(data)[:HEADER_CHARACTERS]


def _n_bytes(text: str, n_lines: int) -> int:
    """Number of bytes of the first lines of a text."""
    return sum(len(line) for line in text.encode().splitlines(keepends=True)[:n_lines])


class ParquetRows:
    """Rows of a Parquet file.

    Parameters
    ----------
    file : PlainFile
        The file.
    chunk_rows : int or None
        Rows of a part; None for one part.
    """

    findings: tuple[Finding, ...] = ()
    decimal_comma = False
    layout = "Parquet"

    def __init__(self, file: PlainFile, chunk_rows: int | None) -> None:
        from pyarrow import Table

        self._name, self._chunk_rows = file.name, chunk_rows
        with damaged_parquet_refused(file.name):
            self._parquet, self._schema = open_parquet(file.file, file.name)
            self._n_rows = self._parquet.metadata.num_rows
            self._compiled = self._n_rows >= COMPILED_ROWS
        self._most_bytes = most_bytes(file.file.seek(0, os.SEEK_END))
        self._indexes = range_indexes(self._schema, self._n_rows)
        # Unlike Schema.empty_table, this does not import pandas.
        self._empty = Table.from_batches([], self._schema)
        table = table_of_arrow(with_indexes(self._empty, self._indexes, 0), file.name)
        self.names, self.typed_names = table.names, table.typed_names

    def first_rows(self) -> Sequence[Sequence[str]]:
        """Cells of the first rows, none of a table with many columns, which is neither long nor transposed."""
        if len(self.names) > _MOST_COLUMNS_SEEN:
            return []
        rows, _ = next(self._batches())
        return table_of_arrow(rows.slice(0, 50), self._name).first_rows()

    def cuts(self, first_row: int = 0, progress: Progress | None = None) -> Iterator[tuple[TextTable, Cut]]:
        """Yield the rows part by part, with their place in the file."""
        for rows, start in self._batches():
            table = table_of_arrow(rows, self._name, start, compiled=self._compiled)
            yield table, Cut(start, start + len(table), None, 0)
            if progress is not None:
                progress(len(table), self._n_rows)

    def parts(self, cuts: Sequence[Cut], first_row: int) -> Iterator[Cut]:
        """Yield the parts from a row on, with the rows that they hold."""
        for rows, start in self._batches():
            rest = rows.slice(max(first_row - start, 0))
            if rest.num_rows or not self._n_rows:
                stop = start + rows.num_rows
                yield Cut(stop - rest.num_rows, stop, rest, 0)

    def table(self, cut: Cut) -> TextTable:
        """Return the rows of a part."""
        return table_of_arrow(cut.content, self._name, cut.start, compiled=self._compiled)

    def _batches(self) -> Iterator[tuple[pa.Table, int]]:
        """Rows with their position; at least one batch, even if it is empty."""
        start = 0
        for rows in self._read() if self._n_rows else [self._empty]:
            with damaged_parquet_refused(self._name):
                plain = plain_texts(rows, self._schema, self._name, start, self._most_bytes)
            yield with_indexes(plain, self._indexes, start), start
            start += len(rows)

    def _read(self) -> Iterator[pa.Table]:
        """Rows whose texts are still dictionaries; Arrow also ends a batch where a dictionary ends."""
        import pyarrow as pa

        with damaged_parquet_refused(self._name):
            batches = self._parquet.iter_batches(self._chunk_rows or self._n_rows, use_threads=False)
            if self._chunk_rows is None:
                yield pa.Table.from_batches(list(batches))
            else:
                yield from (pa.Table.from_batches([batch]) for batch in batches)
