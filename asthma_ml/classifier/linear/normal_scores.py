"""Normal scores of the features: all on one scale, whatever their unit and skew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from asthma_ml.classifier.linear.piecewise_linear import piecewise_linear, slopes

_MOST_KNOTS = 64


class _Score(NamedTuple):
    """Feature of one score, and the knots and values of its piecewise linear function."""

    feature: int
    knots: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class NormalScores:
    """Scores of unit variance, each a piecewise linear function of one feature.

    Attributes
    ----------
    source : ndarray of int of shape (n_scores,)
        Feature of each score, ascending.
    starts : ndarray of int of shape (n_scores + 1,)
        Index of the first knot of each score.
    knots, values : ndarray of shape (n_knots,)
        Values of the features and their scores, one score after the other.
    """

    source: np.ndarray
    starts: np.ndarray
    knots: np.ndarray
    values: np.ndarray

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Scores of patients, of shape (n_patients, n_scores); NaN where the feature is not measured."""
        scores = np.empty((len(X), len(self.source)))
        for j, feature in enumerate(self.source):
            scores[:, j] = self.score(j, X[:, feature].astype(np.float64))
        return scores

    def score(self, j: int, values: np.ndarray) -> np.ndarray:
        """Score number `j` of values of its feature."""
        part = slice(self.starts[j], self.starts[j + 1])
        return piecewise_linear(values, self.knots[part], self.values[part])

    def slopes(self) -> np.ndarray:
        """Slope of the score to the right of each knot, of shape (n_knots,)."""
        last = self.starts[1:] - 1
        with np.errstate(all="ignore"):  # the last knot of a score may equal the first of the next
            found = slopes(self.knots, self.values)
        found[last] = 0.0
        return found

    def moved(self, place: np.ndarray) -> NormalScores:
        """Return the scores for a table with other columns; `place` is the new index of each feature, -1 if absent."""
        return _joined(s._replace(feature=int(place[s.feature])) for s in self._split() if place[s.feature] >= 0)

    def joined(self, others: NormalScores) -> NormalScores:
        """Return these scores and those of other features of the same table, ordered by feature."""
        return _joined([*self._split(), *others._split()])

    def _split(self) -> list[_Score]:
        parts = [slice(*ends) for ends in pairwise(self.starts)]
        return [_Score(int(j), self.knots[part], self.values[part]) for j, part in zip(self.source, parts, strict=True)]


def fit_normal_scores(X: np.ndarray, weight: np.ndarray, is_category: np.ndarray) -> NormalScores:
    """Fit the normal scores of features.

    The score of a number is the normal quantile of its rank (van der Waerden score; ties get their mean rank). It is
    constant outside the training range. A category has an indicator for each level except the most frequent. A
    feature with fewer than two values has no score.

    Parameters
    ----------
    X : ndarray of shape (n_patients, n_features)
        Encoded features, NaN where not measured.
    weight : ndarray of shape (n_patients,)
        Weights.
    is_category : ndarray of bool of shape (n_features,)
        Features whose values are level numbers.

    Returns
    -------
    NormalScores
        Fitted scores.

    References
    ----------
    van der Waerden BL, Indag Math, 1952;14:453-458.

    Examples
    --------
    >>> feno = np.array([[12.0], [25.0], [60.0], [np.nan]])
    >>> fit_normal_scores(feno, np.ones(4), np.array([False])).transform(feno).ravel().round(2) + 0.0
    array([-1.22,  0.  ,  1.22,   nan])
    """
    scores: list[_Score] = []
    for feature in range(X.shape[1]):
        known = np.isfinite(X[:, feature])
        levels, place = np.unique(X[known, feature].astype(np.float64), return_inverse=True)
        if len(levels) > 1:
            proportion = np.bincount(place, weights=weight[known]) / weight[known].sum()
            curves = _indicators(levels, proportion) if is_category[feature] else [_ranked(levels, proportion)]
            scores += [_Score(feature, knots, values) for knots, values in curves]
    return _joined(scores)


def _joined(scores: Iterable[_Score]) -> NormalScores:
    scores = sorted(scores, key=lambda score: score.feature)
    return NormalScores(
        source=np.array([score.feature for score in scores], dtype=np.int64),
        starts=np.cumsum([0, *(len(score.knots) for score in scores)], dtype=np.int64),
        knots=np.concatenate([np.empty(0), *(score.knots for score in scores)]),
        values=np.concatenate([np.empty(0), *(score.values for score in scores)]),
    )


def _ranked(levels: np.ndarray, proportion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Knots and scores of a number, from its distinct values and their proportions."""
    from scipy.special import ndtri

    scores = ndtri(np.cumsum(proportion) - proportion / 2)
    scores /= np.sqrt(np.dot(proportion, scores**2) - np.dot(proportion, scores) ** 2)
    wanted = np.searchsorted(np.cumsum(proportion), np.linspace(0, 1, _MOST_KNOTS)[1:-1])
    kept = np.unique(np.r_[0, wanted, len(levels) - 1].clip(0, len(levels) - 1))
    return levels[kept], scores[kept]


def _indicators(levels: np.ndarray, proportion: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Knots and scores of each level except the most frequent: a hat at the level, zero at its neighbours."""
    others = np.delete(np.arange(len(levels)), proportion.argmax())
    hat = np.array([0.0, 1.0, 0.0])
    return [
        (levels[k] + np.array([-1.0, 0.0, 1.0]), hat / np.sqrt(proportion[k] * (1 - proportion[k]))) for k in others
    ]
