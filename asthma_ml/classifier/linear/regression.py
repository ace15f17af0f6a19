"""The linear part of the classifier: logistic regression on normal scores, gaps read off what was measured."""

from __future__ import annotations

from copy import copy
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from asthma_ml.classifier.linear.joint_normal import JointNormal, fit_joint_normal
from asthma_ml.classifier.linear.margins import LinearMargins
from asthma_ml.classifier.linear.normal_scores import NormalScores


class LinearModel(BaseEstimator):
    """Margins that are linear in the normal scores of a patient's measured columns.

    The margin of a patient is what the regression on the scores of all tests expects given those that
    were done. It is ``base_`` plus one coefficient for each measured score times the distance of the
    score from its mean. A test that was not done contributes nothing; what it is expected to show is
    credited to the columns it was read off.

    Attributes
    ----------
    scores_ : NormalScores
        Of each column.
    mean_, covariance_ : ndarray
        Joint normal distribution of the scores.
    direction_ : ndarray of int of shape (n_scores,)
        1 or -1 where a score may move a single margin only that way, else 0.
    coefficients_ : ndarray of shape (n_scores, n_margins)
        On centred scores, all measured.
    base_ : ndarray of shape (n_margins,)
        Margins of the mean patient, and of one of whom nothing is known.
    n_features_ : int
        Columns.
    """

    def fit_scores(
        self,
        X: np.ndarray,
        weight: np.ndarray,
        is_category: np.ndarray,
        direction: list[int] | None,
        start: LinearModel | None = None,
    ) -> Self:
        """Learn scores and their joint distribution, for which classes do not matter.

        Parameters
        ----------
        X : ndarray of shape (n_patients, n_features)
            Encoded features.
        weight : ndarray of shape (n_patients,)
            Weights.
        is_category : ndarray of bool of shape (n_features,)
            Columns whose numbers are places of levels.
        direction : list of n_features ints or None
            Known signs of the columns.
        start : LinearModel, default=None
            Fitted to other patients, on these columns. Its scores are kept, and what it knows of their joint
            distribution counts as some more patients; its coefficients are taken over.

        Returns
        -------
        LinearModel
            This object.
        """
        self.n_features_ = X.shape[1]
        known = np.isin(np.arange(X.shape[1]), [] if start is None else start.scores_.source_)
        own = NormalScores().fit(np.where(known, np.nan, X), weight, is_category)
        self.scores_: NormalScores = own if start is None else start.scores_.followed_by(own)
        prior = None
        if start is not None:
            order = np.argsort(np.concatenate([start.scores_.source_, own.source_]), kind="stable")
            prior = JointNormal(start.mean_, start.covariance_).followed_by(len(own.source_)).reordered(order)
            of_own = np.zeros((len(own.source_), start.coefficients_.shape[1]))
            self.coefficients_: np.ndarray = np.concatenate([start.coefficients_, of_own])[order]
        joint = fit_joint_normal(self.scores_.transform(X), weight, prior)
        self.mean_: np.ndarray = joint.mean
        self.covariance_: np.ndarray = joint.covariance
        signs = np.zeros(self.n_features_, dtype=np.int64) if direction is None else np.array(direction)
        self.direction_ = signs[self.scores_.source_]
        return self

    def completed(self, X: np.ndarray) -> np.ndarray:
        """Return the centred scores of patients, gaps filled with what is expected, of shape (n_patients, n_scores)."""
        joint = JointNormal(self.mean_, self.covariance_)
        return np.asarray(joint.completed(self.scores_.transform(X)) - self.mean_)

    def with_coefficients(
        self, completed: np.ndarray, codes: np.ndarray, weight: np.ndarray, penalty: float
    ) -> LinearModel:
        """Fit the regression.

        Parameters
        ----------
        completed : ndarray of shape (n_patients, n_scores)
            From `completed`.
        codes : ndarray of shape (n_patients,)
            Place of the class of each patient.
        weight : ndarray of shape (n_patients,)
            Weights.
        penalty : float
            Penalty on squared coefficients.

        Returns
        -------
        LinearModel
            A new one, which shares the scores.
        """
        regression = LogisticRegression(C=1.0 / penalty, tol=1e-5, max_iter=1000)
        # Without any score it still needs a column to learn how frequent the classes are.
        given = completed if completed.shape[1] else np.zeros((len(completed), 1))
        regression.fit(given, codes, sample_weight=weight)
        return self.with_these_coefficients(regression.coef_[:, : completed.shape[1]].T.copy(), regression.intercept_)

    def with_these_coefficients(self, coefficients: np.ndarray, base: np.ndarray) -> LinearModel:
        """Return a new linear part that shares the scores and has coefficients found elsewhere."""
        fitted = copy(self)
        fitted.coefficients_, fitted.base_ = coefficients, base
        return fitted

    def moved(self, place: np.ndarray, n_features: int) -> LinearModel:
        """Return the same linear part for a table with other columns.

        Parameters
        ----------
        place : ndarray of int of shape (n_features_,)
            New place of each column; -1 for one that the table lacks. What it would have shown is credited to the
            columns that it can be read off.
        n_features : int
            Columns of the table.

        Returns
        -------
        LinearModel
            A new one.
        """
        places = place[self.scores_.source_]
        order = np.argsort(places, kind="stable")[np.count_nonzero(places < 0) :]
        found = self.as_arrays().measured_coefficients(places[None] >= 0)[:, order, 0]
        moved = self.with_these_coefficients(found.T.copy(), self.base_)
        moved.scores_, moved.n_features_ = self.scores_.moved(place), n_features
        joint = JointNormal(self.mean_, self.covariance_).reordered(order)
        moved.mean_, moved.covariance_ = joint.mean, joint.covariance
        moved.direction_ = self.direction_[order]
        return moved

    def contributions(self, X: np.ndarray) -> np.ndarray:
        """Return what each column adds to the margins.

        Parameters
        ----------
        X : ndarray of shape (n_patients, n_features)
            Encoded features.

        Returns
        -------
        ndarray of shape (n_patients, n_features, n_margins)
            Exact Shapley values of a function that is linear once it is known which tests were done,
            against the mean patient: with ``base_`` they add to the margins.
        """
        shape = len(self.base_), X.shape[1]
        added = np.zeros((shape[0] * shape[1], len(X)))
        self.as_arrays().margins(X, (added, np.arange(len(added)).reshape(1, *shape)))
        return added.reshape(*shape, len(X)).transpose(2, 1, 0)

    def margins(self, X: np.ndarray) -> np.ndarray:
        """Return margins, of shape (n_patients, n_margins).

        A row does not depend on the rows beside it, to the last bit.
        """
        return self.as_arrays().margins(X)[0].T

    def as_arrays(self) -> LinearMargins:
        """Return what margins and contributions are computed from."""
        scores = self.scores_
        return LinearMargins(
            source=scores.source_,
            starts=scores.starts_,
            knots=scores.knots_,
            values=scores.values_,
            mean=self.mean_,
            covariance=self.covariance_,
            direction=self.direction_,
            coefficients=self.coefficients_,
            base=self.base_,
        )


def usual_penalty(weight: np.ndarray) -> float:
    """Penalty on squared coefficients about which the best of those tried lay, see benchmarks/learning_curves.md.

    Parameters
    ----------
    weight : ndarray of shape (n_patients,)
        Weights.

    Returns
    -------
    float
        Between 10 and 30.

    Examples
    --------
    >>> [usual_penalty(np.ones(n)) for n in (200, 500, 1000)]
    [30.0, 20.0, 10.0]
    """
    return float(10 * np.clip(1000 / weight.sum(), 1, 3))
