"""Joint normal distribution of the scores, from which scores that were not measured are imputed.

The conditional expectation of missing scores is linear in the measured ones. So is then the expectation of any linear
combination: with coefficients b, covariance S and measured scores O, the expectation of ``b @ z`` given ``z_O`` has
the coefficients ``solve(S_OO, (S @ b)_O)``, which belong to measured scores only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_SHRINKAGE = 60.0
"""Prior weight of independent scores [patients]; results hardly change between 20 and 150."""

_PRIOR_WEIGHT_OF_COVARIANCE, _PRIOR_WEIGHT_OF_MEAN = 300.0, 10.0
"""Prior weights of the covariance and the mean of a starting model [patients]. Means differ more between hospitals,
because assays and patients differ, than correlations do."""

_MOST_PATIENTS = 5000
_STEPS = 3


@dataclass(frozen=True, eq=False)
class JointNormal:
    """Mean and covariance of the scores.

    Attributes
    ----------
    mean : ndarray of shape (n_scores,)
        Mean.
    covariance : ndarray of shape (n_scores, n_scores)
        Positive definite.
    """

    mean: np.ndarray
    covariance: np.ndarray

    def extended(self, n_scores: int) -> JointNormal:
        """Return the distribution of these scores followed by `n_scores` independent standard normal ones."""
        mean = np.concatenate([self.mean, np.zeros(n_scores)])
        covariance = np.eye(len(mean))
        covariance[: len(self.mean), : len(self.mean)] = self.covariance
        return JointNormal(mean, covariance)

    def reordered(self, order: np.ndarray) -> JointNormal:
        """Return the distribution of some of the scores, in another order."""
        return JointNormal(self.mean[order], self.covariance[np.ix_(order, order)])

    def impute(self, scores: np.ndarray) -> np.ndarray:
        """Replace missing scores by their conditional expectation given the measured scores of the patient.

        Parameters
        ----------
        scores : ndarray of shape (n_patients, n_scores)
            NaN where not measured.

        Returns
        -------
        ndarray of shape (n_patients, n_scores)
            Measured scores are unchanged.
        """
        imputed = scores.copy()
        for measured, rows in _by_pattern(~np.isnan(scores)):
            expected, _ = self.conditional(measured, scores[rows][:, measured])
            imputed[np.ix_(rows, ~measured)] = expected
        return imputed

    def conditional(self, measured: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Conditional expectation and covariance of the missing scores given the measured ones."""
        across = self.covariance[measured][:, ~measured]
        slopes = np.linalg.solve(self.covariance[measured][:, measured], across)
        residual = self.covariance[~measured][:, ~measured] - across.T @ slopes
        return self.mean[~measured] + (scores - self.mean[measured]) @ slopes, residual


def fit_joint_normal(scores: np.ndarray, weight: np.ndarray, prior: JointNormal | None = None) -> JointNormal:
    """Fit mean and covariance to patients with missing scores.

    Parameters
    ----------
    scores : ndarray of shape (n_patients, n_scores)
        Scores of unit variance, NaN where not measured.
    weight : ndarray of shape (n_patients,)
        Weights.
    prior : JointNormal, default=None
        Distribution of the scores in a starting model; its weight is that of some hundred patients.

    Returns
    -------
    JointNormal
        Available-case covariance, shrunk towards independence or towards `prior`, then refined by three steps of the
        EM algorithm on at most 5,000 patients.

    References
    ----------
    Little RJA, Rubin DB, Statistical Analysis with Missing Data, 2002, chapter 11.
    """
    fitted = _available_cases(scores, weight) if prior is None else prior
    sample = slice(None, None, -(-len(scores) // _MOST_PATIENTS) or 1)
    for _ in range(_STEPS):
        fitted = _em_step(fitted, scores[sample], weight[sample], prior)
    return fitted


def patterns(measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct patterns of measured scores, and the pattern of each patient.

    Parameters
    ----------
    measured : ndarray of bool of shape (n_patients, n_scores)
        Scores that were measured.

    Returns
    -------
    distinct : ndarray of bool of shape (n_patterns, n_scores)
        Distinct rows of `measured`, sorted.
    number : ndarray of int of shape (n_patients,)
        ``distinct[number]`` equals `measured`.
    """
    if measured.shape[1] == 0:
        return measured[:1], np.zeros(len(measured), dtype=np.intp)
    packed = np.packbits(measured, axis=1)
    if packed.shape[1] <= 8:
        # Sorting one integer per row is many times faster than sorting rows of bytes.
        rows = np.zeros((len(packed), 8), dtype=np.uint8)
        rows[:, : packed.shape[1]] = packed
        _, first, number = np.unique(rows.view(">u8")[:, 0].astype(np.uint64), return_index=True, return_inverse=True)
    else:
        _, first, number = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    return measured[first], number.reshape(-1)


def _by_pattern(measured: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each pattern with missing scores, and its rows."""
    distinct, number = patterns(measured)
    order = np.argsort(number, kind="stable")
    ends = np.searchsorted(number[order], np.arange(len(distinct) + 1))
    for i, pattern in enumerate(distinct):
        if not pattern.all():
            yield pattern, order[ends[i] : ends[i + 1]]


def _available_cases(scores: np.ndarray, weight: np.ndarray) -> JointNormal:
    """Covariance of each pair of scores in the patients who have both, shrunk, then made positive definite."""
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
    """One step of the EM algorithm towards the posterior mode."""
    n_scores = scores.shape[1]
    imputed, residual = scores.copy(), np.zeros((n_scores, n_scores))
    for measured, rows in _by_pattern(~np.isnan(scores)):
        missing = np.flatnonzero(~measured)
        expected, conditional_covariance = fitted.conditional(measured, scores[rows][:, measured])
        imputed[np.ix_(rows, missing)] = expected
        residual[np.ix_(missing, missing)] += weight[rows].sum() * conditional_covariance
    total, n_patients = weight @ imputed, weight.sum()
    if prior is None:
        mean, prior_scatter, prior_weight = total / n_patients, _SHRINKAGE * np.eye(n_scores), _SHRINKAGE
    else:
        mean = (total + _PRIOR_WEIGHT_OF_MEAN * prior.mean) / (n_patients + _PRIOR_WEIGHT_OF_MEAN)
        prior_scatter, prior_weight = _PRIOR_WEIGHT_OF_COVARIANCE * prior.covariance, _PRIOR_WEIGHT_OF_COVARIANCE
    centred = imputed - mean
    scatter = (centred * weight[:, None]).T @ centred + residual + prior_scatter
    return JointNormal(mean, scatter / (n_patients + prior_weight))
