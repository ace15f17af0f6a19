"""Discrimination, calibration, coverage and abstention of a model on labelled patients that it was not trained on.

Every figure has a 95 % interval over patients: all rows of one patient together weigh as much as the single row of
another, see `PatientRows`. Estimates on synthetic patients hold for the causal model,
not for real patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from asthma_ml.classifier import as_frame, refuse_labels
from asthma_ml.decisions import Calls, decide_calls
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.abstention import abstention_by_diagnosis, risk_coverage, unmodelled_diagnosis_detection
from asthma_ml.evaluation.reference_rules import compare_with_reference_rules
from asthma_ml.evaluation.subgroups import calibration_line, coverage_warnings, evaluate_subgroups
from asthma_ml.intervals import PatientRows, proportion, proportion_or_none
from asthma_ml.prediction import detect_shift, refuse_table_without_features, shift_statistics, shift_warning
from asthma_ml.scores import auc, log_losses, mean
from asthma_ml.training import LabelRule, as_patient_table, labelled_patients, patient_numbers, sample_weights
from asthma_ml.variables import ID, LABEL, SITE, data_dictionary
from asthma_ml.wording import first_names

if TYPE_CHECKING:
    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.patients import PatientTable

TH2_HIGH = "th2_high"

FEWEST_OF_A_CLASS = 10
"""Patients of each class below which an interval has no meaning."""


@dataclass(frozen=True, slots=True)
class LabelledPredictions:
    """Predictions of all labelled patients of a table, made once for every part of an evaluation.

    Attributes
    ----------
    model : PhenotypeClassifier
        The model that predicts.
    table : DataFrame of shape (n_rows, n_columns)
        Columns of the data dictionary, with the site; rows of modelled classes come first.
    labels : ndarray of str of shape (n_rows,)
        Classes of the model or other diagnoses.
    modelled : ndarray of bool of shape (n_rows,)
        Rows whose label is a class of the model.
    rows : ndarray of int of shape (n_rows,)
        Positions of these rows in the table as read.
    patients : PatientRows
        Patient and weight of each row.
    encoded : DataFrame of shape (n_rows, n_features)
        From ``model.encode``.
    calls : Calls
        From `decide_calls`.
    excluded, excluded_patients : Mapping of str to int
        Number of rows for each reason why their label is not a class of the model, and number of their patients.
    """

    model: PhenotypeClassifier
    table: pd.DataFrame
    labels: NDArray[Any]
    modelled: NDArray[np.bool_]
    rows: NDArray[np.intp]
    patients: PatientRows
    encoded: pd.DataFrame
    calls: Calls
    excluded: Mapping[str, int]
    excluded_patients: Mapping[str, int]


def predict_labelled(
    model: PhenotypeClassifier,
    patients: PatientTable | pd.DataFrame,
    label: str | LabelRule = LABEL,
    *,
    levels: Mapping[str, str] | None = None,
    weights: str | None = None,
) -> LabelledPredictions:
    """Predictions of the labelled patients of a table.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted on a table with column names.
    patients : PatientTable or DataFrame
        Table from `read_patients`, by which a DataFrame is read first; not the patients of the training table.
    label : str or LabelRule
        Column that holds the class, or a rule that derives it.
    levels : mapping of str to str, optional
        Class of each level of the column.
    weights : str, optional
        Column of sampling weights, such as survey weights; only their ratios matter.

    Returns
    -------
    LabelledPredictions
        Of patients with valid rows and a label.

    Raises
    ------
    UnusableInputError
        No feature of the model or no label is among the columns, or a weight is not a number of 0 or more.
    """
    patients = as_patient_table(patients)
    refuse_table_without_features(model, patients)
    labelled = labelled_patients(patients, label, [str(name) for name in model.classes_], levels=levels)
    everyone = labelled.with_unmodelled(list(labelled.unmodelled_counts))
    modelled = np.arange(len(everyone.labels)) < len(labelled.labels)
    if (weight := sample_weights(patients, everyone, weights)) is not None:
        counted = weight > 0
        everyone, modelled, weight = everyone.select(counted, "weight 0"), modelled[counted], weight[counted]
    encoded, table = model.encode(everyone.features), everyone.features
    if SITE in patients.values:
        table = table.assign(**{SITE: patients.values[SITE].to_numpy()[everyone.rows]})
    return LabelledPredictions(
        model=model,
        table=table,
        labels=np.asarray(everyone.labels.astype(str).to_numpy()),
        modelled=modelled,
        rows=everyone.rows,
        patients=PatientRows.of(everyone.patient, weight),
        encoded=encoded,
        calls=decide_calls(model, encoded),
        excluded=everyone.excluded,
        excluded_patients=everyone.excluded_patients,
    )


def evaluate_patients(
    model: PhenotypeClassifier,
    patients: PatientTable | pd.DataFrame,
    label: str | LabelRule = LABEL,
    *,
    levels: Mapping[str, str] | None = None,
    weights: str | None = None,
) -> dict[str, Any]:
    """Metrics of a fitted classifier on a labelled table, other diagnoses included.

    Parameters
    ----------
    model, patients, label, levels, weights
        As in `predict_labelled`.

    Returns
    -------
    dict
        As `evaluate_predictions`.

    Raises
    ------
    UnusableInputError
        As `predict_labelled` and `evaluate_model`.
    """
    return evaluate_predictions(predict_labelled(model, patients, label, levels=levels, weights=weights))


def evaluate_predictions(predicted: LabelledPredictions, clear_cut: NDArray[np.bool_] | None = None) -> dict[str, Any]:
    """Metrics of predictions of labelled patients, other diagnoses included.

    Parameters
    ----------
    predicted : LabelledPredictions
        From `predict_labelled`.
    clear_cut : ndarray of bool of shape (n_rows,), default=None
        Rows of patients far from the class boundaries, where the generated truth is known.

    Returns
    -------
    dict
        `modelled_classes`: what `evaluate_model` returns, for the patients whose label is a class of the model.
        `all_diagnoses`, for all labelled patients: `n`, and `n_rows` if it is another; `classified`, the `proportion`
        whom `predict` gives a class (status ok); `predictive_values`, the positive predictive value of each call;
        `abstention_by_diagnosis`; `risk_coverage`, in which a patient with another diagnosis is always an error; and
        `unmodelled_diagnosis_detection` where the model has learned other diagnoses and some patients have one.
        `excluded`: rows that are not of a modelled class, by reason (and `excluded_patients`, if these are other
        numbers). `warnings`: dataset shift and low coverage.

    Raises
    ------
    UnusableInputError
        As `evaluate_model`.
    """
    model, calls, modelled = predicted.model, predicted.calls, predicted.modelled
    labels, table = predicted.labels[modelled], predicted.table[modelled].reset_index(drop=True)
    rows, of_patients = predicted.patients, predicted.excluded_patients
    found = _evaluate_calls(calls.take(modelled), table, labels, rows.take(modelled), model.confidence)
    shift = detect_shift(model, shift_statistics(model, predicted.encoded, rows))
    shifted = shift_warning(shift, rows.n_patients)
    return {
        "modelled_classes": found,
        "all_diagnoses": _all_diagnoses(predicted, clear_cut),
        "excluded": dict(predicted.excluded),
        **({"excluded_patients": dict(of_patients)} if of_patients != predicted.excluded else {}),
        "warnings": [*filter(None, [shifted]), *coverage_warnings(found["subgroups"][0], model.confidence)],
    }


def evaluate_model(model: PhenotypeClassifier, X: pd.DataFrame, y: ArrayLike) -> dict[str, Any]:
    """Metrics of a fitted classifier on patients of its classes.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted.
    X : DataFrame of shape (n_rows, n_columns)
        Held-out patients, of pandas, polars or Arrow; features are picked by name. A column `site` is used for
        subgroups only. Rows with the same `patient_id`, if there is one, or with identical features are one patient.
    y : array-like of shape (n_rows,)
        Their labels, all of them classes of the model.

    Returns
    -------
    dict
        `n_patients` (and `n_rows`, if it is another), `class_counts`; `auc`, `log_loss`, `brier`, `accuracy`,
        `calibration_slope` and `calibration_intercept`, each with `value`, `lower` and `upper`. `prediction_sets`:
        `nominal_coverage`, empirical `coverage`, the proportion of `single_class` sets and their
        `single_class_accuracy`. `classified`: the `proportion` whom `predict` gives a class (status ok) and the
        `accuracy` of these calls. `risk_coverage`. `subgroups`, see `evaluate_subgroups`, for Th2-high or else the last
        class. For a model of Th2-high also `reference_rules`, see `compare_with_reference_rules`.

    Raises
    ------
    UnusableInputError
        Labels are missing, in another order than the rows or not classes of the model, or a class has fewer than
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
    features = [name for name in data_dictionary().features if name in table]
    rows = PatientRows.of(patient_numbers(table[features], table.get(ID)))
    calls = decide_calls(model, model.encode(table))
    return _evaluate_calls(calls, table, np.asarray(y), rows, model.confidence)


def _evaluate_calls(
    calls: Calls, table: pd.DataFrame, labels: NDArray[Any], rows: PatientRows, confidence: float
) -> dict[str, Any]:
    """What `evaluate_model` returns, from the calls of patients of modelled classes."""
    codes = class_codes(calls.classes, labels, rows)
    names, probability = [str(name) for name in calls.classes], calls.probability
    of_class = names.index(TH2_HIGH) if TH2_HIGH in names else len(names) - 1
    metrics = {
        "n_patients": rows.n_patients,
        **{name: n for name, n in rows.counts.items() if name != "n"},
        "class_counts": {name: rows.n_patients_where(codes == k) for k, name in enumerate(names)},
        **score_probabilities(calls.classes, labels, probability, rows),
        "prediction_sets": _prediction_sets(calls.in_set, codes, rows, confidence),
        "classified": _classified(calls, codes, rows),
        "risk_coverage": risk_coverage(probability.max(axis=1), probability.argmax(axis=1) == codes, rows),
        "subgroups": evaluate_subgroups(table, codes, probability, calls.in_set, names, of_class, rows),
    }
    if TH2_HIGH in names:
        positive = codes == of_class
        metrics["reference_rules"] = compare_with_reference_rules(table, positive, probability[:, of_class], rows)
    return metrics


def _all_diagnoses(predicted: LabelledPredictions, clear_cut: NDArray[np.bool_] | None) -> dict[str, Any]:
    """Classification and abstention over modelled classes and other diagnoses together."""
    model, calls, labels, modelled = predicted.model, predicted.calls, predicted.labels, predicted.modelled
    called, rows = calls.called, predicted.patients
    # A model without an auxiliary classifier has no probability of other diagnoses.
    p_unmodelled = np.nan_to_num(calls.p_unmodelled)
    detects = bool(model.unmodelled_classes) and not modelled.all()
    detected = p_unmodelled >= model.unmodelled_threshold_
    return {
        **rows.counts,
        "classified": {"proportion": proportion(calls.status == "ok", rows)},
        "predictive_values": {
            str(name): proportion(labels[called == name] == name, rows.take(called == name))
            for name in calls.classes
            if (called == name).any()
        },
        "abstention_by_diagnosis": abstention_by_diagnosis(calls, detected, labels, clear_cut, rows),
        **(
            {"unmodelled_diagnosis_detection": unmodelled_diagnosis_detection(p_unmodelled, modelled, rows)}
            if detects
            else {}
        ),
        "risk_coverage": risk_coverage(
            calls.probability.max(axis=1) * (1 - p_unmodelled), calls.most_probable.astype(str) == labels, rows
        ),
    }


def _prediction_sets(
    in_set: NDArray[np.bool_], codes: NDArray[Any], rows: PatientRows, confidence: float
) -> dict[str, Any]:
    """Nominal and empirical coverage, and the single-class sets."""
    covered, single = in_set[np.arange(len(codes)), codes], in_set.sum(axis=1) == 1
    return {
        "nominal_coverage": confidence,
        "coverage": proportion(covered, rows),
        "single_class": proportion(single, rows),
        "single_class_accuracy": proportion_or_none(covered[single], rows.take(single)),
    }


def _classified(calls: Calls, codes: NDArray[Any], rows: PatientRows) -> dict[str, Any]:
    """Proportion with a call, and accuracy of the calls."""
    ok = calls.status == "ok"
    correct = calls.probability.argmax(axis=1) == codes
    return {"proportion": proportion(ok, rows), "accuracy": proportion_or_none(correct[ok], rows.take(ok))}


def score_probabilities(
    classes: ArrayLike, y: ArrayLike, probability: NDArray[Any], rows: PatientRows | None = None
) -> dict[str, dict[str, float]]:
    """Discrimination and calibration of probabilities from any source.

    Parameters
    ----------
    classes : array-like of shape (n_classes,)
        Classes, in the order of the columns of `probability`.
    y : array-like of shape (n_rows,)
        Labels, all of them among the classes.
    probability : ndarray of shape (n_rows, n_classes)
        Rows sum to 1.
    rows : PatientRows, optional
        Patient and weight of each row; by default each row is a patient.

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
    labels = np.asarray(y)
    rows = PatientRows.single(len(labels)) if rows is None else rows
    codes = class_codes(np.asarray(classes), labels, rows)
    is_class = codes[:, None] == np.arange(probability.shape[1])
    # Threads slow down a fit of two parameters.
    with threadpool_limits(limits=1, user_api="blas"):
        line = _calibration_line(is_class, probability, rows)
    return {
        "auc": auc(codes, probability, rows).within_0_and_1(),
        "log_loss": mean(log_losses(codes, probability), rows).above_0(),
        "brier": mean(((probability - is_class) ** 2).sum(axis=1) / 2, rows).above_0(),
        "accuracy": proportion(probability.argmax(axis=1) == codes, rows),
        "calibration_slope": line["slope"],
        "calibration_intercept": line["intercept"],
    }


def _calibration_line(
    is_class: NDArray[np.bool_], probability: NDArray[Any], rows: PatientRows
) -> dict[str, dict[str, float]]:
    """Calibration slope and intercept; of more than two classes, each against the rest, pooled as rows of a patient."""
    n_classes = probability.shape[1]
    columns = [1] if n_classes == 2 else list(range(n_classes))
    sampling = None if rows.sampling is None else np.repeat(rows.sampling, len(columns))
    pooled = PatientRows(np.repeat(rows.patient, len(columns)), sampling)
    return calibration_line(is_class[:, columns].ravel(), probability[:, columns].ravel(), pooled)


def class_codes(classes: NDArray[Any], y: NDArray[Any], rows: PatientRows) -> NDArray[Any]:
    """Index of each label among the classes of the model."""
    names = [str(name) for name in classes]
    labels = pd.Series(y).astype("str")
    unknown = sorted(set(labels) - set(names))
    if unknown:
        raise UnusableInputError(
            f"labels that are not classes of the model: {first_names(unknown)}; its classes are {', '.join(names)}"
        )
    counts = {name: rows.n_patients_where((labels == name).to_numpy()) for name in names}
    if min(counts.values()) < FEWEST_OF_A_CLASS:
        found = ", ".join(f"{n} {name}" for name, n in counts.items())
        raise UnusableInputError(
            f"too few patients for an evaluation: {FEWEST_OF_A_CLASS} of each class are needed, found {found}"
        )
    return np.asarray(labels.map({name: k for k, name in enumerate(names)}))
