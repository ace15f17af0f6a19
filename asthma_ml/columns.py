"""Columns of many rows without a data frame: numbers are arrays, and each distinct text is written once.

The way from a file to its predictions takes tables of this kind, so that no row meets Python and pandas need not be
loaded. Functions that serve both this way and notebooks read a column by `numbers` and `texts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


class TextColumn(Protocol):
    """A column of texts."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def strings(self) -> NDArray[np.object_]:
        """Return the text of each row, None where it is missing."""


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """A column of texts in which each distinct text is written once.

    Attributes
    ----------
    codes : ndarray of int32 of shape (n_rows,)
        Position of each row's text in `distinct`; -1 where it is missing.
    distinct : sequence of str
        The texts; one that no row has is allowed.

    Examples
    --------
    >>> sex = Texts.of(["male", None, "male"])
    >>> sex.codes.tolist(), sex.distinct
    ([0, -1, 0], ('male',))
    """

    codes: NDArray[np.int32]
    distinct: Sequence[str]

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of(cls, cells: Iterable[str | None]) -> Texts:
        """Return the column of these cells; None is missing."""
        place: dict[str, int] = {}
        codes = [-1 if cell is None else place.setdefault(cell, len(place)) for cell in cells]
        return cls(np.array(codes, dtype=np.int32), tuple(place))

    @classmethod
    def where(cls, holds: NDArray[np.bool_], text: str) -> Texts:
        """Return a text for the rows for which a statement holds; it is missing in the others."""
        return cls(np.where(holds, np.int32(0), np.int32(-1)), (text,))

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Whether the text of each row is missing."""
        return self.codes < 0

    def equal(self, text: str) -> NDArray[np.bool_]:
        """Whether each row has this text."""
        same = np.array([*(each == text for each in self.distinct), False])
        return np.asarray(same[self.codes])

    def take(self, rows: Any) -> Texts:
        """Return some rows."""
        return Texts(self.codes[rows], self.distinct)

    def strings(self) -> NDArray[np.object_]:
        """Return the text of each row, None where it is missing."""
        return np.asarray(np.array([*self.distinct, None], dtype=object)[self.codes])


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """A column of texts that are put together from several columns; a missing part adds nothing.

    Attributes
    ----------
    parts : sequence of Texts of n_rows rows
        At least one.

    Examples
    --------
    >>> Joined([Texts.of(["FeNO ", None]), Texts.of(["85", "12"])]).strings().tolist()
    ['FeNO 85', '12']
    """

    parts: Sequence[Texts]

    def __len__(self) -> int:
        return len(self.parts[0])

    def take(self, rows: Any) -> Joined:
        """Return some rows."""
        return Joined([part.take(rows) for part in self.parts])

    def strings(self) -> NDArray[np.object_]:
        """Return the text of each row, None where all parts are missing."""
        columns = [np.array([*part.distinct, ""], dtype=object)[part.codes] for part in self.parts]
        joined = np.array(["".join(cells) for cells in zip(*columns, strict=True)], dtype=object)
        joined[np.all([part.missing for part in self.parts], axis=0)] = None
        return joined


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """A column of texts that lie in one array of bytes, such as the cells of a column of a file.

    Attributes
    ----------
    data : ndarray of uint8
        UTF-8 text.
    starts, stops : ndarray of int32 or int64 of shape (n_rows,)
        Where the text of each row begins and ends in `data`.

    Examples
    --------
    >>> data = np.frombuffer(b"007,008", dtype=np.uint8)
    >>> Slices(data, np.array([0, 4]), np.array([3, 7])).strings().tolist()
    ['007', '008']
    """

    data: NDArray[np.uint8]
    starts: NDArray[np.integer[Any]]
    stops: NDArray[np.integer[Any]]

    def __len__(self) -> int:
        return len(self.starts)

    @classmethod
    def of(cls, cells: Iterable[str]) -> Slices:
        """Return the column of these cells."""
        encoded = [cell.encode() for cell in cells]
        stops = np.cumsum([len(cell) for cell in encoded], dtype=np.int32)
        starts = np.concatenate([np.zeros(1, dtype=np.int32), stops[:-1]])[: len(stops)]
        return cls(np.frombuffer(b"".join(encoded), dtype=np.uint8), starts, stops)

    def strings(self) -> NDArray[np.object_]:
        """Return the text of each row."""
        data, rows = self.data.data, zip(self.starts.tolist(), self.stops.tolist(), strict=True)
        texts = np.empty(len(self), dtype=object)
        texts[:] = [str(data[start:stop], "utf-8") for start, stop in rows]
        return texts


Column: TypeAlias = "NDArray[np.float64] | TextColumn"


@dataclass(frozen=True, slots=True, eq=False)
class ColumnTable:
    """A table of numbers and texts.

    Attributes
    ----------
    columns : dict of str to Column
        Numbers (NaN: missing) or texts, by name.
    n_rows : int
        Number of rows.

    Examples
    --------
    >>> table = ColumnTable({"feno_ppb": np.array([18.0, 62.0])}, 2)
    >>> "feno_ppb" in table, len(table), list(table)
    (True, 2, ['feno_ppb'])
    """

    columns: dict[str, Column]
    n_rows: int

    def __len__(self) -> int:
        return self.n_rows

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]


Patients: TypeAlias = "pd.DataFrame | ColumnTable"


def numbers(patients: Patients, name: str) -> NDArray[np.float64]:
    """Values of a numeric column, NaN where missing or where the table lacks the column.

    Examples
    --------
    >>> numbers(ColumnTable({}, 2), "feno_ppb").tolist()
    [nan, nan]
    """
    if name not in patients:
        return np.full(len(patients), np.nan)
    column: Any = patients[name]
    return column if isinstance(column, np.ndarray) else column.to_numpy(dtype=float, na_value=np.nan)


def texts(patients: Patients, name: str) -> Texts:
    """Texts of a column, missing where the table lacks the column.

    Examples
    --------
    >>> texts(ColumnTable({"sex": Texts.of(["male"])}, 1), "sex").strings().tolist()
    ['male']
    """
    if name not in patients:
        return Texts(np.full(len(patients), -1, dtype=np.int32), ())
    column: Any = patients[name]
    if isinstance(column, Texts):
        return column
    cells = column.strings() if hasattr(column, "strings") else column.astype(object).where(column.notna(), None)
    return Texts.of(cells)
