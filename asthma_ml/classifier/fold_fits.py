"""Fits of the linear model and the trees without each fold, and without each pair of folds.

Nested cross-validation predicts fold k by a classifier of the other folds. Its calibration needs margins of each other
fold j from models without the folds j and k. The trees without j and k therefore serve the folds j and k, and the trees
without k also give the out-of-fold margins of the classifier of all patients. With five folds, 16 fits of trees replace
36. Each fit is a task of its own, so that tasks can run at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from asthma_ml.classifier.features.distinct_patients import DistinctPatients
from asthma_ml.classifier.linear.model import LinearModel
from asthma_ml.classifier.linear.regression import default_penalty
from asthma_ml.classifier.starting_point import LinearCandidate, StartingPoint, linear_candidates
from asthma_ml.classifier.trees import fit_trees, margins_of_trees
from asthma_ml.jobs import run_tasks

Excluded: TypeAlias = "frozenset[int]"
"""Folds without which a model is fitted."""

NO_FOLD: Excluded = frozenset()

_WORK_FOR_PROCESSES = 1_000_000
"""Patients times trees from which on processes save more time than the second or two in which they start."""


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
    n_threads : int or None
        Number of threads of one fit of trees; all with None.
    n_jobs : int or None
        Number of fits at the same time, if there is enough work; None is 1 outside a `joblib.parallel_config`.
    progress : bool
        Show a progress bar on stderr.
    """

    trees: Mapping[str, Any]
    linear_penalty: float | None
    is_category: np.ndarray
    direction: list[int] | None
    feature_names: np.ndarray | None
    n_folds: int
    confidence: float
    n_threads: int | None = 1
    n_jobs: int | None = None
    progress: bool = False


class LinearFit(NamedTuple):
    """A linear model, fitted to all patients or to those outside one fold.

    Attributes
    ----------
    model : LinearModel
        Fitted to these patients.
    start_weight : float
        Weight of the trees of the starting point, whose margins are included in those below.
    start_penalty : float or None
        Penalty on the distance from the starting point; None if it is not used.
    margins : ndarray of shape (n_patients, n_margins) or None
        Out-of-fold margins of these patients; None if they lack a class outside one of their folds.
    held_out : ndarray of shape (n_held_out, n_margins)
        Margins of the patients of the held-out fold.
    """

    model: LinearModel
    start_weight: float
    start_penalty: float | None
    margins: np.ndarray | None
    held_out: np.ndarray


class TreesFit(NamedTuple):
    """Trees, and their margins of the patients of the excluded folds, of shape (n_excluded, n_margins)."""

    trees: HistGradientBoostingClassifier
    margins: np.ndarray


@dataclass(frozen=True)
class FoldFits:
    """All fits to a table.

    Attributes
    ----------
    folds : ndarray of shape (n_patients,)
        Fold of each patient; -1 if there are no folds.
    linear : mapping
        Linear models by held-out fold, one for each of `linear_candidates`.
    trees : mapping
        Trees by excluded folds.
    """

    folds: np.ndarray
    linear: Mapping[Excluded, list[LinearFit]]
    trees: Mapping[Excluded, TreesFit]

    @property
    def held_out_folds(self) -> list[Excluded]:
        """Folds that nested cross-validation holds out."""
        return [fold for fold in self.linear if fold]

    def margins(self, outer: Excluded = NO_FOLD) -> list[np.ndarray] | None:
        """Out-of-fold margins of the patients outside fold `outer`.

        Parameters
        ----------
        outer : frozenset of at most one int
            Held-out fold.

        Returns
        -------
        list of ndarray of shape (2, n_patients, n_margins) or None
            For each linear model, its margins and those of the trees; None if a class is absent outside a fold.
        """
        linear = self.linear[outer]
        if linear[0].margins is None:
            return None
        own = self.folds[~_within(self.folds, outer)]
        of_trees = np.empty_like(linear[0].margins)
        for fold in np.unique(own).tolist():
            of_trees[own == fold] = self.trees_margins(outer | {fold}, fold)
        return [np.stack([fit.margins, of_trees]) for fit in linear if fit.margins is not None]

    def trees_margins(self, excluded: Excluded, fold: int) -> np.ndarray:
        """Margins of the patients of one of the excluded folds."""
        return np.asarray(self.trees[excluded].margins[self.folds[_within(self.folds, excluded)] == fold])


def fit_folds(
    patients: DistinctPatients, start: StartingPoint | None, settings: FitSettings, *, nested: bool
) -> FoldFits:
    """Fit linear models and trees to all patients, and without each fold.

    Parameters
    ----------
    patients : DistinctPatients
        Training patients without duplicates.
    start : StartingPoint or None
        Classifier of other patients on the same features.
    settings : FitSettings
        Settings.
    nested : bool
        Also fit what nested cross-validation needs.

    Returns
    -------
    FoldFits
        Without folds if a class has too few patients for them. Equal to the last bit for any number of jobs.
    """
    folds = _folds(patients, settings.n_folds)
    single = [frozenset({int(fold)}) for fold in np.unique(folds[folds >= 0])]
    outer = [NO_FOLD, *(single if nested else [])]
    pairs = [one | other for one, other in combinations(single, 2)] if nested else []
    excluded = [NO_FOLD, *single, *(pair for pair in pairs if _has_every_class(patients, folds, pair))]
    trees = [(_fit_trees, patients, folds, without, settings) for without in excluded]
    linear = [(_fit_linear, patients, folds, fold, start, settings) for fold in outer]
    # The longest tasks come first, so that all jobs end at about the same time.
    found = run_tasks([*linear, *trees], _jobs(patients, settings), progress="train" if settings.progress else None)
    return FoldFits(folds, dict(zip(outer, found, strict=False)), dict(zip(excluded, found[len(outer) :], strict=True)))


def _jobs(patients: DistinctPatients, settings: FitSettings) -> int | None:
    """Number of fits at the same time; small fits are done before other processes have started."""
    n_classes = _n_classes(patients)
    n_trees = settings.trees["max_iter"] * (1 if n_classes == 2 else n_classes)
    return settings.n_jobs if len(patients.codes) * n_trees >= _WORK_FOR_PROCESSES else 1


def _folds(patients: DistinctPatients, n_folds: int) -> np.ndarray:
    """Fold of each patient; -1 if a class has too few patients, or is absent outside a fold."""
    none = np.full(len(patients.codes), -1)
    if np.bincount(patients.codes).min() < n_folds:
        return none
    folds = patients.folds(n_folds)
    complete = all(_has_every_class(patients, folds, frozenset({fold})) for fold in np.unique(folds).tolist())
    return folds if complete else none


def _has_every_class(patients: DistinctPatients, folds: np.ndarray, excluded: Excluded) -> bool:
    """Whether the patients outside the excluded folds include all classes."""
    counts = np.bincount(patients.codes[~_within(folds, excluded)], minlength=_n_classes(patients))
    return bool(np.all(counts > 0))


def _within(folds: np.ndarray, excluded: Iterable[int]) -> np.ndarray:
    return np.isin(folds, list(excluded))


def _n_classes(patients: DistinctPatients) -> int:
    return int(patients.codes.max()) + 1


def _fit_trees(patients: DistinctPatients, folds: np.ndarray, excluded: Excluded, settings: FitSettings) -> TreesFit:
    """Fit trees to the patients outside the excluded folds."""
    held_out = _within(folds, excluded)
    training = patients.select(~held_out) if excluded else patients
    with threadpool_limits(settings.n_threads, user_api="openmp"):
        trees = fit_trees(training, settings.trees)
        return TreesFit(trees, margins_of_trees(trees, patients.X[held_out]) if excluded else np.empty((0, 1)))


def _fit_linear(
    patients: DistinctPatients, folds: np.ndarray, outer: Excluded, start: StartingPoint | None, settings: FitSettings
) -> list[LinearFit]:
    """Fit all candidates of the linear model to the patients outside a fold."""
    held_out = _within(folds, outer)
    training, own = (patients.select(~held_out), folds[~held_out]) if outer else (patients, folds)
    penalty = default_penalty(training.weight) if settings.linear_penalty is None else settings.linear_penalty
    inner = np.unique(own[own >= 0]).tolist()
    if not all(_has_every_class(training, own, frozenset({fold})) for fold in inner):
        inner = []
    candidates = linear_candidates(training, start, settings.is_category, settings.direction, penalty)
    return [_fit_candidate(each, own, inner, patients.X[held_out], start) for each in candidates]


def _fit_candidate(
    candidate: LinearCandidate, folds: np.ndarray, inner: list[int], X_held_out: np.ndarray, start: StartingPoint | None
) -> LinearFit:
    """Fit one candidate to all its patients, and without each of the inner folds."""
    model, start_weight = candidate.fit(np.ones(len(folds), dtype=bool))
    margins = candidate.out_of_fold_margins(folds) if inner else None
    held_out = model.margins(X_held_out)
    if candidate.tree_margins is None or start is None:
        return LinearFit(model, start_weight, None, margins, held_out)
    if len(X_held_out):
        held_out = held_out + start_weight * margins_of_trees(start.trees, X_held_out)
    return LinearFit(model, start_weight, candidate.penalty, margins, held_out)
