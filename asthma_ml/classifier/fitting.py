"""Fit of all parts of the classifier: linear model, trees, calibration, prediction sets and intervals."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier

from asthma_ml.classifier.features.distinct_patients import DistinctPatients
from asthma_ml.classifier.fold_fits import NO_FOLD, FitSettings, FoldFits, LinearFit, fit_folds
from asthma_ml.classifier.linear.model import LinearModel
from asthma_ml.classifier.margins import probability_of_margins
from asthma_ml.classifier.microaggregation import FEWEST_PATIENTS, column_blocks
from asthma_ml.classifier.starting_point import START_PRIOR, StartingPoint, best_candidate
from asthma_ml.classifier.trees import gain_of_features, margins_of_trees, sum_of_trees
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

_GRID_STEP = 0.1
"""Step of the grid of conformal scores, their offsets and the points of Venn-Abers intervals [log-odds]."""

_RECALIBRATION_PRIOR = SlopePrior((1.0,), (10.0,))
"""Prior of the calibration slope of a recalibration: 1, as calibrated before."""


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
        Training range, see `Blocks.range`, that of the starting point included.
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


class HeldOut(NamedTuple):
    """Held-out probabilities from nested cross-validation.

    Attributes
    ----------
    probability : ndarray of shape (n_patients, n_classes)
        Probabilities from a classifier that was fitted and calibrated without the fold of the patient.
    without_start : ndarray of shape (n_patients, n_classes)
        The same without the starting point; the same array if there is none.
    n_folds : int
        Number of folds.
    """

    probability: np.ndarray
    without_start: np.ndarray
    n_folds: int


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
    out_of_fold_probability : ndarray of shape (n_distinct, n_classes) or None
        Their out-of-fold probabilities; None if a class has too few patients for the folds. The calibration is fitted
        to all of them.
    held_out : HeldOut or None
        Probabilities of the training rows, duplicates included, from nested cross-validation; None if it was not
        requested or there are no folds.
    """

    models: Models
    uncertainty: Uncertainty
    score_means: ScoreMeans
    feature_importances: np.ndarray
    patients: DistinctPatients
    out_of_fold_probability: np.ndarray | None
    held_out: HeldOut | None


def fit_parts(
    patients: DistinctPatients,
    n_patients: int,
    start: StartingPoint | None,
    settings: FitSettings,
    *,
    nested: bool = False,
) -> FittedParts:
    """Fit all parts of a classifier.

    Parameters
    ----------
    patients : DistinctPatients
        Training patients without duplicates.
    n_patients : int
        Number of training patients, duplicates included.
    start : StartingPoint or None
        Classifier of other patients on the same features.
    settings : FitSettings
        Settings.
    nested : bool
        Also predict the patients by nested cross-validation.

    Returns
    -------
    FittedParts
        Everything that a classifier stores.
    """
    fits = fit_folds(patients, start, settings, nested=nested)
    margins = fits.margins()
    best, calibration = _combine(fits.linear[NO_FOLD], margins, patients)
    chosen = fits.linear[NO_FOLD][best]
    blocks = column_blocks(patients.X, patients.weight, patients.counted)
    feature_range = np.array([each.range for each in blocks], dtype=np.float32).T.copy()
    trees = fits.trees[NO_FOLD].trees
    models = Models(chosen.model, trees, calibration, feature_range, chosen.start_weight, chosen.start_penalty)
    probability = None if margins is None else _probability(calibration.apply(margins[best]))
    uncertainty = (
        _without_held_out_patients(patients.codes.max() + 1)
        if probability is None
        else fit_uncertainty(probability, patients, settings.feature_names, settings.confidence)
    )
    if start is not None and chosen.start_penalty is not None:
        models = _with_start(models, start, n_patients)
    return FittedParts(
        models,
        uncertainty,
        score_means(models.linear, patients),
        _importances(models, patients),
        patients,
        probability,
        _held_out(fits, patients) if fits.held_out_folds else None,
    )


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
        offsets.append(_on_grid(fit_offsets(scores[own, k], subgroups[own], confidence, weight)))
        adjusted = _on_grid(scores[own, k] - total_offsets(offsets[k], subgroups[own]))
        conformal.append(equal_weight_scores(expit(adjusted), weight))
        grids.append(venn_abers_grid(expit(_on_grid(-scores[:, k])), own, patients.weight))
    return Uncertainty(conformal, offsets, grids)


def _on_grid(log_odds: np.ndarray) -> np.ndarray:
    """Log-odds on a fixed grid, so that a model does not contain the held-out probability of a patient."""
    return np.asarray(np.rint(log_odds / _GRID_STEP) * _GRID_STEP)


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
    """Measured fraction of each feature and mean of each normal score.

    The mean of a score that was measured in fewer than ten patients is that of the joint distribution.
    """
    known = np.isfinite(patients.X)
    measured = patients.weight @ known
    total = patients.weight @ np.nan_to_num(linear.scores.transform(patients.X))
    is_few = _n_measured(known, patients.counted)[linear.scores.source] < FEWEST_PATIENTS
    means = total / np.maximum(measured[linear.scores.source], 1e-12)
    return ScoreMeans(measured / patients.weight.sum(), np.where(is_few, linear.joint.mean, means))


def _n_measured(known: np.ndarray, patient: np.ndarray | None) -> np.ndarray:
    """Number of patients in whom each feature is measured."""
    if patient is None:
        return np.asarray(known.sum(axis=0))
    return np.array([len(np.unique(patient[column])) for column in known.T])


def margins_of_models(linear: LinearModel, trees: HistGradientBoostingClassifier, X: np.ndarray) -> np.ndarray:
    """Margins of the linear model and of the trees, of shape (2, n_patients, n_margins)."""
    return np.stack([linear.margins(X), margins_of_trees(trees, X)])


def _combine(
    linear: list[LinearFit], margins: list[np.ndarray] | None, patients: DistinctPatients
) -> tuple[int, LinearCalibration]:
    """Best linear model on held-out patients, and the calibration of its margins and those of the trees.

    The first linear model if a class has too few patients for the folds.
    """
    best = best_candidate(margins, patients) if margins is not None and len(margins) > 1 else 0
    return best, _calibration(linear[best], None if margins is None else margins[best], patients)


def _calibration(linear: LinearFit, margins: np.ndarray | None, patients: DistinctPatients) -> LinearCalibration:
    """Weights and intercept for one linear model and the trees."""
    uses_start = linear.start_penalty is not None
    if margins is not None:
        return fit_calibration(margins, patients.codes, patients.weight, START_PRIOR if uses_start else None)
    mean = mean_of_margins(2, len(linear.model.base))
    # Without held-out patients the own trees cannot be weighted and are omitted.
    return replace(mean, slope=np.array([1.0, 0.0])) if uses_start else mean


def _held_out(fits: FoldFits, patients: DistinctPatients) -> HeldOut:
    """Probabilities of the patients of each fold from the models of the other folds."""
    n_classes, n_variants = int(patients.codes.max()) + 1, min(2, len(fits.linear[NO_FOLD]))
    probability = np.empty((n_variants, len(patients.codes), n_classes))
    for outer in fits.held_out_folds:
        linear, margins = fits.linear[outer], fits.margins(outer)
        held_out = np.isin(fits.folds, list(outer))
        training, of_trees = patients.select(~held_out), fits.trees_margins(outer, *outer)
        alone = (linear[-1:], None if margins is None else margins[-1:])
        for variant, given in enumerate([(linear, margins), alone][:n_variants]):
            best, calibration = _combine(*given, training)
            both = np.stack([given[0][best].held_out, of_trees])
            probability[variant, held_out] = _probability(calibration.apply(both))
    with_start, *without = probability[:, patients.place]
    return HeldOut(with_start, without[0] if without else with_start, len(fits.held_out_folds))


def _with_start(models: Models, start: StartingPoint, n_patients: int) -> Models:
    """Add the trees of the starting point, which were weighted with the linear model, to the own trees."""
    linear_weight, tree_weight = models.calibration.slope
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
    added = models.linear.contributions(X)
    spread = np.stack([added.sum(axis=1), margins_of_trees(models.trees, X)]).std(axis=1).mean(axis=1)
    linear = np.average(np.abs(added), axis=0, weights=weight).sum(axis=1)
    importances = [_normalised(linear), _normalised(gain_of_features(models.trees))]
    return _normalised(np.dot(models.calibration.slope * spread, importances))


def _normalised(sizes: np.ndarray) -> np.ndarray:
    """Sizes divided by their sum."""
    return np.asarray(sizes / sizes.sum() if sizes.any() else sizes)


def _probability(calibrated: np.ndarray) -> np.ndarray:
    return probability_of_margins(calibrated[:, 0] if calibrated.shape[1] == 1 else calibrated)
