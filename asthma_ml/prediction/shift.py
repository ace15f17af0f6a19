"""Whether a table of patients is like those that a model learned from: what it promises holds among such patients only.

Another laboratory's assay moves a column, another clinic does other tests. Both show in sums over the
columns of a table, without any label: the mean of each normal score and how often each column was measured.
A table is compared with the training patients of all kinds, those included whom the model only recognises.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from asthma_ml.classifier import Classifier

LEAST_SHIFT = 0.2
"""Standard deviations between two means from which a column departs: a small effect (Cohen 1988)."""

LEAST_GAP = 0.1
"""Difference between the shares of patients who had a test from which it departs."""

STANDARD_ERRORS = 4.5
"""Least departure in standard errors; of a thousand tables like the training patients, of 100 columns, one departs."""

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class TableSums:
    """Sums over the patients of a table; those of its parts add up.

    Attributes
    ----------
    n_patients : int
        Rows.
    n_measured : ndarray of int of shape (n_features,)
        Rows with a value.
    scores : ndarray of shape (n_scores,)
        Sum of each normal score.
    """

    n_patients: int
    n_measured: np.ndarray
    scores: np.ndarray

    def __add__(self, other: TableSums) -> TableSums:
        return TableSums(
            self.n_patients + other.n_patients, self.n_measured + other.n_measured, self.scores + other.scores
        )


@dataclass(frozen=True, slots=True)
class Shift:
    """A column that departs from the training patients.

    Attributes
    ----------
    column : str
        Name.
    kind : {"values", "gaps"}
        Whether its values differ or how often it was measured.
    here, training : float
        Mean score in standard deviations, or share measured.
    size : float
        Difference, as a multiple of the least that counts.
    """

    column: str
    kind: str
    here: float
    training: float
    size: float

    def __str__(self) -> str:
        if self.kind == "gaps":
            return f"{self.column} measured in {self.here:.0%} (training {self.training:.0%})"
        change = self.here - self.training
        return f"{self.column} {'higher' if change > 0 else 'lower'} by {abs(change):.1f} SD"


def shift_statistics(model: Classifier, encoded: pd.DataFrame) -> TableSums:
    """Sum what is compared.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    encoded : DataFrame of shape (n_patients, n_features)
        From ``model.encode``.

    Returns
    -------
    TableSums
        Of these patients.
    """
    reference, X = _reference(model), encoded.to_numpy(dtype=np.float64)
    scores = np.nan_to_num(reference.linear_margins.scores(X))
    return TableSums(len(X), np.isfinite(X).sum(axis=0), scores.sum(axis=0))


def detect_shift(model: Classifier, sums: TableSums) -> list[Shift]:
    """Name the columns that depart from the training patients.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    sums : TableSums
        Of the table, from `shift_statistics`.

    Returns
    -------
    list of Shift
        The largest first. A column without any value departs in nothing: it is a missing column. A
        departure is larger than `LEAST_SHIFT` or `LEAST_GAP` and than `STANDARD_ERRORS` standard errors.

    Examples
    --------
    >>> from asthma_ml import PhenotypeClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(
    ...     {"feno_ppb": rng.lognormal(3, 0.7, 500), "blood_eosinophils_cells_ul": rng.lognormal(5, 1, 500)}
    ... )
    >>> model = PhenotypeClassifier(n_trees=2).fit(X, np.where(X["feno_ppb"] > 20, "th2_high", "neutrophilic_th2_low"))
    >>> other_assay = X.assign(feno_ppb=X["feno_ppb"] * 1.4)
    >>> [str(found) for found in detect_shift(model, shift_statistics(model, other_assay))]
    ['feno_ppb higher by 0.5 SD']
    """
    found = [*_gaps(model, sums), *_values(model, sums)]
    return sorted(found, key=lambda departure: -departure.size)


def shift_warning(found: list[Shift], n_patients: int) -> str:
    """Say in one line what departs and what follows from it.

    Parameters
    ----------
    found : list of Shift
        From `detect_shift`.
    n_patients : int
        How many patients were looked at.

    Returns
    -------
    str
        Empty where nothing departs.
    """
    if not found:
        return ""
    named = "; ".join(str(departure) for departure in found[:_MOST_NAMED])
    more = f"; and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return (
        f"these patients are not like the training patients ({named}{more}; {n_patients} looked at): probabilities and "
        "sets may hold less than they promise; recalibrate on patients of your own with train --recalibrate-only"
    )


def _reference(model: Classifier) -> Classifier:
    """The part of a model that has seen patients of all kinds."""
    return model if model.auxiliary_ is None else model.auxiliary_


def _gaps(model: Classifier, sums: TableSums) -> Iterator[Shift]:
    reference, n = _reference(model), sums.n_patients
    for j, name in enumerate(model.feature_names_in_):
        then, here = float(reference.measured_fraction_[j]), sums.n_measured[j] / max(n, 1)
        error = np.sqrt((then * (1 - then) + 0.25 / n) / n) if n else np.inf
        if sums.n_measured[j] > 0 and abs(here - then) > max(LEAST_GAP, STANDARD_ERRORS * error):
            yield Shift(str(name), "gaps", float(here), then, abs(here - then) / LEAST_GAP)


def _values(model: Classifier, sums: TableSums) -> Iterator[Shift]:
    """The largest departure of each column: a category has a score for each level."""
    reference = _reference(model)
    source = reference.linear_margins.source
    n = np.maximum(sums.n_measured[source], 1)
    here, then = sums.scores / n, reference.mean_scores_
    change = np.abs(here - then)
    departs = (sums.n_measured[source] > 0) & (change > np.maximum(LEAST_SHIFT, STANDARD_ERRORS / np.sqrt(n)))
    for column in np.unique(source[departs]):
        j = np.flatnonzero(departs & (source == column))
        j = j[change[j].argmax()]
        name = str(model.feature_names_in_[column])
        yield Shift(name, "values", float(here[j]), float(then[j]), float(change[j] / LEAST_SHIFT))
