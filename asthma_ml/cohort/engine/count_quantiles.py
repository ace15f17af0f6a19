"""Quantiles of count distributions by Panjer's recursion.

The Poisson, the binomial and the negative binomial distributions are the Panjer family: the probabilities satisfy
``P(k + 1) = P(k) * (slope + start / (k + 1))`` (Panjer 1981, 10.1017/S0515036100006796).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FEW = 4


def panjer_quantiles(u: Floats, none: Any, slope: Any, start: Any, most: int) -> Floats:
    """Smallest counts whose cumulative probability reaches `u`.

    Parameters
    ----------
    u : ndarray of shape (n_patients,)
        Cumulative probabilities.
    none : float or ndarray of shape (n_patients,)
        Probability of zero.
    slope, start : float or ndarray of shape (n_patients,)
        Coefficients of the recursion.
    most : int
        Highest count.

    Returns
    -------
    ndarray of shape (n_patients,)
        Whole numbers.

    Examples
    --------
    >>> panjer_quantiles(np.array([0.2, 0.3, 0.99]), 0.25, -1.0, 3.0, 2)  # two tosses of a coin
    array([0., 1., 2.])
    """
    count = np.zeros(len(u))
    rows: Any = slice(None)
    probability = np.array(np.broadcast_to(none, u.shape), dtype=float)
    cumulative = probability.copy()
    for k in range(1, most + 1):
        below = cumulative < u
        n_below = np.count_nonzero(below)
        if not n_below:
            break
        if 2 * n_below < len(below) and most > _FEW:  # most counts are small: continue with the others
            still = np.flatnonzero(below)
            rows = still if isinstance(rows, slice) else rows.take(still)
            u, probability, cumulative = u.take(still), probability.take(still), cumulative.take(still)
            slope, start = _at(slope, still), _at(start, still)
            count[rows] = k
        else:
            count[rows] += below
        if k < most:
            probability *= slope + start / k
            cumulative += probability
    return count


def _at(parameter: Any, rows: NDArray[np.int64]) -> Any:
    return parameter.take(rows) if np.ndim(parameter) else parameter
