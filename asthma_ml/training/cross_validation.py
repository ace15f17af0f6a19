"""Fit of a classifier to all rows, with metrics of held-out rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from asthma_ml.intervals import PatientRows
from asthma_ml.jobs import run_tasks
from asthma_ml.training.held_out import held_out_counts, held_out_metrics
from asthma_ml.training.splits import Folds, cross_validation_folds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from asthma_ml.training.labels import LabelledPatients

_ALL = slice(None)


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """Labelled rows with their groups and weights."""

    labelled: LabelledPatients
    group_ids: NDArray[Any] | None
    weight: NDArray[np.float64] | None

    @property
    def y(self) -> NDArray[Any]:
        """Labels of the rows."""
        return self.labelled.labels.to_numpy(dtype=object)

    def given(self, rows: NDArray[Any] | slice = _ALL) -> dict[str, Any]:
        """Arguments of `fit` for some rows."""
        patients, group_ids = self._patients(rows), None if self.group_ids is None else self.group_ids[rows]
        chosen: dict[str, Any] = {"groups": group_ids, "patients": patients.patient}
        if self.weight is not None:
            chosen["sample_weight"] = patients.weight
        given = {name: of for name, of in chosen.items() if of is not None}
        return {"X": self.labelled.features.iloc[rows], "y": self.y[rows], **given}

    def _patients(self, rows: NDArray[Any] | slice = _ALL) -> PatientRows:
        return PatientRows.of(self.labelled.patient[rows], None if self.weight is None else self.weight[rows])

    def metrics(
        self, probability: NDArray[np.float64], n_folds: int, rows: NDArray[Any] | slice = _ALL
    ) -> dict[str, Any]:
        """Metrics of the held-out probabilities of some rows."""
        patients, group_ids = self._patients(rows), None if self.group_ids is None else self.group_ids[rows]
        found = held_out_metrics(self.y[rows], probability, patients, group_ids)
        return {"folds": n_folds, **held_out_counts(patients), **found}


class FittedWithMetrics(NamedTuple):
    """An estimator fitted to all rows, and its held-out metrics with and, if it has one, without its starting model."""

    estimator: Any
    metrics: Mapping[str, Any]
    metrics_without_start: Mapping[str, Any] | None

    @classmethod
    def of(cls, metrics: Sequence[Mapping[str, Any]], estimator: Any) -> FittedWithMetrics:
        """Of the metrics with and, if there are two, without the starting model."""
        return cls(estimator, metrics[0], metrics[1] if len(metrics) > 1 else None)


def fit_with_metrics(
    rows: TrainingRows, estimator: Any, folds: Folds | None, seed: int, jobs: int, progress: bool
) -> FittedWithMetrics:
    """Fit an estimator to all rows, and evaluate it on held-out rows.

    Parameters
    ----------
    rows : TrainingRows
        Rows.
    estimator : PhenotypeClassifier or GridSearchCV
        Unfitted classifier or search of its settings.
    folds : list of (training rows, held-out rows) or None
        Folds of a temporal validation. With None, cross-validation: a classifier is fitted with those models that its
        own folds share with the cross-validation, see `PhenotypeClassifier.fit_with_held_out`; a search, or a
        classifier for which that is impossible, is fitted once for each fold.
    seed : int
        Seed of the folds of a search.
    jobs : int
        Number of processes; it does not change the result.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    FittedWithMetrics
        Estimator and metrics.
    """
    fitted = None
    if folds is None and not _is_search(estimator):
        fitted = estimator.set_params(n_jobs=jobs)
        held_out = fitted.fit_with_held_out(**rows.given(), progress=progress)
        if held_out is not None:
            variants = (
                [held_out.probability, held_out.without_start] if _has_start(estimator) else [held_out.probability]
            )
            return FittedWithMetrics.of([rows.metrics(each, held_out.n_folds) for each in variants], fitted)
    if folds is None:
        folds = cross_validation_folds(rows.labelled, rows.group_ids, seed)
    return _fit_each_fold(rows, estimator, fitted, folds, jobs, progress)


def _fit_each_fold(
    rows: TrainingRows, estimator: Any, fitted: Any | None, folds: Folds, jobs: int, progress: bool
) -> FittedWithMetrics:
    """Fit an estimator to the training rows of each fold, with and without its starting model, and to all rows."""
    variants = [estimator, _without_start(estimator)] if _has_start(estimator) else [estimator]
    tasks = [(_fit_and_predict, rows, each, *fold) for each in variants for fold in folds]
    last = [] if fitted is not None else [(_fit, rows, estimator)]
    *probability, fitted_last = [*run_tasks([*tasks, *last], jobs, progress="train" if progress else None)] + (
        [] if last else [fitted]
    )
    held_out = np.concatenate([held_out for _, held_out in folds])
    metrics = [
        rows.metrics(np.concatenate(probability[i : i + len(folds)]), len(folds), held_out)
        for i in range(0, len(probability), len(folds))
    ]
    return FittedWithMetrics.of(metrics, fitted_last)


def _fit(rows: TrainingRows, estimator: Any, training: NDArray[Any] | slice = _ALL) -> Any:
    """Fit a copy of a classifier or a search to some rows."""
    from sklearn import config_context
    from sklearn.base import clone

    from asthma_ml.classifier import without_constant_model_warnings

    given = rows.given(training)
    with without_constant_model_warnings(), config_context(enable_metadata_routing=_is_search(estimator)):
        if not _is_search(estimator):
            return clone(estimator).set_params(n_jobs=None).fit(**given)
        given.setdefault("groups", np.arange(len(rows.y))[training])
        return clone(estimator).fit(**given)


def _fit_and_predict(
    rows: TrainingRows, estimator: Any, training: NDArray[Any], held_out: NDArray[Any]
) -> NDArray[np.float64]:
    """Probabilities of held-out rows after a fit to the training rows."""
    fitted = _fit(rows, estimator, training)
    return np.asarray(fitted.predict_proba(rows.labelled.features.iloc[held_out]))


def _is_search(estimator: Any) -> bool:
    return hasattr(estimator, "param_grid")


def _start_parameter(estimator: Any) -> str:
    return "estimator__start_from" if _is_search(estimator) else "start_from"


def _has_start(estimator: Any) -> bool:
    return estimator.get_params()[_start_parameter(estimator)] is not None


def _without_start(estimator: Any) -> Any:
    from sklearn.base import clone

    return clone(estimator).set_params(**{_start_parameter(estimator): None})
