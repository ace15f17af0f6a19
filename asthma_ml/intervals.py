"""Rows of patients, and proportions of patients with 95 % intervals; `scores` has AUC and log-loss.

A patient may have several rows, such as visits. The patient is the sampling unit: all rows of one patient together
weigh as much as the single row of another, and effective sample sizes allow for the correlation between the rows of a
patient.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

N_BOOTSTRAP = 200
INTERVAL = (2.5, 97.5)
_Z = 1.959963984540054
"""97.5 % quantile of the standard normal distribution."""

_PRIOR_PATIENTS = 4
"""Weight of the design effect of copies, to which that of few patients is shrunk; with 30 patients of 2 to 6 visits,
intervals without it covered the true proportion in 92 of 100 cohorts, with it in 94 to 96."""


@dataclass(frozen=True)
class PatientRows:
    """Patient and weight of each row of a table.

    Attributes
    ----------
    patient : ndarray of int of shape (n_rows,)
        Number of the patient of each row, from 0, in order of first appearance; use `of` for other numbers.
    sampling : ndarray of shape (n_rows,) or None
        Positive sampling weights; equal by default.

    Examples
    --------
    >>> visits = PatientRows.of(np.array([7, 7, 7, 9]))
    >>> visits.n_patients, visits.mean(np.array([0.0, 0.0, 3.0, 5.0]))
    (2, 3.0)
    """

    patient: NDArray[np.intp]
    sampling: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, patient: NDArray[Any], sampling: NDArray[np.float64] | None = None) -> PatientRows:
        """Rows with any number or text for each patient."""
        _, first, numbers = np.unique(patient, return_index=True, return_inverse=True)
        return cls(np.argsort(np.argsort(first))[numbers], sampling)

    @classmethod
    def single(cls, n_rows: int) -> PatientRows:
        """Rows of as many patients."""
        return cls(np.arange(n_rows))

    @cached_property
    def n_patients(self) -> int:
        """Number of patients."""
        return int(self.patient.max(initial=-1)) + 1

    @cached_property
    def weight(self) -> NDArray[np.float64]:
        """Weight of each row, of shape (n_rows,): equal rows share the weight 1 of a patient; the sum is n_patients."""
        weight = 1.0 / np.bincount(self.patient)[self.patient]
        if self.sampling is None:
            return weight
        weight = weight * self.sampling
        return np.asarray(weight * (self.n_patients / weight.sum()))

    @property
    def counts(self) -> dict[str, int]:
        """`n`, the number of patients, and `n_rows`, the number of rows, where it is another."""
        n_rows = len(self.patient)
        return {"n": self.n_patients} | ({} if n_rows == self.n_patients else {"n_rows": n_rows})

    def take(self, rows: NDArray[Any]) -> PatientRows:
        """Some of the rows, by position or truth value; the weight of each patient is shared by these rows."""
        return PatientRows.of(self.patient[rows], None if self.sampling is None else self.sampling[rows])

    def n_patients_where(self, holds: NDArray[np.bool_]) -> int:
        """Number of patients with a row that is counted."""
        return len(np.unique(self.patient[holds]))

    def mean(self, values: NDArray[Any]) -> Any:
        """Weighted mean over the rows, a number or of shape (n_columns,)."""
        mean = np.average(values, axis=0, weights=self.weight)
        return float(mean) if mean.ndim == 0 else mean


def design_effect(deviations: NDArray[Any], rows: PatientRows) -> Any:
    """Sampling variance of a weighted mean, relative to as many patients with one row each.

    Parameters
    ----------
    deviations : ndarray of shape (n_rows,) or (n_rows, n_columns)
        Deviations from the mean.
    rows : PatientRows
        Patient and weight of each row.

    Returns
    -------
    float or ndarray of shape (n_columns,)
        1 for one row of each patient and for copies of it, less where the rows of a patient differ, but never less
        than for independent rows; more with unequal sampling weights. Few patients do not show how much their rows
        differ, so the estimate is shrunk towards that of copies.

    References
    ----------
    Liang 1986, 10.1093/biomet/73.1.13 (variance from the sums over clusters); Kish 1965 (design effect).

    Examples
    --------
    >>> visits = PatientRows.of(np.array([0, 0, 1, 1]))
    >>> design_effect(np.array([1, 1, -1, -1]), visits), round(design_effect(np.array([1, -1, -1, 1]), visits), 3)
    (1.0, 0.833)
    """
    weighted = (rows.weight * deviations.T).T
    single, scale = (weighted**2).sum(axis=0), (weighted * deviations).sum(axis=0)
    by_patient = np.maximum(single, (_sums(weighted, rows) ** 2).sum(axis=0))
    of_copies = (_sums(rows.weight, rows) ** 2).sum() / rows.n_patients
    effect = np.where(scale > 0, by_patient / np.where(scale > 0, scale, 1.0), of_copies)
    effect = (rows.n_patients * effect + _PRIOR_PATIENTS * of_copies) / (rows.n_patients + _PRIOR_PATIENTS)
    return float(effect) if effect.ndim == 0 else effect


def _sums(values: NDArray[Any], rows: PatientRows) -> NDArray[Any]:
    """Sum of the rows of each patient."""
    if len(rows.patient) == rows.n_patients:
        return values
    sums = np.zeros((rows.n_patients, *values.shape[1:]))
    np.add.at(sums, rows.patient, values)
    return sums


def proportion(holds: NDArray[np.bool_], rows: PatientRows | None = None) -> dict[str, float]:
    """Proportion of patients with its 95 % Wilson interval.

    Parameters
    ----------
    holds : ndarray of bool of shape (n_rows,)
        Whether each row is counted; at least one row.
    rows : PatientRows, optional
        Patient and weight of each row; by default each row is a patient.

    Returns
    -------
    dict
        `value`, `lower` and `upper`. The sample size of the interval is the number of patients divided by the
        `design_effect`.

    References
    ----------
    Korn 1998, Survey Methodology 24:193-201 (interval of a proportion with the effective sample size).

    Examples
    --------
    >>> {name: round(value, 2) for name, value in proportion(np.array([True, True, False, True])).items()}
    {'value': 0.75, 'lower': 0.3, 'upper': 0.95}
    """
    rows = PatientRows.single(len(holds)) if rows is None else rows
    value = rows.mean(holds)
    return wilson(value, rows.n_patients / design_effect(holds - value, rows))


def proportion_or_none(holds: NDArray[np.bool_], rows: PatientRows | None = None) -> dict[str, float] | None:
    """`proportion`, or None without any patient."""
    return proportion(holds, rows) if len(holds) else None


def wilson(value: float, n: float) -> dict[str, float]:
    """A proportion of n patients with its 95 % Wilson interval; n may be an effective sample size.

    References
    ----------
    Wilson 1927, 10.1080/01621459.1927.10502953.
    """
    centre = (2 * n * value + _Z**2) / (2 * (n + _Z**2))
    half = _Z * np.sqrt(4 * n * value * (1 - value) + _Z**2) / (2 * (n + _Z**2))
    lower, upper = (0.0 if value == 0 else float(centre - half)), (1.0 if value == 1 else float(centre + half))
    return {"value": float(value), "lower": lower, "upper": upper}


def resampled(n_patients: int, seed: int, n_samples: int = N_BOOTSTRAP) -> Iterator[NDArray[np.intp]]:
    """Counts of each patient in bootstrap samples; each array has shape (n_patients,)."""
    rng = np.random.default_rng(seed)
    for _ in range(n_samples):
        yield np.bincount(rng.integers(0, n_patients, n_patients), minlength=n_patients)


def percentiles(value: float, samples: list[float]) -> dict[str, float]:
    """A figure with the 95 % percentile interval of its bootstrap values."""
    lower, upper = np.percentile(samples, INTERVAL)
    return {"value": value, "lower": float(lower), "upper": float(upper)}


def weighted_auc(positive: NDArray[np.bool_], ranks: NDArray[np.intp], weight: NDArray[Any]) -> float:
    """Weighted area under the ROC curve, from the ranks of the scores.

    Parameters
    ----------
    positive : ndarray of bool of shape (n_patients,)
        Patients with the condition.
    ranks : ndarray of shape (n_patients,)
        Rank of each score among the distinct scores, from ``np.unique(..., return_inverse=True)``.
    weight : ndarray of shape (n_patients,)
        Weights of the patients, such as bootstrap counts from `resampled`.

    Returns
    -------
    float
        Proportion of pairs in which the positive has the higher score, ties counted half; NaN without a pair.

    Examples
    --------
    >>> positive, score = np.array([True, True, False, False]), np.array([3.0, 1.0, 1.0, 0.0])
    >>> weighted_auc(positive, np.unique(score, return_inverse=True)[1], np.ones(4))
    0.875
    """
    n_ranks = int(ranks.max()) + 1
    of_positives = np.bincount(ranks, weight * positive, n_ranks)
    of_negatives = np.bincount(ranks, weight * ~positive, n_ranks)
    pairs = of_positives.sum() * of_negatives.sum()
    below = np.cumsum(of_negatives) - of_negatives / 2
    return float(of_positives @ below / pairs) if pairs else float("nan")
