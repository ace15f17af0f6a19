"""When a model abstains: proportions by diagnosis, detection of unmodelled diagnoses, accuracy by call rate.

A two-class model meets mixed and paucigranulocytic patients in every clinic. It should abstain in more of
them than in patients of its own classes, and its accuracy should rise as its call rate falls.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from asthma_ml.decisions import ABSTENTION_REASONS, Calls
from asthma_ml.intervals import PatientRows, design_effect, proportion, wilson

FEWEST_OF_A_DIAGNOSIS = 10
"""Patients with a diagnosis below which it is counted among the rare ones."""

RARE_LABELS = "rare labels"
MODELLED, UNMODELLED = "all modelled classes", "all other diagnoses"
CLEAR_CUT = "clear-cut by the generated truth"
RATES = np.round(np.arange(0.1, 1.01, 0.1), 1)
"""Call rates and sensitivities at which curves are reported."""


def abstention_by_diagnosis(
    calls: Calls,
    predicted_unmodelled: NDArray[np.bool_],
    labels: NDArray[Any],
    clear_cut: NDArray[np.bool_] | None,
    rows: PatientRows | None = None,
) -> list[dict[str, Any]]:
    """Proportions of patients with each diagnosis in whom the model abstains.

    Parameters
    ----------
    calls : Calls
        From `decide_calls`.
    predicted_unmodelled : ndarray of bool of shape (n_rows,)
        Rows whose probability of an unmodelled diagnosis reaches the threshold of the model.
    labels : ndarray of str of shape (n_rows,)
        Classes of the model or other diagnoses.
    clear_cut : ndarray of bool of shape (n_rows,) or None
        Rows of patients far from the class boundaries in the generated truth; None where it is unknown.
    rows : PatientRows, optional
        Patient and weight of each row; by default each row is a patient.

    Returns
    -------
    list of dict
        A row for each diagnosis of `FEWEST_OF_A_DIAGNOSIS` patients or more, for `MODELLED`, for `UNMODELLED` and,
        where known, for the patients of modelled classes who are `CLEAR_CUT`: `diagnosis`, `n` (and `n_rows`, if it is
        another), `modelled`; with Wilson intervals the proportions `abstained` (no call), `multi_class_set` (prediction
        set of several classes) and `predicted_unmodelled`; `classified_as`, the proportion called each class; and
        `abstention_reasons`, the proportion that abstains for each reason (an invalid row has none).
    """
    rows = PatientRows.single(len(labels)) if rows is None else rows
    return [
        {"diagnosis": diagnosis, "modelled": modelled}
        | _calls_of(calls.take(member), predicted_unmodelled[member], rows.take(member))
        for diagnosis, modelled, member in _diagnoses(labels.astype(str), calls, clear_cut, rows)
    ]


def _calls_of(calls: Calls, predicted_unmodelled: NDArray[np.bool_], rows: PatientRows) -> dict[str, Any]:
    """Calls and abstention of the patients with one diagnosis."""
    called, reasons = calls.called, calls.abstention_reason
    return {
        **rows.counts,
        "abstained": proportion(np.array([name is None for name in called]), rows),
        "multi_class_set": proportion(calls.in_set.sum(axis=1) > 1, rows),
        "predicted_unmodelled": proportion(predicted_unmodelled, rows),
        "classified_as": {str(name): rows.mean(called == name) for name in calls.classes},
        "abstention_reasons": {reason: rows.mean(reasons == reason) for reason in ABSTENTION_REASONS},
    }


def _diagnoses(
    labels: NDArray[Any], calls: Calls, clear_cut: NDArray[np.bool_] | None, rows: PatientRows
) -> Iterator[tuple[str, bool, NDArray[np.bool_]]]:
    classes, names = [str(name) for name in calls.classes], np.unique(labels)
    others = [name for name in names if name not in classes]
    rare = [name for name in others if rows.n_patients_where(labels == name) < FEWEST_OF_A_DIAGNOSIS]
    modelled = np.isin(labels, classes)
    found = [(MODELLED, True, modelled), *((name, True, labels == name) for name in classes)]
    found += [] if clear_cut is None else [(CLEAR_CUT, True, modelled & clear_cut)]
    found += [(UNMODELLED, False, ~modelled)]
    found += [(str(name), False, labels == name) for name in others if name not in rare]
    found += [(RARE_LABELS, False, np.isin(labels, rare))]
    return ((name, is_modelled, member) for name, is_modelled, member in found if member.any())


def unmodelled_diagnosis_detection(
    p_unmodelled: NDArray[Any], modelled: NDArray[np.bool_], rows: PatientRows | None = None
) -> dict[str, Any]:
    """ROC curve of the probability of an unmodelled diagnosis.

    Parameters
    ----------
    p_unmodelled : ndarray of shape (n_rows,)
        Probability of a diagnosis that the model does not name.
    modelled : ndarray of bool of shape (n_rows,)
        Rows of a class of the model; some are and some are not.
    rows : PatientRows, optional
        Patient and weight of each row; by default each row is a patient.

    Returns
    -------
    dict
        `n`, `n_unmodelled`, `auc`, and the curve as two lists: `sensitivity` in patients with other diagnoses and
        the smallest `false_positive_rate` in patients of modelled classes that reaches it.

    Examples
    --------
    >>> found = unmodelled_diagnosis_detection(np.array([0.9, 0.8, 0.3, 0.1]), np.array([False, True, False, True]))
    >>> found["auc"], found["false_positive_rate"][-1]
    (0.75, 0.5)
    """
    rows = PatientRows.single(len(modelled)) if rows is None else rows
    given = {"sample_weight": rows.weight}
    false_positive_rate, sensitivity, _ = roc_curve(~modelled, p_unmodelled, drop_intermediate=False, **given)
    first = np.searchsorted(sensitivity, RATES - 1e-9)
    return {
        **rows.counts,
        "n_unmodelled": rows.n_patients_where(~modelled),
        "auc": float(roc_auc_score(~modelled, p_unmodelled, **given)),
        "sensitivity": RATES.tolist(),
        "false_positive_rate": false_positive_rate[first].tolist(),
    }


def risk_coverage(
    confidence: NDArray[Any], correct: NDArray[np.bool_], rows: PatientRows | None = None
) -> dict[str, Any]:
    """Accuracy by call rate, most confident patients first.

    Parameters
    ----------
    confidence : ndarray of shape (n_rows,)
        Probability of the most probable class.
    correct : ndarray of bool of shape (n_rows,)
        Whether that is the true class.
    rows : PatientRows, optional
        Patient and weight of each row; by default each row is a patient.

    Returns
    -------
    dict
        `n` (and `n_rows`, if it is another); `call_rate`; `accuracy`, lists of `value`, `lower` and `upper` (Wilson)
        over the call rates; `area_under_curve`, the mean error over all call rates (0 is perfect). Patients of equal
        confidence contribute their mean, so their order makes no difference.

    References
    ----------
    El-Yaniv 2010, J Mach Learn Res 11:1605-1641.

    Examples
    --------
    >>> found = risk_coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, True, False]))
    >>> found["accuracy"]["value"][4], found["accuracy"]["value"][9]
    (1.0, 0.75)
    """
    rows = PatientRows.single(len(correct)) if rows is None else rows
    ranks = np.unique(-confidence, return_inverse=True)[1]
    n_called = np.cumsum(np.bincount(ranks, rows.weight))
    n_correct = np.cumsum(np.bincount(ranks, rows.weight * correct))

    def accuracy(n: Any) -> Any:
        """Accuracy of the n most confident patients."""
        return np.interp(n, np.r_[0.0, n_called], np.r_[0.0, n_correct]) / n

    # Decimal rates are inexact: 0.7 * 10 is a little more than 7.
    called = [ceil(round(rate * rows.n_patients, 9)) for rate in RATES]
    found = []
    for n in called:
        member, value = ranks <= np.searchsorted(n_called, n - 1e-9), float(accuracy(n))
        found.append(wilson(value, n / design_effect(np.where(member, correct - value, 0.0), rows)))
    return {
        **rows.counts,
        "call_rate": RATES.tolist(),
        "accuracy": {name: [each[name] for each in found] for name in ("value", "lower", "upper")},
        "area_under_curve": float(1 - accuracy(np.arange(1, rows.n_patients + 1)).mean()),
    }
