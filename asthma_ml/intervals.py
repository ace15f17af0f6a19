"""95 % intervals of proportions (Wilson) and of other figures (bootstrap)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

N_BOOTSTRAP = 200
INTERVAL = (2.5, 97.5)


def proportion(holds: NDArray[np.bool_]) -> dict[str, float]:
    """Proportion of patients with its 95 % Wilson interval.

    Parameters
    ----------
    holds : ndarray of bool of shape (n_patients,)
        Whether each patient is counted; at least one patient.

    Returns
    -------
    dict
        `value`, `lower` and `upper`.

    Examples
    --------
    >>> {name: round(value, 2) for name, value in proportion(np.array([True, True, False, True])).items()}
    {'value': 0.75, 'lower': 0.3, 'upper': 0.95}
    """
    interval = binomtest(int(holds.sum()), len(holds)).proportion_ci(method="wilson")
    return {"value": float(holds.mean()), "lower": float(interval.low), "upper": float(interval.high)}


def proportion_or_none(holds: NDArray[np.bool_]) -> dict[str, float] | None:
    """`proportion`, or None without any patient."""
    return proportion(holds) if len(holds) else None


def resampled(n_patients: int, seed: int, n_samples: int = N_BOOTSTRAP) -> Iterator[NDArray[np.intp]]:
    """Counts of each patient in bootstrap samples; each array has shape (n_patients,)."""
    rng = np.random.default_rng(seed)
    for _ in range(n_samples):
        yield np.bincount(rng.integers(0, n_patients, n_patients), minlength=n_patients)


def percentiles(value: float, samples: list[float]) -> dict[str, float]:
    """A figure with the 95 % percentile interval of its bootstrap values."""
    lower, upper = np.percentile(samples, INTERVAL)
    return {"value": value, "lower": float(lower), "upper": float(upper)}


def weighted_auc(positive: NDArray[np.bool_], ranks: NDArray[np.intp], weight: NDArray[Any]) -> float:
    """Weighted area under the ROC curve, from the ranks of the scores.

    Parameters
    ----------
    positive : ndarray of bool of shape (n_patients,)
        Patients with the condition.
    ranks : ndarray of shape (n_patients,)
        Rank of each score among the distinct scores, from ``np.unique(..., return_inverse=True)``.
    weight : ndarray of shape (n_patients,)
        Weights of the patients, such as bootstrap counts from `resampled`.

    Returns
    -------
    float
        Proportion of pairs in which the positive has the higher score, ties counted half; NaN without a pair.

    Examples
    --------
    >>> positive, score = np.array([True, True, False, False]), np.array([3.0, 1.0, 1.0, 0.0])
    >>> weighted_auc(positive, np.unique(score, return_inverse=True)[1], np.ones(4))
    0.875
    """
    n_ranks = int(ranks.max()) + 1
    of_positives = np.bincount(ranks, weight * positive, n_ranks)
    of_negatives = np.bincount(ranks, weight * ~positive, n_ranks)
    pairs = of_positives.sum() * of_negatives.sum()
    below = np.cumsum(of_negatives) - of_negatives / 2
    return float(of_positives @ below / pairs) if pairs else float("nan")
