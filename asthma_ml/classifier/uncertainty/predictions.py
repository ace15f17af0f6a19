"""From margins to everything that a classifier says of some patients."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, softmax

from asthma_ml.classifier.protocol import Classifier, Predictions
from asthma_ml.classifier.uncertainty.prediction_sets import conformal_sets, venn_abers_interval
from asthma_ml.classifier.uncertainty.subgroup_offsets import subgroup_numbers, thresholds_of_patients


def predictions_of_margins(model: Classifier, decision: np.ndarray, X: np.ndarray) -> Predictions:
    """Tell what follows from margins.

    Parameters
    ----------
    model : Classifier
        Its prediction sets and intervals are used.
    decision : ndarray of shape (n_patients,) or (n_patients, n_classes)
        From ``model.decision_function``.
    X : ndarray of shape (n_patients, n_features)
        Encoded features, which tell the subgroups of a patient.

    Returns
    -------
    Predictions
        A row does not depend on the rows beside it.
    """
    probability = probability_of_margins(decision)
    subgroups = subgroup_numbers(X, getattr(model, "feature_names_in_", None))
    thresholds = thresholds_of_patients(model.conformal_thresholds, model.subgroup_offsets_, subgroups)
    ends = [venn_abers_interval(p, grid) for p, grid in zip(probability.T, model.venn_abers_grids_, strict=True)]
    low, high = (np.column_stack(end) for end in zip(*ends, strict=True))
    return Predictions(decision, probability, conformal_sets(probability, thresholds), low, high)


def classes_without_threshold(model: Classifier) -> tuple[Any, ...]:
    """Return the classes with too few patients to be ruled out at ``model.confidence``."""
    return tuple(model.classes_[np.isinf(model.conformal_thresholds)].tolist())


def probability_of_margins(margins: np.ndarray) -> np.ndarray:
    """Return probabilities of all classes; the two of the two-class task are each exact in their small tail.

    Parameters
    ----------
    margins : ndarray of shape (n_patients,) or (n_patients, n_classes)
        Calibrated.

    Returns
    -------
    ndarray of shape (n_patients, n_classes)
        Rows add to one.

    Examples
    --------
    >>> probability_of_margins(np.array([0.0]))
    array([[0.5, 0.5]])
    """
    if margins.ndim == 1:
        return np.column_stack([expit(-margins), expit(margins)])
    return np.asarray(softmax(margins, axis=1))
