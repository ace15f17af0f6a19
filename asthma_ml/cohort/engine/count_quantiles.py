"""Quantiles of count distributions: the smallest count whose cumulative probability reaches a number.

The Poisson, the binomial and the negative binomial are the Panjer family: each probability follows
from the one below it, ``P(k + 1) = P(k) * (slope + start / (k + 1))``, and this holds for no other
distribution (Panjer 1981, 10.1017/S0515036100006796).
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
        The recursion.
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
        if 2 * n_below < len(below) and most > _FEW:  # counts are mostly small: go on with the few that are not
            still = np.flatnonzero(below)
            rows = still if isinstance(rows, slice) else rows.take(still)
            u, probability, cumulative = u.take(still), probability.take(still), cumulative.take(still)
            slope, start = _of(slope, still), _of(start, still)
            count[rows] = k
        else:
            count[rows] += below
        if k < most:
            probability *= slope + start / k
            cumulative += probability
    return count


def _of(parameter: Any, rows: NDArray[np.int64]) -> Any:
    return parameter.take(rows) if np.ndim(parameter) else parameter
