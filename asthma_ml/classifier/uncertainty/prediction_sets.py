"""How sure a prediction is: sets of classes and intervals of probability, from out-of-fold probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SHARE_RECOGNISED = 0.6
"""Share of the patients of other classes than a classifier names whom it shall recognise."""

_LARGEST_GRID = 256


def conformal_thresholds(scores: Sequence[np.ndarray], confidence: float) -> np.ndarray:
    """Find how strange a patient may look and still be counted to a class.

    Parameters
    ----------
    scores : sequence of n_classes ndarrays
        One minus the out-of-fold probability of the own class, of the patients of each class.
    confidence : float
        Share of the patients of each class whose set shall hold their class.

    Returns
    -------
    ndarray of shape (n_classes,)
        Infinite for a class with fewer than ``1 / (1 - confidence) - 1`` patients: nothing can rule it out.

    References
    ----------
    Vovk V, Gammerman A, Shafer G, Algorithmic Learning in a Random World, 2005 (class-conditional,
    that is Mondrian, conformal prediction; with out-of-fold scores the promise holds approximately).

    Examples
    --------
    >>> conformal_thresholds([np.array([0.1, 0.2, 0.3, 0.4]), np.array([])], confidence=0.6)
    array([0.3, inf])
    """
    thresholds = np.full(len(scores), np.inf)
    for k, of_class in enumerate(scores):
        rank = int(np.ceil(np.round((len(of_class) + 1) * confidence, 9)))
        if rank <= len(of_class):
            thresholds[k] = np.sort(of_class)[rank - 1]
    return thresholds


def conformal_sets(probability: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Tell which classes a patient cannot be told apart from.

    Parameters
    ----------
    probability : ndarray of shape (n_patients, n_classes)
        Calibrated probabilities.
    thresholds : ndarray of shape (n_classes,) or (n_patients, n_classes)
        From `conformal_thresholds`, or those of each patient.

    Returns
    -------
    ndarray of bool of shape (n_patients, n_classes)
        Membership of each class. No class at all: the patient is unlike the patients of every class.
    """
    return np.asarray(1.0 - probability <= thresholds)


def evenly_weighted(scores: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Find as many scores of equal weight as say the same as weighted ones.

    Parameters
    ----------
    scores : ndarray of shape (n_patients,)
        Scores.
    weight : ndarray of shape (n_patients,)
        Positive weights; only their ratios count.

    Returns
    -------
    ndarray of shape (n_patients,)
        Sorted; the scores themselves where all weights are the same. Copies weigh more but make no more patients.

    Examples
    --------
    >>> evenly_weighted(np.array([0.3, 0.1, 0.2]), np.ones(3)).tolist()
    [0.1, 0.2, 0.3]
    >>> evenly_weighted(np.array([0.3, 0.1]), np.array([3.0, 1.0])).tolist()
    [0.1, 0.3]
    """
    order = np.argsort(scores, kind="stable")
    if len(scores) == 0 or np.ptp(weight) == 0:
        return np.asarray(scores[order])
    reached = np.cumsum(weight[order]) / weight.sum()
    middles = (np.arange(len(scores)) + 0.5) / len(scores)
    return np.asarray(scores[order][np.minimum(np.searchsorted(reached, middles), len(scores) - 1)])


def recognising_threshold(probability: np.ndarray, is_foreign: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Find from which probability of being foreign on a patient is taken for foreign.

    Parameters
    ----------
    probability : ndarray of shape (n_patients,)
        Held-out probability of being foreign.
    is_foreign : ndarray of bool of shape (n_patients,)
        Who is.
    weight : ndarray of shape (n_patients,), default=None
        Weights; all the same by default.

    Returns
    -------
    float
        Recognises `SHARE_RECOGNISED` of the foreign patients; at least their share among all patients,
        where foreign patients and others are recognised at the same rate.

    Examples
    --------
    >>> recognising_threshold(np.array([0.9, 0.8, 0.7, 0.6, 0.3, 0.1]), np.array([1, 1, 1, 1, 0, 0], dtype=bool))
    0.7
    """
    weight = np.ones(len(probability)) if weight is None else weight
    strangeness = evenly_weighted(1.0 - probability[is_foreign], weight[is_foreign])
    enough = 1.0 - float(conformal_thresholds([strangeness], SHARE_RECOGNISED)[0])
    return round(max(enough, float(np.average(is_foreign, weights=weight))), 12)


def venn_abers_grid(probability: np.ndarray, is_class: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Tabulate the Venn-Abers interval against the reported probability of one class.

    Parameters
    ----------
    probability : ndarray of shape (n_patients,)
        Out-of-fold probability of the class.
    is_class : ndarray of bool of shape (n_patients,)
        Whether the patient is of the class.
    weight : ndarray of shape (n_patients,)
        Weights; only their ratios count.

    Returns
    -------
    ndarray of shape (3, n_points)
        Reported probability, lower and upper end. The ends are the isotonic fits to the patients and one
        more patient of that probability who is not, or is, of the class.

    References
    ----------
    Vovk V, Petej I, Venn-Abers predictors, UAI 2014.
    """
    weight = weight / weight.mean()
    points, place = np.unique(np.r_[0.0, probability, 1.0], return_inverse=True)
    place = place[1:-1]
    total = np.bincount(place, weights=weight, minlength=len(points))
    of_class = np.bincount(place, weights=weight * is_class, minlength=len(points))
    chosen = np.unique(np.linspace(0, len(points) - 1, min(len(points), _LARGEST_GRID)).astype(int))
    lower = [_isotonic_with_one_more(total, of_class, j, 0.0) for j in chosen]
    upper = [_isotonic_with_one_more(total, of_class, j, 1.0) for j in chosen]
    return np.array([points[chosen], lower, upper])


def venn_abers_interval(probability: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Look the interval of a probability up.

    Parameters
    ----------
    probability : ndarray of shape (n_patients,)
        Reported probability of the class.
    grid : ndarray of shape (3, n_points)
        From `venn_abers_grid`; without points the interval is NaN.

    Returns
    -------
    low, high : ndarray of shape (n_patients,)
        Widened to hold the reported probability, which comes from another calibration and may lie
        outside the Venn-Abers interval.
    """
    if grid.shape[1] == 0:
        return np.full_like(probability, np.nan), np.full_like(probability, np.nan)
    points, lower, upper = grid
    low = np.minimum(np.interp(probability, points, lower), probability)
    high = np.maximum(np.interp(probability, points, upper), probability)
    return low, high


def _isotonic_with_one_more(total: np.ndarray, of_class: np.ndarray, place: int, is_class: float) -> float:
    """Isotonic value at a place after one more patient stands there."""
    from scipy.optimize import isotonic_regression

    total, of_class = total.copy(), of_class.copy()
    total[place] += 1.0
    of_class[place] += is_class
    occupied = total > 0
    fit = isotonic_regression(of_class[occupied] / total[occupied], weights=total[occupied]).x
    return float(fit[occupied[: place + 1].sum() - 1])
