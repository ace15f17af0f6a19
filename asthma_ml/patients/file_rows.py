"""Iterate over the rows of a file of any size and find where the file can be cut into parts."""

from __future__ import annotations

import codecs
from collections.abc import Collection, Iterator
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Self

import numpy as np
import pandas as pd

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.dialect import HEADER_CHARACTERS, read_header, rows_below_header
from asthma_ml.patients.encodings import find_encoding
from asthma_ml.patients.parts import ParquetFormat, Part, TextFormat
from asthma_ml.patients.problems import Finding
from asthma_ml.patients.sources import Progress, begins_with, blocks, damaged_parquet_refused, given_table
from asthma_ml.patients.text_rows import NumberedRow
from asthma_ml.patients.text_tables import GatheredRows, TextTable

if TYPE_CHECKING:
    import pyarrow as pa

_LONGEST_LINE = 2**26


def _checksum(file: BinaryIO) -> str:
    digest = sha256()
    for block in blocks(file):
        digest.update(block)
    return digest.hexdigest()


class _Cut(NamedTuple):
    """Position of a part of a text file: its bytes, its rows and the number of lines before it."""

    from_byte: int
    to_byte: int
    start: int
    stop: int
    lines_before: int


class TextRows:
    """Rows of a text file and the positions at which the file can be cut."""

    def __init__(
        self, file: BinaryIO, name: str, chunk_rows: int, progress: Progress | None, known: Collection[str] = ()
    ) -> None:
        self._file, self._name, self._chunk_rows, self._progress = file, name, chunk_rows, progress
        self.sha256 = _checksum(file)
        self._start = len(codecs.BOM_UTF8) if begins_with(file, codecs.BOM_UTF8) else 0
        self._codec, findings = find_encoding(lambda: blocks(file, self._start), name)
        self._dialect = read_header(self._beginning(), name, known)
        self.findings = (*findings, *self._dialect.findings)
        self.names = self._dialect.names
        self.given_schema = None
        self.empty = pd.DataFrame(columns=self.names, dtype="str")
        self._cuts: list[_Cut] = []

    def format(self) -> TextFormat:
        """Return the format that turns a part into rows."""
        return TextFormat(self._dialect, self._codec, self._name)

    def tables(self, sources: set[str], first_row: int) -> Iterator[TextTable]:
        """Yield all rows with some of their columns; records where the parts from `first_row` on begin and end."""
        lines = _Lines(blocks(self._file, self._start, self._progress), self._codec, self._name)
        rows = rows_below_header(lines, self._dialect, self._name)
        self._cuts = []
        n_rows, from_byte, from_line = 0, self._start + lines.n_bytes, lines.n_lines
        for part in self._parts(rows, first_row):
            stop, to_byte = n_rows + len(part), self._start + lines.n_bytes
            yield part.table(sources)
            self._cuts.append(_Cut(from_byte, to_byte, n_rows, stop, from_line))
            n_rows, from_byte, from_line = stop, to_byte, lines.n_lines

    def _parts(self, rows: Iterator[NumberedRow], first_row: int) -> Iterator[GatheredRows]:
        """Yield groups of rows such that one group begins with `first_row`; at least one group, even if empty."""
        n_rows = 0
        while True:
            size = self._chunk_rows if n_rows >= first_row else min(self._chunk_rows, first_row - n_rows)
            part = GatheredRows(self._dialect, islice(rows, size))
            if len(part) or not n_rows:
                yield part
            n_rows += len(part)
            if len(part) < size:
                return

    def contents(self, first_row: int) -> Iterator[tuple[bytes, int, int, int]]:
        """Yield the bytes of each part, its first and last row and the number of lines before it."""
        for cut in self._cuts:
            if cut.start >= first_row:
                self._file.seek(cut.from_byte)
                yield self._file.read(cut.to_byte - cut.from_byte), cut.start, cut.stop, cut.lines_before

    def _beginning(self) -> str:
        """The first characters; a character has at most four bytes."""
        self._file.seek(self._start)
        data = self._file.read(4 * HEADER_CHARACTERS)
        return codecs.getincrementaldecoder(self._codec)().decode(data)[:HEADER_CHARACTERS]


class _Lines:
    """Lines of a file as text; counts lines and bytes."""

    def __init__(self, content: Iterator[bytes], codec: str, name: str) -> None:
        self.n_bytes = self.n_lines = 0
        self._codec, self._name = codec, name
        self._lines = self._cut(content)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.n_bytes += len(line)
        self.n_lines += 1
        return line.decode(self._codec)

    def _cut(self, content: Iterator[bytes]) -> Iterator[bytes]:
        rest = b""
        for block in content:
            lines = (rest + block).splitlines(keepends=True)
            # The last line may continue in the next block, or its end may be the first half of CR LF.
            rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
            yield from lines
            if len(rest) > _LONGEST_LINE:
                raise UnusableInputError(f"{self._name}, line {self.n_lines + 1}: longer than {_LONGEST_LINE} bytes")
        if rest:
            yield rest


class ParquetRows:
    """Rows of a Parquet file."""

    def __init__(
        self, file: BinaryIO, name: str, chunk_rows: int, progress: Progress | None, known: Collection[str] = ()
    ) -> None:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile

        self._name, self._chunk_rows, self._progress = name, chunk_rows, progress
        self.sha256 = _checksum(file)
        file.seek(0)
        with damaged_parquet_refused(name):
            self._parquet = ParquetFile(file, pre_buffer=False, buffer_size=2**20)
            self.given_schema = self._parquet.schema_arrow
            self._with_missing = frozenset(self._columns_with_missing())
            self._no_rows = pa.RecordBatch.from_pylist([], schema=self.given_schema)
            frame = self.format().frame(self._no_rows)
        self.empty = given_table(frame, name).frame
        self.names = [str(column) for column in self.empty.columns]
        self.findings: tuple[Finding, ...] = ()

    def format(self) -> ParquetFormat:
        """Return the format that turns a part into rows."""
        import pyarrow as pa

        texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_null)
        typed = frozenset(each.name for each in self.given_schema if not any(is_text(each.type) for is_text in texts))
        return ParquetFormat(self._with_missing, self._name, typed=typed)

    def tables(self, sources: set[str], first_row: int) -> Iterator[TextTable]:
        """Yield all rows with some of their columns."""
        names = [name for name in self.given_schema.names if name in sources] or self.given_schema.names[:1]
        start = 0
        for batch in self._batches(names):
            part = Part(batch, start, 0, np.zeros(len(batch), dtype=bool))
            yield self.format().table(part)
            start += len(batch)
            if self._progress is not None:
                self._progress(len(batch), self._parquet.metadata.num_rows)

    def contents(self, first_row: int) -> Iterator[tuple[pa.RecordBatch, int, int, int]]:
        """Yield batches of rows with their first and last row."""
        sizes = [self._parquet.metadata.row_group(i).num_rows for i in range(self._parquet.num_row_groups)]
        ends = np.cumsum(sizes)
        groups = [i for i, end in enumerate(ends) if end > first_row]
        start = int(ends[groups[0]] - sizes[groups[0]]) if groups else 0
        if not ends[-1:].any():
            yield self._no_rows, 0, 0, 0
        for batch in self._batches(None, groups):
            rest = batch.slice(max(first_row - start, 0))
            start += len(batch)
            if len(rest):
                yield rest, start - len(rest), start, 0

    def _batches(self, names: list[str] | None, groups: list[int] | None = None) -> Iterator[pa.RecordBatch]:
        with damaged_parquet_refused(self._name):
            yield from self._parquet.iter_batches(self._chunk_rows, row_groups=groups, columns=names)

    def _columns_with_missing(self) -> Iterator[str]:
        """Names of integer and flag columns with missing values."""
        import pyarrow as pa

        for field in self.given_schema:
            if pa.types.is_integer(field.type) or pa.types.is_boolean(field.type):
                batches = self._parquet.iter_batches(self._chunk_rows, columns=[field.name])
                if any(batch.column(0).null_count for batch in batches):
                    yield field.name
