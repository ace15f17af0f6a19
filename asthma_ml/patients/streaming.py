"""A file of patients of any size: looked through once, then read a part at a time.

What needs the whole table is found on the first pass: encoding, delimiter, columns in another unit, repeated
identifiers, the number of rows. After that a part of the file reads
as the same rows do where the file is read at once, so that nothing depends on the size of the parts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.column_map import ColumnMap, MappedColumn
from asthma_ml.patients.file_rows import ParquetRows, TextRows
from asthma_ml.patients.matching import match_columns
from asthma_ml.patients.parts import Layout, Part, remembering_parsers
from asthma_ml.patients.plain_files import Told, begins_with, plain_file
from asthma_ml.patients.problems import Finding
from asthma_ml.patients.reading import (
    as_column_map,
    cells_of_variables,
    check_patients,
    convert_cells,
    parse_cells,
    refuse_suspected_units,
    unit_evidence,
)
from asthma_ml.patients.sources import PARQUET
from asthma_ml.patients.whole_tables import ErrorCounts, RepeatedIdentifiers
from asthma_ml.variables import ID

CHUNK_ROWS = 10_000


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
    ...         parts = [patients.layout.read(part)[1] for part in patients.parts()]
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

    def parts(self) -> Iterator[Part]:
        """Parts of the file from `first_row` on, in order."""
        for content, start, stop, lines_before in self._rows.contents(self.first_row):
            if _state(self._file) != self._state:
                raise UnusableInputError(f"{self.name}: the file changed while it was read; run the command again")
            yield Part(content, start, lines_before, self._repeated[start:stop])

    def _look_through(self) -> None:
        """First pass: everything that concerns the whole table, refusals in the order of `read_patients`."""
        self._state = _state(self._file)
        parquet = begins_with(self._file, PARQUET)
        rows = ParquetRows if parquet else TextRows
        self._rows: ParquetRows | TextRows = rows(
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
