"""Read a file of patients of any size: one pass over the whole file, then one part at a time.

The first pass finds what depends on the whole table: encoding, delimiter, columns in another unit, repeated
identifiers and the number of rows. The result therefore does not depend on the size of the parts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from math import ceil
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.errors import UnusableInputError
from asthma_ml.files import write_all
from asthma_ml.patients.column_map import ColumnMap, MappedColumn
from asthma_ml.patients.file_rows import ParquetRows, TextRows
from asthma_ml.patients.matching import match_columns
from asthma_ml.patients.parts import Layout, Part, caching_parsers
from asthma_ml.patients.problems import NAMED_LINES, Finding, Problem, counted_values
from asthma_ml.patients.reading import (
    as_column_map,
    cells_of_variables,
    check_patients,
    convert_cells,
    parse_cells,
    refuse_suspected_units,
    unit_evidence,
)
from asthma_ml.patients.sources import (
    PARQUET,
    Progress,
    begins_with,
    plain_file,
    source_name,
    temporary_file,
    temporary_file_refused,
)
from asthma_ml.variables import ID

_ROWS_PER_BLOCK = 2**18
_MOST_HASHES_IN_MEMORY = 2**20
_HASH_KEYS = ("asthma_ml first.", "asthma_ml second")
_NO_IDENTIFIER = np.uint64(2**64 - 1)


class PatientFile:
    r"""A file of patients that is read part by part.

    Parameters
    ----------
    source : path or "-"
        As for `read_patients`. Standard input and compressed files are copied to a temporary file first.
    columns : ColumnMap or path, optional
        Maps other column names, units and codes to the data dictionary.
    chunk_rows : int
        Rows of a part.
    first_row : int
        Row with which the first part begins; the first pass still reads all rows.
    count_errors : bool
        Whether the first pass counts rows with a value outside its hard limits, which takes longer.
    folder : Path, optional
        Folder of temporary files.
    progress : callable, optional
        Called with the bytes (rows of a Parquet file) just read and with their total.

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
        Invalid rows, if they are counted.
    errors : ErrorCounts
        Errors of the invalid rows.
    findings : tuple of Finding
        Warnings about the file and its columns as a whole.
    layout : Layout
        Reads the parts.
    sha256 : str
        Checksum of the uncompressed content.
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
    ...         parts = [patients.layout.read(part)[1] for part in patients.parts()]
    >>> [part.values["feno_ppb"].tolist() for part in parts], patients.n_repeated
    ([[5.0, 42.0], [30.0]], 2)
    """

    def __init__(
        self,
        source: str | os.PathLike[str],
        columns: ColumnMap | str | os.PathLike[str] | None = None,
        *,
        chunk_rows: int,
        first_row: int = 0,
        count_errors: bool = False,
        folder: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.name = source_name(source)
        self.chunk_rows, self.first_row, self.count_errors = chunk_rows, first_row, count_errors
        self.column_map = as_column_map(columns)
        self.n_patients = self.n_invalid = 0
        self.errors = ErrorCounts()
        self.findings: tuple[Finding, ...] = ()
        self._progress = progress
        with ExitStack() as opened:
            self._file = opened.enter_context(plain_file(source, self.name, folder))
            self._identifiers = opened.enter_context(RepeatedIdentifiers(self.name, folder))
            self._read_once()
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def parts(self) -> Iterator[Part]:
        """Yield the parts of the file from `first_row` on, in order."""
        for content, start, stop, lines_before in self._rows.contents(self.first_row):
            if _state(self._file) != self._state:
                raise UnusableInputError(f"{self.name}: the file changed while it was read; run the command again")
            yield Part(content, start, lines_before, self._repeated[start:stop])

    def _read_once(self) -> None:
        """First pass; refuses a file for the same reasons and in the same order as `read_patients`."""
        self._state = _state(self._file)
        parquet = begins_with(self._file, PARQUET)
        rows = ParquetRows if parquet else TextRows
        self._rows: ParquetRows | TextRows = rows(
            self._file, self.name, self.chunk_rows, self._progress, self.column_map.names
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
        self._read_all_rows(matched)
        if refusal is not None:
            raise refusal
        refuse_suspected_units(self._evidence, self.name)
        repeated = self._identifiers.repeated()
        self.n_repeated = int(repeated.sum())
        self._repeated = repeated if ID in matched else np.zeros(self.n_patients, dtype=bool)
        self.layout = Layout(self._rows.format(), matched, self.column_map)

    def _read_all_rows(self, matched: dict[str, MappedColumn]) -> None:
        self._evidence = unit_evidence(matched)
        needed = [target for target in matched if self.count_errors or target == ID or target in self._evidence]
        some = {target: matched[target] for target in needed}
        sources = {name for column in some.values() for name in (*column.sources, *column.companions.values())}
        parsers = caching_parsers(some, self.column_map, self._rows.format())
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
    """Size and modification time: they change if the file is written to."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


class RepeatedIdentifiers:
    """Finds rows that share their identifier with another row.

    A temporary file holds a 128-bit hash for each row; memory holds one byte for each row. Identifiers are taken as
    equal if two 64-bit hashes agree.

    Parameters
    ----------
    name : str
        Name of the table for messages.
    folder : Path, optional
        Folder of the temporary file.

    Examples
    --------
    >>> with RepeatedIdentifiers() as identifiers:
    ...     identifiers.add(["007", "7"])
    ...     identifiers.add(["", "007", ""])
    ...     identifiers.repeated().tolist()
    [True, False, False, True, False]
    """

    def __init__(self, name: str = "identifiers", folder: Path | None = None) -> None:
        self._name, self._folder, self.n_rows = name, folder, 0
        with temporary_file_refused(name, folder):
            self._file = temporary_file(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, identifiers: Sequence[str]) -> None:
        """Add the identifiers of the next rows; rows without an identifier are never duplicates."""
        texts = pd.Series(identifiers, dtype="str")
        empty = (texts.str.strip() == "").to_numpy(dtype=bool)
        cells = texts.to_numpy(dtype=object)
        hashes = np.column_stack(
            [pd.util.hash_array(cells, hash_key=key, categorize=False) for key in _HASH_KEYS]
        ).reshape(-1, 2)
        rows = np.arange(self.n_rows, self.n_rows + len(cells), dtype=np.uint64)
        hashes[empty] = np.column_stack([rows, np.full(len(rows), _NO_IDENTIFIER)])[empty]
        with temporary_file_refused(self._name, self._folder):
            write_all(self._file, hashes.astype("<u8").tobytes())
        self.n_rows += len(cells)

    def repeated(self) -> NDArray[np.bool_]:
        """Return for each row whether its identifier occurs more than once."""
        repeated = np.zeros(self.n_rows, dtype=bool)
        n_buckets = ceil(self.n_rows / _MOST_HASHES_IN_MEMORY)
        for bucket in range(n_buckets):
            rows, hashes = self._bucket(bucket, n_buckets)
            order = np.lexsort(hashes.T)
            same = np.all(hashes[order][1:] == hashes[order][:-1], axis=1)
            repeated[rows[order[1:][same]]] = repeated[rows[order[:-1][same]]] = True
        return repeated

    def _bucket(self, bucket: int, n_buckets: int) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Rows and hashes of one bucket; equal identifiers fall into the same bucket."""
        rows, hashes = [np.empty(0, dtype=np.int64)], [np.empty((0, 2), dtype=np.uint64)]
        self._file.seek(0)
        start = 0
        while data := self._file.read(16 * _ROWS_PER_BLOCK):
            block = np.frombuffer(data, dtype="<u8").reshape(-1, 2)
            chosen = np.flatnonzero(block[:, 0] % np.uint64(n_buckets) == bucket)
            rows.append(chosen + start)
            hashes.append(block[chosen])
            start += len(block)
        return np.concatenate(rows), np.concatenate(hashes)


class ErrorCounts:
    """Number of errors by column, rule and message, with the first lines of each."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, str], tuple[list[int], list[int]]] = {}

    def add(self, problems: Iterable[Problem]) -> None:
        """Count the errors of the next rows; warnings are not counted."""
        for problem in problems:
            if problem.severity == "error" and problem.line is not None:
                key = (problem.column, problem.rule, problem.message)
                first, count = self._groups.setdefault(key, ([], [0]))
                count[0] += 1
                if len(first) < NAMED_LINES:
                    first.append(problem.line)

    def summary(self) -> list[str]:
        """Return one message for each kind of error, worded as in `summarise_problems`."""
        return [
            counted_values(column, message, first, n) for (column, _, message), (first, [n]) in self._groups.items()
        ]
