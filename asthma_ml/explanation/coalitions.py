"""Shapley values of a game of the documented factors, from the worth of each of its 64 coalitions."""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray

from asthma_ml.variables import FACTORS

_N = len(FACTORS)
_MEMBERS = np.arange(2**_N)[:, None] >> np.arange(_N) & 1


def shapley_values(worth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shapley value of each factor.

    Parameters
    ----------
    worth : ndarray of shape (64, ...)
        Worth of each coalition, a bit set of factors in the order of `FACTORS`.

    Returns
    -------
    ndarray of shape (6, ...)
        The values add up to the worth of all factors minus that of none. A factor that changes no coalition has
        the value zero, exactly.

    References
    ----------
    Shapley LS, A value for n-person games, 1953. 10.1515/9781400881970-018

    Examples
    --------
    >>> worth = np.zeros(64)
    >>> worth[_MEMBERS[:, 0] & _MEMBERS[:, 4] == 1] = 1.0  # the first and the fifth factor act only together
    >>> shapley_values(worth)
    array([0.5, 0. , 0. , 0. , 0.5, 0. ])
    """
    return np.stack([_weighted_gains(worth, factor) for factor in range(_N)])


def _weighted_gains(worth: NDArray[np.float64], factor: int) -> NDArray[np.float64]:
    """Mean gain of a coalition that a factor joins, all sizes of coalitions weighing the same."""
    (before,) = np.nonzero(_MEMBERS[:, factor] == 0)
    weight = [1 / (_N * comb(_N - 1, size)) for size in _MEMBERS[before].sum(axis=1).tolist()]
    gain = worth[before | 1 << factor] - worth[before]
    return np.asarray(np.tensordot(weight, gain, axes=1))


def effects_alone(worth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Worth of all factors minus that of all factors but one, of shape (6, ...).

    Examples
    --------
    >>> effects_alone(_MEMBERS.sum(axis=1) * 1.0)
    array([1., 1., 1., 1., 1., 1.])
    """
    everyone = 2**_N - 1
    return np.stack([worth[everyone] - worth[everyone ^ 1 << factor] for factor in range(_N)])
