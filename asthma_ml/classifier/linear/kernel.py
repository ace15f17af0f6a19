"""The compiled part of the linear margins, the same to the last bit.

Importing this module imports numba, so only `linear_margins` does it, when there are enough patients.
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
    """Coefficients on measured scores alone, pattern by pattern.

    Parameters
    ----------
    measured : ndarray of bool of shape (n_patterns, n_scores)
        Which scores there are.
    precision : ndarray of shape (n_scores, n_scores)
        Inverse of the covariance of the scores.
    coefficients : ndarray of shape (n_scores, n_margins)
        On all scores.
    direction : ndarray of int of shape (n_scores,)
        Known signs, or 0.

    Returns
    -------
    ndarray of shape (n_margins, n_scores, n_patterns)
        Zero where not measured or against a known direction.
    """
    n_patterns, n_scores = measured.shape
    n_margins = coefficients.shape[1]
    found = np.zeros((n_margins, n_scores, n_patterns))
    matrix, right = np.empty((n_scores, n_scores)), np.empty((n_margins, n_scores))
    on_measured = np.empty(n_scores)
    for pattern in range(n_patterns):
        gaps = np.flatnonzero(~measured[pattern])
        for i in range(len(gaps)):
            for j in range(len(gaps)):
                matrix[i, j] = precision[gaps[i], gaps[j]]
            for k in range(n_margins):
                right[k, i] = coefficients[gaps[i], k]
        _solve(matrix, right, len(gaps))
        for k in range(n_margins):
            on_measured[:] = coefficients[:, k]
            for i in range(len(gaps)):
                _subtract(on_measured, right[k, i], precision[gaps[i]])
            for j in range(n_scores):
                if measured[pattern, j] and on_measured[j] * direction[j] >= 0:
                    found[k, j, pattern] = on_measured[j]
    return found


@compiled
def _solve(matrix: Any, right: Any, n: int) -> None:
    # What is below the diagonal is neither kept up nor needed.
    for i in range(n - 1):
        for row in range(i + 1, n):
            share = matrix[i, row] / matrix[i, i]
            _subtract(matrix[row, row:n], share, matrix[i, row:n])
            for k in range(len(right)):
                right[k, row] -= share * right[k, i]
    for i in range(n - 1, -1, -1):
        for k in range(len(right)):
            right[k, i] /= matrix[i, i]
            for row in range(i):
                right[k, row] -= matrix[row, i] * right[k, i]


@compiled
def _subtract(what: Any, times: float, these: Any) -> None:
    for i in range(len(what)):
        what[i] -= times * these[i]


@compiled
def add_scores(
    columns: _Floats,
    start: int,
    number: NDArray[np.int64],
    scores: tuple[NDArray[np.int64], NDArray[np.int64], _Floats, _Floats, _Floats, _Floats],
    of_patterns: tuple[_Floats, _Floats],
    margins: _Floats,
    credit: tuple[_Floats, NDArray[np.int64]],
    weight: float,
) -> None:
    """Add to the margins and to what is credited to each column.

    Parameters
    ----------
    columns : ndarray of shape (n_features, n_patients)
        Features of some patients.
    start : int
        Place of the first of them among all.
    number : ndarray of int of shape (n_patients,)
        Pattern of each patient.
    scores : tuple of 6 ndarrays
        Source, starts, knots, values, slopes and mean of the scores.
    of_patterns : tuple of ndarrays of shape (n_margins, n_scores, n_patterns) and (n_margins, n_features, n_patterns)
        Coefficients, and what is taken off what a column adds; the latter may be empty.
    margins : ndarray of shape (n_margins, all patients)
        Added to.
    credit : tuple of ndarrays of shape (n_rows, all patients) and (n_kinds, n_margins, n_features)
        Rows that are added to, and the rows of each column; there may be none.
    weight : float
        Of what is added to `credit`.
    """
    source, starts, knots, values, slopes, mean = scores
    coefficients, shift = of_patterns
    credited, rows = credit
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
                    _add(total[:n], weight, credited[rows[kind, k, column], start + block : start + block + n])
        first = last


@compiled
def _score(column: Any, curve: Any, mean: float, place: Any, centred: Any) -> None:
    knots, values, slopes = curve
    n = len(column)
    place[:n] = 0
    # Comparing with each knot in turn is several times as fast as looking for one, whose branches are guessed wrong.
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
