"""Held-out metrics with 95 % bootstrap intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.intervals import PatientRows, percentiles, resampled, weighted_auc


def held_out_counts(rows: PatientRows) -> dict[str, int]:
    """Number of held-out patients, and of their rows if it is another."""
    n_rows = len(rows.patient)
    return {"n_held_out": rows.n_patients} | ({} if n_rows == rows.n_patients else {"n_held_out_rows": n_rows})


def held_out_metrics(
    y: NDArray[Any],
    probability: NDArray[np.float64],
    rows: PatientRows | None = None,
    group_ids: NDArray[Any] | None = None,
    *,
    seed: int = 0,
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
        Groups of patients that the bootstrap resamples as a whole; single patients by default.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        `auc` (of more than two classes, the mean of each against the rest), `balanced_accuracy` and `log_loss`
        [nats], each with `value`, `lower` and `upper`.

    Examples
    --------
    >>> y, p = np.array(["a", "b"] * 20), np.array([[0.9, 0.1], [0.3, 0.7]] * 20)
    >>> held_out_metrics(y, p)["auc"]
    {'value': 1.0, 'lower': 1.0, 'upper': 1.0}
    """
    scores = _Scores(y, probability)
    rows = PatientRows.single(len(y)) if rows is None else rows
    groups = rows.patient if group_ids is None else np.unique(group_ids, return_inverse=True)[1]
    samples = [rows.weight * counts[groups] for counts in resampled(int(groups.max()) + 1, seed)]
    found = [scores.weighted(sample) for sample in samples if scores.has_every_class(sample)]
    values = scores.weighted(rows.weight)
    return {name: percentiles(value, [each[name] for each in found]) for name, value in values.items()}


class _Scores:
    """Parts of the metrics that are independent of the weights."""

    def __init__(self, y: NDArray[Any], probability: NDArray[np.float64]) -> None:
        classes, codes = np.unique(y.astype(str), return_inverse=True)
        self.is_class = codes == np.arange(len(classes))[:, None]
        self.is_right = probability.argmax(axis=1) == codes
        smallest = np.finfo(probability.dtype).eps
        self.loss = -np.log(np.clip(probability[np.arange(len(y)), codes], smallest, None))
        self.scored = [1] if len(classes) == 2 else range(len(classes))
        self.ranks = {k: np.unique(probability[:, k], return_inverse=True)[1] for k in self.scored}

    def has_every_class(self, weight: NDArray[np.float64]) -> bool:
        return bool(np.all(self.is_class @ weight > 0))

    def weighted(self, weight: NDArray[np.float64]) -> dict[str, float]:
        auc = [weighted_auc(self.is_class[k], self.ranks[k], weight) for k in self.scored]
        sensitivity = (self.is_class & self.is_right) @ weight / (self.is_class @ weight)
        return {
            "auc": float(np.mean(auc)),
            "balanced_accuracy": float(sensitivity.mean()),
            "log_loss": float(np.average(self.loss, weights=weight)),
        }
