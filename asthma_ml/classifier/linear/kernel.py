"""Machine code of the linear model, equal to the numpy code to the last bit.

Importing this module imports numba, so `LinearModel` imports it only for many patients.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.machine_code import compiled

_Floats = NDArray[np.float64]
_BLOCK = 512


@compiled
def measured_coefficients(
    measured: NDArray[np.bool_], precision: _Floats, coefficients: _Floats, direction: NDArray[np.int64]
) -> _Floats:
    """Coefficients of the measured scores in each pattern.

    Parameters
    ----------
    measured : ndarray of bool of shape (n_patterns, n_scores)
        Scores that are measured.
    precision : ndarray of shape (n_scores, n_scores)
        Inverse of the covariance of the scores.
    coefficients : ndarray of shape (n_scores, n_margins)
        Coefficients when all scores are measured.
    direction : ndarray of int of shape (n_scores,)
        Known signs, else 0.

    Returns
    -------
    ndarray of shape (n_margins, n_scores, n_patterns)
        Zero where not measured, or where the sign contradicts a known direction.
    """
    n_patterns, n_scores = measured.shape
    n_margins = coefficients.shape[1]
    found = np.zeros((n_margins, n_scores, n_patterns))
    matrix, right = np.empty((n_scores, n_scores)), np.empty((n_margins, n_scores))
    on_measured = np.empty(n_scores)
    for pattern in range(n_patterns):
        missing = np.flatnonzero(~measured[pattern])
        for i in range(len(missing)):
            for j in range(len(missing)):
                matrix[i, j] = precision[missing[i], missing[j]]
            for k in range(n_margins):
                right[k, i] = coefficients[missing[i], k]
        _solve(matrix, right, len(missing))
        for k in range(n_margins):
            on_measured[:] = coefficients[:, k]
            for i in range(len(missing)):
                _subtract(on_measured, right[k, i], precision[missing[i]])
            for j in range(n_scores):
                if measured[pattern, j] and on_measured[j] * direction[j] >= 0:
                    found[k, j, pattern] = on_measured[j]
    return found


@compiled
def _solve(matrix: Any, right: Any, n: int) -> None:
    # Entries below the diagonal are neither updated nor used.
    for i in range(n - 1):
        for row in range(i + 1, n):
            factor = matrix[i, row] / matrix[i, i]
            _subtract(matrix[row, row:n], factor, matrix[i, row:n])
            for k in range(len(right)):
                right[k, row] -= factor * right[k, i]
    for i in range(n - 1, -1, -1):
        for k in range(len(right)):
            right[k, i] /= matrix[i, i]
            for row in range(i):
                right[k, row] -= matrix[row, i] * right[k, i]


@compiled
def _subtract(target: Any, factor: float, subtrahend: Any) -> None:
    for i in range(len(target)):
        target[i] -= factor * subtrahend[i]


@compiled
def add_scores(
    columns: _Floats,
    start: int,
    number: NDArray[np.int64],
    scores: tuple[NDArray[np.int64], NDArray[np.int64], _Floats, _Floats, _Floats, _Floats],
    of_patterns: tuple[_Floats, _Floats],
    margins: _Floats,
    totals: tuple[_Floats, NDArray[np.int64]],
    weight: float,
) -> None:
    """Add to the margins and to the contributions of the features.

    Parameters
    ----------
    columns : ndarray of shape (n_features, n_patients)
        Features of a block of patients.
    start : int
        Index of its first patient among all.
    number : ndarray of int of shape (n_patients,)
        Pattern number of each patient.
    scores : tuple of 6 ndarrays
        Source, starts, knots, values, slopes and mean of the scores.
    of_patterns : tuple of ndarrays of shape (n_margins, n_scores, n_patterns) and (n_margins, n_features, n_patterns)
        Coefficients, and the contributions of the reference patient, which are subtracted; the latter may be empty.
    margins : ndarray of shape (n_margins, all patients)
        Margins; added to.
    totals : tuple of ndarrays of shape (n_rows, all patients) and (n_kinds, n_margins, n_features)
        Contributions, which are added to, and the row of each feature; may be empty.
    weight : float
        Factor of the contributions.
    """
    source, starts, knots, values, slopes, mean = scores
    coefficients, shift = of_patterns
    sums, rows = totals
    n_margins, n_patients = len(margins), len(number)
    centred, total, place = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK, dtype=np.int32)
    first = 0
    while first < len(source):
        column = source[first]
        last = first + 1
        while last < len(source) and source[last] == column:
            last += 1
        for block in range(0, n_patients, _BLOCK):
            n = min(_BLOCK, n_patients - block)
            of_patient = number[block : block + n]
            for k in range(n_margins):
                total[:n] = 0.0
                for j in range(first, last):
                    if k == 0 or last > first + 1:
                        part = slice(starts[j], starts[j + 1])
                        curve = knots[part], values[part], slopes[part]
                        _score(columns[column, block : block + n], curve, mean[j], place, centred)
                    _add_products(coefficients[k, j], of_patient, centred, total)
                _add(total[:n], 1.0, margins[k, start + block : start + block + n])
                for i in range(n if len(shift) else 0):
                    total[i] -= shift[k, column, of_patient[i]]
                for kind in range(len(rows)):
                    _add(total[:n], weight, sums[rows[kind, k, column], start + block : start + block + n])
        first = last


@compiled
def _score(column: Any, curve: Any, mean: float, place: Any, centred: Any) -> None:
    knots, values, slopes = curve
    n = len(column)
    place[:n] = 0
    # Comparing with each knot in turn is several times faster than binary search, whose branches are mispredicted.
    for knot in knots[1:]:
        for i in range(n):
            place[i] += knot <= column[i]
    for i in range(n):
        left, x = place[i], column[i] if column[i] > knots[0] else knots[0]
        score = slopes[left] * (x - knots[left]) + values[left]
        centred[i] = 0.0 if np.isnan(column[i]) else score - mean


@compiled
def _add_products(coefficients: Any, number: Any, centred: Any, total: Any) -> None:
    for i in range(len(number)):
        total[i] += coefficients[number[i]] * centred[i]


@compiled
def _add(added: Any, weight: float, to: Any) -> None:
    for i in range(len(added)):
        to[i] += weight * added[i]
