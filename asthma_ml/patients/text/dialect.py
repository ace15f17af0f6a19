"""Find delimiter, header line and column names of a text table."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from asthma_ml.errors import UnusableInputError
from asthma_ml.files import DELIMITERS
from asthma_ml.patients.problems import Finding
from asthma_ml.patients.text.headers import fit_header, refuse_blanks_between_cells, refuse_repeated_names
from asthma_ml.patients.text.preamble import VariableOf, find_preamble
from asthma_ml.patients.text.text_rows import NumberedRow, numbered_rows

HEADER_CHARACTERS = 1_000_000
_ROWS_SEEN = 200
# Signs of names that separate no cells, and what may stand around a name.
_IN_NAMES, _AROUND_NAMES = frozenset("_-.()[]%'\" "), "'\" "
_MOST_NAMES_SPLIT, _LONGEST_SPLIT = 3, 10_000
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """Delimiter, header line and column names of a text table.

    Attributes
    ----------
    delimiter : str
        Delimiter of the cells.
    names : list of str
        Column names.
    line : int
        File line of the header.
    lines_before : int
        Number of lines before the header.
    last_line : int
        File line on which the header ends.
    n_unnamed : int
        Number of empty columns without a name behind the others, as Excel leaves them; they are not read.
    row_names : bool
        Whether the header has no name for the first column, as R writes it; its name is then empty.
    first_rows : sequence of sequence of str
        Cells of the first rows.
    """

    delimiter: str
    names: list[str]
    line: int = 1
    lines_before: int = 0
    last_line: int = 1
    n_unnamed: int = 0
    row_names: bool = False
    first_rows: Sequence[Sequence[str]] = field(default=(), repr=False)

    def __str__(self) -> str:
        return f"{_DELIMITER_NAMES[self.delimiter]}-delimited, header on line {self.line}"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Warnings if lines come before the header, or if it is one name short."""
        before = f"the lines before the header on line {self.line} are not read"
        short = f"the header on line {self.line} is one name short; the first column is read as one without a name"
        found = (("preamble", before, self.lines_before > 0), ("row_names", short, self.row_names))
        return tuple(Finding("", rule, "warning", message) for rule, message, holds in found if holds)

    @property
    def decimal_comma(self) -> bool:
        """Whether numbers have a decimal comma."""
        return self.delimiter == ";"


def read_header(start: str, source: str, variable_of: VariableOf) -> Dialect:
    """Find the dialect of a table from its first million characters.

    Parameters
    ----------
    start : str
        The first characters of the file.
    source : str
        Name of the file for messages.
    variable_of : callable
        Returns what a known column name stands for, and None for any other name.

    Raises
    ------
    UnusableInputError
        If the file is empty, or its header is damaged, too long or contains a name twice.
    """
    is_cut = len(start) >= HEADER_CHARACTERS
    preamble = find_preamble(start, DELIMITERS, variable_of)
    start = start[preamble.n_characters :]
    delimiter = find_delimiter(start)
    lines = io.StringIO(start, newline="")
    rows = numbered_rows(lines, delimiter, source, preamble.n_lines)
    header = next(rows, None)
    if header is None:
        raise UnusableInputError(f"{source}: the file is empty; expected a header line and one line per patient")
    line, names, broken = header
    refuse_other_delimiter(names, f"{source}, line {line}", variable_of)
    refuse_blanks_between_cells(names, f"{source}, line {line}", variable_of)
    if broken:
        raise UnusableInputError(f"{source}, line {line}: header {broken}")
    if is_cut and lines.tell() == len(start):
        raise UnusableInputError(
            f"{source}, line {line}: the header has more than {HEADER_CHARACTERS:,} characters; shorten the names of "
            "the columns"
        )
    last_line = line + sum(len(_LINE_BREAK.findall(name)) for name in names)
    quoted = all(row.startswith('"') for row in start.split("\n", 3)[:3] if row)
    seen = _first_rows(rows)
    fitted = fit_header(names, seen, variable_of, quoted=quoted)
    refuse_repeated_names(fitted.names, f"{source}, line {line}")
    of_columns = (fitted.n_unnamed, fitted.row_names, seen)
    return Dialect(delimiter, fitted.names, line, preamble.n_lines, last_line, *of_columns)


def refuse_other_delimiter(names: Sequence[str], where: str, variable_of: VariableOf) -> None:
    """Raise UnusableInputError if the names of a header are known once another sign splits one of them.

    Examples
    --------
    >>> known = {"patient_id": 1, "FeNO": 2}.get
    >>> refuse_other_delimiter(["patient_id~FeNO~note"], "clinic.txt, line 1", known)
    Traceback (most recent call last):
        ...
    asthma_ml.errors.UnusableInputError: clinic.txt, line 1: the cells are separated by '~'; separate them by commas,
    semicolons or tabs (save the table as CSV)
    """
    n_known = sum(variable_of(name.strip()) is not None for name in names)
    for name in names[:_MOST_NAMES_SPLIT]:
        for sign in sorted({each for each in name[:_LONGEST_SPLIT] if not each.isalnum() and each not in _IN_NAMES}):
            parts = {variable for part in name.split(sign) if (variable := variable_of(part.strip(_AROUND_NAMES)))}
            if len(parts) > max(n_known, 1):
                raise UnusableInputError(
                    f"{where}: the cells are separated by {sign!r}; separate them by commas, semicolons or tabs "
                    "(save the table as CSV)"
                )


def _first_rows(rows: Iterator[NumberedRow]) -> list[list[str]]:
    """Cells of the first rows; the last row may be cut off, so that its quotation is not closed."""
    found: list[list[str]] = []
    with suppress(UnusableInputError):
        found.extend(row.cells for row in islice(rows, _ROWS_SEEN) if not row.broken)
    return found


def find_delimiter(text: str) -> str:
    r"""Return the delimiter that splits the header into the most names, a comma if none does.

    Examples
    --------
    >>> find_delimiter("patient_id;age;'FeNO, ppb'\n1;2;3\n")
    ';'
    """
    start = text[:HEADER_CHARACTERS]
    return max(DELIMITERS, key=lambda delimiter: len(_header(start, delimiter)))


def _header(text: str, delimiter: str) -> list[str]:
    """First row that is not blank; empty if it is damaged, which is reported while reading."""
    try:
        return next((row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row), [])
    except csv.Error:
        return []
