"""The compiled part of looking up Shapley values.

Importing this module imports numba, so only `pattern_lookup` does it, when there are enough patients.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.machine_code import compiled

_BLOCK = 512

_Questions = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]
_Tables = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


@compiled
def add_credits(
    columns: NDArray[np.float64], start: int, questions: _Questions, tables: _Tables, summed: NDArray[np.float64]
) -> None:
    """Add what the tables credit to each player.

    Parameters
    ----------
    columns : ndarray of shape (n_features, n_patients)
        Features of some patients.
    start : int
        Place of the first of them in `summed`.
    questions : tuple of 3 ndarrays of shape (n_decisions,)
        Feature, threshold, and whether a gap goes right.
    tables : tuple of ndarrays of shape (n_branches, 4), (n_branches, n_credits) and (n_branches, n_credits, 16)
        Decision, row of `summed` or -1, and value by pattern.
    summed : ndarray of shape (n_rows, all patients)
        Added to.
    """
    decision, place, values = tables
    right = np.empty((len(questions[0]), _BLOCK), dtype=np.uint8)
    pattern = np.empty(_BLOCK, dtype=np.uint8)
    n_patients = columns.shape[1]
    for first in range(0, n_patients, _BLOCK):
        n = min(_BLOCK, n_patients - first)
        _ask(columns, first, n, questions, right)
        for branch in range(len(decision)):
            root, child = right[decision[branch, 0]], right[decision[branch, 1]]
            left, other = right[decision[branch, 2]], right[decision[branch, 3]]
            for i in range(n):
                pattern[i] = root[i] | (child[i] << 1) | (left[i] << 2) | (other[i] << 3)
            for j in range(place.shape[1]):
                if place[branch, j] >= 0:
                    _add(values[branch, j], pattern, summed[place[branch, j], start + first : start + first + n])


@compiled
def _ask(columns: Any, first: int, n: int, questions: Any, right: Any) -> None:
    feature, threshold, missing_right = questions
    for k in range(len(feature)):
        column, cut, out = columns[feature[k], first : first + n], threshold[k], right[k]
        # A gap compares as false either way.
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
