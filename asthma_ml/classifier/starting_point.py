"""Starting point of a fit: a classifier of other patients, as a prior for a small cohort.

Its joint distribution and coefficients are the priors of the linear model, and the margins of its trees enter the
regression as an offset with a weight. The result is again one linear model and one sum of trees, which is explained
exactly like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.special import log_softmax
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from asthma_ml.classifier.features.distinct_patients import DistinctPatients
from asthma_ml.classifier.linear.model import LinearModel
from asthma_ml.classifier.linear.regression import fit_scores, regression_towards
from asthma_ml.classifier.linear.ridge import ridge_regression
from asthma_ml.classifier.margins import margins_of_classes
from asthma_ml.classifier.trees import margins_of_trees, move_trees, sum_of_trees
from asthma_ml.classifier.uncertainty.calibration import SlopePrior, fit_calibration
from asthma_ml.errors import UnusableInputError

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

START_PENALTIES = (3000.0, 300.0, 100.0, 30.0)
"""Candidate penalties on the distance from the starting point; fitting without it is a candidate too."""

START_PRIOR = SlopePrior((1.0, 0.0), (10.0, 100.0))
"""Prior of the weights with a starting point: 1 for the linear model, which includes it, and 0 for the own trees."""

_OPTIMISM = 1.0
"""Expected optimism of two free slopes, fitted without a prior [log-likelihood]."""

_MINIMUM_GAIN = 0.5
"""Gain that each candidate needs over the one before it, to exclude gains by chance [log-likelihood]."""


class StartingModel(Protocol):
    """Attributes of a fitted `PhenotypeClassifier` that a starting point is made of."""

    classes_: np.ndarray
    feature_names_in_: np.ndarray
    linear_: LinearModel
    trees_: HistGradientBoostingClassifier
    calibration_slope_: np.ndarray
    feature_range_: np.ndarray
    n_patients_: int


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """A classifier of other patients on the features of a new cohort.

    Attributes
    ----------
    linear : LinearModel
        Its linear model, weighted as in its log-odds; features that the cohort lacks are imputed.
    trees : HistGradientBoostingClassifier
        Its trees, weighted likewise; splits on features that the cohort lacks follow the branch for missing values.
    feature_range : ndarray of shape (2, n_features)
        Smallest and largest training value; NaN for a feature that it does not have.
    n_patients : int
        Number of its training patients.
    """

    linear: LinearModel
    trees: HistGradientBoostingClassifier
    feature_range: np.ndarray
    n_patients: int


@dataclass(frozen=True, slots=True)
class LinearCandidate:
    """A way to fit the linear model to patients, with or without a starting point.

    Attributes
    ----------
    patients : DistinctPatients
        All patients.
    prior : LinearModel
        Scores, their joint distribution, and the prior means of the coefficients.
    scores : ndarray of shape (n_distinct, n_scores)
        Centred scores of the patients, missing ones imputed.
    penalty : float
        Penalty on the squared distance of the coefficients from their prior means.
    tree_margins : ndarray of shape (n_distinct, n_margins) or None
        Margins of the trees of the starting point; None without a starting point.
    """

    patients: DistinctPatients
    prior: LinearModel
    scores: np.ndarray
    penalty: float
    tree_margins: np.ndarray | None = None

    def fit(self, rows: np.ndarray) -> tuple[LinearModel, float]:
        """Fit to some patients; return the linear model and the weight of the trees of the starting point."""
        scores, codes, weight = (of[rows] for of in (self.scores, self.patients.codes, self.patients.weight))
        if self.tree_margins is None:
            return self.prior.with_coefficients(*ridge_regression(scores, codes, weight, self.penalty)), 0.0
        coefficients, tree_weight, base = regression_towards(
            scores, self.tree_margins[rows], codes, weight, self.prior.coefficients, self.penalty
        )
        return self.prior.with_coefficients(coefficients, base), tree_weight

    def out_of_fold_margins(self, folds: np.ndarray) -> np.ndarray:
        """Margins of the patients of each fold after a fit to all others, of shape (n_distinct, n_margins)."""
        numbers, place = np.unique(folds, return_inverse=True)
        models, tree_weights = zip(*(self.fit(folds != fold) for fold in numbers), strict=True)
        # One model with the margins of all folds computes the coefficients of each pattern of measured scores once.
        together = self.prior.with_coefficients(
            np.concatenate([model.coefficients for model in models], axis=1),
            np.concatenate([model.base for model in models]),
        )
        of_all = together.margins(self.patients.X).reshape(len(folds), len(numbers), -1)
        margins = of_all[np.arange(len(folds)), place]
        if self.tree_margins is not None:
            margins += np.array(tree_weights)[place, None] * self.tree_margins
        return margins


def unfrozen(model: Any) -> Any:
    """Return the classifier in a `FrozenEstimator`, or `model` itself."""
    return model.estimator if isinstance(model, FrozenEstimator) else model


def starting_point(
    start_from: FrozenEstimator | StartingModel | None, feature_names: np.ndarray | None, classes: np.ndarray
) -> StartingPoint | None:
    """Put a classifier of other patients onto the features of a new cohort.

    Parameters
    ----------
    start_from : FrozenEstimator, PhenotypeClassifier or None
        Fitted with column names.
    feature_names : ndarray of shape (n_features,) or None
        Features of the new cohort.
    classes : ndarray of shape (n_classes,)
        Classes of the new cohort.

    Returns
    -------
    StartingPoint or None
        None without `start_from`.

    Raises
    ------
    UnusableInputError
        If `start_from` is not fitted, has other classes, or has no feature in common with the cohort.
    """
    model = unfrozen(start_from)
    if model is None:
        return None
    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise UnusableInputError(
            "start_from: not fitted; give FrozenEstimator(model), so that clones keep the fitted model"
        ) from error
    known = getattr(model, "feature_names_in_", None)
    if feature_names is None or known is None or not set(feature_names) & set(known):
        raise UnusableInputError("start_from: needs column names, and at least one column in common")
    if set(model.classes_) != set(classes):
        theirs, own = (", ".join(map(str, names)) for names in (model.classes_, classes))
        raise UnusableInputError(f"start_from: its classes are {theirs}; the classes of the patients are {own}")
    return _on_features(model, [str(name) for name in feature_names])


def _on_features(model: StartingModel, feature_names: Sequence[str]) -> StartingPoint:
    place_of = {name: place for place, name in enumerate(feature_names)}
    place = np.array([place_of.get(str(name), -1) for name in model.feature_names_in_], dtype=np.int64)
    linear_weight, tree_weight = model.calibration_slope_
    linear = model.linear_.moved(place)
    linear = linear.with_coefficients(linear_weight * linear.coefficients, linear_weight * linear.base)
    trees = move_trees(model.trees_, place, len(feature_names))
    feature_range = np.full((2, len(feature_names)), np.nan, dtype=np.float32)
    feature_range[:, place[place >= 0]] = model.feature_range_[:, place >= 0]
    return StartingPoint(linear, sum_of_trees([(trees, tree_weight, 1.0)]), feature_range, model.n_patients_)


def linear_candidates(
    patients: DistinctPatients,
    start: StartingPoint | None,
    is_category: np.ndarray,
    direction: list[int] | None,
    penalty: float,
) -> list[LinearCandidate]:
    """Ways to fit the linear model, the most strongly regularised towards a starting point first.

    Parameters
    ----------
    patients : DistinctPatients
        Patients of the new cohort.
    start : StartingPoint or None
        On the features of the patients.
    is_category : ndarray of bool of shape (n_features,)
        Features whose values are level numbers.
    direction : list of n_features ints or None
        Known signs of the features.
    penalty : float
        Penalty on squared coefficients without a starting point.

    Returns
    -------
    list of LinearCandidate
        One for each of `START_PENALTIES` if there is a starting point, and the last without it.
    """
    candidates = []
    if start is not None:
        prior = fit_scores(patients, is_category, direction, start.linear)
        scores, tree_margins = prior.imputed_scores(patients.X), margins_of_trees(start.trees, patients.X)
        candidates = [LinearCandidate(patients, prior, scores, each, tree_margins) for each in START_PENALTIES]
    alone = fit_scores(patients, is_category, direction)
    return [*candidates, LinearCandidate(patients, alone, alone.imputed_scores(patients.X), penalty)]


def best_candidate(margins: Sequence[np.ndarray], patients: DistinctPatients) -> int:
    """Candidate with the smallest held-out log-loss.

    Parameters
    ----------
    margins : sequence of ndarray of shape (2, n_patients, n_margins)
        Held-out margins of the linear model and the trees for each of `linear_candidates`. They are calibrated first.
    patients : DistinctPatients
        The patients.

    Returns
    -------
    int
        Index of the best candidate. Each must be better than those before it by more than chance.
    """
    priors = [START_PRIOR] * (len(margins) - 1) + [None]
    losses = np.array([_calibrated_loss(*given, patients) for given in zip(margins, priors, strict=True)])
    losses[-1] += _OPTIMISM
    return int(np.argmin(losses + _MINIMUM_GAIN * np.arange(len(losses))))


def _calibrated_loss(margins: np.ndarray, prior: SlopePrior | None, patients: DistinctPatients) -> float:
    """Total log-loss after calibration."""
    by_class = margins_of_classes(fit_calibration(margins, patients.codes, patients.weight, prior).apply(margins))
    log_probability = log_softmax(by_class, axis=1)[np.arange(len(by_class)), patients.codes]
    return -float(patients.weight @ log_probability)
