"""Fit of all parts of the classifier: linear model, trees, calibration, prediction sets and intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier

from asthma_ml.classifier.features.distinct_patients import DistinctPatients
from asthma_ml.classifier.linear.model import LinearModel
from asthma_ml.classifier.linear.regression import default_penalty
from asthma_ml.classifier.margins import probability_of_margins
from asthma_ml.classifier.starting_point import (
    START_PRIOR,
    LinearCandidate,
    StartingPoint,
    best_candidate,
    linear_candidates,
)
from asthma_ml.classifier.trees import fit_trees, gain_of_features, margins_of_trees, sum_of_trees
from asthma_ml.classifier.uncertainty.calibration import (
    LinearCalibration,
    SlopePrior,
    fit_calibration,
    mean_of_margins,
)
from asthma_ml.classifier.uncertainty.prediction_sets import equal_weight_scores, venn_abers_grid
from asthma_ml.classifier.uncertainty.subgroup_offsets import (
    CHARACTERISTICS,
    conformal_log_odds,
    fit_offsets,
    max_subgroups,
    subgroup_numbers,
    total_offsets,
)

_MOST_PATIENTS_FOR_IMPORTANCES = 10_000

_RECALIBRATION_PRIOR = SlopePrior((1.0,), (10.0,))
"""Prior of the calibration slope of a recalibration: 1, as calibrated before."""


@dataclass(frozen=True)
class FitSettings:
    """Settings of a fit.

    Attributes
    ----------
    trees : mapping
        Parameters of the trees, see `fit_trees`.
    linear_penalty : float or None
        Penalty on squared coefficients; `default_penalty` with None.
    is_category : ndarray of bool of shape (n_features,)
        Features whose values are level numbers.
    direction : list of n_features ints or None
        Known signs of the features.
    feature_names : ndarray of shape (n_features,) or None
        Names of the features.
    n_folds : int
        Number of folds for held-out margins.
    confidence : float
        Nominal coverage of the prediction sets.
    """

    trees: Mapping[str, Any]
    linear_penalty: float | None
    is_category: np.ndarray
    direction: list[int] | None
    feature_names: np.ndarray | None
    n_folds: int
    confidence: float


class Models(NamedTuple):
    """Linear model and trees, fitted to all patients, and how they combine.

    Attributes
    ----------
    linear : LinearModel
        Linear model.
    trees : HistGradientBoostingClassifier
        Trees, those of the starting point included.
    calibration : LinearCalibration
        Weights and intercept.
    feature_range : ndarray of shape (2, n_features)
        Smallest and largest training value, those of the starting point included.
    start_weight : float
        Weight of the trees of the starting point in the linear model.
    start_penalty : float or None
        Penalty on the distance from the starting point; None if it is not used.
    """

    linear: LinearModel
    trees: HistGradientBoostingClassifier
    calibration: LinearCalibration
    feature_range: np.ndarray
    start_weight: float
    start_penalty: float | None


class Uncertainty(NamedTuple):
    """Conformal scores and offsets, and Venn-Abers grids, for each class; see `PhenotypeClassifier`."""

    conformal_scores: list[np.ndarray]
    subgroup_offsets: list[np.ndarray]
    venn_abers_grids: list[np.ndarray]


class ScoreMeans(NamedTuple):
    """Fraction of patients in whom each feature is measured, and means of the normal scores."""

    measured_fraction: np.ndarray
    mean_scores: np.ndarray


class FittedParts(NamedTuple):
    """Results of `fit_parts`.

    Attributes
    ----------
    models : Models
        Linear model and trees.
    uncertainty : Uncertainty
        For prediction sets and intervals.
    score_means : ScoreMeans
        Of the training patients.
    feature_importances : ndarray of shape (n_features,)
        Relative importances.
    patients : DistinctPatients
        Training patients without duplicates.
    held_out_probability : ndarray of shape (n_distinct, n_classes) or None
        Their out-of-fold probabilities; None if a class has too few patients for the folds.
    """

    models: Models
    uncertainty: Uncertainty
    score_means: ScoreMeans
    feature_importances: np.ndarray
    patients: DistinctPatients
    held_out_probability: np.ndarray | None


def fit_parts(
    patients: DistinctPatients, n_patients: int, start: StartingPoint | None, settings: FitSettings
) -> FittedParts:
    """Fit all parts of a classifier.

    Parameters
    ----------
    patients : DistinctPatients
        Training patients without duplicates.
    n_patients : int
        Number of training rows, duplicates included.
    start : StartingPoint or None
        Classifier of other patients on the same features.
    settings : FitSettings
        Settings.

    Returns
    -------
    FittedParts
        Everything that a classifier stores.
    """
    penalty = default_penalty(patients.weight) if settings.linear_penalty is None else settings.linear_penalty
    candidates = linear_candidates(patients, start, settings.is_category, settings.direction, penalty)
    candidate, margins = _best_candidate(candidates, patients, settings)
    models = _fit_models(candidate, margins, patients, settings)
    held_out = None if margins is None else _probability(models.calibration.apply(margins))
    uncertainty = (
        _without_held_out_patients(patients.codes.max() + 1)
        if held_out is None
        else fit_uncertainty(held_out, patients, settings.feature_names, settings.confidence)
    )
    if start is not None and candidate.tree_margins is not None:
        # Without held-out patients the own trees cannot be weighted and are omitted.
        weights = np.array([1.0, 0.0]) if margins is None else models.calibration.slope
        models = _with_start(models, start, weights, n_patients)
    importances = _importances(models, patients)
    return FittedParts(models, uncertainty, score_means(models.linear, patients), importances, patients, held_out)


def fit_uncertainty(
    probability: np.ndarray, patients: DistinctPatients, feature_names: np.ndarray | None, confidence: float
) -> Uncertainty:
    """Fit conformal scores with subgroup offsets, and Venn-Abers grids.

    Parameters
    ----------
    probability : ndarray of shape (n_distinct, n_classes)
        Held-out probabilities.
    patients : DistinctPatients
        The patients.
    feature_names : ndarray of shape (n_features,) or None
        Names of the features.
    confidence : float
        Nominal coverage.

    Returns
    -------
    Uncertainty
        For each class.
    """
    scores, subgroups = conformal_log_odds(probability), subgroup_numbers(patients.X, feature_names)
    conformal, offsets, grids = [], [], []
    for k in range(probability.shape[1]):
        own = patients.codes == k
        weight = patients.weight[own]
        offsets.append(fit_offsets(scores[own, k], subgroups[own], confidence, weight))
        adjusted = expit(scores[own, k] - total_offsets(offsets[k], subgroups[own]))
        conformal.append(equal_weight_scores(adjusted, weight))
        grids.append(venn_abers_grid(probability[:, k], own, patients.weight))
    return Uncertainty(conformal, offsets, grids)


def fit_recalibration(
    margins: np.ndarray, calibration: LinearCalibration, patients: DistinctPatients
) -> tuple[LinearCalibration, np.ndarray]:
    """Fit calibration slope and intercept to other patients.

    Parameters
    ----------
    margins : ndarray of shape (2, n_distinct, n_margins)
        Margins of the linear model and the trees.
    calibration : LinearCalibration
        Previous calibration.
    patients : DistinctPatients
        The other patients.

    Returns
    -------
    calibration : LinearCalibration
        New calibration; the ratio of the weights is that of the previous one.
    probability : ndarray of shape (n_distinct, n_classes)
        Recalibrated probabilities.
    """
    before = calibration.apply(margins)[None]
    change = fit_calibration(before, patients.codes, patients.weight, _RECALIBRATION_PRIOR)
    slope, intercept = change.slope[0] * calibration.slope, change.slope[0] * calibration.intercept
    return LinearCalibration(slope, intercept + change.intercept, change.fitted), _probability(change.apply(before))


def score_means(linear: LinearModel, patients: DistinctPatients) -> ScoreMeans:
    """Measured fraction of each feature and mean of each normal score."""
    measured = patients.weight @ np.isfinite(patients.X)
    total = patients.weight @ np.nan_to_num(linear.scores.transform(patients.X))
    return ScoreMeans(measured / patients.weight.sum(), total / np.maximum(measured[linear.scores.source], 1e-12))


def margins_of_models(linear: LinearModel, trees: HistGradientBoostingClassifier, X: np.ndarray) -> np.ndarray:
    """Margins of the linear model and of the trees, of shape (2, n_patients, n_margins)."""
    return np.stack([linear.margins(X), margins_of_trees(trees, X)])


def _best_candidate(
    candidates: list[LinearCandidate], patients: DistinctPatients, settings: FitSettings
) -> tuple[LinearCandidate, np.ndarray | None]:
    """Best linear model on held-out patients, with the out-of-fold margins of both models.

    The first candidate, and no margins, if a class has too few patients for the folds.
    """
    if np.bincount(patients.codes).min() < settings.n_folds:
        return candidates[0], None
    folds = patients.folds(settings.n_folds)
    if not _every_class_outside_each_fold(folds, patients.codes):
        return candidates[0], None
    margins = np.empty((len(candidates), 2, len(folds), _n_margins(patients.codes)))
    for fold in range(folds.max() + 1):
        held_out = folds == fold
        X, codes, weight = (of[~held_out] for of in (patients.X, patients.codes, patients.weight))
        trees = fit_trees(X, codes, weight, settings.trees)
        margins[:, 1, held_out] = margins_of_trees(trees, patients.X[held_out])
        for i, candidate in enumerate(candidates):
            margins[i, 0, held_out] = candidate.held_out_margins(held_out)
    best = best_candidate(list(margins), patients) if len(candidates) > 1 else 0
    return candidates[best], margins[best]


def _fit_models(
    candidate: LinearCandidate, margins: np.ndarray | None, patients: DistinctPatients, settings: FitSettings
) -> Models:
    """Fit linear model and trees to all patients, and their calibration to the out-of-fold margins."""
    uses_start = candidate.tree_margins is not None
    linear, start_weight = candidate.fit(np.ones(len(patients.codes), dtype=bool))
    trees = fit_trees(patients.X, patients.codes, patients.weight, settings.trees)
    if margins is None:
        calibration = mean_of_margins(2, _n_margins(patients.codes))
    else:
        prior = START_PRIOR if uses_start else None
        calibration = fit_calibration(margins, patients.codes, patients.weight, prior)
    feature_range = np.array([np.fmin.reduce(patients.X), np.fmax.reduce(patients.X)])
    return Models(linear, trees, calibration, feature_range, start_weight, candidate.penalty if uses_start else None)


def _every_class_outside_each_fold(folds: np.ndarray, codes: np.ndarray) -> bool:
    """Whether the patients outside each fold include all classes."""
    of_class_in_fold = np.array([np.bincount(folds[codes == k], minlength=folds.max() + 1) for k in np.unique(codes)])
    return bool(np.all(of_class_in_fold < of_class_in_fold.sum(axis=1, keepdims=True)))


def _with_start(models: Models, start: StartingPoint, weights: np.ndarray, n_patients: int) -> Models:
    """Add the trees of the starting point, which were weighted with the linear model, to the own trees."""
    linear_weight, tree_weight = weights
    theirs = start.trees, linear_weight * models.start_weight, 1.0 / start.n_patients
    own = models.trees, tree_weight, 1.0 / n_patients
    low, high = models.feature_range
    calibration = models.calibration
    return models._replace(
        trees=sum_of_trees([theirs, own]),
        calibration=LinearCalibration(np.array([linear_weight, 1.0]), calibration.intercept, calibration.fitted),
        feature_range=np.array([np.fmin(low, start.feature_range[0]), np.fmax(high, start.feature_range[1])]),
    )


def _without_held_out_patients(n_classes: int) -> Uncertainty:
    """No conformal scores and no intervals."""
    offsets = np.zeros((len(CHARACTERISTICS), max_subgroups()))
    return Uncertainty([np.empty(0)] * n_classes, [offsets] * n_classes, [np.empty((3, 0))] * n_classes)


def _importances(models: Models, patients: DistinctPatients) -> np.ndarray:
    """Relative importances of the features in both models, weighted by the spread of the margins of each model."""
    sample = slice(None, None, -(-len(patients.X) // _MOST_PATIENTS_FOR_IMPORTANCES))
    X, weight = patients.X[sample], patients.weight[sample]
    linear = np.average(np.abs(models.linear.contributions(X)), axis=0, weights=weight)
    spread = margins_of_models(models.linear, models.trees, X).std(axis=1).mean(axis=1)
    importances = [_normalised(linear.sum(axis=1)), _normalised(gain_of_features(models.trees))]
    return _normalised(np.dot(models.calibration.slope * spread, importances))


def _normalised(sizes: np.ndarray) -> np.ndarray:
    """Sizes divided by their sum."""
    return np.asarray(sizes / sizes.sum() if sizes.any() else sizes)


def _n_margins(codes: np.ndarray) -> int:
    n_classes = int(codes.max()) + 1
    return 1 if n_classes == 2 else n_classes


def _probability(calibrated: np.ndarray) -> np.ndarray:
    return probability_of_margins(calibrated[:, 0] if calibrated.shape[1] == 1 else calibrated)
