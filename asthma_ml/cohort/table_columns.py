"""Assembly of a cohort's table from parts: categories inside, text in the result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from asthma_ml.cohort.engine.distributions import levels_from_codes
from asthma_ml.files import category_to_text


class GrowingTable:
    """A table of known length that is filled part by part.

    All numbers share one block of memory, allocated once, because fresh memory is slow.

    Parameters
    ----------
    n_rows : int
        Final number of rows.

    Examples
    --------
    >>> table = GrowingTable(3)
    >>> table.append(pd.DataFrame({"age_years": [61.0, 44.0]}))
    >>> table.append(pd.DataFrame({"age_years": [35.0]}))
    >>> table.frame()["age_years"].tolist()
    [61.0, 44.0, 35.0]
    """

    def __init__(self, n_rows: int) -> None:
        self.n_rows, self._filled = n_rows, 0
        self._columns: dict[str, Any] = {}
        self._levels: dict[str, tuple[str, ...]] = {}

    def append(self, part: pd.DataFrame) -> None:
        """Add the next rows; all parts must have the same columns."""
        if not self._columns:
            self._begin(part)
        rows = slice(self._filled, self._filled + len(part))
        for name, column in part.items():
            values, kept = column.array, self._columns[str(name)]
            if isinstance(kept, list):
                kept.append(column)
            else:
                kept[rows] = values.codes if isinstance(values, pd.Categorical) else values
        self._filled = rows.stop

    def frame(self) -> pd.DataFrame:
        """The complete table, categories as text."""
        return pd.DataFrame({name: self._whole(name) for name in self._columns}, copy=False)

    def _begin(self, part: pd.DataFrame) -> None:
        numbers = part.select_dtypes("number").columns
        memory: dict[Any, Any] = dict(zip(numbers, np.empty((len(numbers), self.n_rows)), strict=True))
        for name, column in part.items():
            if isinstance(column.array, pd.Categorical):
                self._levels[str(name)] = tuple(column.array.categories)
                memory[name] = np.empty(self.n_rows, dtype=np.int8)
            self._columns[str(name)] = memory.get(name, [])

    def _whole(self, name: str) -> Any:
        column = self._columns[name]
        if name in self._levels:
            category: Any = levels_from_codes(column, self._levels[name])
            return category_to_text(category)
        if isinstance(column, list):
            return pd.concat(column, ignore_index=True)
        return column
