"""Discrimination, calibration, coverage and abstention of a model on labelled patients that it was not trained on.

Every figure has a 95 % interval over patients. Estimates on synthetic patients hold for the causal model,
not for real patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from threadpoolctl import threadpool_limits

from asthma_ml.classifier import as_frame, refuse_labels
from asthma_ml.decisions import Calls, decide_calls
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.abstention import abstention_by_diagnosis, risk_coverage, unmodelled_diagnosis_detection
from asthma_ml.evaluation.reference_rules import compare_with_reference_rules
from asthma_ml.evaluation.subgroups import coverage_warnings, evaluate_subgroups
from asthma_ml.intervals import N_BOOTSTRAP, percentiles, proportion, proportion_or_none
from asthma_ml.prediction import detect_shift, refuse_table_without_features, shift_statistics, shift_warning
from asthma_ml.training import LabelledPatients, LabelRule, labelled_patients
from asthma_ml.variables import LABEL, SITE
from asthma_ml.wording import first_names

if TYPE_CHECKING:
    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.patients import PatientTable

TH2_HIGH = "th2_high"

FEWEST_OF_A_CLASS = 10
"""Patients of each class below which a bootstrap interval has no meaning."""


@dataclass(frozen=True, slots=True)
class LabelledPredictions:
    """Predictions of all labelled patients of a table, made once for every part of an evaluation.

    Attributes
    ----------
    model : PhenotypeClassifier
        The model that predicts.
    table : DataFrame of shape (n_patients, n_columns)
        Columns of the data dictionary, with the site; patients of modelled classes come first.
    labels : ndarray of str of shape (n_patients,)
        Classes of the model or other diagnoses.
    modelled : ndarray of bool of shape (n_patients,)
        Patients whose label is a class of the model.
    rows : ndarray of int of shape (n_patients,)
        Positions of these patients in the table as read.
    encoded : DataFrame of shape (n_patients, n_features)
        From ``model.encode``.
    calls : Calls
        From `decide_calls`.
    excluded : Mapping of str to int
        Number of rows for each reason why their label is not a class of the model.
    """

    model: PhenotypeClassifier
    table: pd.DataFrame
    labels: NDArray[Any]
    modelled: NDArray[np.bool_]
    rows: NDArray[np.intp]
    encoded: pd.DataFrame
    calls: Calls
    excluded: Mapping[str, int]


def predict_labelled(
    model: PhenotypeClassifier,
    patients: PatientTable,
    label: str | LabelRule = LABEL,
    *,
    levels: Mapping[str, str] | None = None,
) -> LabelledPredictions:
    """Predictions of the labelled patients of a table.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted on a table with column names.
    patients : PatientTable
        As read by `read_patients`; not the patients of the training table.
    label : str or LabelRule
        Column that holds the class, or a rule that derives it.
    levels : mapping of str to str, optional
        Class of each level of the column.

    Returns
    -------
    LabelledPredictions
        Of patients with valid rows and a label.

    Raises
    ------
    UnusableInputError
        No feature of the model or no label is among the columns.
    """
    refuse_table_without_features(model, patients)
    labelled = labelled_patients(patients, label, [str(name) for name in model.classes_], levels=levels)
    rows = np.concatenate([labelled.rows, labelled.unmodelled_rows])
    table = pd.concat([labelled.features, labelled.unmodelled_features], ignore_index=True)
    encoded = model.encode(table)
    if SITE in patients.values:
        table = table.assign(**{SITE: patients.values[SITE].to_numpy()[rows]})
    return LabelledPredictions(
        model=model,
        table=table,
        labels=_all_labels(labelled),
        modelled=np.arange(len(rows)) < len(labelled.labels),
        rows=rows,
        encoded=encoded,
        calls=decide_calls(model, encoded),
        excluded=dict(labelled.excluded),
    )


def _all_labels(labelled: LabelledPatients) -> NDArray[Any]:
    both = pd.concat([labelled.labels, labelled.unmodelled_labels], ignore_index=True)
    return np.asarray(both.astype(str).to_numpy())


def evaluate_patients(
    model: PhenotypeClassifier,
    patients: PatientTable,
    label: str | LabelRule = LABEL,
    *,
    levels: Mapping[str, str] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Metrics of a fitted classifier on a labelled table, other diagnoses included.

    Parameters
    ----------
    model, patients, label, levels
        As in `predict_labelled`.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        As `evaluate_predictions`.

    Raises
    ------
    UnusableInputError
        As `predict_labelled` and `evaluate_model`.
    """
    return evaluate_predictions(predict_labelled(model, patients, label, levels=levels), seed=seed)


def evaluate_predictions(
    predicted: LabelledPredictions, clear_cut: NDArray[np.bool_] | None = None, *, seed: int = 0
) -> dict[str, Any]:
    """Metrics of predictions of labelled patients, other diagnoses included.

    Parameters
    ----------
    predicted : LabelledPredictions
        From `predict_labelled`.
    clear_cut : ndarray of bool of shape (n_patients,), default=None
        Patients far from the class boundaries, where the generated truth is known.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        `modelled_classes`: what `evaluate_model` returns, for the patients whose label is a class of the model.
        `all_diagnoses`, for all labelled patients: `n`; `classified`, the `proportion` whom `predict` gives a class
        (status ok); `predictive_values`, the positive predictive value of each call; `abstention_by_diagnosis`;
        `risk_coverage`, in which a patient with another diagnosis is always an error; and
        `unmodelled_diagnosis_detection` where the model has learned other diagnoses and some patients have one.
        `excluded`: rows that are not of a modelled class, by reason. `warnings`: dataset shift and low coverage.

    Raises
    ------
    UnusableInputError
        As `evaluate_model`.
    """
    model, calls, modelled = predicted.model, predicted.calls, predicted.modelled
    labels, table = predicted.labels[modelled], predicted.table[modelled].reset_index(drop=True)
    found = _evaluate_calls(calls.take(modelled), table, labels, model.confidence, seed)
    shift = detect_shift(model, shift_statistics(model, predicted.encoded))
    shifted = shift_warning(shift, len(predicted.encoded))
    return {
        "modelled_classes": found,
        "all_diagnoses": _all_diagnoses(predicted, clear_cut),
        "excluded": dict(predicted.excluded),
        "warnings": [*filter(None, [shifted]), *coverage_warnings(found["subgroups"][0], model.confidence)],
    }


def evaluate_model(model: PhenotypeClassifier, X: pd.DataFrame, y: ArrayLike, *, seed: int = 0) -> dict[str, Any]:
    """Metrics of a fitted classifier on patients of its classes.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted.
    X : DataFrame of shape (n_patients, n_columns)
        Held-out patients, of pandas, polars or Arrow; features are picked by name. A column `site` is used for
        subgroups only.
    y : array-like of shape (n_patients,)
        Their labels, all of them classes of the model.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        `n_patients`, `class_counts`; `auc`, `log_loss`, `brier`, `accuracy`, `calibration_slope` and
        `calibration_intercept`, each with `value`, `lower` and `upper`. `prediction_sets`: `nominal_coverage`,
        empirical `coverage`, the proportion of `single_class` sets and their `single_class_accuracy`. `classified`:
        the `proportion` whom `predict` gives a class (status ok) and the `accuracy` of these calls.
        `risk_coverage`. `subgroups`, see `evaluate_subgroups`, for Th2-high or else the last class. For a model
        of Th2-high also `reference_rules`, see `compare_with_reference_rules`.

    Raises
    ------
    UnusableInputError
        Labels are missing, in another order than the rows, or not classes of the model, or a class has fewer than
        `FEWEST_OF_A_CLASS` patients.

    Examples
    --------
    >>> from asthma_ml.classifier import PhenotypeClassifier
    >>> from asthma_ml.cohort import generate_cohort
    >>> model = PhenotypeClassifier(n_trees=20).fit(*generate_cohort(400, seed=1).training_data())
    >>> metrics = evaluate_model(model, *generate_cohort(400, seed=2).training_data())
    >>> metrics["auc"]["lower"] > 0.8
    True
    """
    table = as_frame(X)
    refuse_labels(table, y)
    return _evaluate_calls(decide_calls(model, model.encode(table)), table, np.asarray(y), model.confidence, seed)


def _evaluate_calls(
    calls: Calls, table: pd.DataFrame, labels: NDArray[Any], confidence: float, seed: int
) -> dict[str, Any]:
    """What `evaluate_model` returns, from the calls of patients of modelled classes."""
    codes = _codes(calls.classes, labels)
    names, probability = [str(name) for name in calls.classes], calls.probability
    of_class = names.index(TH2_HIGH) if TH2_HIGH in names else len(names) - 1
    metrics = {
        "n_patients": len(codes),
        "class_counts": {name: int((codes == k).sum()) for k, name in enumerate(names)},
        **score_probabilities(calls.classes, labels, probability, seed=seed),
        "prediction_sets": _prediction_sets(calls.in_set, codes, confidence),
        "classified": _classified(calls, codes),
        "risk_coverage": risk_coverage(probability.max(axis=1), probability.argmax(axis=1) == codes),
        "subgroups": evaluate_subgroups(table, codes, probability, calls.in_set, names, of_class),
    }
    if TH2_HIGH in names:
        positive = codes == of_class
        metrics["reference_rules"] = compare_with_reference_rules(table, positive, probability[:, of_class], seed=seed)
    return metrics


def _all_diagnoses(predicted: LabelledPredictions, clear_cut: NDArray[np.bool_] | None) -> dict[str, Any]:
    """Classification and abstention over modelled classes and other diagnoses together."""
    model, calls, labels, modelled = predicted.model, predicted.calls, predicted.labels, predicted.modelled
    called = calls.called
    # A model without an auxiliary classifier has no probability of other diagnoses.
    p_unmodelled = np.nan_to_num(calls.p_unmodelled)
    detects = bool(model.unmodelled_classes) and not modelled.all()
    detected = p_unmodelled >= model.unmodelled_threshold_
    return {
        "n": len(labels),
        "classified": {"proportion": proportion(calls.status == "ok")},
        "predictive_values": {
            str(name): proportion(labels[called == name] == name) for name in calls.classes if (called == name).any()
        },
        "abstention_by_diagnosis": abstention_by_diagnosis(calls, detected, labels, clear_cut),
        **(
            {"unmodelled_diagnosis_detection": unmodelled_diagnosis_detection(p_unmodelled, modelled)}
            if detects
            else {}
        ),
        "risk_coverage": risk_coverage(
            calls.probability.max(axis=1) * (1 - p_unmodelled), calls.most_probable.astype(str) == labels
        ),
    }


def _prediction_sets(in_set: NDArray[np.bool_], codes: NDArray[Any], confidence: float) -> dict[str, Any]:
    """Nominal and empirical coverage, and the single-class sets."""
    covered, single = in_set[np.arange(len(codes)), codes], in_set.sum(axis=1) == 1
    return {
        "nominal_coverage": confidence,
        "coverage": proportion(covered),
        "single_class": proportion(single),
        "single_class_accuracy": proportion_or_none(covered[single]),
    }


def _classified(calls: Calls, codes: NDArray[Any]) -> dict[str, Any]:
    """Proportion with a call, and accuracy of the calls."""
    ok = calls.status == "ok"
    correct = calls.probability.argmax(axis=1) == codes
    return {"proportion": proportion(ok), "accuracy": proportion_or_none(correct[ok])}


def score_probabilities(
    classes: ArrayLike, y: ArrayLike, probability: NDArray[Any], *, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Discrimination and calibration of probabilities from any source.

    Parameters
    ----------
    classes : array-like of shape (n_classes,)
        Classes, in the order of the columns of `probability`.
    y : array-like of shape (n_patients,)
        Labels, all of them among the classes.
    probability : ndarray of shape (n_patients, n_classes)
        Rows sum to 1.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        `auc`, `log_loss`, `brier`, `accuracy`, `calibration_slope` and `calibration_intercept`, each with
        `value`, `lower` and `upper`.

    Raises
    ------
    UnusableInputError
        As `evaluate_model`.
    """
    codes = _codes(np.asarray(classes), np.asarray(y))
    rng = np.random.default_rng(seed)
    rows = [s for s in rng.integers(0, len(codes), (N_BOOTSTRAP, len(codes))) if _all_present(codes[s], codes)]
    # Threads slow down fits of two parameters.
    with threadpool_limits(limits=1, user_api="blas"):
        samples = pd.DataFrame([_scores(codes[sample], probability[sample]) for sample in rows])
    return {name: percentiles(value, samples[name].to_list()) for name, value in _scores(codes, probability).items()}


def _scores(codes: NDArray[Any], probability: NDArray[Any]) -> dict[str, float]:
    n_classes = probability.shape[1]
    slope, intercept = _recalibration(codes, probability)
    return {
        "auc": _auc(codes, probability),
        "log_loss": float(log_loss(codes, probability, labels=range(n_classes))),
        "brier": float(np.mean(((probability - np.eye(n_classes)[codes]) ** 2).sum(axis=1)) / 2),
        "accuracy": float(np.mean(probability.argmax(axis=1) == codes)),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
    }


def _auc(codes: NDArray[Any], probability: NDArray[Any]) -> float:
    two = probability.shape[1] == 2
    return float(roc_auc_score(codes, probability[:, 1] if two else probability, multi_class="ovr"))


def _recalibration(codes: NDArray[Any], probability: NDArray[Any]) -> tuple[float, float]:
    """Slope and intercept of the outcome on the predicted log-odds, each class against the rest, pooled."""
    columns = [1] if probability.shape[1] == 2 else range(probability.shape[1])
    log_odds = np.concatenate([logit(np.clip(probability[:, k], 1e-9, 1 - 1e-9)) for k in columns])
    outcome = np.concatenate([codes == k for k in columns])
    line = LogisticRegression(C=np.inf).fit(log_odds[:, None], outcome)
    return float(line.coef_[0, 0]), float(line.intercept_[0])


def _all_present(sample: NDArray[Any], codes: NDArray[Any]) -> bool:
    return len(np.unique(sample)) == len(np.unique(codes))


def _codes(classes: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """Index of each label among the classes of the model."""
    names = [str(name) for name in classes]
    labels = pd.Series(y).astype("str")
    unknown = sorted(set(labels) - set(names))
    if unknown:
        raise UnusableInputError(
            f"labels that are not classes of the model: {first_names(unknown)}; its classes are {', '.join(names)}"
        )
    counts = {name: int((labels == name).sum()) for name in names}
    if min(counts.values()) < FEWEST_OF_A_CLASS:
        found = ", ".join(f"{n} {name}" for name, n in counts.items())
        raise UnusableInputError(
            f"too few patients for an evaluation: {FEWEST_OF_A_CLASS} of each class are needed, found {found}"
        )
    return np.asarray(labels.map({name: k for k, name in enumerate(names)}))
