"""Read a file of patients of any size: one pass over the whole file, then one part at a time.

The first pass finds what depends on the whole table: columns on another scale, what the codes of a column mean,
repeated identifiers and the number of rows. The result therefore does not depend on the size of the parts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from asthma_ml.errors import UnusableInputError
from asthma_ml.jobs import in_order
from asthma_ml.patients.column_evidence import ColumnEvidence
from asthma_ml.patients.columns.column_map import ColumnMap, MappedColumn
from asthma_ml.patients.opening import rows_of_file
from asthma_ml.patients.problems import NAMED_LINES, Finding, counted_values, findings_of_length
from asthma_ml.patients.reading import (
    PatientReader,
    ReadPatients,
    as_column_map,
    cells_of_variable,
)
from asthma_ml.patients.text.file_rows import checksum
from asthma_ml.patients.text.identifiers import RepeatedIdentifiers, identifier_hashes
from asthma_ml.patients.text.plain_files import Progress, plain_file, source_name
from asthma_ml.patients.text.table_rows import Cut
from asthma_ml.patients.text.text_tables import TextTable
from asthma_ml.variables import ID


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file, not yet parsed.

    Attributes
    ----------
    cut : Cut
        Its rows and what holds them.
    repeated : ndarray of bool of shape (n_rows,)
        Whether another row of the file has the same identifier.
    """

    cut: Cut
    repeated: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.repeated)


@dataclass(frozen=True, slots=True)
class FirstLook:
    """What the first pass finds in a part of a file: evidence on columns, hashes of identifiers, checks if wanted."""

    cut: Cut
    n_rows: int
    evidence: ColumnEvidence
    hashes: NDArray[np.uint64] | None
    checked: ReadPatients | None


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
    first_row : int, default=0
        Row with which a part begins, besides the first one.
    count_errors : bool
        Whether the first pass counts rows with a value outside its hard limits, which takes longer.
    folder : Path, optional
        Folder of temporary files.
    jobs : int, default=1
        Number of threads of the first pass.
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
    columns : dict of str to MappedColumn
        Source columns, unit and levels of each variable.
    column_map : ColumnMap
        The given column map.

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
    ...         parts = [patients.read(part) for part in patients.parts()]
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
        jobs: int = 1,
        progress: Progress | None = None,
    ) -> None:
        self.name = source_name(source)
        self.first_row, self.count_errors = first_row, count_errors
        self.n_patients = self.n_invalid = 0
        self.errors = ErrorCounts()
        self.column_map = as_column_map(columns)
        with ExitStack() as opened:
            file = opened.enter_context(plain_file(source, self.name, folder))
            self._plain, self._file = file, file.file
            self._state = _state(self._file)
            self._rows = rows_of_file(file, chunk_rows, self.column_map)
            self.names = self._rows.names
            identifiers = opened.enter_context(RepeatedIdentifiers(self.name, folder))
            self._read_once(self.column_map, identifiers, jobs, progress)
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @cached_property
    def sha256(self) -> str:
        """Checksum of the uncompressed content."""
        return checksum(self._plain)

    @property
    def not_read(self) -> list[str]:
        """Columns that are not read and about which neither the map nor the reader has decided."""
        return self._reader.not_read(self.names)

    @property
    def columns(self) -> dict[str, MappedColumn]:
        """Source columns, unit and levels of each variable."""
        return self._reader.columns

    def parts(self, first_row: int = 0) -> Iterator[Part]:
        """Yield the parts of the file in order, from a row on with which a part begins."""
        for cut in self._rows.parts(self._cuts, first_row):
            if _state(self._file) != self._state:
                raise UnusableInputError(f"{self.name}: the file changed while it was read; run the command again")
            yield Part(cut, self._repeated[cut.start : cut.stop])

    def read(self, part: Part) -> ReadPatients:
        """Read a part; the result equals that of `read_patients` for the same rows."""
        return self._reader.read(self._rows.table(part.cut), part.repeated)

    def _read_once(
        self, column_map: ColumnMap, identifiers: RepeatedIdentifiers, jobs: int, progress: Progress | None
    ) -> None:
        """First pass; refuses a file for the same reasons and in the same order as `read_patients`."""
        rows = self._rows.cuts(self.first_row, progress)
        try:
            reader = PatientReader.of(self._rows, column_map, self.name)
            self._reader = reader.with_units_beside(self.names, (part for part, _ in self._rows.cuts()))
        except UnusableInputError:
            # A quotation that never ends is the more helpful message.
            for _ in rows:
                pass
            raise
        evidence = ColumnEvidence()
        self._cuts: list[Cut] = []
        for part in in_order(self._first_look, rows, jobs):
            self._cuts.append(part.cut)
            self.n_patients += part.n_rows
            evidence += part.evidence
            if part.hashes is not None:
                identifiers.add(part.hashes)
            if part.checked is not None:
                self._count(part.checked)
        self._reader = self._reader.judged(evidence)
        self.findings: tuple[Finding, ...] = (
            *self._rows.findings,
            *self._reader.findings,
            *findings_of_length(self.n_patients),
        )
        self._repeated = identifiers.repeated() if ID in self.columns else np.zeros(self.n_patients, dtype=bool)
        self.n_repeated = int(self._repeated.sum())
        if self.count_errors and self._reader.code_verdicts:
            self._count_again()

    def _count(self, checked: ReadPatients) -> None:
        self.n_invalid += int(checked.invalid.sum())
        self.errors.add(checked.findings, checked.lines)

    def _count_again(self) -> None:
        """Count errors with what the codes of the whole file mean."""
        self.n_invalid, self.errors = 0, ErrorCounts()
        for cut in self._rows.parts(self._cuts, 0):
            self._count(self._reader.read(self._rows.table(cut), np.zeros(cut.stop - cut.start, dtype=bool)))

    def _first_look(self, rows: tuple[TextTable, Cut]) -> FirstLook:
        """What the first pass needs of a part; parts may be looked at in several threads."""
        table, cut = rows
        reader = self._reader
        hashes = identifier_hashes(cells_of_variable(table, self.columns[ID])) if ID in self.columns else None
        checked = reader.read(table, np.zeros(len(table), dtype=bool)) if self.count_errors else None
        return FirstLook(cut, len(table), reader.look(table), hashes, checked)


def _state(file: BinaryIO) -> tuple[int, int]:
    """Size and modification time: they change if the file is written to."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


class ErrorCounts:
    """Number of errors by column, rule and message, with the first lines of each."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, str], tuple[list[int], list[int]]] = {}

    def add(self, findings: Iterable[Finding], lines: NDArray[np.int64]) -> None:
        """Count the errors of the next rows; warnings are not counted."""
        errors = [each for each in findings if each.severity == "error" and each.rows is not None]
        for found in sorted(errors, key=lambda each: int(each.rows[0]) if each.rows is not None else 0):
            first, count = self._groups.setdefault((found.column, found.rule, found.message), ([], [0]))
            rows = np.empty(0, dtype=np.intp) if found.rows is None else np.sort(found.rows)
            count[0] += len(rows)
            first += lines[rows[: NAMED_LINES - len(first)]].tolist()

    def summary(self) -> list[str]:
        """Return one message for each kind of error, worded as in `summarise_problems`."""
        return [
            counted_values(column, message, first, n) for (column, _, message), (first, [n]) in self._groups.items()
        ]
