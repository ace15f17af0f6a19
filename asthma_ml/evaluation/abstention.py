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
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score, roc_curve

from asthma_ml.decisions import ABSTENTION_REASONS, Calls
from asthma_ml.intervals import proportion

FEWEST_OF_A_DIAGNOSIS = 10
"""Patients with a diagnosis below which it is counted among the rare ones."""

RARE_LABELS = "rare labels"
MODELLED, UNMODELLED = "all modelled classes", "all other diagnoses"
CLEAR_CUT = "clear-cut by the generated truth"
RATES = np.round(np.arange(0.1, 1.01, 0.1), 1)
"""Call rates and sensitivities at which curves are reported."""


def abstention_by_diagnosis(
    calls: Calls, predicted_unmodelled: NDArray[np.bool_], labels: NDArray[Any], clear_cut: NDArray[np.bool_] | None
) -> list[dict[str, Any]]:
    """Proportions of patients with each diagnosis in whom the model abstains.

    Parameters
    ----------
    calls : Calls
        From `decide_calls`.
    predicted_unmodelled : ndarray of bool of shape (n_patients,)
        Patients whose probability of an unmodelled diagnosis reaches the threshold of the model.
    labels : ndarray of str of shape (n_patients,)
        Classes of the model or other diagnoses.
    clear_cut : ndarray of bool of shape (n_patients,) or None
        Patients far from the class boundaries in the generated truth; None where it is unknown.

    Returns
    -------
    list of dict
        A row for each diagnosis of `FEWEST_OF_A_DIAGNOSIS` patients or more, for `MODELLED`, for `UNMODELLED` and,
        where known, for the patients of modelled classes who are `CLEAR_CUT`: `diagnosis`, `n`, `modelled`;
        with Wilson intervals the proportions `abstained` (no call), `multi_class_set` (prediction set of several
        classes) and `predicted_unmodelled`; `classified_as`, the proportion called each class; and
        `abstention_reasons`, the proportion that abstains for each reason (an invalid row has none).
    """
    called, several = calls.called, calls.in_set.sum(axis=1) > 1
    abstained = np.array([name is None for name in called])
    classes = [str(name) for name in calls.classes]
    return [
        {
            "diagnosis": diagnosis,
            "n": int(member.sum()),
            "modelled": modelled,
            "abstained": proportion(abstained[member]),
            "multi_class_set": proportion(several[member]),
            "predicted_unmodelled": proportion(predicted_unmodelled[member]),
            "classified_as": {name: float(np.mean(called[member] == name)) for name in classes},
            "abstention_reasons": {
                reason: float(np.mean(calls.abstention_reason[member] == reason)) for reason in ABSTENTION_REASONS
            },
        }
        for diagnosis, modelled, member in _diagnoses(labels.astype(str), classes, clear_cut)
    ]


def _diagnoses(
    labels: NDArray[Any], classes: list[str], clear_cut: NDArray[np.bool_] | None
) -> Iterator[tuple[str, bool, NDArray[np.bool_]]]:
    names, counts = np.unique(labels, return_counts=True)
    rare = names[(counts < FEWEST_OF_A_DIAGNOSIS) & ~np.isin(names, classes)]
    modelled = np.isin(labels, classes)
    found = [(MODELLED, True, modelled), *((name, True, labels == name) for name in classes)]
    found += [] if clear_cut is None else [(CLEAR_CUT, True, modelled & clear_cut)]
    found += [(UNMODELLED, False, ~modelled)]
    found += [(str(name), False, labels == name) for name in names if name not in classes and name not in rare]
    found += [(RARE_LABELS, False, np.isin(labels, rare))]
    return ((name, is_modelled, member) for name, is_modelled, member in found if member.any())


def unmodelled_diagnosis_detection(p_unmodelled: NDArray[Any], modelled: NDArray[np.bool_]) -> dict[str, Any]:
    """ROC curve of the probability of an unmodelled diagnosis.

    Parameters
    ----------
    p_unmodelled : ndarray of shape (n_patients,)
        Probability of a diagnosis that the model does not name.
    modelled : ndarray of bool of shape (n_patients,)
        Patients of a class of the model; some are and some are not.

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
    false_positive_rate, sensitivity, _ = roc_curve(~modelled, p_unmodelled, drop_intermediate=False)
    first = np.searchsorted(sensitivity, RATES - 1e-9)
    return {
        "n": len(modelled),
        "n_unmodelled": int((~modelled).sum()),
        "auc": float(roc_auc_score(~modelled, p_unmodelled)),
        "sensitivity": RATES.tolist(),
        "false_positive_rate": false_positive_rate[first].tolist(),
    }


def risk_coverage(confidence: NDArray[Any], correct: NDArray[np.bool_]) -> dict[str, Any]:
    """Accuracy by call rate, most confident patients first.

    Parameters
    ----------
    confidence : ndarray of shape (n_patients,)
        Probability of the most probable class.
    correct : ndarray of bool of shape (n_patients,)
        Whether that is the true class.

    Returns
    -------
    dict
        `n`; `call_rate`; `accuracy`, lists of `value`, `lower` and `upper` (Wilson) over the call rates;
        `area_under_curve`, the mean error over all call rates (0 is perfect). Patients of equal confidence
        contribute their mean, so their order makes no difference.

    References
    ----------
    El-Yaniv 2010, J Mach Learn Res 11:1605-1641.

    Examples
    --------
    >>> found = risk_coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, True, False]))
    >>> found["accuracy"]["value"][4], found["accuracy"]["value"][9]
    (1.0, 0.75)
    """
    _, ranks = np.unique(-confidence, return_inverse=True)
    expected = (np.bincount(ranks, correct) / np.bincount(ranks))[np.sort(ranks)]
    accuracy = np.cumsum(expected) / np.arange(1, len(correct) + 1)
    # Decimal rates are inexact: 0.7 * 10 is a little more than 7.
    called = [ceil(round(rate * len(correct), 9)) for rate in RATES]
    values = [float(accuracy[n - 1]) for n in called]
    bounds = [
        binomtest(round(value * n), n).proportion_ci(method="wilson") for value, n in zip(values, called, strict=True)
    ]
    return {
        "n": len(correct),
        "call_rate": RATES.tolist(),
        "accuracy": {
            "value": values,
            "lower": [float(bound.low) for bound in bounds],
            "upper": [float(bound.high) for bound in bounds],
        },
        "area_under_curve": float(1 - accuracy.mean()),
    }
