"""Microaggregation: what a model keeps of the values of a column are means of ten patients or more.

A model file is given to others. Quantiles and thresholds of few patients are values of single patients, so the sorted
values of each column are divided into blocks, and only the mean and the spread of each block are used by the fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FEWEST_PATIENTS = 10
"""Fewest patients whose values are described by a number in a model."""

MOST_BLOCKS = 63
_MARGIN = 2.5
"""Standard deviations beyond the mean of the outermost block at which the range of a column ends. As many new patients
lie outside it as outside the extremes of the training patients, or fewer."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks of neighbouring values of a column, in ascending order.

    Attributes
    ----------
    mean, spread : ndarray of shape (n_blocks,)
        Mean and standard deviation of the values in each block, without weights: a value with most of the weight would
        be the mean.
    share : ndarray of shape (n_blocks,)
        Share of each block in the total weight.
    are_whole : bool
        Whether all values are whole numbers; their range then is of whole numbers, too.
    """

    mean: np.ndarray
    spread: np.ndarray
    share: np.ndarray
    are_whole: bool

    @property
    def cuts(self) -> np.ndarray:
        """Middles between neighbouring means, of shape (n_blocks - 1,)."""
        return np.asarray((self.mean[1:] + self.mean[:-1]) / 2)

    @property
    def range(self) -> tuple[float, float]:
        """Range of the values, estimated from the outermost blocks; NaN without blocks.

        Equal values have no margin.
        """
        if len(self.mean) == 0:
            return np.nan, np.nan
        low, high = self.mean[0] - _MARGIN * self.spread[0], self.mean[-1] + _MARGIN * self.spread[-1]
        return (np.floor(low), np.ceil(high)) if self.are_whole else (low, high)


def blocks_of_values(values: np.ndarray, weight: np.ndarray, groups: np.ndarray | None = None) -> Blocks:
    """Divide the values of a column into blocks of at least ten patients (univariate microaggregation).

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Values; NaN, not measured, is in no block.
    weight : ndarray of shape (n_rows,)
        Weights.
    groups : ndarray of int of shape (n_rows,), default=None
        Patient of each row; by default each row is a patient.

    Returns
    -------
    Blocks
        At most `MOST_BLOCKS`. Equal values are in one block. The outermost blocks have about ten patients however many
        there are, so that the tails are described.

    References
    ----------
    Domingo-Ferrer J, Mateo-Sanz JM, IEEE Trans Knowl Data Eng, 2002;14:189-201. 10.1109/69.979982

    Examples
    --------
    >>> age = np.array([50.0] * 12 + list(range(60, 80)) + [np.nan])
    >>> blocks_of_values(age, np.ones(33)).mean
    array([50. , 64.5, 74.5])
    """
    measured = np.flatnonzero(np.isfinite(values))
    order = measured[np.argsort(values[measured], kind="stable")]
    ascending, weight = values[order].astype(np.float64), weight[order]
    starts = _starts(ascending, order, groups)
    if not starts:
        return Blocks(np.empty(0), np.empty(0), np.empty(0), are_whole=False)
    first, size, total = ascending[starts], np.diff([*starts, len(ascending)]), np.add.reduceat(weight, starts)
    are_whole = bool(np.all(ascending == np.round(ascending)))
    # Distances from the first value make the mean of equal values exact.
    distance = ascending - np.repeat(first, size)
    mean, square = (np.add.reduceat(distance**power, starts) / size for power in (1, 2))
    return Blocks(first + mean, np.sqrt(np.maximum(square - mean**2, 0.0)), total / total.sum(), are_whole)


def column_blocks(X: np.ndarray, weight: np.ndarray, groups: np.ndarray | None = None) -> list[Blocks]:
    """Blocks of the values of each column of a training table, see `blocks_of_values`."""
    X, weight, groups = countable_rows(X, weight, groups)
    return [blocks_of_values(column, weight, groups) for column in X.T]


def countable_rows(
    X: np.ndarray, weight: np.ndarray, groups: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Rows, weights and groups by which patients are counted.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Distinct rows of a training table.
    weight : ndarray of shape (n_rows,)
        Weights.
    groups : ndarray of int of shape (n_rows,) or None
        Patient of each row, from `DistinctPatients.counted`.

    Returns
    -------
    X, weight, groups
        Without groups, fewer than twenty distinct rows are taken for the cells of a contingency table, and each is
        repeated as its weight says.
    """
    if groups is not None or len(X) >= 2 * FEWEST_PATIENTS:
        return X, weight, groups
    times = weight.clip(1, FEWEST_PATIENTS).astype(int)
    return X.repeat(times, axis=0), (weight / times).repeat(times), None


def are_enough(rows: np.ndarray, groups: np.ndarray | None) -> bool:
    """Whether rows are those of at least ten patients; each group counts as one, without groups each row does."""
    return _n_needed(rows, groups) <= len(rows)


def _n_needed(rows: np.ndarray, groups: np.ndarray | None) -> int:
    """Number of rows, from the first on, that are those of ten patients; more than there are if all are too few."""
    if groups is None:
        return FEWEST_PATIENTS
    first = np.sort(np.unique(groups[rows], return_index=True)[1])
    return int(first[FEWEST_PATIENTS - 1]) + 1 if len(first) >= FEWEST_PATIENTS else len(rows) + 1


def _starts(ascending: np.ndarray, order: np.ndarray, groups: np.ndarray | None) -> list[int]:
    """Place of the first value of each block; none if there are fewer than ten patients."""
    n = len(order)
    last = n - _n_needed(order[::-1], groups)
    if last < 0:
        return []
    levels = np.flatnonzero(np.r_[True, np.diff(ascending) > 0])
    n_blocks = min(MOST_BLOCKS, n // FEWEST_PATIENTS)
    ranks = np.linspace(FEWEST_PATIENTS, n - FEWEST_PATIENTS, n_blocks - 1).round()
    starts = [0]
    for start in np.unique(levels[np.searchsorted(levels, ranks).clip(max=len(levels) - 1)]).tolist():
        if start <= last and are_enough(order[starts[-1] : start], groups):
            starts.append(start)
    return starts
