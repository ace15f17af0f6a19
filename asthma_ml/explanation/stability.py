"""A mark on patients whose reasons a model of as many other patients may tell otherwise.

A model fitted to other patients of the same clinic credits each factor a little differently. Where the
two strongest factors count nearly alike, it may name them the other way round. How near is too near was
measured on refits to other patients and to bootstrap samples, see benchmarks/stability.md: the distance at
which four refits of five still name the same first factor falls with the number of training patients.
"""

from __future__ import annotations

import numpy as np

_AT_ONE_PATIENT, _POWER = 6.7, -0.37


def nearest_stable(n_patients: int) -> float:
    """Least distance of the two strongest factors at which four refits of five agree on the first.

    Parameters
    ----------
    n_patients : int
        Distinct patients that the model was fitted to.

    Returns
    -------
    float
        Distance [log-odds], ``6.7 * n_patients ** -0.37``; measured from 500 to 108,000 patients and two classes.

    Examples
    --------
    >>> [round(nearest_stable(n), 2) for n in (500, 2_000, 27_000)]
    [0.67, 0.4, 0.15]
    """
    return float(_AT_ONE_PATIENT * max(n_patients, 1) ** _POWER)


def unstable_reasons(factors: np.ndarray, n_patients: int) -> np.ndarray:
    """Mark the patients whose two strongest factors count nearly alike.

    Parameters
    ----------
    factors : ndarray of shape (n_patients, n_factors)
        What is credited to each factor [log-odds].
    n_patients : int
        Distinct patients that the model was fitted to.

    Returns
    -------
    ndarray of bool of shape (n_patients,)
        True where the distance is less than `nearest_stable`.

    Examples
    --------
    >>> unstable_reasons(np.array([[2.0, 0.3, -0.1], [0.5, -0.6, 0.0]]), 2_000).tolist()
    [False, True]
    """
    if factors.shape[1] < 2:
        return np.zeros(len(factors), dtype=bool)
    strongest = np.sort(np.abs(factors), axis=1)[:, -2:]
    return np.asarray(strongest[:, 1] - strongest[:, 0] < nearest_stable(n_patients))
