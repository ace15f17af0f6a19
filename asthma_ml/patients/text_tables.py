"""Text tables (CSV, TSV) from bytes: encoding, delimiter, rows with their file lines. Cells stay text."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.preamble import find_preamble
from asthma_ml.patients.problems import NAMED_LINES, Finding, counted_lines, shown

DELIMITERS = (",", ";", "\t", "|")
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
HEADER_CHARACTERS = 1_000_000
_MOST_COLUMNS = 100_000
_DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_UNDEFINED_IN_WINDOWS = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


@dataclass(frozen=True)
class TextTable:
    """A table of text cells, or of a frame whose cells are to be read as text.

    Attributes
    ----------
    names : list of str
        Names of the columns exactly as they stand in the file.
    lines : ndarray of shape (n_rows,)
        File line on which each row begins; the header is line 1.
    columns : sequence of sequences of str
        Cells exactly as they stand in the file, column by column; empty where a frame was given.
    given : DataFrame or None
        The table where it came as a frame.
    decimal_comma : bool
        Whether a comma inside a number is its decimal sign.
    findings : tuple of Finding
        What is worth knowing about the file as a whole.
    layout : str
        How the file was read, in words.
    """

    names: list[str]
    lines: NDArray[np.int64]
    columns: Sequence[Sequence[str]] = ()
    given: pd.DataFrame | None = None
    decimal_comma: bool = False
    findings: tuple[Finding, ...] = ()
    layout: str = ""

    @classmethod
    def of_frame(cls, frame: pd.DataFrame, lines: NDArray[np.int64], layout: str = "data frame") -> TextTable:
        """Take a frame as it is."""
        return cls([str(name) for name in frame.columns], lines, given=frame, layout=layout)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The table as it was given."""
        if self.given is not None:
            return self.given
        frame = pd.DataFrame({i: pd.Series(column, dtype="str") for i, column in enumerate(self.columns)})
        frame.columns = pd.Index(self.names, dtype="str")
        return frame

    def texts(self, name: str) -> Sequence[str]:
        """Return the cells of a column as text, empty where there is nothing."""
        i = self.names.index(name)
        return self.columns[i] if self.given is None else cell_texts(self.given.iloc[:, i])

    def holds_text(self, name: str) -> bool:
        """Whether every cell of a column that is there is text, so that a stated decimal sign applies to it."""
        if self.given is None:
            return True
        return pd.api.types.infer_dtype(self.given.iloc[:, self.names.index(name)], skipna=True) in ("string", "empty")

    @property
    def typed_names(self) -> frozenset[str]:
        """Columns that hold something else than text."""
        return frozenset(name for name in self.names if not self.holds_text(name))


def cell_texts(column: pd.Series[Any]) -> list[str]:
    """Return each cell as text, empty where there is nothing."""
    missing = column.isna().to_numpy()
    return ["" if gone else str(cell) for cell, gone in zip(column.tolist(), missing, strict=True)]


def parse_text_table(data: bytes, source: str, known: Collection[str] = ()) -> TextTable:
    r"""Read a text table.

    Parameters
    ----------
    data : bytes
        Content of the file. The delimiter, one of comma, semicolon, tab and bar, is found from the header.
    source : str
        Name of the file for messages.
    known : collection of str
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
    dialect = read_header(text, source, known)
    lines, columns = read_rows(io.StringIO(text, newline=""), dialect, source)
    encoding = "UTF-16" if data.startswith(UTF16) else "Windows-1252" if findings else "UTF-8"
    layout = f"{encoding} text, {dialect}"
    return TextTable(
        dialect.names,
        lines,
        columns,
        decimal_comma=dialect.decimal_comma,
        findings=(*findings, *dialect.findings),
        layout=layout,
    )


def decode(data: bytes, source: str) -> tuple[str, tuple[Finding, ...]]:
    """Return the text of a file and a warning where it had to be read as Latin-1."""
    if data.startswith(UTF16):
        return "".join(decoded_utf16([data], source)), ()
    data = data.removeprefix(codecs.BOM_UTF8)
    codec, findings = find_encoding(lambda: [data], source)
    return data.decode(codec), findings


def find_encoding(blocks: Callable[[], Iterable[bytes]], source: str) -> tuple[str, tuple[Finding, ...]]:
    """Find in which encoding a text that is not UTF-16 is written.

    Parameters
    ----------
    blocks : callable
        Returns the bytes of the text from its beginning, without a byte order mark, in blocks of any size.
    source : str
        Name of the file for messages.

    Returns
    -------
    codec : {"utf-8", "cp1252", "latin-1"}
        Latin-1 is taken as Windows writes it; the few bytes that Windows leaves undefined fall back to ISO 8859-1.
    findings : tuple of Finding
        A warning where the text is not UTF-8.

    Raises
    ------
    UnusableInputError
        If the file is binary.
    """
    line = _first_line_beyond_utf8(blocks(), source)
    if line is None:
        return "utf-8", ()
    if any(_CONTROL.search(block) for block in blocks()):
        raise UnusableInputError(f"{source}, line {line}: neither UTF-8 nor Latin-1 text; save the table as CSV")
    windows = not any(_UNDEFINED_IN_WINDOWS.search(block) for block in blocks())
    message = f"not UTF-8 from line {line} on; read as Latin-1, so check letters with accents"
    return "cp1252" if windows else "latin-1", (Finding("", "encoding", "warning", message),)


def _first_line_beyond_utf8(blocks: Iterable[bytes], source: str) -> int | None:
    """Line of the first byte that is not UTF-8; a NUL byte anywhere is refused."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    found, lines = None, 0
    for block in chain(blocks, [b""]):
        if b"\0" in block:
            line = lines + block.count(b"\n", 0, block.index(b"\0")) + 1
            raise UnusableInputError(f"{source}, line {line}: a NUL byte; this is not a text table, save it as CSV")
        if found is None:
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                # What the decoder held back from the block before is a part of one letter, so without a line break.
                found = lines + error.object.count(b"\n", 0, error.start) + 1
        lines += block.count(b"\n")
    return found


def decoded_utf16(blocks: Iterable[bytes], source: str) -> Iterator[str]:
    """Text of a UTF-16 file that begins with a byte order mark, in pieces."""
    decoder = codecs.getincrementaldecoder("utf-16")()
    lines = 0
    for block in chain(blocks, [b""]):
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise UnusableInputError(f"{source}: damaged UTF-16 text; save the table as UTF-8 CSV") from error
        if "\0" in text:
            line = lines + text.count("\n", 0, text.index("\0")) + 1
            raise UnusableInputError(f"{source}, line {line}: a NUL character")
        lines += text.count("\n")
        yield text


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text table is written, as its header shows.

    Attributes
    ----------
    delimiter : str
        What separates cells.
    names : list of str
        Names of the columns.
    line : int
        File line of the header.
    lines_before : int
        Lines at the beginning that are no part of the table.
    """

    delimiter: str
    names: list[str]
    line: int = 1
    lines_before: int = 0

    def __str__(self) -> str:
        return f"{_DELIMITER_NAMES[self.delimiter]} between cells, header on line {self.line}"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """A warning where the header does not come first."""
        message = f"what stands before the header on line {self.line} is not part of the table"
        return (Finding("", "preamble", "warning", message),) if self.lines_before else ()

    @property
    def decimal_comma(self) -> bool:
        """Whether a comma inside a number is its decimal sign."""
        return self.delimiter == ";"


def read_header(start: str, source: str, known: Collection[str] = ()) -> Dialect:
    """Read how a table is written from its first million characters.

    Parameters
    ----------
    start : str
        Those characters.
    source : str
        Name of the file for messages.
    known : collection of str
        Column names that a column map speaks of.

    Raises
    ------
    UnusableInputError
        If the file is empty, its header is broken or names a column twice.
    """
    preamble = find_preamble(start, DELIMITERS, known)
    start = start[preamble.n_characters :]
    delimiter = find_delimiter(start)
    rows = numbered_rows(io.StringIO(start, newline=""), delimiter, source, preamble.n_lines)
    line, names = next(rows, (0, []))
    if not names:
        raise UnusableInputError(f"{source}: the file is empty; expected a header line and one line for each patient")
    if len(names) > _MOST_COLUMNS:
        raise UnusableInputError(f"{source}: {len(names)} columns, more than {_MOST_COLUMNS}; is one row one patient?")
    refuse_repeated_names(names, f"{source}, line {line}")
    return Dialect(delimiter, names, line, preamble.n_lines)


def read_rows(
    lines: Iterable[str], dialect: Dialect, source: str, *, header: bool = True, before: int = 0
) -> tuple[NDArray[np.int64], Sequence[Sequence[str]]]:
    """Read all rows of some lines of a table.

    Parameters
    ----------
    lines : iterable of str
        Lines with their ends.
    dialect : Dialect
        How they are written.
    source : str
        Name of the file for messages.
    header : bool
        Whether the first row holds the names of the columns.
    before : int
        Lines of the file before these.

    Returns
    -------
    lines : ndarray of shape (n_rows,)
        File line on which each row begins.
    columns : sequence of sequences of str
        Cells, column by column.

    Raises
    ------
    UnusableInputError
        If rows have too many or too few cells, or a quotation mark is never closed.
    """
    if header:
        lines, before = skip_lines(lines, dialect.lines_before), before + dialect.lines_before
    rows = numbered_rows(lines, dialect.delimiter, source, before)
    if header:
        next(rows)
    begins: list[int] = []
    cells: list[list[str]] = []
    ragged = RaggedRows(len(dialect.names))
    for line, row in rows:
        if ragged.accepts(line, row):
            begins.append(line)
            cells.append(row)
    ragged.refuse(source)
    return np.array(begins, dtype=np.int64), list(zip(*cells, strict=True)) or [()] * len(dialect.names)


def skip_lines(lines: Iterable[str], n_lines: int) -> Iterator[str]:
    """Return the lines behind the first few, which may end as CR alone."""
    left = n_lines
    for line in lines:
        if not left:
            yield line
            continue
        parts = _LINES.findall(line)
        yield from ["".join(parts[left:])] if len(parts) > left else []
        left -= min(left, len(parts))


def find_delimiter(text: str) -> str:
    r"""Return the delimiter that splits the header into most names, a comma where none does.

    Examples
    --------
    >>> find_delimiter("patient_id;age;'FeNO, ppb'\n1;2;3\n")
    ';'
    """
    start = text[:HEADER_CHARACTERS]
    return max(DELIMITERS, key=lambda delimiter: len(_header(start, delimiter)))


def refuse_repeated_names(names: list[str], where: str) -> None:
    """Raise UnusableInputError where a column name occurs twice."""
    repeated = sorted(name for name, n in Counter(names).items() if n > 1)
    if repeated:
        said = ", ".join(shown(name) for name in repeated[:5])
        raise UnusableInputError(f"{where}: column names must be unique; repeated: {said}")


def _header(text: str, delimiter: str) -> list[str]:
    """First row that is not blank; a broken one counts as no header here and is reported while reading."""
    try:
        return next((row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row), [])
    except csv.Error:
        return []


def numbered_rows(
    lines: Iterable[str], delimiter: str, source: str, before: int = 0
) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the file line it begins on; `before` counts the lines left out."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    line = before + 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = before + reader.line_num + 1
    except csv.Error as error:
        raise UnusableInputError(f"{source}, line {line}: {_quotation(error)}") from error


def _quotation(error: csv.Error) -> str:
    if "expected after" in str(error):
        return 'text follows a closing quotation mark; double quotation marks inside a cell ("")'
    if "field limit" in str(error):
        return f"a cell has more than {csv.field_size_limit()} characters; is a quotation mark never closed?"
    return "a quotation mark is opened and never closed"


class RaggedRows:
    """Rows with too many or too few cells: the first of them are named, the rest counted."""

    def __init__(self, n_columns: int) -> None:
        self.n_columns = n_columns
        self.first: list[tuple[int, int]] = []
        self.n_rows = 0

    def accepts(self, line: int, row: Sequence[str]) -> bool:
        """Whether a row has as many cells as the header."""
        if len(row) == self.n_columns:
            return True
        self.n_rows += 1
        if len(self.first) < NAMED_LINES:
            self.first.append((line, len(row)))
        return False

    def refuse(self, source: str) -> None:
        """Raise UnusableInputError if there was any."""
        if not self.first:
            return
        line, n_cells = self.first[0]
        where = counted_lines([line for line, _ in self.first], self.n_rows)
        many = "too many" if n_cells > self.n_columns else "too few"
        raise UnusableInputError(
            f"{source}, {where}: rows must have {self.n_columns} cells as the header does; line {line} has {many} "
            f"({n_cells}); quote text that contains the delimiter"
        )
