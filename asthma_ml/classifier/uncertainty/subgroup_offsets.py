"""Offsets of conformal scores in subgroups, which give prediction sets their nominal coverage in every subgroup.

Without offsets, coverage is nominal in each class, but lower among its current smokers, whose FeNO is lower and whose
neutrophils are higher. The conformal score of a patient is therefore compared within subgroups.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from asthma_ml.classifier.margins import expit
from asthma_ml.variables import data_dictionary

CUTS = {"age_years": (40.0, 65.0), "ocs_dose_mg_day": (1e-9,)}
"""Cut points of numbers; a value at a cut belongs to the upper band."""

CHARACTERISTICS = ("sex", "ancestry", "smoking_status", *CUTS)
"""Columns that define subgroups."""

SMALLEST_SUBGROUP = 200
"""Smallest subgroup of a class [patients] that gets its own offset."""

_SWEEPS = 10
_SMALLEST = 1e-12


def subgroup_numbers(X: np.ndarray, names: Iterable[str] | None) -> np.ndarray:
    """Subgroup number of each patient in each characteristic.

    Parameters
    ----------
    X : ndarray of shape (n_patients, n_features)
        Encoded features.
    names : iterable of n_features str or None
        Names of the features, if there are any.

    Returns
    -------
    ndarray of int of shape (n_patients, n_characteristics)
        0 where not measured.

    Examples
    --------
    >>> subgroup_numbers(np.array([[39.0], [65.0], [np.nan]]), ["age_years"])[:, 3].tolist()
    [1, 3, 0]
    """
    place = {} if names is None else {str(name): j for j, name in enumerate(names)}
    numbers = np.zeros((len(CHARACTERISTICS), len(X)), dtype=np.intp)
    for i, name in enumerate(CHARACTERISTICS):
        if name in place:
            values = X[:, place[name]]
            number = np.digitize(values, CUTS[name]) if name in CUTS else _level(values)
            numbers[i] = np.where(np.isnan(values), 0, 1 + number)
    return numbers.T


def _level(values: np.ndarray) -> np.ndarray:
    """Level number; other numbers are clipped to the largest level number."""
    return np.asarray(np.nan_to_num(values).clip(0, max_subgroups() - 2).astype(np.intp))


def conformal_log_odds(probability: np.ndarray) -> np.ndarray:
    """Conformal score of a class as log-odds: logit of one minus its probability."""
    score = np.clip(1.0 - probability, _SMALLEST, 1.0 - _SMALLEST)
    return np.asarray(np.log(score / (1.0 - score)))


def fit_offsets(scores: np.ndarray, subgroups: np.ndarray, confidence: float, weight: np.ndarray) -> np.ndarray:
    """Offset of the conformal score of one class in each subgroup.

    Parameters
    ----------
    scores : ndarray of shape (n_patients,)
        Conformal scores of held-out patients of the class [log-odds], see `conformal_log_odds`.
    subgroups : ndarray of int of shape (n_patients, n_characteristics)
        Result of `subgroup_numbers`.
    confidence : float
        Quantile of the scores that the offsets make equal in all subgroups.
    weight : ndarray of shape (n_patients,)
        Positive weights; only their ratios matter.

    Returns
    -------
    ndarray of shape (n_characteristics, n_numbers)
        Offsets, which are added over the characteristics; zero in subgroups of fewer than `SMALLEST_SUBGROUP`
        patients. Quantile regression on the subgroups, fitted by backfitting.

    References
    ----------
    Gibbs I, Cherian JJ, Candes EJ, Conformal prediction with conditional guarantees, 2023.
    """
    offsets = np.zeros((len(CHARACTERISTICS), max_subgroups()))
    residual = scores.copy()
    members = [
        (i, number, rows)
        for i, column in enumerate(subgroups.T)
        for number in np.unique(column)
        if len(scores) > len(rows := np.flatnonzero(column == number)) >= SMALLEST_SUBGROUP
    ]
    for _ in range(_SWEEPS):
        overall = _quantile(residual, confidence, weight) if len(residual) else 0.0
        for i, number, rows in members:
            change = _quantile(residual[rows], confidence, weight[rows]) - overall
            offsets[i, number] += change
            residual[rows] -= change
    return offsets


def _quantile(values: np.ndarray, confidence: float, weight: np.ndarray) -> float:
    if np.ptp(weight) == 0:
        return float(np.quantile(values, confidence))
    return float(np.quantile(values, confidence, weights=weight, method="inverted_cdf"))


def total_offsets(offsets: np.ndarray, subgroups: np.ndarray) -> np.ndarray:
    """Sum of the offsets of each patient over the characteristics.

    Parameters
    ----------
    offsets : ndarray of shape (n_characteristics, n_numbers)
        Results of `fit_offsets`.
    subgroups : ndarray of int of shape (n_patients, n_characteristics)
        Result of `subgroup_numbers`.

    Returns
    -------
    ndarray of shape (n_patients,)
        A row does not depend on the other rows, to the last bit.
    """
    total = np.zeros(len(subgroups))
    for of_characteristic, numbers in zip(offsets, subgroups.T, strict=True):
        total += of_characteristic[numbers]
    return total


def thresholds_of_patients(thresholds: np.ndarray, offsets: Sequence[np.ndarray], subgroups: np.ndarray) -> np.ndarray:
    """Threshold of the conformal score of each class for each patient.

    Parameters
    ----------
    thresholds : ndarray of shape (n_classes,)
        Thresholds without offsets.
    offsets : sequence of n_classes ndarrays
        Results of `fit_offsets`.
    subgroups : ndarray of int of shape (n_patients, n_characteristics)
        Result of `subgroup_numbers`.

    Returns
    -------
    ndarray of shape (n_patients, n_classes)
        Infinite for classes with an infinite threshold.
    """
    found = np.repeat(thresholds[:, None], len(subgroups), axis=1)
    for k, of_class in enumerate(offsets):
        if np.isfinite(thresholds[k]) and of_class.any():
            found[k] = expit(conformal_log_odds(1.0 - thresholds[k]) + total_offsets(of_class, subgroups))
    return found.T


def max_subgroups() -> int:
    """Largest number of subgroups of a characteristic, including 0 for not measured."""
    dictionary = data_dictionary()
    levels = [len(dictionary[name].levels) for name in CHARACTERISTICS if name not in CUTS]
    return 1 + max(*levels, *(len(cuts) + 1 for cuts in CUTS.values()))
