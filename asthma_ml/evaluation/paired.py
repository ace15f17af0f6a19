"""Figures of two models on the same patients, with intervals of their differences.

The figures of each model are those of `evaluate`, with the same intervals. The interval of a difference is from
bootstrap samples of patients, with all rows of a patient, and both models are scored on the same samples: what makes a
patient difficult for both models cancels out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from threadpoolctl import threadpool_limits

from asthma_ml.evaluation.metrics import score_probabilities
from asthma_ml.evaluation.subgroups import log_odds_of
from asthma_ml.intervals import PatientRows, percentiles, proportion, proportion_or_none, resampled
from asthma_ml.scores import balanced_accuracy, log_losses, mean

N_SAMPLES = 1000
"""Bootstrap samples. The Monte Carlo error of one end of an interval, on which a verdict depends, is then 0.08 standard
errors."""

HIGHER_IS_BETTER: Mapping[str, bool | None] = {
    "auc": True,
    "log_loss": False,
    "brier": False,
    "balanced_accuracy": True,
    "calibration_slope": None,
    "calibration_intercept": None,
    "coverage": None,
    "set_size": False,
    "called": True,
    "error_among_calls": False,
}
"""The compared figures; None where the best value is neither the highest nor the lowest."""

OF_CALLS = ("called", "error_among_calls")
"""Figures that also count patients with other diagnoses, in whom every call is an error."""

PairedFigures = Mapping[str, Mapping[str, Mapping[str, float] | None]]
"""`champion`, `challenger` and `difference` of each figure; None where it is unknown: the error among calls of a model
that calls nobody, and the calibration line of probabilities that are all equal or separate the classes perfectly."""

_WIDEST_SLOPE = 100.0
"""Width of the interval of a calibration slope from which there is no line; with 20 patients it is about 5."""
_CELLS_AT_ONCE = 1_000_000
_SENSITIVITY = "sensitivity of "
_MOST_STEPS, _LONGEST_STEP, _SHORTEST_STEP, _SINGULAR = 25, 1.0, 1e-4, 1e-12


@dataclass(frozen=True, slots=True)
class Predicted:
    """Predictions of a model for some rows.

    Attributes
    ----------
    probability : ndarray of shape (n_rows, n_classes)
        Class probabilities.
    in_set : ndarray of bool of shape (n_rows, n_classes)
        Classes in the prediction set.
    called : ndarray of bool of shape (n_rows,)
        Rows in which the model reports its most probable class.
    """

    probability: NDArray[Any]
    in_set: NDArray[np.bool_]
    called: NDArray[np.bool_]

    def take(self, rows: NDArray[Any]) -> Predicted:
        """Predictions of some of the rows."""
        return Predicted(self.probability[rows], self.in_set[rows], self.called[rows])


def paired_figures(
    champion: Predicted,
    challenger: Predicted,
    codes: NDArray[np.intp],
    rows: PatientRows,
    groups: Mapping[Any, NDArray[np.bool_]],
    *,
    seed: int = 0,
) -> dict[Any, PairedFigures]:
    """Figures of two models in groups of patients.

    Parameters
    ----------
    champion, challenger : Predicted
        Predictions of the same rows.
    codes : ndarray of int of shape (n_rows,)
        Index of the true class; -1 for another diagnosis.
    rows : PatientRows
        Patient and weight of each row.
    groups : mapping of any name to ndarray of bool of shape (n_rows,)
        Rows of each group. A group with other diagnoses has the figures `OF_CALLS` only; any other needs 10 patients of
        each class.
    seed : int, default=0
        Seed of the bootstrap samples.

    Returns
    -------
    dict
        For each group, the `PairedFigures`; estimates have `value`, `lower` and `upper`.

    Examples
    --------
    >>> codes, rng = np.repeat([0, 1], 50), np.random.default_rng(1)
    >>> def told(signal):
    ...     p = expit(signal * (2 * codes - 1) + rng.normal(size=100))
    ...     return Predicted(np.column_stack([1 - p, p]), np.ones((100, 2), dtype=bool), np.ones(100, dtype=bool))
    >>> found = paired_figures(told(1), told(2), codes, PatientRows.single(100), {"all": codes >= 0})
    >>> found["all"]["auc"]["difference"]["lower"] > 0
    True
    """
    models = (champion, challenger)
    old, new = (
        {name: _Figures.of(model.take(each), codes[each], rows.take(each)) for name, each in groups.items()}
        for model in models
    )
    differences: dict[Any, list[dict[str, NDArray[Any]]]] = {name: [] for name in groups}
    # Threads slow down products of small arrays.
    with threadpool_limits(limits=1, user_api="blas"):
        for counts in _samples(rows, seed):
            for name, member in groups.items():
                first, second = (each[name].of_samples(counts[:, member]) for each in (old, new))
                differences[name].append({figure: second[figure] - first[figure] for figure in first})
    return {name: _with_differences(old[name], new[name], differences[name]) for name in groups}


def _samples(rows: PatientRows, seed: int) -> Iterator[NDArray[np.float64]]:
    """Number of times that each row is drawn, in arrays of shape (n_samples, n_rows)."""
    at_once = max(1, _CELLS_AT_ONCE // len(rows.patient))
    drawn = resampled(rows.n_patients, seed, N_SAMPLES)
    while counts := list(islice(drawn, at_once)):
        yield np.stack(counts)[:, rows.patient].astype(np.float64)


def _with_differences(
    champion: _Figures, challenger: _Figures, differences: list[dict[str, NDArray[Any]]]
) -> PairedFigures:
    """Estimates of both models, and their differences with percentile intervals."""
    found: dict[str, Mapping[str, Mapping[str, float] | None]] = {}
    for name, old in champion.estimates.items():
        new, difference = challenger.estimates[name], None
        if old is not None and new is not None:
            samples = np.concatenate([each[name] for each in differences])
            difference = percentiles(new["value"] - old["value"], samples[np.isfinite(samples)].tolist())
        found[name] = {"champion": old, "challenger": new, "difference": difference}
    return found


@dataclass(frozen=True, slots=True)
class _Figures:
    """Figures of one model in one group: estimates, and what their values in bootstrap samples need.

    Attributes
    ----------
    estimates : mapping of str to mapping or None
        `value`, `lower` and `upper` of each figure.
    numerators, denominators : mapping of str to ndarray of shape (n_rows,)
        Summands of figures that are ratios of two sums, and of the sensitivity of each class.
    is_class : ndarray of bool of shape (n_rows, n_classes)
        Whether a row has the class.
    probability : ndarray of shape (n_rows, n_classes)
        Class probabilities.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    modelled : bool
        Whether all rows have a class of the model; otherwise only calls have figures.
    """

    estimates: Mapping[str, Mapping[str, float] | None]
    numerators: Mapping[str, NDArray[Any]]
    denominators: Mapping[str, NDArray[Any]]
    is_class: NDArray[np.bool_]
    probability: NDArray[Any]
    weight: NDArray[np.float64]
    modelled: bool

    @classmethod
    def of(cls, model: Predicted, codes: NDArray[np.intp], rows: PatientRows) -> _Figures:
        """Estimate the figures of a model."""
        right, called, weight = model.probability.argmax(axis=1) == codes, model.called, rows.weight
        is_class = codes[:, None] == np.arange(model.probability.shape[1])
        of_called = np.zeros(len(codes))
        of_called[called] = rows.take(called).weight
        estimates: dict[str, Mapping[str, float] | None] = {
            "called": proportion(called, rows),
            "error_among_calls": proportion_or_none(~right[called], rows.take(called)),
        }
        numerators: dict[str, NDArray[Any]] = {"called": weight * called, "error_among_calls": of_called * ~right}
        denominators: dict[str, NDArray[Any]] = {"called": weight, "error_among_calls": of_called}
        modelled = bool((codes >= 0).all())
        if modelled:
            estimates = {**_estimates(model, codes, rows), **estimates}
            means = _values(model, codes, is_class)
            numerators |= {name: weight * values for name, values in means.items()}
            denominators |= dict.fromkeys(means, weight)
            for k, member in enumerate(is_class.T):
                numerators[f"{_SENSITIVITY}{k}"], denominators[f"{_SENSITIVITY}{k}"] = (
                    weight * (member & right),
                    weight * member,
                )
        return cls(estimates, numerators, denominators, is_class, model.probability, weight, modelled)

    @property
    def scored(self) -> list[int]:
        """Classes whose probabilities are judged: of two, the last one."""
        n_classes = self.probability.shape[1]
        return [1] if n_classes == 2 else list(range(n_classes))

    def of_samples(self, counts: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        """Value of each figure in each bootstrap sample, of shape (n_samples,); not finite where it is undefined."""
        with np.errstate(divide="ignore", invalid="ignore"):
            above, below = (counts @ np.column_stack([*by.values()]) for by in (self.numerators, self.denominators))
            ratios = dict(zip(self.numerators, (above / below).T, strict=True))
            sensitivities = [ratios.pop(name) for name in list(ratios) if name.startswith(_SENSITIVITY)]
            if not self.modelled:
                return ratios
            weight = counts * self.weight
            aucs = [_auc(weight, self.is_class[:, k], self.probability[:, k]) for k in self.scored]
        intercept, slope = self._calibration(weight)
        return ratios | {
            "auc": np.mean(aucs, axis=0),
            "balanced_accuracy": np.mean(sensitivities, axis=0),
            "calibration_slope": slope,
            "calibration_intercept": intercept,
        }

    def _calibration(self, weight: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Calibration intercept and slope; of more than two classes, each against the rest, pooled."""
        scored = self.scored
        start = [
            (self.estimates[name] or {}).get("value", 0.0) for name in ("calibration_intercept", "calibration_slope")
        ]
        positive, log_odds = self.is_class[:, scored].ravel(), log_odds_of(self.probability[:, scored]).ravel()
        return _lines(np.repeat(weight, len(scored), axis=1), positive, log_odds, start)


def _values(model: Predicted, codes: NDArray[np.intp], is_class: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Values of the figures that are means over the patients."""
    return {
        "log_loss": log_losses(codes, model.probability),
        "brier": ((model.probability - is_class) ** 2).sum(axis=1) / 2,
        "coverage": model.in_set[is_class],
        "set_size": model.in_set.sum(axis=1),
    }


def _estimates(model: Predicted, codes: NDArray[np.intp], rows: PatientRows) -> dict[str, Mapping[str, float] | None]:
    """Figures of patients of modelled classes, with the intervals that `evaluate` has."""
    names = np.arange(model.probability.shape[1]).astype(str)
    scores = score_probabilities(names, names[codes], model.probability, rows)
    right, slope = model.probability.argmax(axis=1) == codes, scores["calibration_slope"]
    has_line = 0 < slope["upper"] - slope["lower"] < _WIDEST_SLOPE
    return {
        **{name: scores[name] for name in ("auc", "log_loss", "brier")},
        "balanced_accuracy": balanced_accuracy(codes, right, rows).within_0_and_1(),
        **{name: scores[name] if has_line else None for name in ("calibration_slope", "calibration_intercept")},
        "coverage": proportion(model.in_set[np.arange(len(codes)), codes], rows),
        "set_size": mean(model.in_set.sum(axis=1), rows).symmetric(),
    }


def _auc(weight: NDArray[np.float64], positive: NDArray[np.bool_], score: NDArray[Any]) -> NDArray[Any]:
    """Area under the ROC curve with the weights of each sample, ties counted half."""
    order = np.argsort(score)
    first = np.flatnonzero(np.diff(score[order], prepend=-np.inf))
    of_all, is_positive = weight[:, order], positive[order]
    of_positives = of_all * is_positive
    if len(first) < len(order):
        of_all, of_positives = (np.add.reduceat(each, first, axis=1) for each in (of_all, of_positives))
    of_negatives = of_all - of_positives
    below = np.cumsum(of_negatives, axis=1) - of_negatives / 2
    pairs = of_positives.sum(axis=1) * of_negatives.sum(axis=1)
    return np.asarray((of_positives * below).sum(axis=1) / pairs)


def _lines(
    weight: NDArray[np.float64], positive: NDArray[np.bool_], log_odds: NDArray[Any], start: list[float]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Intercept and slope of the outcome on the log-odds with the weights of each sample, by Newton's method.

    Where a sample separates the outcomes perfectly, the slope is a large number.
    """
    line = np.tile(start, (len(weight), 1))
    powers = np.column_stack([np.ones_like(log_odds), log_odds, log_odds**2])
    for _ in range(_MOST_STEPS):
        predicted = expit(line[:, :1] + line[:, 1:] * log_odds)
        gradient = (weight * (positive - predicted)) @ powers[:, :2]
        h00, h01, h11 = ((weight * predicted * (1 - predicted)) @ powers).T
        size = h00 * h11 - h01**2
        size = np.where(size > _SINGULAR * h00 * h11, size, np.inf)
        step = np.column_stack(
            [h11 * gradient[:, 0] - h01 * gradient[:, 1], h00 * gradient[:, 1] - h01 * gradient[:, 0]]
        )
        step = np.clip(step / size[:, None], -_LONGEST_STEP, _LONGEST_STEP)
        line += step
        if np.abs(step).max() < _SHORTEST_STEP:
            break
    return line[:, 0], line[:, 1]
