"""The linear model: margins that are linear in the measured normal scores of a patient.

With S the covariance of the scores and P its inverse, coefficients b on all scores become the coefficients
``b_O - P_OU solve(P_UU, b_U)`` on the measured scores O, where U are the missing ones. They are found by eliminating
the missing scores one after the other, from the last to the first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from asthma_ml.classifier.linear.joint_normal import JointNormal, patterns
from asthma_ml.classifier.linear.normal_scores import NormalScores
from asthma_ml.classifier.rounding import rounded_up
from asthma_ml.machine_code import Patience

PATIENCE = Patience(3_000_000, once_loaded=0.05)
"""Patients times scores that numpy processes in the time that loading machine code takes."""

_BLOCK = 65_536
_MOST_BITS = 64


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Logistic regression on normal scores; missing scores are imputed from the joint normal distribution.

    The margin is ``base`` plus, for each measured score, a coefficient times the distance of the score from its mean.
    A feature that is not measured contributes nothing: the contribution of an imputed score belongs to the measured
    features from which it is imputed.

    Attributes
    ----------
    scores : NormalScores
        Normal scores of the features.
    joint : JointNormal
        Their joint distribution.
    direction : ndarray of int of shape (n_scores,)
        1 or -1 where a score may only increase or only decrease a single margin, else 0.
    coefficients : ndarray of shape (n_scores, n_margins)
        Coefficients of the centred scores when all are measured.
    base : ndarray of shape (n_margins,)
        Margins of a patient with mean scores, and of a patient without any measurement.
    """

    scores: NormalScores
    joint: JointNormal
    direction: np.ndarray
    coefficients: np.ndarray
    base: np.ndarray

    def with_coefficients(self, coefficients: np.ndarray, base: np.ndarray) -> LinearModel:
        """Return the model with other coefficients and base."""
        return replace(self, coefficients=coefficients, base=base)

    def imputed_scores(self, X: np.ndarray) -> np.ndarray:
        """Centred scores of patients, missing ones imputed, of shape (n_patients, n_scores)."""
        return np.asarray(self.joint.impute(self.scores.transform(X)) - self.joint.mean)

    def margins(self, X: np.ndarray) -> np.ndarray:
        """Margins of patients, of shape (n_patients, n_margins); a row does not depend on the other rows."""
        return self.add_contributions(X)[0].T

    def contributions(self, X: np.ndarray) -> np.ndarray:
        """Contributions of the features to the margins.

        Parameters
        ----------
        X : ndarray of shape (n_patients, n_features)
            Encoded features.

        Returns
        -------
        ndarray of shape (n_patients, n_features, n_margins)
            Exact Shapley values given the pattern of measured features, relative to a patient with mean scores: their
            sum plus ``base`` is the margin.
        """
        shape = len(self.base), X.shape[1]
        added = np.zeros((shape[0] * shape[1], len(X)))
        self.add_contributions(X, (added, np.arange(len(added)).reshape(1, *shape)))
        return added.reshape(*shape, len(X)).transpose(2, 1, 0)

    def add_contributions(
        self,
        X: np.ndarray,
        totals: tuple[np.ndarray, np.ndarray] | None = None,
        weight: float = 1.0,
        offset: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the margins, and add the contributions of the features to an array.

        Parameters
        ----------
        X : ndarray of shape (n_patients, n_features)
            Encoded features.
        totals : tuple of ndarrays of shape (n_rows, n_patients) and (n_kinds, n_margins, n_features), default=None
            Array that contributions are added to, and the row of each feature in it.
        weight : float, default=1.0
            Factor of the contributions.
        offset : ndarray of shape (n_scores,), default=None
            Centred scores of the reference patient; by default the mean patient.

        Returns
        -------
        margins : ndarray of shape (n_margins, n_patients)
            A column does not depend on the other columns, to the last bit.
        base : ndarray of shape (n_margins, n_patients)
            Margins of the reference patient with the same features measured.
        """
        margins = np.repeat(self.base[:, None], len(X), axis=1)
        base = margins.copy()
        source = self.scores.source
        add, compiled = _add, PATIENCE.is_over(len(X) * len(source))
        if compiled:
            add = _add_compiled
        columns = np.ascontiguousarray(X.T, dtype=np.float32)
        for start in range(0, len(X) if len(source) else 0, _BLOCK):
            stop = min(start + _BLOCK, len(X))
            measured, number = _measured_patterns(columns, start, stop, compiled)
            coefficients = self.measured_coefficients(measured[:, source], compiled)
            add(self, columns, start, (number, coefficients), offset, (margins, base), totals, weight)
        return margins, base

    def measured_coefficients(self, measured: np.ndarray, compiled: bool = False) -> np.ndarray:
        """Coefficients of the measured scores; zero where the sign contradicts a known direction.

        Parameters
        ----------
        measured : ndarray of bool of shape (n_patterns, n_scores)
            Scores that are measured in each pattern.
        compiled : bool, default=False
            Use machine code; the results are equal to the last bit.

        Returns
        -------
        ndarray of shape (n_margins, n_patterns, n_scores)
            Coefficients of centred scores; zero where not measured.
        """
        precision = np.linalg.inv(self.joint.covariance)
        if compiled:
            from asthma_ml.classifier.linear import kernel

            return np.asarray(kernel.measured_coefficients(measured, precision, self.coefficients, self.direction))
        found = _measured_coefficients(measured, precision, self.coefficients)
        return np.where(found * self.direction < 0, 0.0, found)

    def moved(self, place: np.ndarray) -> LinearModel:
        """Return the same model for a table with other columns.

        Parameters
        ----------
        place : ndarray of int of shape (n_features,)
            New index of each feature; -1 for a feature that the table lacks, which is then imputed like a missing one.

        Returns
        -------
        LinearModel
            Model of the features that the table has.
        """
        places = place[self.scores.source]
        order = np.argsort(places, kind="stable")[np.count_nonzero(places < 0) :]
        coefficients = self.measured_coefficients(places[None] >= 0)[:, 0, order].T.copy()
        scores, joint = self.scores.moved(place), self.joint.reordered(order)
        return LinearModel(scores, joint, self.direction[order], coefficients, self.base)

    def centred_score(self, j: int, values: np.ndarray) -> np.ndarray:
        """Score number `j` of values of its feature, minus its mean; zero where not measured."""
        return np.asarray(np.nan_to_num(self.scores.score(j, values) - self.joint.mean[j]))


def _measured_patterns(columns: np.ndarray, start: int, stop: int, compiled: bool) -> tuple[np.ndarray, np.ndarray]:
    """Distinct patterns of measured features, sorted by the last features first, and the pattern of each patient."""
    if compiled and len(columns) <= _MOST_BITS:
        from asthma_ml.classifier.linear import kernel

        return kernel.measured_patterns(columns, start, stop)
    reversed_patterns, number = patterns(~np.isnan(columns[::-1, start:stop].T))
    return reversed_patterns[:, ::-1], number


def _measured_coefficients(measured: np.ndarray, precision: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Coefficients of measured scores in numpy, for all patterns with the same number of missing scores at once."""
    found = np.zeros((coefficients.shape[1], *measured.shape))
    n_missing = (~measured).sum(axis=1)
    # `numpy.unique` would import masked arrays, which takes longer than the prediction of a patient.
    for n in np.flatnonzero(np.bincount(n_missing)):
        group = np.flatnonzero(n_missing == n)
        missing = np.nonzero(~measured[group])[1].reshape(len(group), n)[:, ::-1]
        found[:, group] = np.where(measured[group], _eliminated(missing, precision, coefficients), 0.0)
    return found


def _eliminated(missing: np.ndarray, precision: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Coefficients without some scores, of shape (n_margins, n_patterns, n_scores); they are eliminated in order."""
    pattern, rows = np.arange(len(missing)), precision[missing]
    left = np.repeat(coefficients.T[:, None], len(missing), axis=1)
    for i, score in enumerate(missing.T):
        row = rows[:, i]
        pivot = row[pattern, score]
        left -= (left[:, pattern, score] / pivot)[:, :, None] * row
        others = row[pattern[:, None], missing[:, i + 1 :]]
        rows[:, i + 1 :] -= (others / pivot[:, None])[:, :, None] * row[:, None]
    return left


def _add(
    linear: LinearModel,
    columns: np.ndarray,
    start: int,
    patterns: tuple[np.ndarray, np.ndarray],
    offset: np.ndarray | None,
    margins: tuple[np.ndarray, np.ndarray],
    totals: tuple[np.ndarray, np.ndarray] | None,
    weight: float,
) -> None:
    """Add to the margins, to those of the reference patient, and to the contributions of the features, in numpy."""
    number, coefficients = patterns
    block = slice(start, start + len(number))
    for j, feature in enumerate(linear.scores.source):
        of_score = coefficients[:, number, j]
        product = of_score * linear.centred_score(j, columns[feature, block].astype(np.float64))
        of_reference = of_score * (0.0 if offset is None else offset[j])
        margins[0][:, block] += product
        margins[1][:, block] += of_reference
        if totals is not None:
            for rows in totals[1][:, :, feature]:
                totals[0][rows, block] += weight * (product - of_reference)


def _add_compiled(
    linear: LinearModel,
    columns: np.ndarray,
    start: int,
    patterns: tuple[np.ndarray, np.ndarray],
    offset: np.ndarray | None,
    margins: tuple[np.ndarray, np.ndarray],
    totals: tuple[np.ndarray, np.ndarray] | None,
    weight: float,
) -> None:
    """Do the same as `_add` in machine code."""
    from asthma_ml.classifier.linear import kernel

    scores, no_totals = linear.scores, (np.empty((0, 0)), np.empty((0, 0, 0), dtype=np.int64))
    rounded, reference = rounded_up(scores.knots), np.empty(0) if offset is None else offset
    arrays = (scores.source, scores.starts, scores.knots, scores.values, scores.slopes(), linear.joint.mean, rounded)
    kernel.add_scores(columns, start, patterns, arrays, reference, margins, totals or no_totals, weight)
