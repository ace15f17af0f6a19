"""Read a text table (CSV, TSV) from bytes: every cell as text, every row with its file line."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.patients.dialect import Dialect, read_header, rows_below_header
from asthma_ml.patients.encodings import UTF16, decode
from asthma_ml.patients.problems import Finding
from asthma_ml.patients.text_rows import Misfit, NumberedRow, fit_to_header


@dataclass(frozen=True)
class TextTable:
    """A table whose cells are read as text; it comes from a text file or from a data frame.

    Attributes
    ----------
    names : list of str
        Column names, unchanged.
    lines : ndarray of shape (n_rows,)
        File line on which each row begins; the header is line 1.
    columns : sequence of sequences of str
        Cells by column, unchanged; empty if the table came as a data frame.
    given : DataFrame or None
        The table, if it came as a data frame.
    decimal_comma : bool
        Whether numbers have a decimal comma.
    findings : tuple of Finding
        Warnings about the file as a whole.
    layout : str
        Encoding, delimiter and header line in words.
    misfits : mapping of int to Misfit
        Rows whose cells cannot be assigned to columns. Their cells are copied to the output and not read.
    """

    names: list[str]
    lines: NDArray[np.int64]
    columns: Sequence[Sequence[str]] = ()
    given: pd.DataFrame | None = None
    decimal_comma: bool = False
    findings: tuple[Finding, ...] = ()
    layout: str = ""
    misfits: Mapping[int, Misfit] = field(default_factory=dict)

    @classmethod
    def of_frame(cls, frame: pd.DataFrame, lines: NDArray[np.int64], layout: str = "data frame") -> TextTable:
        """Wrap a data frame."""
        return cls([str(name) for name in frame.columns], lines, given=frame, layout=layout)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The table as a data frame, unchanged."""
        if self.given is not None:
            return self.given
        frame = pd.DataFrame({i: pd.Series(column, dtype="str") for i, column in enumerate(self.columns)})
        frame.columns = pd.Index(self.names, dtype="str")
        return frame

    def texts(self, name: str) -> Sequence[str]:
        """Return the cells of a column as text; missing cells and cells of misfits are empty."""
        cells = self.texts_as_given(name)
        return [("" if row in self.misfits else cell) for row, cell in enumerate(cells)] if self.misfits else cells

    def texts_as_given(self, name: str) -> Sequence[str]:
        """Return the cells of a column as text, including cells of misfits."""
        i = self.names.index(name)
        return self.columns[i] if self.given is None else cell_texts(self.given.iloc[:, i])

    def holds_text(self, name: str) -> bool:
        """Whether all cells of a column are text or missing, so that a stated decimal sign applies to them."""
        if self.given is None:
            return True
        return pd.api.types.infer_dtype(self.given.iloc[:, self.names.index(name)], skipna=True) in ("string", "empty")

    @property
    def typed_names(self) -> frozenset[str]:
        """Columns whose type is not text."""
        return frozenset(name for name in self.names if not self.holds_text(name))


def cell_texts(column: pd.Series[Any]) -> list[str]:
    """Return each cell as text; missing cells are empty."""
    missing = column.isna().to_numpy()
    return ["" if gone else str(cell) for cell, gone in zip(column.tolist(), missing, strict=True)]


class GatheredRows:
    """Collects rows of a text file and fits them to its header.

    Parameters
    ----------
    dialect : Dialect
        Dialect of the file.
    rows : iterable of NumberedRow
        First rows.
    """

    def __init__(self, dialect: Dialect, rows: Iterable[NumberedRow] = ()) -> None:
        self._dialect = dialect
        self._lines: list[int] = []
        self._cells: list[list[str]] = []
        self._misfits: dict[int, Misfit] = {}
        for row in rows:
            self.add(row)

    def __len__(self) -> int:
        return len(self._cells)

    def add(self, row: NumberedRow) -> None:
        """Add the next row."""
        cells, misfit = fit_to_header(row, len(self._dialect.names), self._dialect.delimiter)
        if misfit is not None:
            self._misfits[len(self)] = misfit
        self._lines.append(row.line)
        self._cells.append(cells)

    def table(self, wanted: Collection[str] | None = None) -> TextTable:
        """Return the rows as a table with all columns or the wanted ones."""
        names = self._dialect.names
        columns: Sequence[Sequence[str]]
        if wanted is None:
            columns = list(zip(*self._cells, strict=True)) or [()] * len(names)
        else:
            places = [i for i, name in enumerate(names) if name in wanted]
            names, columns = [names[i] for i in places], [[row[i] for row in self._cells] for i in places]
        return TextTable(
            names,
            np.array(self._lines, dtype=np.int64),
            columns,
            decimal_comma=self._dialect.decimal_comma,
            misfits=self._misfits,
        )


def parse_text_table(data: bytes, source: str, known: Collection[str] = ()) -> TextTable:
    r"""Read a text table.

    Parameters
    ----------
    data : bytes
        Content of the file. The header determines the delimiter: comma, semicolon, tab or bar.
    source : str
        Name of the file for messages.
    known : collection of str
        Column names in the column map; they help to find the header.

    Returns
    -------
    TextTable
        One row for each row of the file, cells unchanged. A row that does not fit the header is a misfit.

    Raises
    ------
    UnusableInputError
        If the file is empty or binary, has a column name twice or a quotation mark that is never closed.

    Examples
    --------
    >>> table = parse_text_table(b"patient_id;feno_ppb\n007;38,5\n", "clinic.csv")
    >>> table.frame.loc[0].tolist(), table.decimal_comma
    (['007', '38,5'], True)
    """
    text, findings = decode(data, source)
    dialect = read_header(text, source, known)
    rows = rows_below_header(io.StringIO(text, newline=""), dialect, source)
    encoding = "UTF-16" if data.startswith(UTF16) else "Windows-1252" if findings else "UTF-8"
    return replace(
        GatheredRows(dialect, rows).table(),
        findings=(*findings, *dialect.findings),
        layout=f"{encoding} text, {dialect}",
    )
