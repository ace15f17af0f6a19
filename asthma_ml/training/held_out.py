"""Held-out metrics with 95 % intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.intervals import PatientRows
from asthma_ml.scores import auc, balanced_accuracy, log_losses, mean


def held_out_counts(rows: PatientRows) -> dict[str, int]:
    """Number of held-out patients, and of their rows if it is another."""
    n_rows = len(rows.patient)
    return {"n_held_out": rows.n_patients} | ({} if n_rows == rows.n_patients else {"n_held_out_rows": n_rows})


def held_out_metrics(
    y: NDArray[Any],
    probability: NDArray[np.float64],
    rows: PatientRows | None = None,
    group_ids: NDArray[Any] | None = None,
) -> dict[str, dict[str, float]]:
    """AUC, balanced accuracy and log-loss of held-out probabilities, with intervals.

    Parameters
    ----------
    y : ndarray of str of shape (n_rows,)
        Labels.
    probability : ndarray of shape (n_rows, n_classes)
        Held-out probabilities of the sorted classes.
    rows : PatientRows, optional
        Patient and weight of each row; by default each row is a patient.
    group_ids : ndarray of shape (n_rows,), optional
        Groups of patients that are sampled as a whole; single patients by default.

    Returns
    -------
    dict
        `auc` (of more than two classes, the mean of each against the rest), `balanced_accuracy` and `log_loss`
        [nats], each with `value`, `lower` and `upper`.

    Examples
    --------
    >>> y, p = np.array(["a", "b"] * 20), np.array([[0.9, 0.1], [0.3, 0.7]] * 20)
    >>> {name: round(value, 2) for name, value in held_out_metrics(y, p)["auc"].items()}
    {'value': 1.0, 'lower': 0.84, 'upper': 1.0}
    """
    rows = PatientRows.single(len(y)) if rows is None else rows
    codes = np.unique(y.astype(str), return_inverse=True)[1]
    is_right = probability.argmax(axis=1) == codes
    return {
        "auc": auc(codes, probability, rows, group_ids).within_0_and_1(),
        "balanced_accuracy": balanced_accuracy(codes, is_right, rows, group_ids).within_0_and_1(),
        "log_loss": mean(log_losses(codes, probability), rows, group_ids).above_0(),
    }
