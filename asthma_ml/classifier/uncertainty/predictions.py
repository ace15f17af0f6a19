"""Prediction sets and intervals that follow from calibrated margins."""

from __future__ import annotations

import numpy as np

from asthma_ml.classifier.margins import probability_of_margins
from asthma_ml.classifier.protocol import Classifier, Predictions
from asthma_ml.classifier.uncertainty.prediction_sets import conformal_sets, venn_abers_interval
from asthma_ml.classifier.uncertainty.subgroup_offsets import subgroup_numbers, thresholds_of_patients


def predictions_of_margins(model: Classifier, decision: np.ndarray, X: np.ndarray) -> Predictions:
    """Probabilities, prediction sets and intervals from margins.

    Parameters
    ----------
    model : Classifier
        Classifier with conformal thresholds and Venn-Abers grids.
    decision : ndarray of shape (n_patients,) or (n_patients, n_classes)
        Result of ``model.decision_function``.
    X : ndarray of shape (n_patients, n_features)
        Encoded features, which determine the subgroups of a patient.

    Returns
    -------
    Predictions
        A row does not depend on the other rows.
    """
    probability = probability_of_margins(decision)
    subgroups = subgroup_numbers(X, getattr(model, "feature_names_in_", None))
    thresholds = thresholds_of_patients(model.conformal_thresholds, model.subgroup_offsets_, subgroups)
    ends = [venn_abers_interval(p, grid) for p, grid in zip(probability.T, model.venn_abers_grids_, strict=True)]
    low, high = (np.column_stack(end) for end in zip(*ends, strict=True))
    return Predictions(decision, probability, conformal_sets(probability, thresholds), low, high)
