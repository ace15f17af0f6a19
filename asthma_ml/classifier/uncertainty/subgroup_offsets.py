"""How much stranger the patients of a subgroup look, so that its prediction sets hold the truth as often as promised.

Sets hold the class as often as promised among all patients of a class, but not among its current smokers,
whose lower FeNO and higher neutrophils look like those of another class. Each class is therefore compared within
subgroups: what is usual among its smokers does not speak against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.special import expit, logit

from asthma_ml.variables import data_dictionary

CUTS = {"age_years": (40.0, 65.0), "ocs_dose_mg_day": (1e-9,)}
"""Bands of numbers; a value on a cut belongs to the upper band."""

CHARACTERISTICS = ("sex", "ancestry", "smoking_status", *CUTS)
"""Columns whose subgroups are served alike."""

FEWEST_OF_A_SUBGROUP = 200
"""Patients of a class in a subgroup below which they are compared with all others."""

_SWEEPS = 10
_LEAST = 1e-12


def subgroup_numbers(X: np.ndarray, names: Iterable[str] | None) -> np.ndarray:
    """Number the subgroups of patients.

    Parameters
    ----------
    X : ndarray of shape (n_patients, n_features)
        Encoded features.
    names : iterable of n_features str or None
        Their names, where they have any.

    Returns
    -------
    ndarray of int of shape (n_patients, n_characteristics)
        0 where not recorded.

    Examples
    --------
    >>> subgroup_numbers(np.array([[39.0], [65.0], [np.nan]]), ["age_years"])[:, 3].tolist()
    [1, 3, 0]
    """
    place = {} if names is None else {str(name): j for j, name in enumerate(names)}
    numbers = np.zeros((len(X), len(CHARACTERISTICS)), dtype=np.intp)
    for i, name in enumerate(CHARACTERISTICS):
        if name in place:
            values = X[:, place[name]]
            number = np.digitize(values, CUTS[name]) if name in CUTS else _level(values)
            numbers[:, i] = np.where(np.isnan(values), 0, 1 + number)
    return numbers


def _level(values: np.ndarray) -> np.ndarray:
    """Place of a level; a number that is none counts as the last one that there could be."""
    return np.asarray(np.nan_to_num(values).clip(0, most_numbers() - 2).astype(np.intp))


def strangeness(probability: np.ndarray) -> np.ndarray:
    """Log-odds against a class."""
    return np.asarray(logit(np.clip(1.0 - probability, _LEAST, 1.0 - _LEAST)))


def fit_offsets(strange: np.ndarray, subgroups: np.ndarray, confidence: float, weight: np.ndarray) -> np.ndarray:
    """Find by how much the strangeness of each subgroup of one class exceeds that of the others.

    Parameters
    ----------
    strange : ndarray of shape (n_patients,)
        Strangeness of held-out patients of the class.
    subgroups : ndarray of int of shape (n_patients, n_characteristics)
        From `subgroup_numbers`.
    confidence : float
        Quantile that shall be the same in every subgroup.
    weight : ndarray of shape (n_patients,)
        Positive weights; only their ratios count.

    Returns
    -------
    ndarray of shape (n_characteristics, n_numbers)
        Offsets, one of each characteristic to be added; 0 for subgroups of fewer than
        `FEWEST_OF_A_SUBGROUP` patients. A quantile regression on the subgroups, by backfitting.

    References
    ----------
    Gibbs I, Cherian JJ, Candes EJ, Conformal prediction with conditional guarantees, 2023.
    """
    offsets = np.zeros((len(CHARACTERISTICS), most_numbers()))
    left = strange.copy()
    members = [
        (i, number, rows)
        for i, column in enumerate(subgroups.T)
        for number in np.unique(column)
        if len(strange) > len(rows := np.flatnonzero(column == number)) >= FEWEST_OF_A_SUBGROUP
    ]
    for _ in range(_SWEEPS):
        usual = _quantile(left, confidence, weight) if len(left) else 0.0
        for i, number, rows in members:
            change = _quantile(left[rows], confidence, weight[rows]) - usual
            offsets[i, number] += change
            left[rows] -= change
    return offsets


def _quantile(values: np.ndarray, confidence: float, weight: np.ndarray) -> float:
    if np.ptp(weight) == 0:
        return float(np.quantile(values, confidence))
    return float(np.quantile(values, confidence, weights=weight, method="inverted_cdf"))


def total_offsets(offsets: np.ndarray, subgroups: np.ndarray) -> np.ndarray:
    """Offset of each patient.

    Parameters
    ----------
    offsets : ndarray of shape (n_characteristics, n_numbers)
        From `fit_offsets`.
    subgroups : ndarray of int of shape (n_patients, n_characteristics)
        From `subgroup_numbers`.

    Returns
    -------
    ndarray of shape (n_patients,)
        A row does not depend on the rows beside it, to the last bit.
    """
    total = np.zeros(len(subgroups))
    for of_characteristic, numbers in zip(offsets, subgroups.T, strict=True):
        total += of_characteristic[numbers]
    return total


def thresholds_of_patients(thresholds: np.ndarray, offsets: Sequence[np.ndarray], subgroups: np.ndarray) -> np.ndarray:
    """Thresholds of one minus the probability of each class, for each patient.

    Parameters
    ----------
    thresholds : ndarray of shape (n_classes,)
        Of patients without an offset.
    offsets : sequence of n_classes ndarrays
        From `fit_offsets`.
    subgroups : ndarray of int of shape (n_patients, n_characteristics)
        From `subgroup_numbers`.

    Returns
    -------
    ndarray of shape (n_patients, n_classes)
        Infinite where the threshold is.
    """
    found = np.tile(thresholds, (len(subgroups), 1))
    for k, of_class in enumerate(offsets):
        if np.isfinite(thresholds[k]) and of_class.any():
            found[:, k] = expit(strangeness(1.0 - thresholds[k]) + total_offsets(of_class, subgroups))
    return found


def most_numbers() -> int:
    """One more than the largest number of a subgroup."""
    dictionary = data_dictionary()
    levels = [len(dictionary[name].levels) for name in CHARACTERISTICS if name not in CUTS]
    return 1 + max(*levels, *(len(cuts) + 1 for cuts in CUTS.values()))
