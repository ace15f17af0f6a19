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

    @classmethod
    def of(cls, variable: Variable, values: NDArray[np.float64]) -> ColumnSummary:
        """Summary of the values of a column, or of a part of it; NaN is missing."""
        if len(values) >= COMPILED_VALUES and "numba" in sys.modules:
            return cls(variable, *_by_machine_code(values, variable))
        values = values[~np.isnan(values)]
        histogram = np.bincount(_bins(values), minlength=2 * N_BINS)
        nonzero = values[values != 0]
        step, factor = _steps(variable)
        with np.errstate(over="ignore"):
            in_other_unit = nonzero * factor
        on_steps = _on_step(nonzero, 1.0), _on_step(nonzero, step), _on_step(in_other_unit, step)
        lower, upper, least = _possible(variable)
        impossible = (nonzero < lower) | (nonzero > upper) | ((nonzero > 0) & (nonzero < least))
        return cls(variable, histogram, *(int(found.sum()) for found in (*on_steps, impossible)))

    def __add__(self, other: ColumnSummary) -> ColumnSummary:
        return ColumnSummary(
            self.variable,
            self.histogram + other.histogram,
            self.n_whole + other.n_whole,
            self.n_on_step + other.n_on_step,
            self.n_on_other_step + other.n_on_other_step,
            self.n_impossible + other.n_impossible,
        )

    @property
    def n(self) -> int:
        """Number of values."""
        return int(self.histogram.sum())

    @property
    def n_nonzero(self) -> int:
        """Number of values other than zero."""
        return self.n - int(self.histogram[ZERO])

    def between(self, share: float = 0.8) -> tuple[float, float]:
        """Limits between which this share of the values lies, to the precision of a bin."""
        reached = np.cumsum(self.histogram) / self.n
        first, last = np.searchsorted(reached, [(1 - share) / 2, (1 + share) / 2 - 1e-9], side="left")
        lower, upper = bin_edges()
        return float(lower[first]), float(upper[last])


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


def _by_machine_code(values: NDArray[np.float64], variable: Variable) -> tuple[NDArray[np.int64], int, int, int, int]:
    from asthma_ml.patients.columns import column_kernel

    histogram, counts = np.zeros(2 * N_BINS, dtype=np.int64), np.zeros(4, dtype=np.int64)
    lower, upper, least = _possible(variable)
    limits, (step, factor) = (float(lower), float(upper), float(least)), _steps(variable)
    values = np.ascontiguousarray(values)
    bins = _DROPPED_BITS, _FIRST_KEY, N_BINS
    column_kernel.summarise(
        values, values.view(np.int64), bins, limits, (float(step), float(factor)), histogram, counts
    )
    return histogram, int(counts[0]), int(counts[1]), int(counts[2]), int(counts[3])
