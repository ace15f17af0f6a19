"""Attributes and methods that every classifier has, fitted or compiled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from asthma_ml.classifier.linear.model import LinearModel

if TYPE_CHECKING:
    import pandas as pd


class Predictions(NamedTuple):
    """Margins, probabilities, prediction sets and intervals of patients.

    Attributes
    ----------
    decision : ndarray of shape (n_patients,) or (n_patients, n_classes)
        Calibrated margins.
    probability : ndarray of shape (n_patients, n_classes)
        Calibrated probabilities.
    in_set : ndarray of bool of shape (n_patients, n_classes)
        Classes in the conformal prediction set.
    low, high : ndarray of shape (n_patients, n_classes)
        Venn-Abers interval of each probability.
    """

    decision: np.ndarray
    probability: np.ndarray
    in_set: np.ndarray
    low: np.ndarray
    high: np.ndarray


class ExpectedMechanisms(NamedTuple):
    """Expected effects of the factors on the log-odds of one class, given the rows.

    Attributes
    ----------
    base : ndarray of shape (n_patients,)
        Mean log-odds of the reference patients, in whom all factors are at their reference.
    values : ndarray of shape (3, 6, n_patients)
        Expected contribution of each factor, and its effect alone on the log-odds and on the endotype.
    low, high : ndarray of shape (3, 6, n_patients)
        Interval that holds the value of 90 % of generated patients with a similar expectation.
    """

    base: np.ndarray
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Mechanisms(Protocol):
    """A mechanism regression; see `MechanismRegression` for its attributes and methods."""

    @property
    def preset(self) -> str:
        """Preset of the generated patients."""

    @property
    def base(self) -> np.ndarray:
        """Mean log-odds of the reference patients, for each class that can be explained."""

    @property
    def feature_range(self) -> np.ndarray:
        """Smallest and largest value of each feature in the generated patients."""

    def expected(self, row_features: np.ndarray, explained: np.ndarray) -> ExpectedMechanisms:
        """Return the expected effects of the factors."""

    def first_outside(self, X: np.ndarray) -> np.ndarray:
        """Return the index of the first feature outside the range of the generated patients, -1 without one."""


class Classifier(Protocol):
    """A fitted or compiled classifier; see `PhenotypeClassifier` for its attributes and methods."""

    @property
    def classes_(self) -> np.ndarray:
        """Class labels, sorted."""

    @property
    def confidence(self) -> float:
        """Nominal coverage of the prediction sets."""

    @property
    def conformal_thresholds(self) -> np.ndarray:
        """Threshold of the conformal score of each class."""

    @property
    def subgroup_offsets_(self) -> Sequence[np.ndarray]:
        """Offsets of the conformal scores in subgroups, for each class."""

    @property
    def venn_abers_grids_(self) -> Sequence[np.ndarray]:
        """Probability, lower and upper end of the interval, for each class."""

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the features."""

    @property
    def feature_range_(self) -> np.ndarray:
        """Smallest and largest training value of each feature."""

    @property
    def feature_importances_(self) -> np.ndarray:
        """Relative importance of each feature."""

    @property
    def linear_(self) -> LinearModel:
        """The linear model."""

    @property
    def n_distinct_patients_(self) -> int:
        """Number of training patients without duplicates."""

    @property
    def measured_fraction_(self) -> np.ndarray:
        """Fraction of training patients in whom each feature is measured."""

    @property
    def mean_scores_(self) -> np.ndarray:
        """Mean normal scores of the training patients."""

    @property
    def auxiliary_(self) -> Classifier | None:
        """Auxiliary classifier for unmodelled classes."""

    @property
    def mechanisms_(self) -> Mechanisms | None:
        """Expected mechanism contributions."""

    @property
    def unmodelled_threshold_(self) -> float:
        """Probability of the unmodelled classes from which on one of them is predicted."""

    @property
    def unmodelled_classes(self) -> tuple[Any, ...]:
        """Classes of the auxiliary classifier that the classifier does not name."""

    @property
    def uncalibrated_classes(self) -> tuple[Any, ...]:
        """Classes with too few patients for a conformal threshold."""

    def encode(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the encoded features of a table."""

    def encoded_features(self, X: Any) -> NDArray[np.float32]:
        """Return encoded features as an array."""

    def decision_function(self, X: Any) -> np.ndarray:
        """Return calibrated margins."""

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return calibrated probabilities."""

    def predict_with_uncertainty(self, X: Any) -> Predictions:
        """Return margins, probabilities, prediction sets and intervals."""

    def predict_unmodelled(self, X: Any) -> np.ndarray:
        """Return the unmodelled class of patients predicted to have one, else None."""

    def predict_unmodelled_proba(self, X: Any) -> np.ndarray:
        """Return the probability of all unmodelled classes together."""
