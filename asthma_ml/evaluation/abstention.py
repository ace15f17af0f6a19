"""Whom a model leaves undecided: patients of its classes, clear-cut or not, and those of kinds that it does not name.

A two-class model meets mixed and paucigranulocytic patients in every clinic. It should leave more of
them undecided than of the clear-cut ones, and its accuracy should rise as it calls fewer.
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
from asthma_ml.evaluation.intervals import share

FEWEST_OF_A_KIND = 10
"""Patients of a label below which it is counted among the rare ones."""

RARE_LABELS = "rare labels"
NAMED, NOT_NAMED = "all of the model's classes", "all of other labels"
CLEAR_CUT = "clear-cut by the truth"
SHARES_CALLED = np.round(np.arange(0.1, 1.01, 0.1), 1)


def abstention_by_diagnosis(
    calls: Calls, foreign: NDArray[Any], labels: NDArray[Any], clear_cut: NDArray[np.bool_] | None = None
) -> list[dict[str, Any]]:
    """How many patients of each label are left undecided.

    Parameters
    ----------
    calls : Calls
        From `decide_calls`.
    p_unmodelled : ndarray of shape (n_patients,)
        From ``model.predict_unmodelled``: the class of patients recognised as none of the model's, else None.
    labels : ndarray of str of shape (n_patients,)
        Classes of the model or others.
    clear_cut : ndarray of bool of shape (n_patients,), default=None
        Who is clear-cut by the truth, where that is known.

    Returns
    -------
    list of dict
        For each label of ten patients or more, for `NAMED`, for `NOT_NAMED` and, where it is known who they are,
        for patients of the model's classes who are `CLEAR_CUT`: `kind`, `n`, `named_by_the_model`, and the
        shares, with Wilson intervals, who are `not_called`, have `several_classes_in_set`, either of the two
        (`undecided`), or are `recognised` as of a class that the model does not name; and `doubts`, the shares
        not called for each kind of reason, an invalid row for none.
    """
    not_called = np.array([name is None for name in calls.called])
    several = calls.in_set.sum(axis=1) > 1
    recognised = np.array([name is not None for name in foreign])
    return [
        {
            "kind": kind,
            "n": int(member.sum()),
            "named_by_the_model": named,
            "not_called": share(not_called[member]),
            "several_classes_in_set": share(several[member]),
            "undecided": share((not_called | several)[member]),
            "recognised": share(recognised[member]),
            "doubts": {doubt: float(np.mean(calls.abstention_reason[member] == doubt)) for doubt in ABSTENTION_REASONS},
        }
        for kind, named, member in _kinds(labels.astype(str), [str(name) for name in calls.classes], clear_cut)
    ]


def _kinds(
    labels: NDArray[Any], classes: list[str], clear_cut: NDArray[np.bool_] | None
) -> Iterator[tuple[str, bool, NDArray[np.bool_]]]:
    names, counts = np.unique(labels, return_counts=True)
    rare = names[(counts < FEWEST_OF_A_KIND) & ~np.isin(names, classes)]
    ours = np.isin(labels, classes)
    kinds = [(NAMED, True, ours), *((name, True, labels == name) for name in classes)]
    kinds += [] if clear_cut is None else [(CLEAR_CUT, True, ours & clear_cut)]
    kinds += [(NOT_NAMED, False, ~ours)]
    kinds += [(str(name), False, labels == name) for name in names if name not in classes and name not in rare]
    kinds += [(RARE_LABELS, False, np.isin(labels, rare))]
    return ((kind, named, member) for kind, named, member in kinds if member.any())


def recognition(foreign: NDArray[Any], named: NDArray[np.bool_]) -> dict[str, Any]:
    """How well patients of other labels are told from those of the model's classes.

    Parameters
    ----------
    p_unmodelled : ndarray of shape (n_patients,)
        Probability of being of none of the model's classes.
    named : ndarray of bool of shape (n_patients,)
        Whose label is a class of the model; some are and some are not.

    Returns
    -------
    dict
        `n`, `n_of_other_labels`, `auc`, and the ROC curve at `share_recognised` of those of other labels:
        `share_turned_away`, the least share of the patients of the model's classes that goes with it.

    Examples
    --------
    >>> found = recognition(np.array([0.9, 0.8, 0.3, 0.1]), np.array([False, True, False, True]))
    >>> found["auc"], found["share_turned_away"][-1]
    (0.75, 0.5)
    """
    turned_away, recognised, _ = roc_curve(~named, foreign, drop_intermediate=False)
    first = np.searchsorted(recognised, SHARES_CALLED - 1e-9)
    return {
        "n": len(named),
        "n_of_other_labels": int((~named).sum()),
        "auc": float(roc_auc_score(~named, foreign)),
        "share_recognised": SHARES_CALLED.tolist(),
        "share_turned_away": turned_away[first].tolist(),
    }


def risk_coverage(confidence: NDArray[Any], right: NDArray[np.bool_]) -> dict[str, Any]:
    """Accuracy against the share of patients called, the surest first.

    Parameters
    ----------
    confidence : ndarray of shape (n_patients,)
        Probability of the most probable class.
    right : ndarray of bool of shape (n_patients,)
        Whether that is the true class.

    Returns
    -------
    dict
        `n`; `share_called`; `accuracy`, lists of `value`, `lower` and `upper` (Wilson) over those shares;
        `area_under_risk`, the mean error over all shares (0 is perfect). Patients of the same confidence count
        as their mean, so their order makes no difference.

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
    expected = (np.bincount(ranks, right) / np.bincount(ranks))[np.sort(ranks)]
    accuracy = np.cumsum(expected) / np.arange(1, len(right) + 1)
    # The shares are decimals: 0.7 * 10 is a little more than 7.
    called = [ceil(round(part * len(right), 9)) for part in SHARES_CALLED]
    values = [float(accuracy[n - 1]) for n in called]
    bounds = [
        binomtest(round(value * n), n).proportion_ci(method="wilson") for value, n in zip(values, called, strict=True)
    ]
    return {
        "n": len(right),
        "share_called": SHARES_CALLED.tolist(),
        "accuracy": {
            "value": values,
            "lower": [float(bound.low) for bound in bounds],
            "upper": [float(bound.high) for bound in bounds],
        },
        "area_under_risk": float(1 - accuracy.mean()),
    }
