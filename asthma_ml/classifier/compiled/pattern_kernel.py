"""Machine code of the lookup of Shapley values.

Importing this module imports numba, so `pattern_lookup` imports it only for many patients.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.classifier.compiled.sixteen_values import add_looked_up
from asthma_ml.machine_code import compiled

_BLOCK = 256

_Splits = tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]
_Tables = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


@compiled
def sum_contributions(
    columns: NDArray[np.float32],
    splits: _Splits,
    tables: _Tables,
    without_branches: NDArray[np.float64],
    summed: NDArray[np.float64],
) -> None:
    """Sum the tabulated contributions of each player.

    Parameters
    ----------
    columns : ndarray of shape (n_features, n_patients)
        Features of patients.
    splits : tuple of 3 ndarrays of shape (n_decisions,)
        Feature, threshold, and whether a missing value goes right.
    tables : tuple of ndarrays of shape (n_branches, 4), (n_branches + 1,), (n_entries,) and (n_entries, 16)
        Decisions and first entry of each branch; row of `summed` and value by pattern of each entry.
    without_branches : ndarray of shape (n_rows,)
        First summand of each row.
    summed : ndarray of shape (n_rows, n_patients)
        Sums; overwritten.
    """
    decision, first_entry, row, values = tables
    right = np.empty((len(splits[0]), _BLOCK), dtype=np.uint8)
    pattern = np.zeros(_BLOCK, dtype=np.uint8)
    # Sums of a block stay in the cache of the processor.
    block = np.empty((len(summed), _BLOCK))
    for start in range(0, columns.shape[1], _BLOCK):
        n = min(_BLOCK, columns.shape[1] - start)
        _decide(columns, start, n, splits, right)
        for k in range(len(block)):
            block[k] = without_branches[k]
        for branch in range(len(decision)):
            root, child = right[decision[branch, 0]], right[decision[branch, 1]]
            left, other = right[decision[branch, 2]], right[decision[branch, 3]]
            for i in range(n):
                pattern[i] = root[i] | (child[i] << 1) | (left[i] << 2) | (other[i] << 3)
            for entry in range(first_entry[branch], first_entry[branch + 1]):
                add_looked_up(values[entry], pattern, block[row[entry]])
        summed[:, start : start + n] = block[:, :n]


@compiled
def _decide(columns: Any, start: int, n: int, splits: Any, right: Any) -> None:
    feature, threshold, missing_right = splits
    for k in range(len(feature)):
        column, cut, out = columns[feature[k], start : start + n], threshold[k], right[k]
        # Comparisons with NaN are false.
        if missing_right[k]:
            for i in range(n):
                out[i] = not column[i] <= cut
        else:
            for i in range(n):
                out[i] = column[i] > cut
