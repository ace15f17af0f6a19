"""From margins to everything that a classifier says of some patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from scipy.special import expit, softmax

from asthma_ml.classifier.linear_margins import LinearMargins
from asthma_ml.classifier.prediction_sets import conformal_sets, venn_abers_interval
from asthma_ml.classifier.subgroup_offsets import subgroup_numbers, thresholds_of_patients


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
    def subgroup_offsets_(self) -> Sequence[np.ndarray]:
        """By how much stranger patients of each class look in each subgroup."""

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
    def linear_margins(self) -> LinearMargins:
        """The linear part."""

    @property
    def n_distinct_patients_(self) -> int:
        """Training patients, without copies."""

    @property
    def measured_share_(self) -> np.ndarray:
        """Share of the training patients of whom each feature was measured."""

    @property
    def mean_scores_(self) -> np.ndarray:
        """Mean normal scores of the training patients."""

    @property
    def companion_(self) -> Classifier | None:
        """What tells patients of other classes."""

    @property
    def foreign_threshold_(self) -> float:
        """Probability of other classes from which on a patient is recognised as of another one."""

    @property
    def foreign_classes(self) -> tuple[Any, ...]:
        """Classes that are recognised, but not named."""

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

    def predict_foreign_proba(self, X: Any) -> np.ndarray:
        """Return the probability of other classes."""


def assess_margins(model: Classifier, decision: np.ndarray, X: np.ndarray) -> Assessment:
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
    Assessment
        A row does not depend on the rows beside it.
    """
    probability = probability_of_margins(decision)
    subgroups = subgroup_numbers(X, getattr(model, "feature_names_in_", None))
    thresholds = thresholds_of_patients(model.conformal_thresholds, model.subgroup_offsets_, subgroups)
    ends = [venn_abers_interval(p, grid) for p, grid in zip(probability.T, model.venn_abers_grids_, strict=True)]
    low, high = (np.column_stack(end) for end in zip(*ends, strict=True))
    return Assessment(decision, probability, conformal_sets(probability, thresholds), low, high)


def classes_without_threshold(model: Classifier) -> tuple[Any, ...]:
    """Return the classes with too few patients to be ruled out at ``model.confidence``."""
    return tuple(model.classes_[np.isinf(model.conformal_thresholds)].tolist())


def foreign_to(classes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Tell which of the classes of a companion are none of a classifier's own.

    Examples
    --------
    >>> foreign_to(np.array(["a", "b"]), np.array(["a", "b", "c"]))
    array([False, False,  True])
    """
    return np.asarray(~np.isin(others, classes.astype(others.dtype)))


def foreign_classes(model: Classifier) -> tuple[Any, ...]:
    """Return the classes that a classifier does not name but may recognise; none without a companion."""
    if model.companion_ is None:
        return ()
    others = model.companion_.classes_
    return tuple(others[foreign_to(model.classes_, others)].tolist())


def foreign_probability(model: Classifier, X: Any) -> np.ndarray:
    """Return the probability of all classes that a classifier with a companion does not name, of each patient."""
    return np.asarray(_foreign_probabilities(model, X).sum(axis=1))


def recognised_classes(model: Classifier, X: Any) -> np.ndarray:
    """Return the most probable class that a classifier does not name, None where these are not probable enough."""
    probability = _foreign_probabilities(model, X)
    recognised = np.array(foreign_classes(model), dtype=object)[probability.argmax(axis=1)]
    recognised[probability.sum(axis=1) < model.foreign_threshold_] = None
    return np.asarray(recognised)


def _foreign_probabilities(model: Classifier, X: Any) -> np.ndarray:
    assert model.companion_ is not None  # noqa: S101
    return model.companion_.predict_proba(X)[:, foreign_to(model.classes_, model.companion_.classes_)]


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
