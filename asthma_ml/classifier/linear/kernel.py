"""Machine code of the linear model, equal to the numpy code to the last bit.

Importing this module imports numba, so `LinearModel` imports it only for many patients.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.machine_code import compiled

_Floats = NDArray[np.float64]
_BLOCK = 256
_HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@compiled
def measured_patterns(
    columns: NDArray[np.float32], start: int, stop: int
) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """Distinct patterns of measured features, and the pattern of each patient.

    Parameters
    ----------
    columns : ndarray of shape (n_features, all patients)
        At most 64 features.
    start, stop : int
        First patient, and the one after the last.

    Returns
    -------
    distinct : ndarray of bool of shape (n_patterns, n_features)
        Patterns, sorted by their last features first.
    number : ndarray of int of shape (n_patients,)
        Pattern number of each patient.
    """
    keys = _pattern_keys(columns, start, stop)
    distinct, number = _numbered(keys)
    order = np.argsort(distinct)
    rank, measured = np.empty(len(order), dtype=np.int32), np.empty((len(order), len(columns)), dtype=np.bool_)
    for place in range(len(order)):
        rank[order[place]] = place
        for feature in range(len(columns)):
            measured[place, feature] = (distinct[order[place]] >> np.uint64(feature)) & np.uint64(1)
    for i in range(len(number)):
        number[i] = rank[number[i]]
    return measured, number


@compiled
def _pattern_keys(columns: Any, start: int, stop: int) -> Any:
    """Measured features of each patient as a bit set."""
    keys = np.zeros(stop - start, dtype=np.uint64)
    for feature in range(len(columns)):
        column, bit = columns[feature, start:stop], np.uint64(1) << np.uint64(feature)
        for i in range(len(keys)):
            keys[i] |= np.uint64(0) if np.isnan(column[i]) else bit
    return keys


@compiled
def _numbered(keys: Any) -> Any:
    """Distinct keys in order of appearance, and the number of each key, from a hash table with linear probing."""
    bits = 4
    while (1 << bits) < 2 * len(keys):
        bits += 1
    slots = np.full(1 << bits, -1, dtype=np.int32)
    distinct, number, n = np.empty(len(keys), dtype=np.uint64), np.empty(len(keys), dtype=np.int32), 0
    for i in range(len(keys)):
        slot = np.int64((keys[i] * _HASH_FACTOR) >> np.uint64(64 - bits))
        while slots[slot] >= 0 and distinct[slots[slot]] != keys[i]:
            slot = (slot + 1) & (len(slots) - 1)
        if slots[slot] < 0:
            slots[slot], distinct[n] = n, keys[i]
            n += 1
        number[i] = slots[slot]
    return distinct[:n], number


@compiled
def measured_coefficients(
    measured: NDArray[np.bool_], precision: _Floats, coefficients: _Floats, direction: NDArray[np.int64]
) -> _Floats:
    """Coefficients of the measured scores in each pattern.

    Parameters
    ----------
    measured : ndarray of bool of shape (n_patterns, n_scores)
        Scores that are measured. Neighbouring patterns share work if their last scores are equal.
    precision : ndarray of shape (n_scores, n_scores)
        Inverse of the covariance of the scores.
    coefficients : ndarray of shape (n_scores, n_margins)
        Coefficients when all scores are measured.
    direction : ndarray of int of shape (n_scores,)
        Known signs, else 0.

    Returns
    -------
    ndarray of shape (n_margins, n_patterns, n_scores)
        Zero where not measured, or where the sign contradicts a known direction.
    """
    n_patterns, n_scores = measured.shape
    n_margins = coefficients.shape[1]
    found = np.zeros((n_margins, n_patterns, n_scores))
    eliminated, n_eliminated = np.empty(n_scores, dtype=np.int64), 0
    rows, carried = np.empty((n_scores, n_scores)), np.empty((n_scores + 1, n_margins, n_scores))
    carried[0] = coefficients.T
    for pattern in range(n_patterns):
        n, shared = 0, True
        for score in range(n_scores - 1, -1, -1):
            if not measured[pattern, score]:
                shared = shared and n < n_eliminated and eliminated[n] == score
                if not shared:
                    eliminated[n] = score
                    _eliminate(eliminated[: n + 1], precision, rows, carried)
                n += 1
        n_eliminated = n
        for k in range(n_margins):
            for score in range(n_scores):
                coefficient = carried[n, k, score]
                kept = measured[pattern, score] & (coefficient * direction[score] >= 0)
                found[k, pattern, score] = coefficient if kept else 0.0
    return found


@compiled
def _eliminate(eliminated: Any, precision: Any, rows: Any, carried: Any) -> None:
    """Eliminate the last of some scores from the equations of all others."""
    n, score = len(eliminated) - 1, eliminated[-1]
    row = rows[n]
    row[:] = precision[score]
    for i in range(n):
        _subtract(row, rows[i, score] / rows[i, eliminated[i]], rows[i])
    for k in range(carried.shape[1]):
        carried[n + 1, k] = carried[n, k]
        _subtract(carried[n + 1, k], carried[n, k, score] / row[score], row)


@compiled
def _subtract(target: Any, factor: float, subtrahend: Any) -> None:
    for i in range(len(target)):
        target[i] -= factor * subtrahend[i]


@compiled
def add_scores(
    columns: NDArray[np.float32],
    start: int,
    patterns: tuple[NDArray[np.int32], _Floats],
    scores: tuple[NDArray[np.int64], NDArray[np.int64], _Floats, _Floats, _Floats, _Floats, NDArray[np.float32]],
    offset: _Floats,
    margins: tuple[_Floats, _Floats],
    totals: tuple[_Floats, NDArray[np.int64]],
    weight: float,
) -> None:
    """Add to the margins, to those of the reference patient, and to the contributions of the features.

    Parameters
    ----------
    columns : ndarray of shape (n_features, all patients)
        Features.
    start : int
        First patient.
    patterns : tuple of ndarrays of shape (n_patients,) and (n_margins, n_patterns, n_scores)
        Pattern number of each patient from the first on, and the coefficients of each pattern.
    scores : tuple of 7 ndarrays
        Source, starts, knots, values, slopes and mean of the scores, and their knots rounded up to 32 bits.
    offset : ndarray of shape (n_scores,)
        Centred scores of the reference patient; empty for the mean patient.
    margins : tuple of 2 ndarrays of shape (n_margins, all patients)
        Margins, and those of the reference patient; added to.
    totals : tuple of ndarrays of shape (n_rows, all patients) and (n_kinds, n_margins, n_features)
        Contributions, which are added to, and the row of each feature; may be empty.
    weight : float
        Factor of the contributions.
    """
    (number, coefficients), source, (sums, rows) = patterns, scores[0], totals
    # Rows whose distance is a power of two would compete for the same part of the cache.
    shape = len(source), _BLOCK + 8
    centred, products, of_reference = np.empty(shape), np.empty(shape), np.empty(shape)
    reference, place = np.empty(shape), np.empty(_BLOCK, dtype=np.uint32)
    for j in range(len(offset)):
        reference[j] = offset[j]
    for first in range(0, len(number), _BLOCK):
        of_patient = number[first : first + _BLOCK]
        begin, n = start + first, len(of_patient)
        for j in range(len(source)):
            _score(columns[source[j], begin : begin + n], j, scores, place, centred[j])
        for k in range(len(coefficients)):
            if len(offset) == 0 and len(rows) == 0:
                _add_scalar_products(coefficients[k], of_patient, centred, margins[0][k, begin : begin + n])
                continue
            _multiply(coefficients[k], of_patient, centred, products)
            _add_rows(products, margins[0][k, begin : begin + n])
            if len(offset):
                _multiply(coefficients[k], of_patient, reference, of_reference)
                _add_rows(of_reference, margins[1][k, begin : begin + n])
                for j in range(len(source)):
                    _subtract(products[j], 1.0, of_reference[j])
            for kind in range(len(rows)):
                for j in range(len(source)):
                    _add(products[j], weight, sums[rows[kind, k, source[j]], begin : begin + n])


@compiled
def _score(column: Any, j: int, scores: Any, place: Any, centred: Any) -> None:
    _, starts, all_knots, all_values, all_slopes, mean, rounded = scores
    first, last = starts[j], starts[j + 1]
    knots, values, slopes = all_knots[first:last], all_values[first:last], all_slopes[first:last]
    lowest, mean_score = knots[0], mean[j]
    _count_knots(column, rounded[first + 1 : last], place)
    for i in range(len(column)):
        left, x = place[i], np.float64(column[i])
        x = x if x > lowest else lowest
        score = slopes[left] * (x - knots[left]) + values[left]
        centred[i] = 0.0 if np.isnan(column[i]) else score - mean_score


@compiled
def _count_knots(column: Any, knots: Any, place: Any) -> None:
    """Count the knots that do not exceed each value; they are compared four at a time."""
    n, first = len(column), 0
    place[:n] = 0
    # Comparing with each knot is several times faster than binary search, whose branches are mispredicted.
    while first + 4 <= len(knots):
        one, two, three, four = knots[first], knots[first + 1], knots[first + 2], knots[first + 3]
        for i in range(n):
            x = column[i]
            place[i] += np.uint32(one <= x) + np.uint32(two <= x) + np.uint32(three <= x) + np.uint32(four <= x)
        first += 4
    for knot in knots[first:]:
        for i in range(n):
            place[i] += np.uint32(knot <= column[i])


@compiled
def _add_scalar_products(coefficients: Any, number: Any, centred: Any, to: Any) -> None:
    """Add the products of all scores, for four patients at a time, because each sum waits for its last addition."""
    n, i = len(number), 0
    while i + 4 <= n:
        p, q, r, s = np.uint64(number[i]), np.uint64(number[i + 1]), np.uint64(number[i + 2]), np.uint64(number[i + 3])
        a, b, c, d = to[i], to[i + 1], to[i + 2], to[i + 3]
        for j in range(coefficients.shape[1]):
            a += coefficients[p, j] * centred[j, i]
            b += coefficients[q, j] * centred[j, i + 1]
            c += coefficients[r, j] * centred[j, i + 2]
            d += coefficients[s, j] * centred[j, i + 3]
        to[i], to[i + 1], to[i + 2], to[i + 3] = a, b, c, d
        i += 4
    while i < n:
        of_pattern, total = np.uint64(number[i]), to[i]
        for j in range(coefficients.shape[1]):
            total += coefficients[of_pattern, j] * centred[j, i]
        to[i] = total
        i += 1


@compiled
def _multiply(coefficients: Any, number: Any, centred: Any, products: Any) -> None:
    for i in range(len(number)):
        of_pattern = np.uint64(number[i])
        for j in range(coefficients.shape[1]):
            products[j, i] = coefficients[of_pattern, j] * centred[j, i]


@compiled
def _add_rows(rows: Any, to: Any) -> None:
    for j in range(len(rows)):
        for i in range(len(to)):
            to[i] += rows[j, i]


@compiled
def _add(added: Any, weight: float, to: Any) -> None:
    for i in range(len(to)):
        to[i] += weight * added[i]
