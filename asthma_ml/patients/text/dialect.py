"""Find delimiter, header line and column names of a text table."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass

from asthma_ml.errors import UnusableInputError
from asthma_ml.files import DELIMITERS
from asthma_ml.patients.problems import Finding, shown
from asthma_ml.patients.text.preamble import VariableOf, find_preamble
from asthma_ml.patients.text.text_rows import numbered_rows

HEADER_CHARACTERS = 1_000_000
_MOST_COLUMNS = 100_000
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
    """

    delimiter: str
    names: list[str]
    line: int = 1
    lines_before: int = 0
    last_line: int = 1

    def __str__(self) -> str:
        return f"{_DELIMITER_NAMES[self.delimiter]}-delimited, header on line {self.line}"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """A warning if lines come before the header."""
        message = f"the lines before the header on line {self.line} are not read"
        return (Finding("", "preamble", "warning", message),) if self.lines_before else ()

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
        If the file is empty, or its header is damaged or contains a name twice.
    """
    preamble = find_preamble(start, DELIMITERS, variable_of)
    start = start[preamble.n_characters :]
    delimiter = find_delimiter(start)
    rows = numbered_rows(io.StringIO(start, newline=""), delimiter, source, preamble.n_lines)
    header = next(rows, None)
    if header is None:
        raise UnusableInputError(f"{source}: the file is empty; expected a header line and one line per patient")
    line, names, broken = header
    if broken:
        raise UnusableInputError(f"{source}, line {line}: header {broken}")
    if len(names) > _MOST_COLUMNS:
        raise UnusableInputError(f"{source}: {len(names)} columns, more than {_MOST_COLUMNS}; give one row per patient")
    refuse_repeated_names(names, f"{source}, line {line}")
    last_line = line + sum(len(_LINE_BREAK.findall(name)) for name in names)
    return Dialect(delimiter, names, line, preamble.n_lines, last_line)


def find_delimiter(text: str) -> str:
    r"""Return the delimiter that splits the header into the most names, a comma if none does.

    Examples
    --------
    >>> find_delimiter("patient_id;age;'FeNO, ppb'\n1;2;3\n")
    ';'
    """
    start = text[:HEADER_CHARACTERS]
    return max(DELIMITERS, key=lambda delimiter: len(_header(start, delimiter)))


def refuse_repeated_names(names: list[str], where: str) -> None:
    """Raise UnusableInputError if a column name occurs twice."""
    repeated = sorted(name for name, n in Counter(names).items() if n > 1)
    if repeated:
        names_shown = ", ".join(shown(name) for name in repeated[:5])
        raise UnusableInputError(f"{where}: column names must be unique; repeated: {names_shown}")


def _header(text: str, delimiter: str) -> list[str]:
    """First row that is not blank; empty if it is damaged, which is reported while reading."""
    try:
        return next((row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row), [])
    except csv.Error:
        return []
