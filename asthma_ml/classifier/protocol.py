"""TODO."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd

from asthma_ml.classifier.linear.margins import LinearMargins


class Predictions(NamedTuple):
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
    def measured_fraction_(self) -> np.ndarray:
        """Share of the training patients of whom each feature was measured."""

    @property
    def mean_scores_(self) -> np.ndarray:
        """Mean normal scores of the training patients."""

    @property
    def auxiliary_(self) -> Classifier | None:
        """What tells patients of other classes."""

    @property
    def unmodelled_threshold_(self) -> float:
        """Probability of other classes from which on a patient is recognised as of another one."""

    @property
    def unmodelled_classes(self) -> tuple[Any, ...]:
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

    def predict_with_uncertainty(self, X: Any) -> Predictions:
        """Return margins, probabilities, sets and intervals."""

    def predict_unmodelled(self, X: Any) -> np.ndarray:
        """Name the class of patients of other classes."""

    def predict_unmodelled_proba(self, X: Any) -> np.ndarray:
        """Return the probability of other classes."""
