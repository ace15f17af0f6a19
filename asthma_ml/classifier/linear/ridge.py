"""Logistic regression on imputed normal scores, shrunk towards zero.

It is fitted by Newton's method. With many patients, the second derivatives are those of a sample of them: a step then
costs little more than the gradient, and the steps still converge to the same optimum (subsampled Newton method).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_MOST_PATIENTS = 10_000
"""Patients in the second derivatives; their sampling error is about the square root of scores per patient."""

_MOST_STEPS = 100
_LEAST_GAIN = 1e-6
"""Predicted gain of log-likelihood at which the steps end."""

_SMALLEST_FRACTION = 1e-6
"""Smallest fraction of a step that is tried."""


def ridge_regression(
    scores: np.ndarray, codes: np.ndarray, weight: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fit a logistic regression that is shrunk towards zero.

    Parameters
    ----------
    scores : ndarray of shape (n_patients, n_scores)
        Centred scores without missing values.
    codes : ndarray of shape (n_patients,)
        Class number of each patient.
    weight : ndarray of shape (n_patients,)
        Weights.
    penalty : float
        Penalty on the squared coefficients.

    Returns
    -------
    coefficients : ndarray of shape (n_scores, n_margins)
        Coefficients.
    base : ndarray of shape (n_margins,)
        Intercepts; with more than two classes their sum is zero.

    References
    ----------
    Roosta-Khorasani F, Mahoney MW, Sub-sampled Newton methods, Math Program, 2019;174:293-326.

    Examples
    --------
    >>> z, y = np.array([[-1.0], [1.0], [-1.0], [1.0]]), np.array([0, 1, 1, 1])
    >>> coefficients, base = ridge_regression(z, y, np.ones(4), penalty=1.0)
    >>> coefficients.round(3).tolist(), base.round(3).tolist()
    ([[0.583]], [1.184])
    """
    likelihood = _Likelihood(np.c_[scores, np.ones(len(scores))], codes, weight, penalty)
    parameters = np.zeros((likelihood.n_margins, scores.shape[1] + 1))
    loss, gradient, probability = likelihood.loss(parameters)
    for _ in range(_MOST_STEPS):
        step = np.linalg.solve(likelihood.hessian(probability), gradient.ravel()).reshape(parameters.shape)
        gain, fraction = float((gradient * step).sum()), 1.0
        if gain < _LEAST_GAIN:
            break
        before = loss
        loss, gradient, probability = likelihood.loss(parameters - step)
        while loss > before - 0.1 * fraction * gain and fraction > _SMALLEST_FRACTION:
            fraction /= 2
            loss, gradient, probability = likelihood.loss(parameters - fraction * step)
        parameters = parameters - fraction * step
    return parameters[:, :-1].T.copy(), parameters[:, -1].copy()


@dataclass(frozen=True)
class _Likelihood:
    """Penalised log-likelihood; the last score is the constant 1, which has no penalty."""

    scores: np.ndarray
    codes: np.ndarray
    weight: np.ndarray
    penalty: float

    @property
    def n_margins(self) -> int:
        n_classes = int(self.codes.max()) + 1
        return 1 if n_classes == 2 else n_classes

    def loss(self, parameters: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Penalised negative log-likelihood, its gradient, and the probability of the class of each margin."""
        margins = parameters @ self.scores.T
        by_class = np.concatenate([np.zeros_like(margins), margins]) if len(margins) == 1 else margins
        largest, patients = by_class.max(axis=0), np.arange(len(self.codes))
        odds = np.exp(by_class - largest)
        total = odds.sum(axis=0)
        log_loss = np.log(total) + largest - by_class[self.codes, patients]
        probability = odds / total
        error = probability.copy()
        error[self.codes, patients] -= 1.0
        error, shrunk = (self.weight * error)[-len(margins) :], self.penalty * parameters
        shrunk[:, -1] = 0.0
        loss = float(self.weight @ log_loss + 0.5 * (shrunk * parameters).sum())
        return loss, error @ self.scores + shrunk, probability[-len(margins) :]

    def hessian(self, probability: np.ndarray) -> np.ndarray:
        """Second derivatives of the loss, from a sample of the patients."""
        n_margins, n_scores = len(probability), self.scores.shape[1]
        sample = slice(None, None, -(-len(self.scores) // _MOST_PATIENTS))
        scores, weight, probability = self.scores[sample], self.weight[sample], probability[:, sample]
        weight = weight * (self.weight.sum() / weight.sum())
        found = np.zeros((n_margins, n_scores, n_margins, n_scores))
        for k in range(n_margins):
            for m in range(k + 1):
                factor = weight * probability[k] * ((k == m) - probability[m])
                found[k, :, m] = found[m, :, k] = (scores.T * factor) @ scores
            found[k, range(n_scores - 1), k, range(n_scores - 1)] += self.penalty
        # Equal changes of all intercepts do not change a probability.
        if n_margins > 1:
            found[:, -1, :, -1] += 1.0
        return found.reshape(n_margins * n_scores, -1)
