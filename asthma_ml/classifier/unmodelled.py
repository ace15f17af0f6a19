"""Unmodelled classes: diagnoses that a classifier does not name but its auxiliary classifier does."""

from __future__ import annotations

import numpy as np

from asthma_ml.classifier.uncertainty.prediction_sets import conformal_thresholds, equal_weight_scores

AUXILIARY_TREES = 5
"""Trees of an auxiliary classifier. It detects as many unmodelled diagnoses as one with 200 trees."""

UNMODELLED_SENSITIVITY = 0.6
"""Proportion of held-out patients with an unmodelled diagnosis that shall be detected."""


def is_unmodelled(classes: np.ndarray, auxiliary_classes: np.ndarray) -> np.ndarray:
    """Classes of an auxiliary classifier that are not among the classes of the classifier.

    Examples
    --------
    >>> is_unmodelled(np.array(["a", "b"]), np.array(["a", "b", "c"]))
    array([False, False,  True])
    """
    return np.asarray(~np.isin(auxiliary_classes, classes.astype(auxiliary_classes.dtype)))


def unmodelled_threshold(probability: np.ndarray, unmodelled: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Probability of an unmodelled class from which on it is predicted.

    Parameters
    ----------
    probability : ndarray of shape (n_patients,)
        Held-out probability of all unmodelled classes together.
    unmodelled : ndarray of bool of shape (n_patients,)
        Patients with an unmodelled class.
    weight : ndarray of shape (n_patients,), default=None
        Weights; all equal by default.

    Returns
    -------
    float
        The threshold with sensitivity `UNMODELLED_SENSITIVITY`, but at least the proportion of unmodelled classes
        among all patients, where sensitivity and false-positive rate are equal for an uninformative probability.

    Examples
    --------
    >>> unmodelled_threshold(np.array([0.9, 0.8, 0.7, 0.6, 0.3, 0.1]), np.array([1, 1, 1, 1, 0, 0], dtype=bool))
    0.7
    """
    weight = np.ones(len(probability)) if weight is None else weight
    scores = equal_weight_scores(1.0 - probability[unmodelled], weight[unmodelled])
    sensitive = 1.0 - float(conformal_thresholds([scores], UNMODELLED_SENSITIVITY)[0])
    # Three digits do not name the patient whose probability it is.
    return round(max(sensitive, float(np.average(unmodelled, weights=weight))), 3)
