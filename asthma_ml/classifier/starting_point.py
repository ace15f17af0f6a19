"""What a classifier that others have trained knows of patients like those of a small cohort.

Its joint normal distribution says how tests go together, its coefficients say where to look for one's own, and its
trees count as one score more. What comes of it is again one linear part and one sum of trees, which is
explained as exactly as any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_softmax

from asthma_ml.classifier.features.distinct_patients import DistinctPatients
from asthma_ml.classifier.linear.regression import LinearModel
from asthma_ml.classifier.linear.shrinkage import regression_towards
from asthma_ml.classifier.trees import margins_of_trees, sum_of_trees, trees_of_other_columns
from asthma_ml.classifier.uncertainty.calibration import SlopePrior, calibrate, fit_calibration, margins_of_classes

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

    from asthma_ml.classifier.phenotype_classifier import PhenotypeClassifier

_FLATTERY = 1.0
"""Log-likelihood that two slopes fitted without a prior gain by chance."""

START_PENALTIES = (3000.0, 300.0, 100.0, 30.0)
"""Penalties on what departs from the starting point, tried on held-out patients beside doing without it."""

TRUST_IN_THE_START = SlopePrior((1.0, 0.0), (10.0, 100.0))
"""Its log-odds count as they are, and trees grown on few patients count for nothing, until patients say more."""

_WORTH_A_STEP = 0.5
"""Log-likelihood that each step away from the starting point has to gain: less is what chance gains."""


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """Both parts of another classifier, as they count in its log-odds, on the columns of a new cohort.

    Attributes
    ----------
    linear : LinearModel
        Scores of the columns that the cohort has; what the others would have shown is read off them.
    trees : HistGradientBoostingClassifier
        A question about a column that the cohort lacks is answered as for a test that was not done.
    feature_range : ndarray of shape (2, n_features)
        Smallest and largest value it was trained on; NaN for a column that it does not know.
    n_patients : int
        Patients it was trained on.
    """

    linear: LinearModel
    trees: HistGradientBoostingClassifier
    feature_range: np.ndarray
    n_patients: int

    def tree_margins(self, X: np.ndarray) -> np.ndarray:
        """Return the margins of the trees, of shape (n_patients, n_margins)."""
        return margins_of_trees(self.trees, X)


@dataclass(frozen=True, slots=True)
class Regression:
    """A way to fit the linear part to patients, with or without a starting point.

    Attributes
    ----------
    patients : DistinctPatients
        All patients.
    scores : LinearModel
        Scores and their joint distribution.
    completed : ndarray of shape (n_distinct, n_scores)
        Their centred scores without gaps.
    penalty : float
        On squared coefficients, or on their squared distance from those of the starting point.
    tree_margins : ndarray of shape (n_distinct, n_margins) or None
        Margins of the starting point's trees; None where there is no starting point.
    """

    patients: DistinctPatients
    scores: LinearModel
    completed: np.ndarray
    penalty: float
    tree_margins: np.ndarray | None = None

    def fit(self, rows: np.ndarray) -> tuple[LinearModel, float]:
        """Fit to some patients; returns the linear part and how much the starting point's trees count."""
        completed, codes, weight = (of[rows] for of in (self.completed, self.patients.codes, self.patients.weight))
        if self.tree_margins is None:
            return self.scores.with_coefficients(completed, codes, weight, self.penalty), 0.0
        towards = self.scores.coefficients_
        coefficients, share, base = regression_towards(
            completed, self.tree_margins[rows], codes, weight, towards, self.penalty
        )
        return self.scores.with_these_coefficients(coefficients, base), share

    def margins_without(self, held_out: np.ndarray) -> np.ndarray:
        """Return the margins of held-out patients when fitted to all others, of shape (n_held_out, n_margins)."""
        linear, share = self.fit(~held_out)
        margins = linear.margins(self.patients.X[held_out])
        return margins if self.tree_margins is None else margins + share * self.tree_margins[held_out]


def starting_point(model: PhenotypeClassifier, feature_names: Sequence[str]) -> StartingPoint:
    """Put what a classifier knows onto other columns.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted with column names.
    feature_names : sequence of str
        Columns of the new cohort.

    Returns
    -------
    StartingPoint
        Of the columns that both have.
    """
    place_of = {name: place for place, name in enumerate(feature_names)}
    place = np.array([place_of.get(str(name), -1) for name in model.feature_names_in_], dtype=np.int64)
    of_linear, of_trees = model.calibration_slope_
    linear = model.linear_.moved(place, len(feature_names))
    linear = linear.with_these_coefficients(of_linear * linear.coefficients_, of_linear * linear.base_)
    trees = trees_of_other_columns(model.trees_, place, len(feature_names))
    seen = np.full((2, len(feature_names)), np.nan, dtype=np.float32)
    seen[:, place[place >= 0]] = model.feature_range_[:, place >= 0]
    return StartingPoint(linear, sum_of_trees([(trees, of_trees, 1.0)]), seen, model.n_patients_)


def regressions_from(
    start: StartingPoint, patients: DistinctPatients, is_category: np.ndarray, direction: list[int] | None
) -> list[Regression]:
    """Ways to fit the linear part towards a starting point, the strictest first.

    Parameters
    ----------
    start : StartingPoint
        On the columns of the patients.
    patients : DistinctPatients
        Of the new cohort.
    is_category : ndarray of bool of shape (n_features,)
        Columns whose numbers are places of levels.
    direction : list of n_features ints or None
        Known signs of the columns.

    Returns
    -------
    list of Regression
        One for each of `START_PENALTIES`.
    """
    scores = LinearModel().fit_scores(patients.X, patients.weight, is_category, direction, start.linear)
    completed, tree_margins = scores.completed(patients.X), start.tree_margins(patients.X)
    return [Regression(patients, scores, completed, penalty, tree_margins) for penalty in START_PENALTIES]


def best_of(candidates: Sequence[np.ndarray], patients: DistinctPatients) -> int:
    """Tell which margins say most about patients that their model has not seen.

    Parameters
    ----------
    candidates : sequence of ndarray of shape (n_parts, n_patients, n_margins)
        Held-out margins, from the strictest on; each is calibrated before it is judged.
    patients : DistinctPatients
        The patients.

    Returns
    -------
    int
        Place of the candidate with the smallest log-loss, where each has to beat those before it by more than chance.
    """
    # The last does without the starting point.
    priors = [TRUST_IN_THE_START] * (len(candidates) - 1) + [None]
    losses = np.array([_calibrated_loss(*given, patients) for given in zip(candidates, priors, strict=True)])
    losses[-1] += _FLATTERY
    return int(np.argmin(losses + _WORTH_A_STEP * np.arange(len(losses))))


def _calibrated_loss(margins: np.ndarray, prior: SlopePrior | None, patients: DistinctPatients) -> float:
    calibration = fit_calibration(margins, patients.codes, patients.weight, prior)
    calibrated = calibrate(margins, calibration.slope, calibration.intercept)
    by_class = margins_of_classes(calibrated)
    of_own_class = log_softmax(by_class, axis=1)[np.arange(len(by_class)), patients.codes]
    return -float(patients.weight @ of_own_class)
