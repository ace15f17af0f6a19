"""Fit a classifier to a labelled table, measure it on rows it has not seen, and say where it comes from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from asthma_ml.errors import UnusableInputError
from asthma_ml.training.labels import LabelledPatients, LabelRule, default_classes, labelled_patients
from asthma_ml.training.splits import (
    N_FOLDS,
    Folds,
    folds,
    held_together,
    later_folds,
    numbers_of,
    raw_column,
    refuse_few,
    refuse_few_groups,
    refuse_lines,
    times_of,
)
from asthma_ml.variables import FOUR_CLASSES, LABEL, OUTPUT_PREFIX, TRUTH_PREFIX, data_dictionary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.patients import PatientTable

SHIPPED = "shipped"
_FINGERPRINT = "training_data_sha256"
_FEWEST_TO_TUNE = 3 * N_FOLDS


@dataclass(frozen=True, slots=True)
class TrainedClassifier:
    """A fitted classifier and what its model card says about its training."""

    model: PhenotypeClassifier
    patients: LabelledPatients
    metrics: Mapping[str, float]
    card: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Task:
    """Labelled rows with what goes with them."""

    labelled: LabelledPatients
    together: NDArray[Any] | None
    weight: NDArray[np.float64] | None

    @property
    def y(self) -> NDArray[Any]:
        return self.labelled.labels.to_numpy(dtype=object)

    def fit(self, model: Any, rows: NDArray[Any] | slice = slice(None)) -> Any:
        """Fit an estimator, or a search, to some rows."""
        from sklearn import config_context

        given: dict[str, Any] = {}
        if self.together is not None:
            given["groups"] = self.together[rows]
        if self.weight is not None:
            given["sample_weight"] = self.weight[rows]
        if not hasattr(model, "param_grid"):
            return model.fit(self.labelled.features.iloc[rows], self.y[rows], **given)
        given.setdefault("groups", np.arange(len(self.y))[rows])
        with config_context(enable_metadata_routing=True):
            return model.fit(self.labelled.features.iloc[rows], self.y[rows], **given)


def train_classifier(
    patients: PatientTable,
    label: str | LabelRule = LABEL,
    classes: Sequence[str] | None = None,
    *,
    levels: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
    groups: str | None = None,
    time: str | None = None,
    weights: str | None = None,
    class_weight: Mapping[str, float] | str | None = None,
    start_from: PhenotypeClassifier | str | os.PathLike[str] | None = None,
    budget: int = 0,
    seed: int = 0,
    progress: bool = False,
) -> TrainedClassifier:
    """Fit a `PhenotypeClassifier` on a labelled patient table.

    Parameters
    ----------
    patients : PatientTable
        As read by `read_patients`.
    label : str or LabelRule
        Column that holds the class, or a rule that tells it: one of `LABEL_RULES`, or `at_least`.
    classes : sequence of str, optional
        Classes to tell apart; rows with another label or none are left out. By default those of `levels`, those of a
        cut, else the two of the mission.
    levels : mapping of str to str, optional
        What the column writes for each class, such as ``{"T2": "th2_high", "nonT2": "neutrophilic_th2_low"}``.
    without : sequence of str
        Columns that shall not be features.
    groups : str, optional
        Column, such as the site, whose rows of one value are held out together. Rows of one patient,
        known by the identifier or by being the same throughout, always are.
    time : str, optional
        Column of numbers or ISO dates: the metrics are then of later patients than those learned from.
    weights : str, optional
        Column of weights, such as those of a survey; only their ratios count.
    class_weight : mapping, "balanced" or None
        As of `PhenotypeClassifier`: probabilities are then those of patients with that class balance.
    start_from : PhenotypeClassifier, path or "shipped", optional
        What a model of the same classes knows is the starting point. The model that is returned no longer needs it.
    budget : int
        Settings to try; with 0 or 1 the classifier's own are taken. The metrics are then those of the whole search, on
        patients that it has not seen.
    seed : int
        Seed of the model, of the folds and of the settings.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    TrainedClassifier
        The model fitted on all labelled rows; its metrics are held-out, and its card says what
        it calls the patients who were left out for another label. Where those are patients of other
        granulocyte classes, it learns to recognise them, see `PhenotypeClassifier.fit_auxiliary`.

    Raises
    ------
    UnusableInputError
        If the table holds truth or prediction columns, no feature was measured, there is no such column, or there are
        too few patients of a class, too few groups or times.
    """
    from asthma_ml.decisions import calls_by_diagnosis

    _refuse_leaks(patients)
    wanted = default_classes(label, levels) if classes is None else classes
    labelled = labelled_patients(patients, label, wanted, levels=levels, without=without)
    if (weight := weights_of(patients, labelled, weights)) is not None:
        labelled = labelled.chosen(weight > 0, "weight 0")
    _refuse_unmeasured(patients, labelled)
    task = _task(patients, labelled, groups, weights)
    dealt = _dealt(patients, task, groups, time, seed)
    start, origin = starting_model(start_from, labelled)
    with tqdm(total=_n_steps(dealt, budget), unit="fit", desc="train", disable=not progress) as bar:
        estimator = _estimator(task, start, class_weight, budget, seed, bar.update)
        metrics = _held_out_metrics(estimator, task, dealt, bar.update)
        found = task.fit(estimator)
        bar.update()
    model = getattr(found, "best_estimator_", found)
    # What a search routes is no part of what was learned, and a model file does not take it.
    vars(model).pop("_metadata_request", None)
    recognised = _fit_companion(model, patients, labelled, groups, weights)
    others = calls_by_diagnosis(model, labelled.other_features, labelled.other_labels)
    # A model file holds one model, not the one it started from as well.
    for fitted in filter(None, (model, model.auxiliary_)):
        fitted.set_params(start_from=None)
    card = _card(patients, labelled, metrics, seed) | {
        "groups": groups,
        "time": time,
        "weights": weights,
        "other_labels": others,
        "recognises_patients_of": recognised,
        "classes_without_patients": [name for name in wanted if name not in labelled.class_counts],
        **({} if origin is None else {"start_from": {**origin, "penalty": model.start_penalty_}}),
        **({} if found is model else {"tuned": _said_of_search(found)}),
    }
    return TrainedClassifier(model, labelled, metrics, card)


def recalibrate_classifier(
    model: PhenotypeClassifier,
    patients: PatientTable,
    label: str | LabelRule = LABEL,
    *,
    levels: Mapping[str, str] | None = None,
    seed: int = 0,
) -> TrainedClassifier:
    """Fit the calibration of a classifier anew to the patients of a hospital.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted; it is changed.
    patients : PatientTable
        As read by `read_patients`; none of them may be among those that the model was fitted on.
    label : str or LabelRule
        Column that holds the class, or a rule that tells it.
    levels : mapping of str to str, optional
        What the column writes for each class.
    seed : int
        Seed of the folds.

    Returns
    -------
    TrainedClassifier
        The model; its metrics are cross-validated, and ``log_loss_before`` is that of the model as it came.

    Raises
    ------
    UnusableInputError
        If the table holds truth or prediction columns, or too few patients of a class.
    """
    from sklearn.metrics import log_loss

    _refuse_leaks(patients)
    classes = [str(name) for name in model.classes_]
    labelled = labelled_patients(patients, label, classes, levels=levels)
    X, y = model.encode(labelled.features), labelled.labels.to_numpy()
    probabilities = model.predict_proba(X)
    before = float(log_loss(y, probabilities, labels=classes))
    for seen, held_out in folds(labelled, held_together(patients, labelled, None), seed, fewest=2 * N_FOLDS):
        probabilities[held_out] = deepcopy(model).recalibrate(X.iloc[seen], y[seen]).predict_proba(X.iloc[held_out])
    metrics = {"folds": N_FOLDS, **_metrics(y, probabilities, None), "log_loss_before": before}
    model.recalibrate(X, y)
    card = _card(patients, labelled, metrics, seed) | {"recalibrated_on": labelled.class_counts}
    return TrainedClassifier(model, labelled, metrics, card)


def _task(patients: PatientTable, labelled: LabelledPatients, groups: str | None, weights: str | None) -> _Task:
    return _Task(labelled, held_together(patients, labelled, groups), weights_of(patients, labelled, weights))


def _fit_companion(
    model: PhenotypeClassifier,
    patients: PatientTable,
    labelled: LabelledPatients,
    groups: str | None,
    weights: str | None,
) -> list[str]:
    """Teach the model the granulocyte classes that it does not name and enough patients have; returns them."""
    counts = labelled.other_labels.value_counts()
    foreign = [name for name in FOUR_CLASSES if counts.get(name, 0) >= 2 * N_FOLDS]
    if not foreign or not set(labelled.class_counts) <= set(FOUR_CLASSES):
        return []
    everybody = _task(patients, labelled.with_others(foreign), groups, weights)
    model.fit_auxiliary(everybody.labelled.features, everybody.y, everybody.weight, everybody.together)
    return foreign


def _refuse_leaks(patients: PatientTable) -> None:
    from asthma_ml.wording import first_names

    leaks = [name for name in patients.raw.columns if str(name).startswith((TRUTH_PREFIX, OUTPUT_PREFIX))]
    if leaks:
        raise UnusableInputError(
            f"{patients.source}: {first_names(leaks)} would tell the answer; "
            f"remove the columns that begin with {TRUTH_PREFIX} or {OUTPUT_PREFIX} before training"
        )


def _refuse_unmeasured(patients: PatientTable, labelled: LabelledPatients) -> None:
    from asthma_ml.classifier import refuse_without_features

    features = data_dictionary().features
    refuse_without_features(labelled.features.columns, features, patients.raw.columns, patients.source)
    if labelled.features.isna().all(axis=None):
        raise UnusableInputError(
            f"{patients.source}: every feature is empty in every labelled row; nothing to learn from"
        )


def weights_of(patients: PatientTable, labelled: LabelledPatients, column: str | None) -> NDArray[np.float64] | None:
    """Read the weights of the labelled rows, with a mean of 1; None without a column."""
    if column is None:
        return None
    weight = numbers_of(patients, raw_column(patients, labelled, column, "--weights"))
    refuse_lines(patients, labelled, ~(weight >= 0) | np.isinf(weight), f"{column}: no weight of 0 or more")
    if not weight.sum() > 0:
        raise UnusableInputError(f"{patients.source}: {column} is 0 in every labelled row")
    return np.asarray(weight / weight.mean(), dtype=np.float64)


def _dealt(patients: PatientTable, task: _Task, groups: str | None, time: str | None, seed: int) -> Folds:
    """Rows to learn from and rows to measure on."""
    if time is None:
        return folds(task.labelled, task.together, seed)
    if groups is not None:
        raise UnusableInputError("groups and time cannot be held out at once; choose one of --groups and --time")
    return later_folds(task.labelled, task.together, times_of(patients, task.labelled, time))


def starting_model(
    given: PhenotypeClassifier | str | os.PathLike[str] | None, labelled: LabelledPatients
) -> tuple[PhenotypeClassifier | None, dict[str, Any] | None]:
    """Find the model to start from, and what the card says of it.

    A model of two classes that recognises others knows all of them: its companion stands in where they are asked for.
    """
    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.model_files import load_model_with_card, shipped_model_path

    if given is None:
        return None, None
    origin: dict[str, Any] = {}
    if isinstance(given, PhenotypeClassifier):
        model = given
    else:
        path = Path(shipped_model_path() if str(given) == SHIPPED else given)
        model, card = load_model_with_card(path)
        learned_from = {name: card[name] for name in (_FINGERPRINT,) if name in card}
        origin = {"model": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), **learned_from}
    if model.auxiliary_ is not None and set(model.auxiliary_.classes_) == set(labelled.class_counts):
        model = model.auxiliary_
    return model, {**origin, "n_patients": int(model.n_patients_)}


def _n_steps(dealt: Folds, budget: int) -> int:
    """Fits that the progress bar counts: each fold, all rows, and in a search every setting on every inner fold."""
    from asthma_ml.training.tuning import N_INNER_FOLDS

    return (len(dealt) + 1) * (1 + (budget * N_INNER_FOLDS if budget > 1 else 0))


def _estimator(
    task: _Task,
    start: PhenotypeClassifier | None,
    class_weight: Mapping[str, float] | str | None,
    budget: int,
    seed: int,
    tick: Callable[[], object],
) -> Any:
    """The classifier to fit, or a search among its settings."""
    from sklearn.frozen import FrozenEstimator

    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.training.tuning import N_INNER_FOLDS, search

    frozen = None if start is None else FrozenEstimator(start)
    model = PhenotypeClassifier(random_state=seed, class_weight=class_weight, start_from=frozen)
    if budget <= 1:
        return model
    refuse_few(task.labelled, _FEWEST_TO_TUNE)
    refuse_few_groups(task.labelled, task.together, N_INNER_FOLDS + 1)
    return search(model, sorted(task.labelled.class_counts), budget, seed, tick)


def _held_out_metrics(estimator: Any, task: _Task, dealt: Folds, tick: Callable[[], object]) -> dict[str, float]:
    """Metrics on rows that the fitted estimator has not seen."""
    from sklearn.base import clone

    held_out: list[NDArray[Any]] = []
    for seen, unseen in dealt:
        held_out.append(task.fit(clone(estimator), seen).predict_proba(task.labelled.features.iloc[unseen]))
        tick()
    rows = np.concatenate([unseen for _, unseen in dealt])
    weight = None if task.weight is None else task.weight[rows]
    found = _metrics(task.y[rows], np.concatenate(held_out), weight)
    return {"folds": len(dealt), "n_held_out": len(rows), **found}


def _metrics(y: NDArray[Any], probabilities: NDArray[Any], weight: NDArray[np.float64] | None) -> dict[str, float]:
    """How good held-out probabilities are."""
    from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score

    names = sorted(set(y))
    two = len(names) == 2
    predicted = [names[i] for i in probabilities.argmax(axis=1)]
    score = probabilities[:, 1] if two else probabilities
    return {
        "auc": float(roc_auc_score(y, score, multi_class="ovr", sample_weight=weight)),
        "balanced_accuracy": float(balanced_accuracy_score(y, predicted, sample_weight=weight)),
        "log_loss": float(log_loss(y, probabilities, labels=names, sample_weight=weight)),
    }


def _said_of_search(found: Any) -> dict[str, Any]:
    """Which settings were tried and which won."""
    tried = found.cv_results_
    return {
        "settings": [
            {**setting, "log_loss": -float(score)}
            for setting, score in zip(tried["params"], tried["mean_test_score"], strict=True)
        ],
        "chosen": dict(found.best_params_),
    }


def _card(
    patients: PatientTable, labelled: LabelledPatients, metrics: Mapping[str, float], seed: int
) -> dict[str, Any]:
    """What the card says besides what `save_model` writes itself."""
    learned_from = labelled.features.assign(**{LABEL: labelled.labels}).to_csv(index=False)
    return {
        **labelled.said,
        "left_out": dict(labelled.left_out),
        "seed": seed,
        "training_table": Path(patients.source).name,
        _FINGERPRINT: hashlib.sha256(learned_from.encode()).hexdigest(),
        "cross_validated": dict(metrics),
    }
