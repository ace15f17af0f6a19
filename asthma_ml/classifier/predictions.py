"""Predictions that follow from the margins, for the fitted and the compiled classifier alike."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from asthma_ml.classifier.features.column_encoding import encode_columns
from asthma_ml.classifier.margins import probability_of_margins
from asthma_ml.classifier.protocol import Classifier, Predictions
from asthma_ml.classifier.uncertainty.prediction_sets import conformal_sets, venn_abers_interval
from asthma_ml.classifier.uncertainty.subgroup_offsets import subgroup_numbers, thresholds_of_patients
from asthma_ml.classifier.unmodelled import is_unmodelled
from asthma_ml.columns import ColumnTable


class _MarginClassifier(Classifier, Protocol):
    def _features(self, X: Any) -> np.ndarray:
        """Checked and encoded features."""

    def _decision(self, features: np.ndarray) -> np.ndarray:
        """Calibrated margins of encoded features."""


class PredictionMixin:
    """Methods of a classifier that has `_features` and `_decision`."""

    __slots__ = ()

    def encoded_features(self: _MarginClassifier, X: Any) -> NDArray[np.float32]:
        """Encoded features, as the other methods use them.

        Parameters
        ----------
        X : {array-like, DataFrame, ColumnTable} of shape (n_patients, n_features)
            Features as in training. An array of 32-bit numbers has been encoded before and needs no column names.

        Returns
        -------
        ndarray of shape (n_patients, n_features)
            32-bit numbers, NaN where not measured.
        """
        if isinstance(X, ColumnTable):
            return encode_columns(X, self.feature_names_in_)
        n_features = getattr(self, "n_features_in_", None)
        is_encoded = isinstance(X, np.ndarray) and X.dtype == np.float32 and X.shape[1:] == (n_features,)
        return X if is_encoded else self._features(X)

    def decision_function(self: _MarginClassifier, X: Any) -> np.ndarray:
        """Calibrated margins.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in training; a category level that the data dictionary does not contain is treated as missing.

        Returns
        -------
        ndarray of shape (n_patients,) or (n_patients, n_classes)
            With two classes the log-odds of the second one; with more, the softmax gives the probabilities.
        """
        return self._decision(self.encoded_features(X))

    def predict_proba(self: _MarginClassifier, X: Any) -> np.ndarray:
        """Calibrated probabilities.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in training.

        Returns
        -------
        ndarray of shape (n_patients, n_classes)
            In the order of ``classes_``.
        """
        return probability_of_margins(self.decision_function(X))

    def predict(self: _MarginClassifier, X: Any) -> np.ndarray:
        """Most probable class.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in training.

        Returns
        -------
        ndarray of shape (n_patients,)
            A class for every patient, however uncertain; see `predict_set`.
        """
        most_probable = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[most_probable])

    def predict_with_uncertainty(self: _MarginClassifier, X: Any) -> Predictions:
        """Margins, probabilities, prediction sets and intervals, from one evaluation of the trees.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in training.

        Returns
        -------
        Predictions
            Results of `decision_function`, `predict_proba`, `predict_set` and `predict_interval`.
        """
        features = self.encoded_features(X)
        return predictions_of_margins(self, self._decision(features), features)

    def predict_set(self: _MarginClassifier, X: Any) -> np.ndarray:
        """Conformal prediction sets with nominal coverage `confidence` in each class.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in training.

        Returns
        -------
        ndarray of bool of shape (n_patients, n_classes)
            Classes in the set. A class of `uncalibrated_classes` is in every set.
        """
        return self.predict_with_uncertainty(X).in_set

    def predict_interval(self: _MarginClassifier, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Venn-Abers intervals of the probabilities.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in training.

        Returns
        -------
        low, high : ndarray of shape (n_patients, n_classes)
            Widened to contain the probability where needed; NaN without held-out patients. The interval shows how far
            one more patient could move the calibration. Other sources of uncertainty are not included.
        """
        predicted = self.predict_with_uncertainty(X)
        return predicted.low, predicted.high

    @property
    def uncalibrated_classes(self: _MarginClassifier) -> tuple[Any, ...]:
        """Classes with too few patients for a conformal threshold at `confidence`."""
        return tuple(self.classes_[np.isinf(self.conformal_thresholds)].tolist())

    @property
    def unmodelled_classes(self: _MarginClassifier) -> tuple[Any, ...]:
        """Classes of the auxiliary classifier that this classifier does not name; none without an auxiliary."""
        if self.auxiliary_ is None:
            return ()
        others = self.auxiliary_.classes_
        return tuple(others[is_unmodelled(self.classes_, others)].tolist())

    def predict_unmodelled_proba(self: _MarginClassifier, X: Any) -> np.ndarray:
        """Probability of all unmodelled classes together.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in training.

        Returns
        -------
        ndarray of shape (n_patients,)
            In a population like that of `fit_auxiliary`; zero without an auxiliary classifier.
        """
        return np.asarray(_unmodelled_probabilities(self, X).sum(axis=1))

    def predict_unmodelled(self: _MarginClassifier, X: Any) -> np.ndarray:
        """Most probable unmodelled class of patients who are predicted to have an unmodelled diagnosis.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in training.

        Returns
        -------
        ndarray of object of shape (n_patients,)
            None where the unmodelled classes together have less than ``unmodelled_threshold_``.
        """
        probability = _unmodelled_probabilities(self, X)
        if not self.unmodelled_classes:
            return np.full(len(probability), None)
        predicted = np.array(self.unmodelled_classes, dtype=object)[probability.argmax(axis=1)]
        predicted[probability.sum(axis=1) < self.unmodelled_threshold_] = None
        return np.asarray(predicted)


def _unmodelled_probabilities(model: _MarginClassifier, X: Any) -> np.ndarray:
    """Probability of each unmodelled class, of shape (n_patients, n_unmodelled)."""
    if model.auxiliary_ is None:
        return np.empty((len(model.encoded_features(X)), 0))
    return model.auxiliary_.predict_proba(X)[:, is_unmodelled(model.classes_, model.auxiliary_.classes_)]


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
    low, high = (np.array(end).T for end in zip(*ends, strict=True))
    return Predictions(decision, probability, conformal_sets(probability, thresholds), low, high)
