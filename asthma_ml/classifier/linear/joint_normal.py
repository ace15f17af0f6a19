"""How what was measured tells of what was not: the joint normal distribution of all scores.

What a test that was not done would have shown is, on average, linear in the scores of the tests that
were. So is then whatever is linear in the scores of all tests: with coefficients b, covariance S and
measured scores O, the expectation of ``b @ z`` given ``z_O`` has the coefficients
``solve(S_OO, (S @ b)_O)``, which belong to measured columns alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

_SHRINKAGE = 60.0
"""Patients that the prior of independent scores is worth. Hardly matters between 20 and 150."""

_WORTH_OF_COVARIANCE, _WORTH_OF_MEAN = 300.0, 10.0
"""Patients that the covariance and the mean of other patients are worth. Assays and the people who come differ more
than how tests go together."""

_MOST_PATIENTS = 5000
_STEPS = 3


@dataclass(frozen=True, slots=True)
class JointNormal:
    """Mean and covariance of scores.

    Attributes
    ----------
    mean : ndarray of shape (n_scores,)
        Mean.
    covariance : ndarray of shape (n_scores, n_scores)
        Positive definite.
    """

    mean: np.ndarray
    covariance: np.ndarray

    def followed_by(self, n_scores: int) -> JointNormal:
        """Return the distribution of these scores and then of others of which nothing is known yet."""
        mean = np.concatenate([self.mean, np.zeros(n_scores)])
        return JointNormal(mean, block_diag(self.covariance, np.eye(n_scores)))

    def reordered(self, order: np.ndarray) -> JointNormal:
        """Return the distribution of some of these scores, in another order."""
        return JointNormal(self.mean[order], self.covariance[np.ix_(order, order)])

    def completed(self, scores: np.ndarray) -> np.ndarray:
        """Fill gaps with what is expected given the measured scores of the same patient.

        Parameters
        ----------
        scores : ndarray of shape (n_patients, n_scores)
            NaN where not measured.

        Returns
        -------
        ndarray of shape (n_patients, n_scores)
            Measured scores as they are.
        """
        whole = scores.copy()
        for measured, rows in _by_pattern(~np.isnan(scores)):
            expected, _ = self._given(measured, scores[rows][:, measured])
            whole[np.ix_(rows, ~measured)] = expected
        return whole

    def _given(self, measured: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Expectation and covariance of what was not measured."""
        across = self.covariance[measured][:, ~measured]
        slopes = np.linalg.solve(self.covariance[measured][:, measured], across)
        left = self.covariance[~measured][:, ~measured] - across.T @ slopes
        return self.mean[~measured] + (scores - self.mean[measured]) @ slopes, left


def fit_joint_normal(scores: np.ndarray, weight: np.ndarray, prior: JointNormal | None = None) -> JointNormal:
    """Fit mean and covariance to patients of whom each lacks some tests.

    Parameters
    ----------
    scores : ndarray of shape (n_patients, n_scores)
        Scores of unit variance, NaN where not measured.
    weight : ndarray of shape (n_patients,)
        Weights.
    prior : JointNormal, default=None
        What other patients are known to be like, counted as if it were some hundred patients.

    Returns
    -------
    JointNormal
        Available-case covariance, shrunk towards independence or towards `prior`, improved by three steps
        of the EM algorithm on at most 5,000 patients, who decide nothing about the classes.

    References
    ----------
    Little RJA, Rubin DB, Statistical Analysis with Missing Data, 2002, chapter 11.
    """
    fitted = _available_cases(scores, weight) if prior is None else prior
    few = slice(None, None, -(-len(scores) // _MOST_PATIENTS) or 1)
    for _ in range(_STEPS):
        fitted = _em_step(fitted, scores[few], weight[few], prior)
    return fitted


def patterns(measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the different rows of a table of what was measured, and the number of the one each row is.

    Parameters
    ----------
    measured : ndarray of bool of shape (n_patients, n_scores)
        Which scores each patient has.

    Returns
    -------
    different : ndarray of bool of shape (n_patterns, n_scores)
        Sorted.
    number : ndarray of int of shape (n_patients,)
        ``different[number]`` is `measured`.
    """
    if measured.shape[1] == 0:
        return measured[:1], np.zeros(len(measured), dtype=np.intp)
    packed = np.packbits(measured, axis=1)
    if packed.shape[1] <= 8:
        # One number a row is sorted many times faster than bytes are.
        rows = np.zeros((len(packed), 8), dtype=np.uint8)
        rows[:, : packed.shape[1]] = packed
        _, first, number = np.unique(rows.view(">u8")[:, 0].astype(np.uint64), return_index=True, return_inverse=True)
    else:
        _, first, number = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    return measured[first], number.reshape(-1)


def _by_pattern(measured: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each pattern that lacks something, with its rows."""
    different, number = patterns(measured)
    order = np.argsort(number, kind="stable")
    ends = np.searchsorted(number[order], np.arange(len(different) + 1))
    for i, pattern in enumerate(different):
        if not pattern.all():
            yield pattern, order[ends[i] : ends[i + 1]]


def _available_cases(scores: np.ndarray, weight: np.ndarray) -> JointNormal:
    """Every pair of scores from the patients who have both, shrunk, then made positive definite."""
    known = ~np.isnan(scores)
    of_score = weight @ known
    mean = (weight @ np.where(known, scores, 0.0)) / of_score
    centred = np.where(known, scores - mean, 0.0)
    n_pairs = (known * weight[:, None]).T @ known
    covariance = ((centred * weight[:, None]).T @ centred) / (n_pairs + _SHRINKAGE)
    np.fill_diagonal(covariance, 1.0)
    size, axis = np.linalg.eigh(covariance)
    covariance = (axis * np.maximum(size, 0.02)) @ axis.T
    spread = np.sqrt(np.diag(covariance))
    return JointNormal(mean, covariance / np.outer(spread, spread))


def _em_step(fitted: JointNormal, scores: np.ndarray, weight: np.ndarray, prior: JointNormal | None) -> JointNormal:
    """One step of the EM algorithm, the prior counted in."""
    n_scores = scores.shape[1]
    whole, unseen = scores.copy(), np.zeros((n_scores, n_scores))
    for measured, rows in _by_pattern(~np.isnan(scores)):
        gaps = np.flatnonzero(~measured)
        expected, left = fitted._given(measured, scores[rows][:, measured])
        whole[np.ix_(rows, gaps)] = expected
        unseen[np.ix_(gaps, gaps)] += weight[rows].sum() * left
    total, known = weight @ whole, weight.sum()
    if prior is None:
        mean, expected_scatter, worth = total / known, _SHRINKAGE * np.eye(n_scores), _SHRINKAGE
    else:
        mean = (total + _WORTH_OF_MEAN * prior.mean) / (known + _WORTH_OF_MEAN)
        expected_scatter, worth = _WORTH_OF_COVARIANCE * prior.covariance, _WORTH_OF_COVARIANCE
    centred = whole - mean
    scatter = (centred * weight[:, None]).T @ centred + unseen + expected_scatter
    return JointNormal(mean, scatter / (known + worth))
