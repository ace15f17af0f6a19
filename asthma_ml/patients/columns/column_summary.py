"""Summary of a numeric column that adds up over its parts: histogram, whole numbers, impossible values."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from asthma_ml.patients.columns.units import close_unit
from asthma_ml.variables import Variable

# Four bins for each doubling, from 2^-24 to 2^36, with either sign: the first bits of a number are its bin.
_DROPPED_BITS = 50
_FIRST_KEY = (1023 - 24) << 2
# Ranks without ties differ from evenly spread values by less than this number of rows.
_OF_RANKS = 1.05
N_BINS = 240
ZERO = N_BINS
"""Bin of zero; those below it are negative."""
COMPILED_VALUES = 2_000
"""Values of a column from which machine code counts them, if numba is loaded."""


@dataclass(frozen=True, slots=True, eq=False)
class ColumnSummary:
    """What is known of a numeric column without its rows; summaries of its parts add up.

    Attributes
    ----------
    variable : Variable
        Variable of the column.
    histogram : ndarray of int64 of shape (2 * N_BINS,)
        Number of values in each bin of `bin_edges`.
    n_whole : int
        Number of values other than zero that are whole numbers.
    n_on_step : int
        Number of values other than zero that are multiples of the step in which clinics report the variable.
    n_on_other_step : int
        Number of values other than zero that are multiples of the same step in the `close_unit` of the variable.
    n_impossible : int
        Number of values outside the hard limits, or positive and below half the step if that is at least 10.
    least : ndarray of shape (2 * N_BINS,)
        Least value in each bin, infinity if it has none: what messages show of the column.

    Examples
    --------
    >>> from asthma_ml.variables import data_dictionary
    >>> eosinophils = data_dictionary()["blood_eosinophils_cells_ul"]
    >>> summary = ColumnSummary.of(eosinophils, np.array([0.0, 0.3, 150.0])) + ColumnSummary.of(eosinophils, np.ones(1))
    >>> summary.n, summary.n_nonzero, summary.n_whole, summary.n_on_step, summary.n_impossible
    (4, 3, 2, 1, 2)
    """

    variable: Variable
    histogram: NDArray[np.int64]
    n_whole: int
    n_on_step: int
    n_on_other_step: int
    n_impossible: int
    least: NDArray[np.float64]

    @classmethod
    def of(cls, variable: Variable, values: NDArray[np.float64]) -> ColumnSummary:
        """Summary of the values of a column, or of a part of it; NaN is missing."""
        if len(values) >= COMPILED_VALUES and "numba" in sys.modules:
            return cls(variable, *_by_machine_code(values, variable))
        values = values[~np.isnan(values)]
        bins, least = _bins(values), np.full(2 * N_BINS, np.inf)
        np.minimum.at(least, bins, values)
        histogram = np.bincount(bins, minlength=2 * N_BINS)
        nonzero = values[values != 0]
        step, factor = _steps(variable)
        with np.errstate(over="ignore"):
            in_other_unit = nonzero * factor
        n_whole, n_on_step, n_on_other_step = (
            int(_on_step(*each).sum()) for each in ((nonzero, 1.0), (nonzero, step), (in_other_unit, step))
        )
        lower, upper, smallest = _possible(variable)
        impossible = (nonzero < lower) | (nonzero > upper) | ((nonzero > 0) & (nonzero < smallest))
        return cls(variable, histogram, n_whole, n_on_step, n_on_other_step, int(impossible.sum()), least)

    def __add__(self, other: ColumnSummary) -> ColumnSummary:
        return ColumnSummary(
            self.variable,
            self.histogram + other.histogram,
            self.n_whole + other.n_whole,
            self.n_on_step + other.n_on_step,
            self.n_on_other_step + other.n_on_other_step,
            self.n_impossible + other.n_impossible,
            np.minimum(self.least, other.least),
        )

    @property
    def n(self) -> int:
        """Number of values."""
        return int(self.histogram.sum())

    @property
    def n_nonzero(self) -> int:
        """Number of values other than zero."""
        return self.n - int(self.histogram[ZERO])

    @property
    def highest(self) -> float:
        """Greatest value, to the precision of a bin."""
        return float(self.least[np.flatnonzero(self.histogram)[-1]])

    def typical(self) -> tuple[float, ...]:
        """Values of the column at its 10 %, median and 90 %, to the precision of a bin."""
        bins = np.searchsorted(np.cumsum(self.histogram), [share * (self.n - 1) + 0.5 for share in (0.1, 0.5, 0.9)])
        return tuple(self.least[bins].tolist())

    def counts_rows(self) -> bool:
        """Whether the values are the numbers of the rows: each whole number from 1 once."""
        highest = int(_bins(np.array([float(self.n)]))[0])
        if self.n_whole < self.n or self.histogram[highest] == 0 or self.histogram[highest + 1 :].any():
            return False
        rows = np.arange(1.0, self.n + 1)
        return bool(np.array_equal(np.bincount(_bins(rows), minlength=2 * N_BINS), self.histogram))

    def is_even(self, highest: float) -> bool:
        """Whether the values are as evenly spread from zero to a highest one as only ranks are."""
        expected = self.n * np.clip(bin_edges()[1] / highest, 0, 1)
        ties = self.n / 40
        return bool(np.abs(np.cumsum(self.histogram) - expected).max() < _OF_RANKS + ties)


@cache
def bin_edges() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper limit of each bin, in ascending order; the bin of zero has both at 0.

    Examples
    --------
    >>> lower, upper = bin_edges()
    >>> [int(lower[ZERO + 100]), round(float(upper[ZERO + 100]), 2), float(lower[ZERO])]
    [2, 2.5, 0.0]
    """
    keys = np.arange(N_BINS + 1, dtype=np.int64) + _FIRST_KEY
    edges = (keys << _DROPPED_BITS).view(np.float64)
    lower, upper = edges[:-1].copy(), edges[1:].copy()
    lower[0] = upper[0] = 0.0
    return np.concatenate([-upper[::-1], lower]), np.concatenate([-lower[::-1], upper])


def _bins(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Bin of each value; what is too small for a bin is zero, what is too large is in the last one."""
    keys = (np.abs(values).view(np.int64) >> _DROPPED_BITS) - _FIRST_KEY
    keys = np.clip(keys, 0, N_BINS - 1)
    return np.asarray(ZERO + np.where((values < 0) & (keys > 0), -1 - keys, keys))


def _on_step(values: NDArray[np.float64], step: float) -> NDArray[np.bool_]:
    with np.errstate(over="ignore", invalid="ignore"):
        steps = values / step
        return np.asarray(np.abs(steps - np.rint(steps)) < 1e-6)


def _possible(variable: Variable) -> tuple[float, float, float]:
    """Hard limits, and the least positive value that is possible."""
    lower, upper = variable.limits or (-np.inf, np.inf)
    step = variable.resolution or 0.0
    return lower, upper, step / 2 if step >= 10 else 0.0


def _steps(variable: Variable) -> tuple[float, float]:
    """Step of the variable, and the factor that converts from its close unit."""
    unit = close_unit(variable)
    return variable.resolution or 1.0, variable.units[unit] if unit else 1.0


def _by_machine_code(
    values: NDArray[np.float64], variable: Variable
) -> tuple[NDArray[np.int64], int, int, int, int, NDArray[np.float64]]:
    from asthma_ml.patients.columns import column_kernel

    histogram, counts = np.zeros(2 * N_BINS, dtype=np.int64), np.zeros(4, dtype=np.int64)
    least = np.full(2 * N_BINS, np.inf)
    lower, upper, smallest = _possible(variable)
    limits, (step, factor) = (float(lower), float(upper), float(smallest)), _steps(variable)
    values = np.ascontiguousarray(values)
    bins = _DROPPED_BITS, _FIRST_KEY, N_BINS
    column_kernel.summarise(
        values, values.view(np.int64), bins, limits, (float(step), float(factor)), histogram, counts, least
    )
    return histogram, int(counts[0]), int(counts[1]), int(counts[2]), int(counts[3]), least
