"""AUC, log-loss and other scores with 95 % intervals over patients, from linearised variances.

The error of a score is close to a sum of independent influences of patients. The sum over the rows of a patient allows
for the correlation between them. Intervals use Student's t distribution and a scale on which the score is less skewed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, stdtrit

from asthma_ml.intervals import PatientRows, wilson

_NO_ERROR = 1e-12


@dataclass(frozen=True, slots=True)
class Linearised:
    """A figure with its standard error, from the influences of patients.

    The influence of a row is the derivative of the figure with respect to its weight, times the number of patients;
    that of a mean is the deviation from the mean.

    Attributes
    ----------
    value : float
        The figure.
    error : float
        Standard error.
    df : float
        Degrees of freedom of the standard error.
    skewness : float
        Skewness of the influences of patients.
    n_fewest : float
        Number of patients of the smallest class; an effective number where they weigh differently.

    References
    ----------
    Binder 1983, 10.2307/1402588 (variance of linearised figures); Satterthwaite 1946, 10.2307/3002019 (degrees of
    freedom of a sum of variances); Kish 1965 (effective number).

    Examples
    --------
    >>> deviations = np.array([-0.5, -0.5, 0.5, 0.5])
    >>> mean = Linearised.of(0.5, deviations, PatientRows.single(4))
    >>> round(mean.error, 3), mean.df
    (0.289, 3.0)
    """

    value: float
    error: float
    df: float
    skewness: float
    n_fewest: float

    @classmethod
    def of(
        cls,
        value: float,
        influence: NDArray[Any],
        rows: PatientRows,
        codes: NDArray[np.intp] | None = None,
        groups: NDArray[Any] | None = None,
    ) -> Linearised:
        """Linearise a figure.

        Parameters
        ----------
        value : float
            The figure.
        influence : ndarray of shape (n_rows,)
            Influence of each row; the weighted mean is zero.
        rows : PatientRows
            Patient and weight of each row.
        codes : ndarray of int of shape (n_rows,), optional
            Class of each row, where the influences have mean zero in each class: each class then has its variance, and
            so have the patients with rows of several classes.
        groups : ndarray of shape (n_rows,), optional
            Groups of patients, such as sites, that are sampled as a whole; a single group is not.

        Returns
        -------
        Linearised
            The figure.
        """
        unit = _sampling_units(rows, groups)
        sums, weight = np.bincount(unit, rows.weight * influence), np.bincount(unit, rows.weight)
        stratum = _strata(unit, codes)
        n = np.bincount(stratum, weight) ** 2 / np.bincount(stratum, weight**2)
        df = np.maximum(n - 1, 1.0)
        variance = np.bincount(stratum, sums**2) * n / df / rows.n_patients**2
        total = float(variance.sum())
        return cls(
            value,
            float(np.sqrt(total)),
            float(total**2 / (variance**2 / df).sum()) if total > 0 else float(df.min()),
            float(np.mean(sums**3) / np.mean(sums**2) ** 1.5) if total > 0 else 0.0,
            float(n.min()),
        )

    def symmetric(self) -> dict[str, float]:
        """`value`, `lower` and `upper` of the 95 % t interval."""
        half = self._quantile * self.error
        return {"value": self.value, "lower": self.value - half, "upper": self.value + half}

    def within_0_and_1(self) -> dict[str, float]:
        """`value`, `lower` and `upper` of the 95 % t interval on the scale of log-odds.

        Where no error is seen, as with an AUC of 1, it is the Wilson interval of as many patients as the smallest class
        has, because the variance of an AUC is at most that of their proportion.

        References
        ----------
        Qin 2008, 10.1177/0962280207087173 (interval of an AUC on the scale of log-odds); Birnbaum 1957, Annals of
        Mathematical Statistics 28:933-945 (largest variance of an AUC).
        """
        slope = self.value * (1 - self.value)
        if min(slope, self.error) < _NO_ERROR:
            return wilson(self.value, self.n_fewest)
        half = self._quantile * self.error / slope
        lower, upper = expit(logit(self.value) - half), expit(logit(self.value) + half)
        return {"value": self.value, "lower": float(lower), "upper": float(upper)}

    def above_0(self) -> dict[str, float]:
        """`value`, `lower` and `upper` of the 95 % t interval, corrected for skewness by Hall's transformation.

        References
        ----------
        Hall 1992, 10.1111/j.2517-6161.1992.tb01872.x.
        """
        ends = self._quantile * np.array([1.0, -1.0])
        skewness = self.skewness / np.sqrt(self.df + 1)
        if abs(skewness) > _NO_ERROR:
            ends = (np.cbrt(1 + skewness * (ends - skewness / 6)) - 1) * 3 / skewness
        lower, upper = np.maximum(self.value - ends * self.error, 0.0)
        return {"value": self.value, "lower": float(lower), "upper": float(upper)}

    @property
    def _quantile(self) -> float:
        return float(stdtrit(self.df, 0.975))


def _sampling_units(rows: PatientRows, groups: NDArray[Any] | None) -> NDArray[np.intp]:
    """Number of the patient, or of the group, of each row."""
    numbers = rows.patient if groups is None else np.unique(groups, return_inverse=True)[1]
    return numbers if numbers.any() else rows.patient


def _strata(unit: NDArray[np.intp], codes: NDArray[np.intp] | None) -> NDArray[np.intp]:
    """Number of the set of classes of each sampling unit; one number for all without classes."""
    n_units = int(unit.max()) + 1
    if codes is None:
        return np.zeros(n_units, dtype=np.intp)
    has_class = np.zeros((n_units, int(codes.max()) + 1), dtype=bool)
    has_class[unit, codes] = True
    binary = has_class @ 2.0 ** np.arange(has_class.shape[1])
    return np.asarray(np.unique(binary, return_inverse=True)[1])


def mean(values: NDArray[Any], rows: PatientRows, groups: NDArray[Any] | None = None) -> Linearised:
    """Mean over the patients.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Values, such as losses.
    rows : PatientRows
        Patient and weight of each row.
    groups : ndarray of shape (n_rows,), optional
        Groups of patients that are sampled as a whole.

    Returns
    -------
    Linearised
        The mean.

    Examples
    --------
    >>> losses = np.array([0.1] * 15 + [0.5] * 4 + [2.5])
    >>> {name: round(value, 2) for name, value in mean(losses, PatientRows.single(20)).above_0().items()}
    {'value': 0.3, 'lower': 0.13, 'upper': 1.18}
    """
    value = rows.mean(values)
    return Linearised.of(value, values - value, rows, groups=groups)


def auc(
    codes: NDArray[np.intp],
    probability: NDArray[Any],
    rows: PatientRows,
    groups: NDArray[Any] | None = None,
) -> Linearised:
    """Area under the ROC curve; of more than two classes, the mean of each against the rest.

    Parameters
    ----------
    codes : ndarray of int of shape (n_rows,)
        Class of each row; every class has a row.
    probability : ndarray of shape (n_rows, n_classes)
        Probabilities or other scores of the classes. Of two classes, only the last column counts.
    rows : PatientRows
        Patient and weight of each row.
    groups : ndarray of shape (n_rows,), optional
        Groups of patients that are sampled as a whole.

    Returns
    -------
    Linearised
        The AUC. Without repeated patients its variance is that of DeLong, and the degrees of freedom are those of
        Brunner and Munzel.

    References
    ----------
    DeLong 1988, 10.2307/2531595; Obuchowski 1997, 10.2307/2533958 (patients with several rows); Brunner 2000,
    10.1002/(SICI)1521-4036(200001)42:1<17::AID-BIMJ17>3.0.CO;2-U.

    Examples
    --------
    >>> codes, score = np.array([0, 0, 0, 0, 1, 1, 1]), np.array([0.1, 0.2, 0.4, 0.5, 0.3, 0.8, 0.9])
    >>> found = auc(codes, np.column_stack([1 - score, score]), PatientRows.single(7))
    >>> {name: round(value, 2) for name, value in found.within_0_and_1().items()}
    {'value': 0.83, 'lower': 0.07, 'upper': 1.0}
    """
    n_classes = probability.shape[1]
    scored = [1] if n_classes == 2 else range(n_classes)
    parts = [_auc_and_influence(codes == k, probability[:, k], rows.weight) for k in scored]
    value, influence = (np.mean(each, axis=0) for each in zip(*parts, strict=True))
    return Linearised.of(float(value), influence, rows, codes, groups)


def auc_difference(
    positive: NDArray[np.bool_], score: NDArray[Any], other: NDArray[Any], rows: PatientRows
) -> Linearised:
    """AUC of a score minus that of another score of the same patients.

    Parameters
    ----------
    positive : ndarray of bool of shape (n_rows,)
        Rows with the condition; some have it and some do not.
    score, other : ndarray of shape (n_rows,)
        Scores; larger with the condition.
    rows : PatientRows
        Patient and weight of each row.

    Returns
    -------
    Linearised
        The difference.

    References
    ----------
    DeLong 1988, 10.2307/2531595.
    """
    (value, influence), (of_other, influence_of_other) = (
        _auc_and_influence(positive, each, rows.weight) for each in (score, other)
    )
    return Linearised.of(value - of_other, influence - influence_of_other, rows, positive.astype(np.intp))


def _auc_and_influence(
    positive: NDArray[np.bool_], score: NDArray[Any], weight: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """AUC and the influence of each row, from the proportion of the other class that it is ordered rightly with."""
    ranks = np.unique(score, return_inverse=True)[1]
    of_positives, of_negatives = (np.bincount(ranks, weight * of, int(ranks.max()) + 1) for of in (positive, ~positive))
    n_positives, n_negatives = of_positives.sum(), of_negatives.sum()
    below = (np.cumsum(of_negatives) - of_negatives / 2) / n_negatives
    above = 1 - (np.cumsum(of_positives) - of_positives / 2) / n_positives
    value = float(of_positives @ below / n_positives)
    placement = np.where(positive, (below[ranks] - value) / n_positives, (above[ranks] - value) / n_negatives)
    return value, placement * weight.sum()


def balanced_accuracy(
    codes: NDArray[np.intp], is_right: NDArray[np.bool_], rows: PatientRows, groups: NDArray[Any] | None = None
) -> Linearised:
    """Mean of the sensitivities of the classes.

    Parameters
    ----------
    codes : ndarray of int of shape (n_rows,)
        Class of each row; every class has a row.
    is_right : ndarray of bool of shape (n_rows,)
        Whether the prediction is right.
    rows : PatientRows
        Patient and weight of each row.
    groups : ndarray of shape (n_rows,), optional
        Groups of patients that are sampled as a whole.

    Returns
    -------
    Linearised
        The mean.
    """
    of_class = np.bincount(codes, rows.weight)
    sensitivity = np.bincount(codes, rows.weight * is_right) / of_class
    influence = (is_right - sensitivity[codes]) * rows.n_patients / (len(of_class) * of_class[codes])
    return Linearised.of(float(sensitivity.mean()), influence, rows, codes, groups)


def log_losses(codes: NDArray[np.intp], probability: NDArray[Any]) -> NDArray[Any]:
    """Log-loss of each row [nats]; finite, also for a probability of 0.

    Parameters
    ----------
    codes : ndarray of int of shape (n_rows,)
        Class of each row.
    probability : ndarray of shape (n_rows, n_classes)
        Probabilities.

    Returns
    -------
    ndarray of shape (n_rows,)
        Losses.

    Examples
    --------
    >>> log_losses(np.array([1, 0]), np.array([[0.5, 0.5], [0.9, 0.1]])).round(2)
    array([0.69, 0.11])
    """
    of_class = probability[np.arange(len(codes)), codes]
    return np.asarray(-np.log(np.clip(of_class, np.finfo(probability.dtype).eps, None)))
