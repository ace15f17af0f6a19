"""Machine code of the lookup of Shapley values.

Importing this module imports numba, so `pattern_lookup` imports it only for many patients.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.machine_code import compiled

_BLOCK = 512

_Splits = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]
_Tables = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


@compiled
def add_contributions(
    columns: NDArray[np.float64], start: int, splits: _Splits, tables: _Tables, summed: NDArray[np.float64]
) -> None:
    """Add the tabulated contributions of each player.

    Parameters
    ----------
    columns : ndarray of shape (n_features, n_patients)
        Features of a block of patients.
    start : int
        Index of its first patient in `summed`.
    splits : tuple of 3 ndarrays of shape (n_decisions,)
        Feature, threshold, and whether a missing value goes right.
    tables : tuple of ndarrays of shape (n_branches, 4), (n_branches, n) and (n_branches, n, 16)
        Decision, row of `summed` or -1, and value by pattern.
    summed : ndarray of shape (n_rows, all patients)
        Sums; added to.
    """
    decision, place, values = tables
    right = np.empty((len(splits[0]), _BLOCK), dtype=np.uint8)
    pattern = np.empty(_BLOCK, dtype=np.uint8)
    n_patients = columns.shape[1]
    for first in range(0, n_patients, _BLOCK):
        n = min(_BLOCK, n_patients - first)
        _decide(columns, first, n, splits, right)
        for branch in range(len(decision)):
            root, child = right[decision[branch, 0]], right[decision[branch, 1]]
            left, other = right[decision[branch, 2]], right[decision[branch, 3]]
            for i in range(n):
                pattern[i] = root[i] | (child[i] << 1) | (left[i] << 2) | (other[i] << 3)
            for j in range(place.shape[1]):
                if place[branch, j] >= 0:
                    _add(values[branch, j], pattern, summed[place[branch, j], start + first : start + first + n])


@compiled
def _decide(columns: Any, first: int, n: int, splits: Any, right: Any) -> None:
    feature, threshold, missing_right = splits
    for k in range(len(feature)):
        column, cut, out = columns[feature[k], first : first + n], threshold[k], right[k]
        # Comparisons with NaN are false.
        if missing_right[k]:
            for i in range(n):
                out[i] = not column[i] <= cut
        else:
            for i in range(n):
                out[i] = column[i] > cut


@compiled
def _add(value: Any, pattern: Any, to: Any) -> None:
    for i in range(len(to)):
        to[i] += value[pattern[i]]
