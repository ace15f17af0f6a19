"""Text tables: every cell as text, every row with its file line, column by column.

A large part of a file is split by machine code (`text_kernel`), a small one by the csv module; both give the same
cells. Rows whose number of cells is wrong or whose quotation marks are doubled or wrong are always left to the csv
module.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.columns import Column, Slices, Texts
from asthma_ml.errors import UnusableInputError
from asthma_ml.files import column_cells
from asthma_ml.patients.problems import Finding
from asthma_ml.patients.text.dialect import Dialect
from asthma_ml.patients.text.text_rows import Misfit, NumberedRow, fit_to_header, numbered_rows

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MOST_MISFITS = 100_000
"""Rows of a table that need not fit its header, even if they are most of its rows."""

_SHARE_OF_MISFITS = 0.1
_MOST_SHORT_CELLS, _FEWEST_SHORT_ROWS = 2**27, 1_000


@dataclass(frozen=True)
class TextTable:
    """A table whose cells are read as text; it comes from a text file, a Parquet file or a data frame.

    Attributes
    ----------
    names : list of str
        Column names, unchanged.
    lines : ndarray of shape (n_rows,)
        File line on which each row begins; the header is line 1.
    columns : sequence of Column
        Cells by column: text, or numbers if the table has a typed column of numbers.
    given : callable or None
        Returns the table as a data frame, if it came as one.
    decimal_comma : bool
        Whether numbers have a decimal comma.
    findings : tuple of Finding
        Warnings about the file as a whole.
    layout : str
        Encoding, delimiter and header line in words.
    misfits : mapping of int to Misfit
        Rows whose cells cannot be assigned to columns. Their cells are copied to the output and not read.
    typed_names : frozenset of str
        Columns whose type is not text.
    arrow : Table or None
        The table, if it came from a Parquet file.
    whole_rows : Slices or None
        Rows as they are in the file, if they are written as they were read: with `delimiter` and without quotes.
    delimiter : str
        Delimiter of the text file; empty for other tables.
    row_labels : Column or None
        Labels of the rows of a data frame whose index has no name and holds text.
    """

    names: list[str]
    lines: NDArray[np.int64]
    columns: Sequence[Column]
    given: Callable[[], pd.DataFrame] | None = None
    decimal_comma: bool = False
    findings: tuple[Finding, ...] = ()
    layout: str = ""
    misfits: Mapping[int, Misfit] = field(default_factory=dict)
    typed_names: frozenset[str] = frozenset()
    arrow: pa.Table | None = None
    whole_rows: Slices | None = None
    delimiter: str = ""
    row_labels: Column | None = None

    def __len__(self) -> int:
        return len(self.lines)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The table as a data frame, unchanged."""
        if self.given is not None:
            return self.given()
        import pandas as pd

        frame = pd.DataFrame({i: pd.Series(self.texts_as_given(i), dtype="str") for i in range(len(self.names))})
        frame.columns = pd.Index(self.names, dtype="str")
        return frame

    def rows(self, start: int, stop: int) -> TextTable:
        """Return consecutive rows of a table that was read from a text file."""
        misfits = {row - start: misfit for row, misfit in self.misfits.items() if start <= row < stop}
        columns = [rows_of(column, slice(start, stop)) for column in self.columns]
        return replace(self, lines=self.lines[start:stop], columns=columns, misfits=misfits, whole_rows=None)

    def first_rows(self, n_rows: int = 50) -> list[list[str]]:
        """Return the cells of the first rows."""
        columns = [cell_texts(rows_of(column, slice(0, n_rows))) for column in self.columns]
        return [list(cells) for cells in zip(*columns, strict=True)]

    def column(self, name: str) -> Column:
        """Return a column as it is read: the cells of misfits are empty."""
        column = self.columns[self.names.index(name)]
        return _without(column, np.array(list(self.misfits))) if self.misfits else column

    def texts(self, name: str) -> list[str]:
        """Return the cells of a column as text; missing cells and cells of misfits are empty."""
        return cell_texts(self.column(name))

    def texts_as_given(self, place: int) -> list[str]:
        """Return the cells of the column at this place as text, including cells of misfits."""
        return cell_texts(self.columns[place])


def rows_of(column: Column, rows: Any) -> Column:
    """Some rows of a column."""
    if isinstance(column, Slices):
        return Slices(column.data, column.starts[rows], column.stops[rows])
    return column.take(rows) if isinstance(column, Texts) else np.asarray(column)[rows]


def rows_beginning_with(column: Slices, first_bytes: Sequence[int]) -> NDArray[np.intp]:
    """Rows whose text is not empty and begins with one of some bytes.

    Examples
    --------
    >>> rows_beginning_with(Slices.of(["=1", "", "1"]), [ord("=")]).tolist()
    [0]
    """
    filled = np.flatnonzero(column.stops > column.starts)
    return np.asarray(filled[np.isin(column.data[column.starts[filled]], first_bytes)])


def cell_texts(column: Column) -> list[str]:
    """Text of each cell; missing cells are empty.

    Examples
    --------
    >>> cell_texts(np.array([0.25, 7.0, np.nan])), cell_texts(Texts.of(["a", None]))
    (['0.25', '7', ''], ['a', ''])
    """
    return [cell or "" for cell in column_cells(column)]


def text_codes(column: Column) -> Texts:
    """Distinct texts of a column and the place of each cell's text among them; missing cells are empty.

    Examples
    --------
    >>> text_codes(Texts.of(["a", None, "a"])).distinct
    ['a', '']
    """
    if isinstance(column, Slices):
        return _distinct_slices(column)
    if isinstance(column, Texts) and not column.missing.any():
        return column
    if isinstance(column, Texts):
        distinct = [*column.distinct] if "" in column.distinct else [*column.distinct, ""]
        return Texts(np.where(column.missing, np.int32(distinct.index("")), column.codes), distinct)
    if isinstance(column, np.ndarray):
        values, codes = np.unique(column, return_inverse=True)
        return Texts(codes.astype(np.int32), cell_texts(values))
    return Texts.of(cell_texts(column))


def _distinct_slices(column: Slices) -> Texts:
    from asthma_ml.patients.text import text_kernel

    n = len(column)
    codes, first = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.int32)
    slots = np.full(1 << max(2 * n - 1, 1).bit_length(), -1, dtype=np.int32)
    n_texts = text_kernel.number_texts(column.data, column.starts, column.stops, slots, codes, first)
    rows = first[:n_texts]
    texts = Slices(column.data, column.starts[rows], column.stops[rows]).strings()
    return Texts(codes, texts.tolist())


def _without(column: Column, rows: NDArray[np.intp]) -> Column:
    """A column whose cells in some rows are empty."""
    if isinstance(column, Slices):
        stops = column.stops.copy()
        stops[rows] = column.starts[rows]
        return Slices(column.data, column.starts, stops)
    cells = cell_texts(column)
    for row in rows.tolist():
        cells[row] = ""
    return Texts.of(cells)


@dataclass(frozen=True, slots=True)
class TextSplitter:
    r"""Splits bytes of a text file into rows and cells.

    Attributes
    ----------
    dialect : Dialect
        Delimiter and column names.
    source : str
        Name of the file for messages.
    compiled : bool
        Whether machine code splits the rows; loading it takes a third of a second.

    Examples
    --------
    >>> splitter = TextSplitter(Dialect(";", ["patient_id", "feno_ppb"]), "clinic.csv")
    >>> table = splitter.table(b"007;38,5\n008\n", lines_before=1)
    >>> table.texts_as_given(0), table.misfits
    (['007', '008'], {1: Misfit(rule='row_length', message='with 1 cell where the header has 2')})
    """

    dialect: Dialect
    source: str
    compiled: bool = False

    def table(self, data: bytes, lines_before: int, most: int | None = None) -> TextTable:
        """Return the rows of complete lines in UTF-8; `lines_before` is the number of lines of the file before them.

        `most` is their number, if it is known.

        Raises
        ------
        UnusableInputError
            If a quotation mark is never closed, or very many rows do not fit the header.
        """
        found = self.first_rows(data, lines_before, most)[0] if self.compiled else None
        return self._split_by_csv(data, lines_before) if found is None else found

    def first_rows(
        self, data: bytes, lines_before: int, most: int | None = None, *, final: bool = True
    ) -> tuple[TextTable | None, int, int]:
        """Return the first rows of lines in UTF-8, by machine code.

        Parameters
        ----------
        data : bytes
            The lines; unless `final`, they may end within a row, which is left out.
        lines_before : int
            Number of lines of the file before them.
        most : int, optional
            Largest number of rows.
        final : bool, default=True
            Whether the file ends with the lines.

        Returns
        -------
        table : TextTable or None
            None if a quotation is wrong or a cell is very long, of which the csv module gives an account.
        n_bytes, n_lines : int
            Bytes that the rows take, and lines of the file up to their end.
        """
        from asthma_ml.patients.text import text_kernel

        n_names, n_columns = len(self.dialect.names), len(self.dialect.names) + self.dialect.n_unnamed
        # A row that fits the header has as many delimiters and line breaks as columns.
        room = len(data) // n_columns + max(_MOST_SHORT_CELLS // n_columns, _FEWEST_SHORT_ROWS)
        size = min(room, data.count(b"\n") + data.count(b"\r") + 1 if most is None else most)
        place = np.int32 if len(data) < 2**31 else np.int64
        cells = np.empty((2, n_columns, size), dtype=place)
        rows = np.empty((4, size), dtype=np.int64)
        signs, delimiter = np.frombuffer(data, dtype=np.uint8), ord(self.dialect.delimiter)
        n, end, line, result = text_kernel.split_rows(signs, 0, lines_before + 1, delimiter, final, cells, rows)
        if result == text_kernel.UNREADABLE:
            return None, end, line - 1
        if n == room and end < len(data):
            raise self._misfits_refused(line, room - len(data) // n_columns)
        unnamed_starts, unnamed_stops = cells[:, n_names:, :n]
        rows[3, :n] |= (unnamed_stops > unnamed_starts).any(axis=0)
        signs, misfits = self._mend(data, signs, cells[:, :n_names, :n], rows[:, :n])
        columns = [Slices(signs, starts, stops) for starts, stops in zip(*cells[:, :n_names, :n], strict=True)]
        table = self._table(rows[2, :n], columns, misfits)
        if b'"' not in data and not rows[3, :n].any() and not self.dialect.n_unnamed:
            table = replace(table, whole_rows=Slices(signs, rows[0, :n], rows[1, :n]))
        return table, end, line - 1

    def _split_by_csv(self, data: bytes, lines_before: int) -> TextTable:
        rows, misfits = self._fitted(data, lines_before)
        column = Slices.of if self.compiled else Texts.of
        columns = [column(cells) for cells in zip(*(row.cells for row in rows), strict=True)]
        none = [column([]) for _ in self.dialect.names]
        return self._table(np.array([row.line for row in rows], dtype=np.int64), columns or none, misfits)

    def _mend(self, data: bytes, signs: Any, cells: Any, rows: Any) -> tuple[Any, dict[int, Misfit]]:
        """Let the csv module split the odd rows; their cells follow behind the other bytes."""
        misfits: dict[int, Misfit] = {}
        added: list[bytes] = []
        end = len(data)
        for row in np.flatnonzero(rows[3]).tolist():
            begin, stop, line = rows[:3, row].tolist()
            [found], misfit = self._fitted(data[begin:stop], line - 1)
            if misfit:
                misfits[row] = misfit[0]
            self.refuse_misfits(len(misfits), rows.shape[1], line)
            texts = [cell.encode() for cell in found.cells]
            stops = end + np.cumsum([len(text) for text in texts])
            cells[0, :, row], cells[1, :, row] = stops - [len(text) for text in texts], stops
            added += texts
            end = int(stops[-1])
        return (np.frombuffer(b"".join([data, *added]), dtype=np.uint8) if added else signs), misfits

    def refuse_misfits(self, n_misfits: int, n_rows: int, line: int) -> None:
        """Raise UnusableInputError if very many of `n_rows` do not fit the header."""
        if n_misfits > max(MOST_MISFITS, n_rows * _SHARE_OF_MISFITS):
            raise self._misfits_refused(line, n_misfits)

    def _misfits_refused(self, line: int, n_rows: int) -> UnusableInputError:
        return UnusableInputError(
            f"{self.source}, line {line}: {n_rows:,} rows before this line do not fit the header; give one row per "
            "patient below one header"
        )

    def _fitted(self, data: bytes, lines_before: int) -> tuple[list[NumberedRow], dict[int, Misfit]]:
        """Rows with as many cells as the header has, and the misfits among them."""
        # Unlike StringIO, which keeps four bytes of every character, this decodes line by line.
        lines = io.TextIOWrapper(io.BytesIO(data), "utf-8", newline="")
        dialect = self.dialect
        rows = list(numbered_rows(lines, dialect.delimiter, self.source, lines_before))
        fitted = [fit_to_header(row, len(dialect.names), dialect.delimiter, dialect.n_unnamed) for row in rows]
        misfits = {i: misfit for i, (_, misfit) in enumerate(fitted) if misfit is not None}
        return [row._replace(cells=cells) for row, (cells, _) in zip(rows, fitted, strict=True)], misfits

    def _table(self, lines: NDArray[np.int64], columns: Sequence[Column], misfits: Mapping[int, Misfit]) -> TextTable:
        comma, delimiter = self.dialect.decimal_comma, self.dialect.delimiter
        return TextTable(self.dialect.names, lines, columns, None, comma, misfits=misfits, delimiter=delimiter)
