"""Normal scores of the features: all on one scale, whatever their unit and skew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from asthma_ml.classifier.linear.piecewise_linear import piecewise_linear, slopes
from asthma_ml.classifier.microaggregation import Blocks, are_enough, blocks_of_values, countable_rows


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


def fit_normal_scores(
    X: np.ndarray, weight: np.ndarray, is_category: np.ndarray, groups: np.ndarray | None = None
) -> NormalScores:
    """Fit the normal scores of features.

    The score of a number is the normal quantile of its rank (van der Waerden score). Its knots are the means of blocks
    of at least ten patients, with their mean rank, and it is constant outside them. A category has an indicator for
    each level of at least ten patients except the most frequent. A feature with fewer than two blocks or such levels
    has no score.

    Parameters
    ----------
    X : ndarray of shape (n_patients, n_features)
        Encoded features, NaN where not measured.
    weight : ndarray of shape (n_patients,)
        Weights.
    is_category : ndarray of bool of shape (n_features,)
        Features whose values are level numbers.
    groups : ndarray of int of shape (n_patients,), default=None
        Patient of each row; by default each row is a patient.

    Returns
    -------
    NormalScores
        Fitted scores.

    References
    ----------
    van der Waerden BL, Indag Math, 1952;14:453-458.

    Examples
    --------
    >>> feno = np.repeat([12.0, 25.0, 60.0, np.nan], 10)[:, None]
    >>> fit_normal_scores(feno, np.ones(40), np.array([False])).transform(feno[::10]).ravel().round(2) + 0.0
    array([-1.22,  0.  ,  1.22,   nan])
    """
    X, weight, groups = countable_rows(X, weight, groups)
    scores: list[_Score] = []
    for feature, column in enumerate(X.T):
        curves = _indicators if is_category[feature] else _ranked
        scores += [_Score(feature, knots, values) for knots, values in curves(column, weight, groups)]
    return _joined(scores)


def _joined(scores: Iterable[_Score]) -> NormalScores:
    scores = sorted(scores, key=lambda score: score.feature)
    return NormalScores(
        source=np.array([score.feature for score in scores], dtype=np.int64),
        starts=np.cumsum([0, *(len(score.knots) for score in scores)], dtype=np.int64),
        knots=np.concatenate([np.empty(0), *(score.knots for score in scores)]),
        values=np.concatenate([np.empty(0), *(score.values for score in scores)]),
    )


def _ranked(column: np.ndarray, weight: np.ndarray, groups: np.ndarray | None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Knots and scores of a number, from its blocks."""
    from scipy.special import ndtri

    blocks: Blocks = blocks_of_values(column, weight, groups)
    if len(blocks.mean) < 2:
        return []
    scores = ndtri(np.cumsum(blocks.share) - blocks.share / 2)
    spread = np.sqrt(np.dot(blocks.share, scores**2) - np.dot(blocks.share, scores) ** 2)
    return [(blocks.mean, scores / spread)]


def _indicators(
    column: np.ndarray, weight: np.ndarray, groups: np.ndarray | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Knots and scores of each level except the most frequent: a hat at the level, zero at its neighbours."""
    measured = np.flatnonzero(np.isfinite(column))
    levels, place = np.unique(column[measured].astype(np.float64), return_inverse=True)
    proportion = np.bincount(place, weights=weight[measured]) / weight[measured].sum()
    most_frequent, hat = proportion.argmax() if len(levels) else 0, np.array([0.0, 1.0, 0.0])
    return [
        (level + np.array([-1.0, 0.0, 1.0]), hat / np.sqrt(proportion[k] * (1 - proportion[k])))
        for k, level in enumerate(levels)
        if k != most_frequent and are_enough(measured[place == k], groups)
    ]
