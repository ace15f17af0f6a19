"""What the linear part makes of patients, from arrays alone.

With S the covariance of all scores and P its inverse, the coefficients on measured scores O of what has
coefficients b on all of them are ``b_O - P_OU solve(P_UU, b_U)``, where U are the scores that are not
there: mostly few, so that few equations are left to solve.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from asthma_ml.classifier.linear.joint_normal import patterns
from asthma_ml.classifier.linear.piecewise_linear import of_columns, piecewise_linear, slopes
from asthma_ml.machine_code import Patience

PATIENCE = Patience(20_000_000)
"""Patients times scores that take numpy as long as machine code takes to load."""

_BLOCK = 32_768


@dataclass(frozen=True, slots=True, eq=False)
class LinearMargins:
    """Margins that are linear in the normal scores of a patient's measured columns.

    Attributes
    ----------
    source : ndarray of int of shape (n_scores,)
        Column of each score, ascending.
    starts : ndarray of int of shape (n_scores + 1,)
        Where the knots of each score begin.
    knots, values : ndarray of shape (n_knots,)
        Values of the columns and the scores they have.
    mean : ndarray of shape (n_scores,)
        Mean scores.
    covariance : ndarray of shape (n_scores, n_scores)
        Of the scores.
    direction : ndarray of int of shape (n_scores,)
        1 or -1 where a score may move a single margin only that way, else 0.
    coefficients : ndarray of shape (n_scores, n_margins)
        On centred scores, all measured.
    base : ndarray of shape (n_margins,)
        Margins of the mean patient, and of one of whom nothing is known.
    """

    source: np.ndarray
    starts: np.ndarray
    knots: np.ndarray
    values: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    direction: np.ndarray
    coefficients: np.ndarray
    base: np.ndarray

    def margins(
        self,
        X: np.ndarray,
        credit: tuple[np.ndarray, np.ndarray] | None = None,
        weight: float = 1.0,
        offset: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return margins, and credit to each column what it adds to them.

        Parameters
        ----------
        X : ndarray of shape (n_patients, n_features)
            Encoded features.
        credit : tuple of ndarrays of shape (n_rows, n_patients) and (n_kinds, n_margins, n_features), default=None
            Rows that are added to, and the rows of each column. Added are exact Shapley values of a
            function that is linear once it is known which tests were done.
        weight : float, default=1.0
            Of what is added to `credit`.
        offset : ndarray of shape (n_scores,), default=None
            Centred scores of who stands in for what is not known; the mean patient by default.

        Returns
        -------
        margins : ndarray of shape (n_margins, n_patients)
            A row does not depend on the rows beside it, to the last bit.
        base : ndarray of shape (n_margins, n_patients)
            Margins of who stands in, had the same tests been done.
        """
        margins = np.repeat(self.base[:, None], len(X), axis=1)
        base = margins.copy()
        compiled = PATIENCE.is_over(len(X) * len(self.source))
        for start in range(0, len(X) if len(self.source) else 0, _BLOCK):
            block = slice(start, start + _BLOCK)
            measured, number = patterns(~np.isnan(X[block]))
            coefficients = self.measured_coefficients(measured[:, self.source], compiled)
            shift = np.empty((0, 0, 0)) if offset is None else self._shift(coefficients, offset, X.shape[1])
            if len(shift):
                base[:, block] += shift.sum(axis=1)[:, number]
            add = _add_compiled if compiled else _add
            columns = np.array(X[block].T, dtype=np.float64, order="C")
            add(self, columns, start, number, (coefficients, shift), margins, credit, weight)
        return margins, base

    def measured_coefficients(self, measured: np.ndarray, compiled: bool = False) -> np.ndarray:
        """Return coefficients on measured scores alone, none against a known direction.

        Parameters
        ----------
        measured : ndarray of bool of shape (n_patterns, n_scores)
            Which scores there are.
        compiled : bool, default=False
            Makes no difference to the last bit.

        Returns
        -------
        ndarray of shape (n_margins, n_scores, n_patterns)
            On centred scores; zero where not measured.
        """
        precision = np.linalg.inv(self.covariance)
        if compiled:
            from asthma_ml.classifier.linear import kernel as linear_kernel

            found = linear_kernel.measured_coefficients(measured, precision, self.coefficients, self.direction)
            return np.asarray(found)
        found = _measured_coefficients(measured, precision, self.coefficients)
        return np.where(found * self.direction[:, None] < 0, 0.0, found)

    def scores(self, X: np.ndarray) -> np.ndarray:
        """Return the normal scores of patients, of shape (n_patients, n_scores)."""
        return of_columns(X, self.source, self.starts, self.knots, self.values)

    def slopes(self) -> np.ndarray:
        """Return how fast scores rise from each knot on, of shape (n_knots,)."""
        parts = [slice(*ends) for ends in pairwise(self.starts)]
        return np.concatenate([slopes(self.knots[part], self.values[part]) for part in parts])

    def centred_score(self, j: int, values: np.ndarray) -> np.ndarray:
        """Return a score of patients from the values of its column; zero where not measured."""
        part = slice(self.starts[j], self.starts[j + 1])
        score = piecewise_linear(values, self.knots[part], self.values[part])
        return np.asarray(np.nan_to_num(score - self.mean[j]))

    def _shift(self, coefficients: np.ndarray, offset: np.ndarray, n_features: int) -> np.ndarray:
        """What each column of who stands in adds, of shape (n_margins, n_features, n_patterns)."""
        shift = np.zeros((len(self.base), n_features, coefficients.shape[2]))
        for j, column in enumerate(self.source):
            shift[:, column] += coefficients[:, j] * offset[j]
        return shift


def _measured_coefficients(measured: np.ndarray, precision: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """In numpy: patterns with equally many gaps at once."""
    found = np.zeros((coefficients.shape[1], *measured.T.shape))
    n_gaps = (~measured).sum(axis=1)
    for n in np.unique(n_gaps):
        group = np.flatnonzero(n_gaps == n)
        gaps = np.nonzero(~measured[group])[1].reshape(len(group), n).T
        carried = _solved(precision[gaps[:, None], gaps[None]], coefficients.T[:, gaps])
        on_measured = np.repeat(coefficients.T[:, :, None], len(group), axis=2)
        for i in range(n):
            on_measured -= precision[gaps[i]].T * carried[:, i, None]
        found[:, :, group] = np.where(measured[group].T, on_measured, 0.0)
    return found


def _solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve positive definite equations, many systems along the last axis; both arguments are used up.

    Parameters
    ----------
    matrix : ndarray of shape (n, n, n_systems)
        Left sides.
    right : ndarray of shape (n_margins, n, n_systems)
        Right sides.
    """
    n = len(matrix)
    for i in range(n - 1):
        share = matrix[i, i + 1 :] / matrix[i, i]
        matrix[i + 1 :, i + 1 :] -= share[:, None] * matrix[i, i + 1 :]
        right[:, i + 1 :] -= share * right[:, i, None]
    for i in range(n - 1, -1, -1):
        right[:, i] /= matrix[i, i]
        right[:, :i] -= matrix[:i, i] * right[:, i, None]
    return right


def _add(
    linear: LinearMargins,
    columns: np.ndarray,
    start: int,
    number: np.ndarray,
    of_patterns: tuple[np.ndarray, np.ndarray],
    margins: np.ndarray,
    credit: tuple[np.ndarray, np.ndarray] | None,
    weight: float,
) -> None:
    """Add to the margins and to what is credited to each column, in numpy."""
    coefficients, shift = of_patterns
    block = slice(start, start + len(number))
    for column in np.unique(linear.source):
        total = np.zeros((len(margins), len(number)))
        for j in np.flatnonzero(linear.source == column).tolist():
            total += coefficients[:, j].take(number, axis=1) * linear.centred_score(j, columns[column])
        margins[:, block] += total
        if credit is not None:
            if len(shift):
                total -= shift[:, column].take(number, axis=1)
            for rows in credit[1][:, :, column]:
                credit[0][rows, block] += weight * total


def _add_compiled(
    linear: LinearMargins,
    columns: np.ndarray,
    start: int,
    number: np.ndarray,
    of_patterns: tuple[np.ndarray, np.ndarray],
    margins: np.ndarray,
    credit: tuple[np.ndarray, np.ndarray] | None,
    weight: float,
) -> None:
    """Do what `_add` does in machine code."""
    from asthma_ml.classifier.linear import kernel as linear_kernel

    scores = (linear.source, linear.starts, linear.knots, linear.values, linear.slopes(), linear.mean)
    nobody = np.empty((0, 0)), np.empty((0, 0, 0), dtype=np.int64)
    linear_kernel.add_scores(columns, start, number, scores, of_patterns, margins, credit or nobody, weight)
