"""Text tables (CSV, TSV) from bytes: encoding, delimiter, rows with their file lines. Cells stay text."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.preamble import find_preamble
from asthma_ml.patients.problems import Finding, named_lines, shown

DELIMITERS = (",", ";", "\t", "|")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HEADER_CHARACTERS = 1_000_000
_MOST_COLUMNS = 100_000
_DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_CONTROL = frozenset(map(chr, (*range(0x09), *range(0x0E, 0x20))))


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table of text cells.

    Attributes
    ----------
    frame : DataFrame
        Cells and names exactly as they stand in the file.
    lines : ndarray of shape (n_rows,)
        File line on which each row begins; the header is line 1.
    decimal_comma : bool
        Whether a comma inside a number is its decimal sign.
    findings : tuple of Finding
        What is worth knowing about the file as a whole.
    layout : str
        How the file was read, in words.
    """

    frame: pd.DataFrame
    lines: NDArray[np.int64]
    decimal_comma: bool = False
    findings: tuple[Finding, ...] = ()
    layout: str = ""


def parse_text_table(data: bytes, source: str, names: Collection[str] = ()) -> TextTable:
    r"""Read a text table.

    Parameters
    ----------
    data : bytes
        Content of the file. The delimiter, one of comma, semicolon, tab and bar, is found from the header.
    source : str
        Name of the file for messages.
    names : collection of str
        Column names that a column map speaks of; they tell the header from lines before it.

    Returns
    -------
    TextTable
        One row for each row of the file, cells untouched.

    Raises
    ------
    UnusableInputError
        If the file is empty or binary, names a column twice, has rows with too many or too few cells or a
        quotation mark that is never closed.

    Examples
    --------
    >>> table = parse_text_table(b"patient_id;feno_ppb\n007;38,5\n", "clinic.csv")
    >>> table.frame.loc[0].tolist(), table.decimal_comma
    (['007', '38,5'], True)
    """
    text, findings = decode(data, source)
    encoding = "UTF-16" if data.startswith(_UTF16) else "Windows-1252" if findings else "UTF-8"
    preamble = find_preamble(text, DELIMITERS, names)
    if preamble.n_lines:
        text = text[preamble.n_characters :]
        message = f"{preamble.n_lines} lines before the header are not part of the table"
        findings = (*findings, Finding("", "preamble", "warning", message))
    delimiter = find_delimiter(text)
    rows = _rows(text, delimiter, source, preamble.n_lines + 1)
    header_line, header = next(rows, (0, []))
    if not header:
        raise UnusableInputError(f"{source}: the file is empty; expected a header line and one line for each patient")
    if len(header) > _MOST_COLUMNS:
        raise UnusableInputError(f"{source}: {len(header)} columns, more than {_MOST_COLUMNS}; is one row one patient?")
    refuse_repeated_names(header, f"{source}, line {header_line}")
    lines, cells = _complete_rows(rows, len(header), source)
    columns = list(zip(*cells, strict=True)) or [()] * len(header)
    frame = pd.DataFrame({i: pd.Series(column, dtype="str") for i, column in enumerate(columns)})
    frame.columns = pd.Index(header, dtype="str")
    layout = f"{encoding} text, {_DELIMITER_NAMES[delimiter]} between cells, header on line {header_line}"
    return TextTable(frame, np.array(lines, dtype=np.int64), delimiter == ";", findings, layout)


def decode(data: bytes, source: str) -> tuple[str, tuple[Finding, ...]]:
    """Return the text of a file and a warning where it had to be read as Latin-1."""
    if data.startswith(_UTF16):
        return _utf16(data, source), ()
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise UnusableInputError(f"{source}, line {line}: a NUL byte; this is not a text table, save it as CSV")
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode(), ()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    text = _latin(data)
    if not _CONTROL.isdisjoint(text):
        raise UnusableInputError(f"{source}, line {line}: neither UTF-8 nor Latin-1 text; save the table as CSV")
    message = f"not UTF-8 from line {line} on; read as Latin-1, so check letters with accents"
    return text, (Finding("", "encoding", "warning", message),)


def find_delimiter(text: str) -> str:
    r"""Return the delimiter that splits the header into most names, a comma where none does.

    Examples
    --------
    >>> find_delimiter("patient_id;age;'FeNO, ppb'\n1;2;3\n")
    ';'
    """
    start = text[:_HEADER_CHARACTERS]
    return max(DELIMITERS, key=lambda delimiter: len(_header(start, delimiter)))


def refuse_repeated_names(names: list[str], where: str) -> None:
    """Raise UnusableInputError where a column name occurs twice."""
    repeated = sorted(name for name, n in Counter(names).items() if n > 1)
    if repeated:
        said = ", ".join(shown(name) for name in repeated[:5])
        raise UnusableInputError(f"{where}: column names must be unique; repeated: {said}")


def _latin(data: bytes) -> str:
    """Latin-1 as Windows writes it; the few bytes that Windows leaves undefined fall back to ISO 8859-1."""
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _utf16(data: bytes, source: str) -> str:
    try:
        text = data.decode("utf-16")
    except UnicodeDecodeError as error:
        raise UnusableInputError(f"{source}: damaged UTF-16 text; save the table as UTF-8 CSV") from error
    if "\0" in text:
        raise UnusableInputError(f"{source}, line {text.count(chr(10), 0, text.index(chr(0))) + 1}: a NUL character")
    return text


def _header(text: str, delimiter: str) -> list[str]:
    """First row that is not blank; a broken one counts as no header here and is reported while reading."""
    try:
        return next((row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row), [])
    except csv.Error:
        return []


def _rows(text: str, delimiter: str, source: str, first_line: int = 1) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the line it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = first_line
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + first_line
    except csv.Error as error:
        raise UnusableInputError(f"{source}, line {line}: {_quotation(error)}") from error


def _quotation(error: csv.Error) -> str:
    if "expected after" in str(error):
        return 'text follows a closing quotation mark; double quotation marks inside a cell ("")'
    if "field limit" in str(error):
        return f"a cell has more than {csv.field_size_limit()} characters; is a quotation mark never closed?"
    return "a quotation mark is opened and never closed"


def _complete_rows(
    rows: Iterator[tuple[int, list[str]]], n_columns: int, source: str
) -> tuple[list[int], list[list[str]]]:
    lines: list[int] = []
    cells: list[list[str]] = []
    ragged: list[tuple[int, int]] = []
    for line, row in rows:
        if len(row) == n_columns:
            lines.append(line)
            cells.append(row)
        else:
            ragged.append((line, len(row)))
    if ragged:
        raise UnusableInputError(_ragged(ragged, n_columns, source))
    return lines, cells


def _ragged(ragged: list[tuple[int, int]], n_columns: int, source: str) -> str:
    line, n_cells = ragged[0]
    where = named_lines([line for line, _ in ragged])
    many = "too many" if n_cells > n_columns else "too few"
    return (
        f"{source}, {where}: rows must have {n_columns} cells as the header does; line {line} has {many} ({n_cells}); "
        "quote text that contains the delimiter"
    )
