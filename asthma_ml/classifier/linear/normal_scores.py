"""From what a clinic measures to normal scores: every column on one scale, whatever its unit and skew."""

from __future__ import annotations

from itertools import pairwise
from typing import Self

import numpy as np
from scipy.special import ndtri
from sklearn.base import BaseEstimator

from asthma_ml.classifier.linear.piecewise_linear import of_columns

_MOST_KNOTS = 64


class NormalScores(BaseEstimator):
    """One or more scores of each column, piecewise linear in its values and of unit variance.

    A number becomes the normal quantile of its rank (van der Waerden's score; ties share the middle of
    their ranks), held constant outside the range of the training patients. A category becomes one
    indicator of each level but the most frequent. A column without two different values has no score.

    Attributes
    ----------
    source_ : ndarray of int of shape (n_scores,)
        Column of each score, ascending.
    starts_ : ndarray of int of shape (n_scores + 1,)
        Where the knots of each score begin.
    knots_, values_ : ndarray of shape (n_knots,)
        Values of the columns and the scores they have.

    References
    ----------
    van der Waerden BL, Indag Math, 1952;14:453-458.

    Examples
    --------
    >>> feno = np.array([[12.0], [25.0], [60.0], [np.nan]])
    >>> NormalScores().fit(feno, np.ones(4), np.array([False])).transform(feno).ravel().round(2) + 0.0
    array([-1.22,  0.  ,  1.22,   nan])
    """

    def fit(self, X: np.ndarray, weight: np.ndarray, is_category: np.ndarray) -> Self:
        """Learn the scores.

        Parameters
        ----------
        X : ndarray of shape (n_patients, n_features)
            Encoded features, NaN where not measured.
        weight : ndarray of shape (n_patients,)
            Weights.
        is_category : ndarray of bool of shape (n_features,)
            Columns whose numbers are places of levels.

        Returns
        -------
        NormalScores
            This object.
        """
        parts: list[tuple[int, np.ndarray, np.ndarray]] = []
        for column in range(X.shape[1]):
            known = np.isfinite(X[:, column])
            levels, place = np.unique(X[known, column].astype(np.float64), return_inverse=True)
            if len(levels) > 1:
                share = np.bincount(place, weights=weight[known]) / weight[known].sum()
                scored = _indicators(levels, share) if is_category[column] else [_ranked(levels, share)]
                parts += [(column, knots, values) for knots, values in scored]
        return self._of(parts)

    def moved(self, place: np.ndarray) -> NormalScores:
        """Return the same scores for a table whose columns have other places; none of a column at place -1."""
        return NormalScores()._of([(place[column], *of) for column, *of in self._pieces() if place[column] >= 0])

    def followed_by(self, others: NormalScores) -> NormalScores:
        """Return these scores and those of other columns of the same table, in the order of the columns."""
        return NormalScores()._of([*self._pieces(), *others._pieces()])

    def _pieces(self) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """Column, knots and values of each score."""
        ends = pairwise(self.starts_)
        parts = [slice(*of) for of in ends]
        return [(int(c), self.knots_[of], self.values_[of]) for c, of in zip(self.source_, parts, strict=True)]

    def _of(self, parts: list[tuple[int, np.ndarray, np.ndarray]]) -> Self:
        parts = sorted(parts, key=lambda part: part[0])
        self.source_ = np.array([column for column, _, _ in parts], dtype=np.int64)
        self.starts_ = np.cumsum([0, *(len(knots) for _, knots, _ in parts)], dtype=np.int64)
        self.knots_ = np.concatenate([np.empty(0), *(knots for _, knots, _ in parts)])
        self.values_ = np.concatenate([np.empty(0), *(values for _, _, values in parts)])
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the scores of patients.

        Parameters
        ----------
        X : ndarray of shape (n_patients, n_features)
            Encoded features.

        Returns
        -------
        ndarray of shape (n_patients, n_scores)
            NaN where not measured.
        """
        return of_columns(X, self.source_, self.starts_, self.knots_, self.values_)


def _ranked(levels: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Knots and scores of a number."""
    scores = ndtri(np.cumsum(share) - share / 2)
    scores /= np.sqrt(np.dot(share, scores**2) - np.dot(share, scores) ** 2)
    wanted = np.searchsorted(np.cumsum(share), np.linspace(0, 1, _MOST_KNOTS)[1:-1])
    kept = np.unique(np.r_[0, wanted, len(levels) - 1].clip(0, len(levels) - 1))
    return levels[kept], scores[kept]


def _indicators(levels: np.ndarray, share: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Knots and scores of each level but the most frequent: a hat on the level, zero on its neighbours."""
    others = np.delete(np.arange(len(levels)), share.argmax())
    hat = np.array([0.0, 1.0, 0.0])
    return [(levels[k] + np.array([-1.0, 0.0, 1.0]), hat / np.sqrt(share[k] * (1 - share[k]))) for k in others]
