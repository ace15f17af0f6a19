"""Machine code that summarises numbers in one pass. Importing this module imports numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asthma_ml.machine_code import compiled


@compiled
def summarise(
    values: NDArray[np.float64],
    keys: NDArray[np.int64],
    of_bins: tuple[int, int, int],
    limits: tuple[float, float, float],
    of_steps: tuple[float, float],
    histogram: NDArray[np.int64],
    counts: NDArray[np.int64],
    least: NDArray[np.float64],
) -> None:
    """Count the values of a column; the result equals that of `ColumnSummary.of` without machine code.

    Parameters
    ----------
    values : ndarray of shape (n_patients,)
        Values, NaN where missing.
    keys : ndarray of int64 of shape (n_patients,)
        The same bits as whole numbers.
    of_bins : tuple of int
        Bits that a bin drops, key of the first bin, number of bins of either sign.
    limits : tuple of float
        Hard limits, least positive value that is possible.
    of_steps : tuple of float
        Step, and factor that converts from another unit.
    histogram : ndarray of int64 of shape (2 * n_bins,)
        Receives the number of values in each bin.
    counts : ndarray of int64 of shape (4,)
        Receives the number of whole numbers, multiples of the step, of that in the other unit, and impossible values,
        all other than zero.
    least : ndarray of shape (2 * n_bins,)
        Receives the least value in each bin.
    """
    dropped_bits, first, n_bins = of_bins
    lower, upper, smallest = limits
    step, factor = of_steps
    for row in range(len(values)):
        value = values[row]
        if np.isnan(value):
            continue
        key = ((keys[row] & 0x7FFFFFFFFFFFFFFF) >> dropped_bits) - first
        key = min(max(key, 0), n_bins - 1)
        place = n_bins + (-1 - key if value < 0 and key > 0 else key)
        histogram[place] += 1
        least[place] = min(least[place], value)
        if value == 0:
            continue
        steps, other_steps = value / step, value * factor / step
        counts[0] += abs(value - np.rint(value)) < 1e-6
        counts[1] += abs(steps - np.rint(steps)) < 1e-6
        counts[2] += abs(other_steps - np.rint(other_steps)) < 1e-6
        counts[3] += value < lower or value > upper or 0 < value < smallest
