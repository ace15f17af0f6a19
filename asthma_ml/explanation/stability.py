"""Unstable rankings: patients whose two strongest factors a model of other patients may rank in reverse order.

Models fitted to different patients of the same clinic attribute slightly different contributions to a factor. Where
the two strongest factors contribute nearly equally, their order may be reversed. The smallest stable difference was
estimated from refits to other patients and to bootstrap samples (benchmarks/stability.md). It decreases with the
number of training patients.
"""

from __future__ import annotations

import numpy as np

_AT_ONE_PATIENT, _POWER = 6.7, -0.37


def smallest_stable_difference(n_patients: int) -> float:
    """Difference of the two strongest factors at which four of five refits agree on the strongest.

    Parameters
    ----------
    n_patients : int
        Number of distinct training patients.

    Returns
    -------
    float
        Difference [log-odds], ``6.7 * n_patients ** -0.37``; estimated for 500 to 108,000 patients and two classes.

    Examples
    --------
    >>> [round(smallest_stable_difference(n), 2) for n in (500, 2_000, 27_000)]
    [0.67, 0.4, 0.15]
    """
    return float(_AT_ONE_PATIENT * max(n_patients, 1) ** _POWER)


def unstable_ranking(factors: np.ndarray, n_patients: int) -> np.ndarray:
    """Whether the two strongest factors of each patient contribute nearly equally.

    Parameters
    ----------
    factors : ndarray of shape (n_patients, n_factors)
        Contribution of each factor [log-odds].
    n_patients : int
        Number of distinct training patients.

    Returns
    -------
    ndarray of bool of shape (n_patients,)
        True where the difference in size is less than `smallest_stable_difference`.

    Examples
    --------
    >>> unstable_ranking(np.array([[2.0, 0.3, -0.1], [0.5, -0.6, 0.0]]), 2_000).tolist()
    [False, True]
    """
    if factors.shape[1] < 2:
        return np.zeros(len(factors), dtype=bool)
    strongest = np.sort(np.abs(factors), axis=1)[:, -2:]
    return np.asarray(strongest[:, 1] - strongest[:, 0] < smallest_stable_difference(n_patients))
