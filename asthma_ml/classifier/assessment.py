"""From margins to everything that a classifier says of some patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from scipy.special import expit, softmax

from asthma_ml.classifier.prediction_sets import conformal_sets, venn_abers_interval


class Assessment(NamedTuple):
    """Everything a classifier says of some patients.

    Attributes
    ----------
    decision : ndarray of shape (n_patients,) or (n_patients, n_classes)
        Calibrated margins.
    probability : ndarray of shape (n_patients, n_classes)
        Calibrated probabilities.
    in_set : ndarray of bool of shape (n_patients, n_classes)
        Classes that cannot be ruled out.
    low, high : ndarray of shape (n_patients, n_classes)
        Ends of the interval of each probability.
    """

    decision: np.ndarray
    probability: np.ndarray
    in_set: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Classifier(Protocol):
    """What tables of predictions and explanations ask of a classifier, fitted or compiled.

    The attributes and methods are those of `PhenotypeClassifier`.
    """

    @property
    def classes_(self) -> np.ndarray:
        """Classes, sorted."""

    @property
    def confidence(self) -> float:
        """Share of the patients of each class whose set shall hold their class."""

    @property
    def conformal_thresholds(self) -> np.ndarray:
        """How strange a patient of each class may look."""

    @property
    def venn_abers_grids_(self) -> Sequence[np.ndarray]:
        """Intervals by probability."""

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the features."""

    @property
    def feature_range_(self) -> np.ndarray:
        """Smallest and largest training value of each feature."""

    @property
    def feature_importances_(self) -> np.ndarray:
        """Share of each feature in what moves the margins."""

    @property
    def uncalibrated_classes(self) -> tuple[Any, ...]:
        """Classes with too few patients to be ruled out."""

    def encode(self, table: pd.DataFrame) -> pd.DataFrame:
        """Pick the features from a table."""

    def decision_function(self, X: Any) -> np.ndarray:
        """Return calibrated margins."""

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return calibrated probabilities."""

    def assess(self, X: Any) -> Assessment:
        """Return margins, probabilities, sets and intervals."""

    def predict_foreign(self, X: Any) -> np.ndarray:
        """Name the class of patients of other classes."""


def assess_margins(model: Classifier, decision: np.ndarray) -> Assessment:
    """Tell what follows from margins.

    Parameters
    ----------
    model : Classifier
        Its prediction sets and intervals are used.
    decision : ndarray of shape (n_patients,) or (n_patients, n_classes)
        From ``model.decision_function``.

    Returns
    -------
    Assessment
        A row does not depend on the rows beside it.
    """
    probability = probability_of_margins(decision)
    ends = [venn_abers_interval(p, grid) for p, grid in zip(probability.T, model.venn_abers_grids_, strict=True)]
    low, high = (np.column_stack(end) for end in zip(*ends, strict=True))
    return Assessment(decision, probability, conformal_sets(probability, model.conformal_thresholds), low, high)


def classes_without_threshold(model: Classifier) -> tuple[Any, ...]:
    """Return the classes with too few patients to be ruled out at ``model.confidence``."""
    return tuple(model.classes_[np.isinf(model.conformal_thresholds)].tolist())


def foreign_classes(likeliest: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the most probable classes that are none of a classifier's own, None in place of the others."""
    foreign = likeliest.astype(object)
    foreign[np.isin(likeliest, classes.astype(likeliest.dtype))] = None
    return foreign


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
