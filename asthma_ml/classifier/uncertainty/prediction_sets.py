"""Conformal prediction sets and Venn-Abers intervals, from out-of-fold probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asthma_ml.classifier.linear.piecewise_linear import slopes

_LARGEST_GRID = 256


def conformal_thresholds(scores: Sequence[np.ndarray], confidence: float) -> np.ndarray:
    """Threshold of the conformal score of each class.

    Parameters
    ----------
    scores : sequence of n_classes ndarrays
        Conformal scores of the patients of each class: one minus the out-of-fold probability of their class.
    confidence : float
        Nominal coverage in each class.

    Returns
    -------
    ndarray of shape (n_classes,)
        Infinite for a class with fewer than ``1 / (1 - confidence) - 1`` patients, which is then in every set.

    References
    ----------
    Vovk V, Gammerman A, Shafer G, Algorithmic Learning in a Random World, 2005 (class-conditional,
    that is Mondrian, conformal prediction; with out-of-fold scores the coverage is approximate).

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
    """Conformal prediction sets.

    Parameters
    ----------
    probability : ndarray of shape (n_patients, n_classes)
        Calibrated probabilities.
    thresholds : ndarray of shape (n_classes,) or (n_patients, n_classes)
        Thresholds from `conformal_thresholds`, or those of each patient.

    Returns
    -------
    ndarray of bool of shape (n_patients, n_classes)
        Classes in the set. An empty set means that the patient is unusual for every class.
    """
    return np.asarray(1.0 - probability <= thresholds)


def equal_weight_scores(scores: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Scores of equal weight with the same distribution as weighted scores.

    Parameters
    ----------
    scores : ndarray of shape (n_patients,)
        Scores.
    weight : ndarray of shape (n_patients,)
        Positive weights; only their ratios matter.

    Returns
    -------
    ndarray of shape (n_patients,)
        As many scores, sorted; the scores themselves if all weights are equal. A duplicate adds weight, but no patient.

    Examples
    --------
    >>> equal_weight_scores(np.array([0.3, 0.1, 0.2]), np.ones(3)).tolist()
    [0.1, 0.2, 0.3]
    >>> equal_weight_scores(np.array([0.3, 0.1]), np.array([3.0, 1.0])).tolist()
    [0.1, 0.3]
    """
    order = np.argsort(scores, kind="stable")
    if len(scores) == 0 or np.ptp(weight) == 0:
        return np.asarray(scores[order])
    cumulative = np.cumsum(weight[order]) / weight.sum()
    middles = (np.arange(len(scores)) + 0.5) / len(scores)
    return np.asarray(scores[order][np.minimum(np.searchsorted(cumulative, middles), len(scores) - 1)])


def venn_abers_grid(probability: np.ndarray, is_class: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Venn-Abers interval by reported probability of one class, as a table.

    Parameters
    ----------
    probability : ndarray of shape (n_patients,)
        Out-of-fold probability of the class.
    is_class : ndarray of bool of shape (n_patients,)
        Patients of the class.
    weight : ndarray of shape (n_patients,)
        Weights; only their ratios count.

    Returns
    -------
    ndarray of shape (3, n_points)
        Reported probability, lower and upper end. The ends are isotonic regressions with one additional patient of
        that probability, who does not, or does, have the class.

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
    starts = _pool_starts(total, of_class)
    lower, upper = ([_isotonic_with_one_more(total, of_class, starts, j, y) for j in chosen] for y in (0.0, 1.0))
    return np.array([points[chosen], lower, upper])


def venn_abers_interval(probability: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate the Venn-Abers interval of a probability.

    Parameters
    ----------
    probability : ndarray of shape (n_patients,)
        Reported probability of the class.
    grid : ndarray of shape (3, n_points)
        Result of `venn_abers_grid`; without points the interval is NaN.

    Returns
    -------
    low, high : ndarray of shape (n_patients,)
        Widened to contain the reported probability, which comes from the linear calibration and may lie outside the
        Venn-Abers interval.
    """
    if grid.shape[1] == 0:
        return np.full_like(probability, np.nan), np.full_like(probability, np.nan)
    points, lower, upper = grid
    # The search takes most of the time of `numpy.interp`; both ends share it.
    place = np.clip(np.searchsorted(points, probability, side="right") - 1, 0, max(len(points) - 2, 0))
    within = np.clip(probability, points[0], points[-1]) - points[place]
    low, high = (slopes(points, end)[place] * within + end[place] for end in (lower, upper))
    return np.minimum(low, probability), np.maximum(high, probability)


def _pool_starts(total: np.ndarray, of_class: np.ndarray) -> np.ndarray:
    """First point of each pool of the isotonic regression; points without patients are pools of their own."""
    from scipy.optimize import isotonic_regression

    occupied = np.flatnonzero(total > 0)
    pools = isotonic_regression(of_class[occupied] / total[occupied], weights=total[occupied]).blocks[:-1]
    return np.union1d(occupied[pools], np.flatnonzero(total == 0))


def _isotonic_with_one_more(
    total: np.ndarray, of_class: np.ndarray, starts: np.ndarray, place: int, is_class: float
) -> float:
    """Isotonic regression at grid point `place`, with one additional patient there.

    The patient can only divide the pool of this point. The points of every other pool remain together.
    """
    from scipy.optimize import isotonic_regression

    own = np.searchsorted(starts, place, side="right") - 1
    end = starts[own + 1] if own + 1 < len(starts) else len(total)
    kept = np.r_[starts[:own], starts[own] : end, starts[own + 1 :]]
    of_kept, weight = np.add.reduceat(of_class, kept), np.add.reduceat(total, kept)
    at = own + place - starts[own]
    of_kept[at] += is_class
    weight[at] += 1.0
    occupied = weight > 0
    fit = isotonic_regression(of_kept[occupied] / weight[occupied], weights=weight[occupied]).x
    return float(fit[occupied[: at + 1].sum() - 1])
