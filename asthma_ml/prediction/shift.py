"""Detect covariate shift: whether a table of patients is distributed as the training patients are.

Calibration and coverage hold for patients like the training patients. Another assay shifts the values of a column,
another clinic measures other tests. Both show without labels, in the mean normal score of a column and in the fraction
of patients in whom it was measured. The reference includes training patients with an unmodelled diagnosis.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from asthma_ml.classifier import Classifier
from asthma_ml.intervals import PatientRows

if TYPE_CHECKING:
    import pandas as pd

LEAST_SHIFT = 0.2
"""Smallest reported difference of two means, in standard deviations: a small effect (Cohen 1988)."""

LEAST_MEASURED_DIFFERENCE = 0.1
"""Smallest reported difference of two measured fractions."""

STANDARD_ERRORS = 4.5
"""Smallest reported difference in standard errors: one false report in 1,000 unshifted tables of 100 columns."""

FEWEST_TESTED = 30
"""Patients in whom a column must be measured, here and in training: a rare level in one of a dozen patients is a large
difference of two means that proves nothing."""

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class ShiftStatistics:
    """Sums over the patients of a table; the sums of its parts can be added.

    Attributes
    ----------
    n_patients : float
        Number of patients.
    n_measured : ndarray of shape (n_features,)
        Number of patients in whom each feature was measured; a patient with several rows counts in part.
    scores : ndarray of shape (n_scores,)
        Sum of each normal score, over the mean row of each patient.
    """

    n_patients: float
    n_measured: np.ndarray
    scores: np.ndarray

    def __add__(self, other: ShiftStatistics) -> ShiftStatistics:
        return ShiftStatistics(
            self.n_patients + other.n_patients, self.n_measured + other.n_measured, self.scores + other.scores
        )


@dataclass(frozen=True, slots=True)
class Shift:
    """Shift of one column against the training patients.

    Attributes
    ----------
    column : str
        Name of the column.
    kind : {"values", "measured"}
        Whether the values differ or the fraction of patients in whom the column was measured.
    here, training : float
        Mean score in standard deviations, or measured fraction.
    size : float
        Difference as a multiple of the smallest reported difference.
    """

    column: str
    kind: str
    here: float
    training: float
    size: float

    def __str__(self) -> str:
        if self.kind == "measured":
            return f"{self.column} measured in {self.here:.0%} (training {self.training:.0%})"
        change = self.here - self.training
        return f"{self.column} {'higher' if change > 0 else 'lower'} by {abs(change):.1f} SD"


def shift_statistics(
    model: Classifier, encoded: np.ndarray | pd.DataFrame, rows: PatientRows | None = None
) -> ShiftStatistics:
    """Return the sums that `detect_shift` compares.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    encoded : ndarray or DataFrame of shape (n_rows, n_features)
        Encoded features.
    rows : PatientRows, optional
        Patient and weight of each row; by default each row is a patient.

    Returns
    -------
    ShiftStatistics
        Sums over these patients.
    """
    reference, X = _reference(model), np.asarray(encoded, dtype=np.float64)
    scores = np.nan_to_num(reference.linear_.scores.transform(X))
    weight = np.ones(len(X)) if rows is None else rows.weight
    return ShiftStatistics(weight.sum(), weight @ np.isfinite(X), weight @ scores)


def detect_shift(model: Classifier, statistics: ShiftStatistics) -> list[Shift]:
    """Return the columns that are shifted against the training patients.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    statistics : ShiftStatistics
        Sums over the table, from `shift_statistics`.

    Returns
    -------
    list of Shift
        In descending order of size. A shift exceeds `STANDARD_ERRORS` standard errors of the difference, to which
        both tables contribute, and either `LEAST_SHIFT` or `LEAST_MEASURED_DIFFERENCE`. Fewer than `FEWEST_TESTED`
        patients prove nothing. A column without any value is a missing column and not a shift.

    Examples
    --------
    >>> import pandas as pd
    >>> from asthma_ml import PhenotypeClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(
    ...     {"feno_ppb": rng.lognormal(3, 0.7, 500), "blood_eosinophils_cells_ul": rng.lognormal(5, 1, 500)}
    ... )
    >>> model = PhenotypeClassifier(n_trees=2).fit(X, np.where(X["feno_ppb"] > 20, "th2_high", "neutrophilic_th2_low"))
    >>> other_assay = X.assign(feno_ppb=X["feno_ppb"] * 1.4)
    >>> [str(shift) for shift in detect_shift(model, shift_statistics(model, other_assay))]
    ['feno_ppb higher by 0.5 SD']
    """
    shifts = [*_shifts_of_measured_fraction(model, statistics), *_shifts_of_values(model, statistics)]
    return sorted(shifts, key=lambda shift: -shift.size)


def shift_warning(shifts: list[Shift], n_patients: int) -> str:
    """Return one line that names the shifted columns and the consequence.

    Parameters
    ----------
    shifts : list of Shift
        From `detect_shift`.
    n_patients : int
        Number of patients tested.

    Returns
    -------
    str
        Empty if no column is shifted.
    """
    if not shifts:
        return ""
    named = "; ".join(str(shift) for shift in shifts[:_MOST_NAMED])
    more = f"; and {len(shifts) - _MOST_NAMED} more" if len(shifts) > _MOST_NAMED else ""
    return (
        f"covariate shift against the training patients ({named}{more}; {n_patients} patients tested): calibration and "
        "coverage may be worse than stated; recalibrate on your own patients with train --recalibrate-only"
    )


def _reference(model: Classifier) -> Classifier:
    """The classifier that was fitted to training patients of all diagnoses."""
    return model if model.auxiliary_ is None else model.auxiliary_


def _shifts_of_measured_fraction(model: Classifier, statistics: ShiftStatistics) -> Iterator[Shift]:
    reference, n = _reference(model), statistics.n_patients
    n_training = reference.n_distinct_patients_
    if min(n, n_training) < FEWEST_TESTED:
        return
    for j, name in enumerate(model.feature_names_in_):
        training, here = float(reference.measured_fraction_[j]), statistics.n_measured[j] / n
        pooled = (n * here + n_training * training) / (n + n_training)
        error = np.sqrt((pooled * (1 - pooled) + 0.25 / n) * (1 / n + 1 / n_training))
        difference = abs(here - training)
        if statistics.n_measured[j] > 0 and difference > max(LEAST_MEASURED_DIFFERENCE, STANDARD_ERRORS * error):
            yield Shift(str(name), "measured", float(here), training, difference / LEAST_MEASURED_DIFFERENCE)


def _shifts_of_values(model: Classifier, statistics: ShiftStatistics) -> Iterator[Shift]:
    """The largest shift of each column; a category has one score for each level."""
    reference = _reference(model)
    source = reference.linear_.scores.source
    n = statistics.n_measured[source]
    n_training = reference.n_distinct_patients_ * reference.measured_fraction_[source]
    enough = np.minimum(n, n_training) >= FEWEST_TESTED
    n, n_training = (np.where(enough, number, 1.0) for number in (n, n_training))
    here, training = statistics.scores / n, reference.mean_scores_
    change = np.abs(here - training)
    is_shifted = enough & (change > np.maximum(LEAST_SHIFT, STANDARD_ERRORS * np.sqrt(1 / n + 1 / n_training)))
    for column in sorted(set(source[is_shifted].tolist())):
        j = np.flatnonzero(is_shifted & (source == column))
        j = j[change[j].argmax()]
        name = str(model.feature_names_in_[column])
        yield Shift(name, "values", float(here[j]), float(training[j]), float(change[j] / LEAST_SHIFT))
