"""Split a text table into rows with their file lines, and fit each row to the header."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from asthma_ml.errors import UnusableInputError

MOST_CELLS = 100_000
"""Largest number of cells of a row, and therefore of columns."""

_BROKEN_QUOTES = 'with text after a closing quotation mark; write a quotation mark inside a cell twice ("")'


class NumberedRow(NamedTuple):
    """A row of a text file.

    Attributes
    ----------
    line : int
        File line on which it begins.
    cells : list of str
        Its cells; the whole line if its quotation marks are wrong.
    broken : str
        Problem of its quotation marks, empty if there is none.
    """

    line: int
    cells: list[str]
    broken: str = ""


class Misfit(NamedTuple):
    """Rule and message of a row whose cells cannot be assigned to columns."""

    rule: str
    message: str


def numbered_rows(lines: Iterable[str], delimiter: str, source: str, before: int = 0) -> Iterator[NumberedRow]:
    r"""Yield the rows that are not blank; `before` is the number of lines before the first one.

    Raises
    ------
    UnusableInputError
        If a quotation mark is never closed, so that the next row cannot be found, or a line has more than `MOST_CELLS`
        cells.

    Examples
    --------
    >>> [row.cells for row in numbered_rows(['a,"b\n', 'c"\n', "\n", '"d"e,f\n'], ",", "clinic.csv")]
    [['a', 'b\nc'], ['"d"e,f']]
    """
    latest = _Latest(lines, delimiter)
    reader = csv.reader(latest, delimiter=delimiter, strict=True)
    line = before + 1
    while True:
        try:
            row = NumberedRow(line, next(reader))
        except StopIteration:
            return
        except _TooManyCellsError:
            raise UnusableInputError(
                f"{source}, line {line}: more than {MOST_CELLS:,} cells; give one row per patient"
            ) from None
        except csv.Error as error:
            if before + reader.line_num > line or "expected after" not in str(error):
                raise UnusableInputError(f"{source}, line {line}: {_quotation(error)}") from error
            row = NumberedRow(line, [latest.line.rstrip("\r\n")], _BROKEN_QUOTES)
        if row.cells:
            yield row
        line = before + reader.line_num + 1


class _TooManyCellsError(Exception):
    """A line has more cells than are split."""


class _Latest:
    """Iterator over lines that keeps the latest one."""

    def __init__(self, lines: Iterable[str], delimiter: str) -> None:
        self._lines, self._delimiter = iter(lines), delimiter
        self.line = ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.line = next(self._lines)
        if len(self.line) > MOST_CELLS and self.line.count(self._delimiter) >= MOST_CELLS:
            raise _TooManyCellsError
        return self.line


def _quotation(error: csv.Error) -> str:
    if "expected after" in str(error):
        return f"a row of several lines {_BROKEN_QUOTES}"
    if "field limit" in str(error):
        return f"a cell has more than {csv.field_size_limit()} characters; is a quotation mark never closed?"
    return "a quotation mark is opened and never closed"


def fit_to_header(
    row: NumberedRow, n_columns: int, delimiter: str, n_unnamed: int = 0
) -> tuple[list[str], Misfit | None]:
    """Return a row with as many cells as the header, and its misfit if it has one.

    Missing cells are empty. Surplus cells are joined in the last cell as they were in the file, so that nothing is
    lost. Behind them `n_unnamed` empty cells are left out.

    Examples
    --------
    >>> fit_to_header(NumberedRow(2, ["007"]), 2, ",")
    (['007', ''], Misfit(rule='row_length', message='with 1 cell where the header has 2'))
    >>> fit_to_header(NumberedRow(3, ["008", "cough", "fever, cold"]), 2, ",")[0]
    ['008', 'cough,"fever, cold"']
    >>> fit_to_header(NumberedRow(4, ['"009"x,20'], "with text after a closing quotation mark"), 2, ",")[0]
    ['"009"x', '20']
    """
    n_cells = len(row.cells)
    if row.broken:
        cells = row.cells[0].split(delimiter, n_columns - 1)
        return _padded(cells, n_columns), Misfit("quotation", row.broken)
    if n_columns <= n_cells <= n_columns + n_unnamed and not any(row.cells[n_columns:]):
        return row.cells[:n_columns], None
    message = f"with {n_cells} cell{'s' * (n_cells > 1)} where the header has {n_columns}"
    if n_cells < n_columns:
        return _padded(row.cells, n_columns), Misfit("row_length", message)
    kept, rest = row.cells[: n_columns - 1], row.cells[n_columns - 1 :]
    return [*kept, _as_written(rest, delimiter)], Misfit(
        "row_length", f"{message}; quote text that contains the delimiter"
    )


def _padded(cells: list[str], n_columns: int) -> list[str]:
    return [*cells, *[""] * (n_columns - len(cells))]


def _as_written(cells: Sequence[str], delimiter: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerow(cells)
    return text.getvalue().removesuffix("\r\n")
