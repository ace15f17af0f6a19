"""Joint normal distribution of the scores, from which scores that were not measured are imputed.

The conditional expectation of missing scores is linear in the measured ones. So is then the expectation of any linear
combination: with coefficients b, covariance S and measured scores O, the expectation of ``b @ z`` given ``z_O`` has
the coefficients ``solve(S_OO, (S @ b)_O)``, which belong to measured scores only.

With P the inverse of S, the missing scores U have the conditional covariance ``inv(P_UU)`` and the expectation
``mean_U - inv(P_UU) @ P_UO @ (z_O - mean_O)``. Patients with equally many missing scores are computed together.
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
_MOST_ELEMENTS = 500_000


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
        return self.conditional(scores)[0]

    def conditional(self, scores: np.ndarray, weight: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Conditional expectation of the scores, and sum of their conditional covariances given the measured scores.

        Parameters
        ----------
        scores : ndarray of shape (n_patients, n_scores)
            NaN where not measured.
        weight : ndarray of shape (n_patients,), default=None
            Weights of the patients in the sum; without them it is zero.

        Returns
        -------
        expectation : ndarray of shape (n_patients, n_scores)
            Measured scores are unchanged.
        covariance : ndarray of shape (n_scores, n_scores)
            Weighted sum; zero for measured scores.
        """
        precision, known = np.linalg.inv(self.covariance), ~np.isnan(scores)
        expectation, total = np.where(known, scores, self.mean), np.zeros_like(precision)
        gradient = (expectation - self.mean) @ precision
        for rows, missing, pattern in _by_number_missing(known):
            covariance = np.linalg.inv(precision[missing[:, :, None], missing[:, None]])
            own = rows[:, None], missing[pattern]
            expectation[own] -= (covariance[pattern] @ gradient[own][:, :, None])[:, :, 0]
            if weight is not None:
                size = np.bincount(pattern, weight[rows])[:, None, None] * covariance
                place = missing[:, :, None] * len(total) + missing[:, None]
                total += np.bincount(place.ravel(), size.ravel(), total.size).reshape(total.shape)
        return expectation, total


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


def _by_number_missing(known: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Patients with equally many missing scores, in blocks of limited memory.

    Yields
    ------
    rows : ndarray of shape (n_rows,)
        Patients, by pattern.
    missing : ndarray of shape (n_patterns, n_missing)
        Missing scores of each of their patterns.
    pattern : ndarray of shape (n_rows,)
        Pattern of each patient.
    """
    distinct, number = patterns(known)
    n_missing = (~distinct).sum(axis=1)
    order = np.lexsort((number, n_missing[number]))
    ends = np.cumsum(np.bincount(n_missing[number]))
    for n in range(1, len(ends)):
        size = _MOST_ELEMENTS // n**2 + 1
        for start in range(ends[n - 1], ends[n], size):
            rows = order[start : min(start + size, ends[n])]
            own, pattern = np.unique(number[rows], return_inverse=True)
            yield rows, np.nonzero(~distinct[own])[1].reshape(len(own), n), pattern


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
    imputed, residual = fitted.conditional(scores, weight)
    total, n_patients = weight @ imputed, weight.sum()
    if prior is None:
        mean, prior_scatter, prior_weight = total / n_patients, _SHRINKAGE * np.eye(n_scores), _SHRINKAGE
    else:
        mean = (total + _PRIOR_WEIGHT_OF_MEAN * prior.mean) / (n_patients + _PRIOR_WEIGHT_OF_MEAN)
        prior_scatter, prior_weight = _PRIOR_WEIGHT_OF_COVARIANCE * prior.covariance, _PRIOR_WEIGHT_OF_COVARIANCE
    centred = imputed - mean
    scatter = (centred * weight[:, None]).T @ centred + residual + prior_scatter
    return JointNormal(mean, scatter / (n_patients + prior_weight))
