"""Train or recalibrate a classifier on a labelled table, with held-out metrics and a model card."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from asthma_ml.errors import UnusableInputError
from asthma_ml.intervals import PatientRows
from asthma_ml.training.cross_validation import TrainingRows, fit_with_metrics
from asthma_ml.training.held_out import held_out_counts, held_out_metrics
from asthma_ml.training.labels import LabelledPatients, LabelRule, default_classes, labelled_patients
from asthma_ml.training.overlap import CARD_ENTRY, hashes_of_patients, overlap_warning
from asthma_ml.training.splits import (
    N_FOLDS,
    Folds,
    cross_validation_folds,
    group_rows,
    numbers_of,
    raw_column,
    refuse_few,
    refuse_few_groups,
    refuse_lines,
    temporal_folds,
    temporal_group_folds,
    times_of,
)
from asthma_ml.variables import FOUR_CLASSES, LABEL, OUTPUT_PREFIX, TRUTH_PREFIX, data_dictionary
from asthma_ml.wording import first_names

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.patients import PatientTable

_FINGERPRINT = "training_data_sha256"
_FEWEST_TO_TUNE = 3 * N_FOLDS


@dataclass(frozen=True, slots=True)
class TrainedClassifier:
    """A fitted classifier with its training patients, held-out metrics and model card.

    Each metric has `value`, `lower` and `upper` (95 % interval).
    """

    model: PhenotypeClassifier
    patients: LabelledPatients
    metrics: Mapping[str, Any]
    card: Mapping[str, Any]


def train_classifier(
    patients: PatientTable | pd.DataFrame,
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
    jobs: int = 1,
    progress: bool = False,
) -> TrainedClassifier:
    """Fit a `PhenotypeClassifier` on a labelled patient table.

    Parameters
    ----------
    patients : PatientTable or DataFrame
        Table from `read_patients`, by which a DataFrame is read first.
    label : str or LabelRule
        Column of the label, or a rule that derives it: one of `LABEL_RULES`, or `at_least`.
    classes : sequence of str, optional
        Classes of the model; rows with another label or none are excluded. By default those of `levels` or of a
        threshold, else the two classes of the default task.
    levels : mapping of str to str, optional
        Class of each value of the label column, such as ``{"T2": "th2_high", "nonT2": "neutrophilic_th2_low"}``.
    without : sequence of str
        Columns to exclude from the features.
    groups : str, optional
        Column, such as the site, whose rows with one value are held out together. Rows of one patient, with the
        same identifier or identical features, always are.
    time : str, optional
        Column of numbers or dates for temporal validation: train on earlier rows, hold out later rows. With `groups`,
        later rows of other groups.
    weights : str, optional
        Column of sample weights, such as survey weights; only their ratios matter.
    class_weight : mapping, "balanced" or None
        As for `PhenotypeClassifier`; probabilities then refer to that class balance.
    start_from : PhenotypeClassifier, path or "shipped", optional
        Model of the same classes towards which the fit is regularised. The returned model does not need it.
    budget : int
        Number of settings to search; with 0 or 1 the default settings are used. The metrics are then those of nested
        cross-validation.
    seed : int
        Seed of the model, the search and its folds.
    jobs : int
        Number of processes for the fits; it does not change the result.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    TrainedClassifier
        The model is fitted on all labelled rows. Its metrics are held-out. Its card gives the calls for patients with
        other labels. If these include other granulocyte classes, the model also has an auxiliary classifier, see
        `PhenotypeClassifier.fit_auxiliary`.

    Raises
    ------
    UnusableInputError
        If the table contains truth or prediction columns, no feature was measured, a column is absent, or a class has
        too few patients, groups or times.

    Warns
    -----
    UserWarning
        If no feature can be used, for example with fewer than 20 patients; the model then predicts class frequencies.
    """
    from asthma_ml.classifier import constant_model_warning, without_constant_model_warnings
    from asthma_ml.decisions import calls_by_diagnosis

    patients = as_patient_table(patients)
    _refuse_leaks(patients)
    wanted = default_classes(label, levels) if classes is None else classes
    labelled = labelled_patients(patients, label, wanted, levels=levels, without=without)
    if (weight := sample_weights(patients, labelled, weights)) is not None:
        labelled = labelled.select(weight > 0, "weight 0")
    _refuse_unmeasured(patients, labelled)
    rows = _training_rows(patients, labelled, groups, weights)
    refuse_few(labelled, N_FOLDS)
    folds = _temporal_folds(patients, rows, groups, time, seed)
    start, origin = load_starting_model(start_from, labelled)
    earlier = origin.pop(CARD_ENTRY, [])
    estimator = _estimator(rows, start, class_weight, budget, seed)
    with without_constant_model_warnings():
        fitted = fit_with_metrics(rows, estimator, folds, seed, jobs, progress)
    found, metrics = fitted.estimator, fitted.metrics
    if fitted.metrics_without_start is not None:
        origin |= {"log_loss_without": fitted.metrics_without_start["log_loss"]}
    model = getattr(found, "best_estimator_", found).set_params(n_jobs=jobs)
    # The metadata routing of a search is not part of the fitted model, and a model file does not accept it.
    vars(model).pop("_metadata_request", None)
    unmodelled = _fit_auxiliary(model, patients, labelled, groups, weights)
    calls = calls_by_diagnosis(
        model, labelled.unmodelled_features, labelled.unmodelled_labels, labelled.unmodelled_patient
    )
    if warning := constant_model_warning(model):
        warnings.warn(warning, stacklevel=2)
    # A model file holds one model, without its starting model, and is the same for any number of jobs.
    for each in filter(None, (model, model.auxiliary_)):
        each.set_params(start_from=None, n_jobs=None)
    card = _card(patients, labelled, metrics, seed, earlier) | {
        "groups": groups,
        "time": time,
        "weights": weights,
        "unmodelled_labels": calls,
        "unmodelled_classes": unmodelled,
        "classes_without_patients": [name for name in wanted if name not in labelled.class_counts],
        **({"start_from": {**origin, "penalty": model.start_penalty_}} if origin else {}),
        **({} if found is model else {"tuned": _search_record(found)}),
    }
    return TrainedClassifier(model, labelled, metrics, card)


def recalibrate_classifier(
    model: PhenotypeClassifier,
    patients: PatientTable | pd.DataFrame,
    label: str | LabelRule = LABEL,
    *,
    levels: Mapping[str, str] | None = None,
    seed: int = 0,
    card: Mapping[str, Any] | None = None,
) -> TrainedClassifier:
    """Recalibrate a classifier to the patients of a hospital.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted classifier; it is changed.
    patients : PatientTable or DataFrame
        Table from `read_patients`, by which a DataFrame is read first; without training patients of the model.
    label : str or LabelRule
        Column of the label, or a rule that derives it.
    levels : mapping of str to str, optional
        Class of each value of the label column.
    seed : int
        Seed of the folds.
    card : mapping, optional
        Card of the model, whose training patients then also count as those of the recalibrated model.

    Returns
    -------
    TrainedClassifier
        The model with cross-validated metrics; ``log_loss_before`` is the log-loss before recalibration.

    Raises
    ------
    UnusableInputError
        If the table contains truth or prediction columns, or a class has too few patients.
    """
    patients = as_patient_table(patients)
    _refuse_leaks(patients)
    classes = [str(name) for name in model.classes_]
    labelled = labelled_patients(patients, label, classes, levels=levels)
    X, y = model.encode(labelled.features), labelled.labels.to_numpy()
    group_ids = group_rows(patients, labelled, None)
    folds = cross_validation_folds(labelled, group_ids, seed, fewest=2 * N_FOLDS)
    probability = model.predict_proba(X)
    rows = PatientRows.of(labelled.patient)
    before = held_out_metrics(y, probability, rows)["log_loss"]
    for training, held_out in folds:
        weight = PatientRows.of(labelled.patient[training]).weight
        recalibrated = deepcopy(model).recalibrate(X.iloc[training], y[training], weight)
        probability[held_out] = recalibrated.predict_proba(X.iloc[held_out])
    after = held_out_metrics(y, probability, rows)
    metrics = {"folds": len(folds), **held_out_counts(rows), **after, "log_loss_before": before}
    model.recalibrate(X, y, rows.weight)
    unmodelled = {"unmodelled_classes": list(model.unmodelled_classes)}
    of_both = _card(patients, labelled, metrics, seed, (card or {}).get(CARD_ENTRY, []))
    of_both |= unmodelled | {"recalibrated_on": labelled.class_counts}
    return TrainedClassifier(model, labelled, metrics, of_both)


def as_patient_table(patients: PatientTable | pd.DataFrame) -> PatientTable:
    """A table as it is, or a DataFrame as `read_patients` reads it."""
    from asthma_ml.patients import PatientTable, read_patients

    return patients if isinstance(patients, PatientTable) else read_patients(patients)


def _training_rows(
    patients: PatientTable, labelled: LabelledPatients, groups: str | None, weights: str | None
) -> TrainingRows:
    group_ids = group_rows(patients, labelled, groups)
    return TrainingRows(labelled, group_ids, sample_weights(patients, labelled, weights))


def _fit_auxiliary(
    model: PhenotypeClassifier,
    patients: PatientTable,
    labelled: LabelledPatients,
    groups: str | None,
    weights: str | None,
) -> list[str]:
    """Fit the auxiliary classifier to the unmodelled granulocyte classes with enough patients; return them."""
    counts = labelled.unmodelled_counts
    unmodelled = [name for name in FOUR_CLASSES if counts.get(name, 0) >= 2 * N_FOLDS]
    if not unmodelled or not set(labelled.class_counts) <= set(FOUR_CLASSES):
        return []
    rows = _training_rows(patients, labelled.with_unmodelled(unmodelled), groups, weights)
    model.fit_auxiliary(**rows.given())
    return unmodelled


def _refuse_leaks(patients: PatientTable) -> None:
    leaks = [name for name in patients.read.table.names if str(name).startswith((TRUTH_PREFIX, OUTPUT_PREFIX))]
    if leaks:
        raise UnusableInputError(
            f"{patients.source}: {first_names(leaks)} would reveal the label; "
            f"remove the columns that begin with {TRUTH_PREFIX} or {OUTPUT_PREFIX} before training"
        )


def _refuse_unmeasured(patients: PatientTable, labelled: LabelledPatients) -> None:
    from asthma_ml.classifier import refuse_without_features
    from asthma_ml.patients import reasons_not_read

    features = data_dictionary().features
    unread = reasons_not_read(patients.findings)
    refuse_without_features(labelled.features.columns, features, patients.source, unread)


def sample_weights(
    patients: PatientTable, labelled: LabelledPatients, column: str | None
) -> NDArray[np.float64] | None:
    """Weights of the labelled rows, scaled to a mean of 1; None without a column."""
    if column is None:
        return None
    weight = numbers_of(patients, raw_column(patients, labelled, column, "--weights"))
    refuse_lines(patients, labelled, ~(weight >= 0) | np.isinf(weight), f"{column} is not a weight of 0 or more")
    if not weight.sum() > 0:
        raise UnusableInputError(f"{patients.source}: {column} is 0 in all labelled rows")
    return np.asarray(weight / weight.mean(), dtype=np.float64)


def _temporal_folds(
    patients: PatientTable, rows: TrainingRows, groups: str | None, time: str | None, seed: int
) -> Folds | None:
    """Training and held-out rows of each fold of a temporal validation; None without one."""
    if time is None:
        return None
    times = times_of(patients, rows.labelled, time)
    if groups is None:
        return temporal_folds(rows.labelled, rows.group_ids, times)
    return temporal_group_folds(rows.labelled, rows.group_ids, times, seed)


def load_starting_model(
    given: PhenotypeClassifier | str | os.PathLike[str] | None, labelled: LabelledPatients
) -> tuple[PhenotypeClassifier | None, dict[str, Any]]:
    """Starting model, and its entry of the model card.

    The auxiliary classifier of a two-class model is used where all its classes are requested.
    """
    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.model_files import load_model_with_card, resolve_model_path

    if given is None:
        return None, {}
    origin: dict[str, Any] = {}
    if isinstance(given, PhenotypeClassifier):
        model = given
    else:
        path = resolve_model_path(given)
        model, card = load_model_with_card(path)
        fingerprint = {name: card[name] for name in (_FINGERPRINT,) if name in card}
        earlier = card.get(CARD_ENTRY, [])
        origin = {"model": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), **fingerprint}
        origin |= {CARD_ENTRY: earlier, "overlap": overlap_warning(card, labelled.features)}
    if model.auxiliary_ is not None and set(model.auxiliary_.classes_) == set(labelled.class_counts):
        model = model.auxiliary_
    return model, {**origin, "n_patients": int(model.n_patients_)}


def _estimator(
    rows: TrainingRows,
    start: PhenotypeClassifier | None,
    class_weight: Mapping[str, float] | str | None,
    budget: int,
    seed: int,
) -> Any:
    """Unfitted classifier, or a search of its settings."""
    from sklearn.frozen import FrozenEstimator

    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.training.tuning import N_INNER_FOLDS, search_settings

    frozen = None if start is None else FrozenEstimator(start)
    model = PhenotypeClassifier(random_state=seed, class_weight=class_weight, start_from=frozen)
    if budget <= 1:
        return model
    refuse_few(rows.labelled, _FEWEST_TO_TUNE)
    refuse_few_groups(rows.labelled, rows.group_ids, N_INNER_FOLDS + 1)
    return search_settings(model, sorted(rows.labelled.class_counts), budget, seed)


def _search_record(found: Any) -> dict[str, Any]:
    """Settings of a search with their log-loss, and the chosen ones."""
    tried = found.cv_results_
    return {
        "settings": [
            {**setting, "log_loss": -float(score)}
            for setting, score in zip(tried["params"], tried["mean_test_score"], strict=True)
        ],
        "chosen": dict(found.best_params_),
    }


def _card(
    patients: PatientTable,
    labelled: LabelledPatients,
    metrics: Mapping[str, Any],
    seed: int,
    earlier: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Entries of the model card that `save_model` does not write itself."""
    of_patients = labelled.excluded_patients
    training_data = labelled.features.assign(**{LABEL: labelled.labels}).to_csv(index=False)
    fingerprint = hashlib.sha256(training_data.encode()).hexdigest()
    return {
        **labelled.label_card,
        "excluded": dict(labelled.excluded),
        **({"excluded_patients": dict(of_patients)} if of_patients != labelled.excluded else {}),
        "seed": seed,
        _FINGERPRINT: fingerprint,
        CARD_ENTRY: [hashes_of_patients(labelled.features, fingerprint[:16]), *earlier],
        "held_out_metrics": dict(metrics),
    }
