"""Find columns in which a sign before three digits may separate thousands: 1.234 beside 87 and 310."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asthma_ml.columns import Column
from asthma_ml.patients.columns.cells import CellParser
from asthma_ml.patients.columns.number_text import is_group_or_decimals
from asthma_ml.patients.text.text_tables import rows_of, text_codes
from asthma_ml.variables import Variable

# Values with decimals, and whole ones, that are looked at in each part of a table.
_MOST_LOOKED_AT = 1_000
# Whole thousands, such as 1.000, are read as small numbers.
_SMALL = 10.0


@dataclass(frozen=True, slots=True)
class Thousands:
    """Numbers of a column by how they are written; those of its parts add up.

    Attributes
    ----------
    n_groups : int
        Numbers with one decimal sign and three digits behind it.
    n_decimals : int
        Numbers with other decimals.
    n_whole : int
        Whole numbers from 10 on without a decimal sign.

    Examples
    --------
    >>> from asthma_ml.columns import Texts
    >>> from asthma_ml.patients.columns.column_map import MappedColumn
    >>> from asthma_ml.variables import data_dictionary
    >>> parser = CellParser(data_dictionary()["total_ige_ku_l"], MappedColumn("total_ige_ku_l"))
    >>> Thousands.of(parser, Texts.of(["1.234", "87"]), np.array([1.234, 87.0])).suspected
    True
    """

    n_groups: int = 0
    n_decimals: int = 0
    n_whole: int = 0

    @classmethod
    def of(cls, parser: CellParser, column: Column, values: NDArray[np.float64]) -> Thousands:
        """Numbers of a column, or of a part of it, before conversion."""
        small = (values > 0) & (values < _SMALL)
        whole = (values == np.floor(values)) & ~small
        sign = "," if parser.decimal_comma else "."
        texts = _texts(column, (np.isfinite(values) & ~whole) | small)
        n_groups = sum(n for text, n in texts.items() if is_group_or_decimals(text, sign))
        n_decimals = sum(n for text, n in texts.items() if sign in text) - n_groups
        n_whole = sum(n for text, n in _texts(column, whole).items() if sign not in text)
        return cls(n_groups, n_decimals, n_whole)

    def __add__(self, other: Thousands) -> Thousands:
        return Thousands(
            self.n_groups + other.n_groups, self.n_decimals + other.n_decimals, self.n_whole + other.n_whole
        )

    @property
    def suspected(self) -> bool:
        """Whether the column holds groups of thousands among whole numbers, or decimals that look like them."""
        return self.n_groups > 0 and self.n_decimals == 0 and self.n_whole > 0

    @property
    def message(self) -> str:
        """Why the column is refused, and the line of a column map that settles it."""
        values = f"{self.n_groups} value{'s' * (self.n_groups > 1)}"
        return (
            f"{values} with a sign before three digits among whole numbers, thousands or decimals; state the decimal "
            'sign by `decimal = "."` or `decimal = ","` in MAP.toml, or in a data frame the `unit` of correct values'
        )


def _texts(column: Column, wanted: NDArray[np.bool_]) -> Counter[str]:
    """Texts of the first rows that are wanted, with their numbers."""
    texts = text_codes(rows_of(column, np.flatnonzero(wanted)[:_MOST_LOOKED_AT]))
    return Counter({texts.distinct[code]: n for code, n in Counter(texts.codes.tolist()).items()})


def may_have_thousands(parser: CellParser) -> bool:
    """Whether values of a variable can be thousands, and its decimal sign is not stated.

    Examples
    --------
    >>> from asthma_ml.patients.columns.column_map import MappedColumn
    >>> from asthma_ml.variables import data_dictionary
    >>> names = ("total_ige_ku_l", "age_years")
    >>> [may_have_thousands(CellParser(data_dictionary()[name], MappedColumn(name))) for name in names]
    [True, False]
    """
    return not parser.decimal_stated and parser.factor == 1 and _largest(parser.variable) >= 1000


def _largest(variable: Variable) -> float:
    return variable.limits[1] if variable.limits else 0.0
