"""A file of patients of any size: looked through once, then read a part at a time.

What needs the whole table is found on the first pass: encoding, delimiter, rows of the wrong length,
columns in another unit, repeated identifiers, the number of rows. After that a part of the file reads
as the same rows do where the file is read at once, so that nothing depends on the size of the parts.
"""

from __future__ import annotations

import codecs
import io
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.column_map import ColumnMap, MappedColumn
from asthma_ml.patients.matching import match_columns
from asthma_ml.patients.parsing import CellParser, Reading
from asthma_ml.patients.plain_files import Told, begins_with, blocks, plain_file
from asthma_ml.patients.problems import Finding
from asthma_ml.patients.reading import (
    ReadPatients,
    as_column_map,
    cell_parsers,
    cells_of_variables,
    check_patients,
    convert_cells,
    parse_cells,
    refuse_suspected_units,
    unit_evidence,
)
from asthma_ml.patients.sources import PARQUET, damaged_parquet_refused, given_table
from asthma_ml.patients.text_tables import (
    HEADER_CHARACTERS,
    Dialect,
    RaggedRows,
    TextTable,
    find_encoding,
    numbered_rows,
    read_header,
    read_rows,
    skip_lines,
)
from asthma_ml.patients.whole_tables import ErrorCounts, RepeatedIdentifiers
from asthma_ml.variables import ID

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK_ROWS = 10_000
_LONGEST_LINE = 2**26
_REMEMBERED = 2**14


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file, not yet read; light enough to be sent to another process.

    Attributes
    ----------
    content : bytes or RecordBatch
        Lines of text, or rows of a Parquet file.
    first_row : int
        Rows of the table before these.
    lines_before : int
        Lines of the file before these.
    repeated : ndarray of bool of shape (n_rows,)
        Whose identifier is used by another row of the table.
    """

    content: Any
    first_row: int
    lines_before: int
    repeated: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.repeated)


class Format(Protocol):
    """How a part of a file becomes rows."""

    @property
    def decimal_comma(self) -> bool:
        """Whether a comma inside a number is its decimal sign."""

    @property
    def source(self) -> str:
        """Name of the file for messages."""

    @property
    def typed(self) -> frozenset[str]:
        """Columns that hold something else than text."""

    def table(self, piece: Piece) -> TextTable:
        """Read the rows of a part."""


@dataclass(frozen=True, slots=True)
class TextFormat:
    """Rows of a text file."""

    dialect: Dialect
    codec: str
    source: str

    @property
    def decimal_comma(self) -> bool:
        """Whether a comma inside a number is its decimal sign."""
        return self.dialect.decimal_comma

    @property
    def typed(self) -> frozenset[str]:
        """Columns that hold something else than text: none of a text file."""
        return frozenset()

    def table(self, piece: Piece) -> TextTable:
        """Read the rows of a part."""
        text = io.StringIO(piece.content.decode(self.codec), newline="")
        lines, columns = read_rows(text, self.dialect, self.source, header=False, before=piece.lines_before)
        return TextTable(self.dialect.names, lines, columns, decimal_comma=self.dialect.decimal_comma)


@dataclass(frozen=True, slots=True)
class ParquetFormat:
    """Rows of a Parquet file; a column of integers or flags with a gap anywhere is of another kind in pandas."""

    with_gaps: frozenset[str]
    source: str
    decimal_comma: bool = False
    typed: frozenset[str] = frozenset()

    def table(self, piece: Piece) -> TextTable:
        """Read the rows of a part."""
        table = given_table(self.frame(piece.content), self.source)
        return TextTable.of_frame(table.frame, table.lines + piece.first_row)

    def frame(self, batch: pa.RecordBatch) -> pd.DataFrame:
        """Rows as pandas reads them from the whole file."""
        import pyarrow as pa

        columns = [
            column.cast(pa.float64(), safe=False)
            if name in self.with_gaps and pa.types.is_integer(column.type)
            else column
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        ]
        named = pa.schema([field.with_type(column.type) for field, column in zip(batch.schema, columns, strict=True)])
        frame = pa.Table.from_arrays(columns, schema=named.with_metadata(batch.schema.metadata)).to_pandas()
        flags = {name: object for name in frame.columns if name in self.with_gaps and frame[name].dtype == bool}
        flags_with_gaps: pd.DataFrame = frame.astype(flags)
        return flags_with_gaps


class RememberingParser(CellParser):
    """Reads a text that it has read before without looking at it again; not for what is never repeated."""

    @cached_property
    def _read(self) -> Callable[[str], Reading]:
        return lru_cache(_REMEMBERED)(super().__call__)

    def __call__(self, text: str) -> Reading:
        """Read one cell."""
        return self._read(text)


def remembering_parsers(
    matched: Mapping[str, MappedColumn], column_map: ColumnMap, how: Format
) -> dict[str, CellParser]:
    """What reads the cells of each variable, part after part."""
    parsers = cell_parsers(matched, column_map, how.decimal_comma, how.typed)
    repeated = {target: parser for target, parser in parsers.items() if parser.variable.kind != "id"}
    return parsers | {
        target: RememberingParser(**{each.name: getattr(parser, each.name) for each in fields(parser)})
        for target, parser in repeated.items()
    }


@dataclass(frozen=True)
class Layout:
    """All that is needed to read a part of a file; travels to other processes.

    Attributes
    ----------
    format : Format
        How bytes become rows.
    columns : mapping of str to MappedColumn
        Which columns each variable is read from, and how.
    column_map : ColumnMap
        What the user stated.
    """

    format: Format
    columns: dict[str, MappedColumn]
    column_map: ColumnMap

    @cached_property
    def _parsers(self) -> dict[str, CellParser]:
        return remembering_parsers(self.columns, self.column_map, self.format)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what was remembered."""
        return {name: value for name, value in self.__dict__.items() if name != "_parsers"}

    def read(self, piece: Piece) -> tuple[TextTable, ReadPatients]:
        """Read a part as `read_patients` reads these rows."""
        table = self.format.table(piece)
        cells = cells_of_variables(table, self.columns)
        values, findings = parse_cells(cells, self._parsers)
        findings += convert_cells(values, table, self.columns, self.column_map, self.format.source)
        return table, check_patients(cells, values, findings, table, self.columns, piece.repeated)


class PatientFile:
    r"""A file of patients that is read part by part.

    Parameters
    ----------
    source : path or "-"
        As for `read_patients`. Standard input and gzipped files are copied to a temporary file first.
    columns : ColumnMap or path, optional
        Which columns are which variables.
    chunk_rows : int
        Rows of a part.
    first_row : int
        Parts begin with this row; the rows before it are looked through all the same.
    count_errors : bool
        Whether rows that break a hard limit are counted on the first pass, which takes longer.
    folder : Path, optional
        Where temporary files lie.
    told : callable, optional
        Is told how many bytes (rows of a Parquet file) were just looked through, and how many there are.

    Attributes
    ----------
    name : str
        Name of the source for messages.
    names : list of str
        Columns of the table.
    n_patients : int
        Rows of the table.
    n_repeated : int
        Rows that share their identifier with another row.
    n_invalid : int
        Rows that break a hard limit, where they are counted.
    errors : ErrorCounts
        Why.
    findings : tuple of Finding
        What is worth knowing about the file and its columns as a whole.
    layout : Layout
        Reads the parts.
    sha256 : str
        Checksum of the content, unpacked.
    given_schema : Schema or None
        Columns of a Parquet file.
    empty : DataFrame
        The table without its rows.

    Raises
    ------
    UnusableInputError
        As `read_patients` does.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "clinic.csv")
    ...     _ = path.write_text("patient_id,FeNO\n007,<5\n008,42\n007,30\n")
    ...     with PatientFile(path, chunk_rows=2) as patients:
    ...         parts = [patients.layout.read(piece)[1] for piece in patients.pieces()]
    >>> [part.values["feno_ppb"].tolist() for part in parts], patients.n_repeated
    ([[5.0, 42.0], [30.0]], 2)
    """

    def __init__(
        self,
        source: str | os.PathLike[str],
        columns: ColumnMap | str | os.PathLike[str] | None = None,
        *,
        chunk_rows: int = CHUNK_ROWS,
        first_row: int = 0,
        count_errors: bool = False,
        folder: Path | None = None,
        told: Told | None = None,
    ) -> None:
        self.name = "standard input" if os.fspath(source) == "-" else os.fspath(source)
        self.chunk_rows, self.first_row, self.count_errors = chunk_rows, first_row, count_errors
        self.column_map = as_column_map(columns)
        self.n_patients = self.n_invalid = 0
        self.errors = ErrorCounts()
        self.findings: tuple[Finding, ...] = ()
        self._told = told
        with ExitStack() as opened:
            self._file = opened.enter_context(plain_file(source, self.name, folder))
            self._identifiers = opened.enter_context(RepeatedIdentifiers(self.name, folder))
            self._look_through()
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def pieces(self) -> Iterator[Piece]:
        """Parts of the file from `first_row` on, in order."""
        for content, start, stop, lines_before in self._rows.contents(self.first_row):
            if _state(self._file) != self._state:
                raise UnusableInputError(f"{self.name}: the file changed while it was read; run the command again")
            yield Piece(content, start, lines_before, self._repeated[start:stop])

    def _look_through(self) -> None:
        """First pass: everything that concerns the whole table, refusals in the order of `read_patients`."""
        self._state = _state(self._file)
        parquet = begins_with(self._file, PARQUET)
        rows = _ParquetRows if parquet else _TextRows
        self._rows: _ParquetRows | _TextRows = rows(
            self._file, self.name, self.chunk_rows, self._told, self.column_map.names
        )
        self.names, self.sha256 = self._rows.names, self._rows.sha256
        refusal: UnusableInputError | None = None
        matched: dict[str, MappedColumn] = {}
        try:
            matched, found = match_columns(self.names, self.column_map, self.name)
            self.findings = (*self._rows.findings, *found)
        except UnusableInputError as error:
            refusal = error
        self.given_schema, self.empty = self._rows.given_schema, self._rows.empty
        self._find_in_all(matched)
        if refusal is not None:
            raise refusal
        refuse_suspected_units(self._evidence, self.name)
        repeated = self._identifiers.repeated()
        self.n_repeated = int(repeated.sum())
        self._repeated = repeated if ID in matched else np.zeros(self.n_patients, dtype=bool)
        self.layout = Layout(self._rows.format(), matched, self.column_map)

    def _find_in_all(self, matched: dict[str, MappedColumn]) -> None:
        self._evidence = unit_evidence(matched)
        needed = [target for target in matched if self.count_errors or target == ID or target in self._evidence]
        some = {target: matched[target] for target in needed}
        sources = {name for column in some.values() for name in (*column.sources, *column.companions.values())}
        parsers = remembering_parsers(some, self.column_map, self._rows.format())
        for table in self._rows.tables(sources, self.first_row):
            self.n_patients += len(table.lines)
            cells = cells_of_variables(table, some)
            if ID in cells:
                self._identifiers.add(cells[ID])
            to_parse = {target: texts for target, texts in cells.items() if self.count_errors or target != ID}
            values, findings = parse_cells(to_parse, parsers)
            for target, evidence in self._evidence.items():
                evidence.add(values[target].to_numpy())
            if self.count_errors:
                findings += convert_cells(values, table, some, self.column_map, self.name)
                read = check_patients(cells, values, findings, table, some)
                self.n_invalid += int(read.invalid.sum())
                self.errors.add(read.problems)


def _state(file: BinaryIO) -> tuple[int, int]:
    """What changes when somebody writes to a file."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _checksum(file: BinaryIO) -> str:
    digest = sha256()
    for block in blocks(file):
        digest.update(block)
    return digest.hexdigest()


class _TextRows:
    """Rows of a text file, with the places at which the file can be cut."""

    def __init__(
        self, file: BinaryIO, name: str, chunk_rows: int, told: Told | None, known: Collection[str] = ()
    ) -> None:
        self._file, self._name, self._chunk_rows, self._told = file, name, chunk_rows, told
        self.sha256 = _checksum(file)
        self._start = len(codecs.BOM_UTF8) if begins_with(file, codecs.BOM_UTF8) else 0
        self._codec, findings = find_encoding(lambda: blocks(file, self._start), name)
        self._dialect = read_header(self._beginning(), name, known)
        self.findings = (*findings, *self._dialect.findings)
        self.names = self._dialect.names
        self.given_schema = None
        self.empty = pd.DataFrame(columns=self.names, dtype="str")
        self._cuts: list[tuple[int, int, int, int, int]] = []

    def format(self) -> TextFormat:
        return TextFormat(self._dialect, self._codec, self._name)

    def tables(self, sources: set[str], first_row: int) -> Iterator[TextTable]:
        """All rows with some of their columns; remembers where the parts from `first_row` on begin and end."""
        lines = _Lines(blocks(self._file, self._start, self._told), self._codec, self._name)
        before = self._dialect.lines_before
        rows = numbered_rows(skip_lines(lines, before), self._dialect.delimiter, self._name, before)
        next(rows)
        ragged = RaggedRows(len(self.names))
        self._cuts = []
        begins: list[int] = []
        cells: list[list[str]] = []
        n_rows, from_byte, from_line = 0, self._start + lines.n_bytes, lines.n_lines
        for line, row in rows:
            if not ragged.accepts(line, row):
                continue
            begins.append(line)
            cells.append(row)
            if len(cells) == (self._chunk_rows if n_rows >= first_row else min(self._chunk_rows, first_row - n_rows)):
                yield self._table(begins, cells, sources)
                if n_rows >= first_row:
                    self._cuts.append((from_byte, self._start + lines.n_bytes, n_rows, n_rows + len(cells), from_line))
                n_rows, from_byte, from_line = n_rows + len(cells), self._start + lines.n_bytes, lines.n_lines
                begins, cells = [], []
        ragged.refuse(self._name)
        if cells or not n_rows:
            yield self._table(begins, cells, sources)
            self._cuts.append((from_byte, self._start + lines.n_bytes, n_rows, n_rows + len(cells), from_line))

    def contents(self, first_row: int) -> Iterator[tuple[bytes, int, int, int]]:
        """Bytes of the parts, the rows they hold and the lines before them."""
        for from_byte, to_byte, start, stop, lines_before in self._cuts:
            if start >= first_row:
                self._file.seek(from_byte)
                yield self._file.read(to_byte - from_byte), start, stop, lines_before

    def _table(self, begins: list[int], cells: list[list[str]], sources: set[str]) -> TextTable:
        places = [i for i, name in enumerate(self.names) if name in sources]
        return TextTable(
            [self.names[i] for i in places],
            np.array(begins, dtype=np.int64),
            [[row[i] for row in cells] for i in places],
            decimal_comma=self._dialect.decimal_comma,
        )

    def _beginning(self) -> str:
        """The first characters; no letter takes more than four bytes."""
        self._file.seek(self._start)
        data = self._file.read(4 * HEADER_CHARACTERS)
        return codecs.getincrementaldecoder(self._codec)().decode(data)[:HEADER_CHARACTERS]


class _Lines:
    """Lines of a file as text, counted together with their bytes."""

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
            # The last line may go on, or its end may be the first half of CR LF.
            rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
            yield from lines
            if len(rest) > _LONGEST_LINE:
                raise UnusableInputError(f"{self._name}, line {self.n_lines + 1}: longer than {_LONGEST_LINE} bytes")
        if rest:
            yield rest


class _ParquetRows:
    """Rows of a Parquet file."""

    def __init__(
        self, file: BinaryIO, name: str, chunk_rows: int, told: Told | None, known: Collection[str] = ()
    ) -> None:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile

        self._name, self._chunk_rows, self._told = name, chunk_rows, told
        self.sha256 = _checksum(file)
        file.seek(0)
        with damaged_parquet_refused(name):
            self._parquet = ParquetFile(file, pre_buffer=False, buffer_size=2**20)
            self.given_schema = self._parquet.schema_arrow
            self._with_gaps = frozenset(self._columns_with_gaps())
            self._no_rows = pa.RecordBatch.from_pylist([], schema=self.given_schema)
            frame = self.format().frame(self._no_rows)
        self.empty = given_table(frame, name).frame
        self.names = [str(column) for column in self.empty.columns]
        self.findings: tuple[Finding, ...] = ()

    def format(self) -> ParquetFormat:
        import pyarrow as pa

        texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_null)
        typed = frozenset(each.name for each in self.given_schema if not any(is_text(each.type) for is_text in texts))
        return ParquetFormat(self._with_gaps, self._name, typed=typed)

    def tables(self, sources: set[str], first_row: int) -> Iterator[TextTable]:
        """All rows with some of their columns."""
        names = [name for name in self.given_schema.names if name in sources] or self.given_schema.names[:1]
        start = 0
        for batch in self._batches(names):
            piece = Piece(batch, start, 0, np.zeros(len(batch), dtype=bool))
            yield self.format().table(piece)
            start += len(batch)
            if self._told is not None:
                self._told(len(batch), self._parquet.metadata.num_rows)

    def contents(self, first_row: int) -> Iterator[tuple[pa.RecordBatch, int, int, int]]:
        """Batches of rows and the rows they hold."""
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

    def _columns_with_gaps(self) -> Iterator[str]:
        """Columns of integers or flags in which something is missing."""
        import pyarrow as pa

        for field in self.given_schema:
            if pa.types.is_integer(field.type) or pa.types.is_boolean(field.type):
                batches = self._parquet.iter_batches(self._chunk_rows, columns=[field.name])
                if any(batch.column(0).null_count for batch in batches):
                    yield field.name
