"""Normal scores and their joint distribution, and a regression shrunk towards the coefficients of a starting model."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from asthma_ml.classifier.features.distinct_patients import DistinctPatients
from asthma_ml.classifier.linear.joint_normal import fit_joint_normal
from asthma_ml.classifier.linear.model import LinearModel
from asthma_ml.classifier.linear.normal_scores import fit_normal_scores
from asthma_ml.classifier.margins import margins_of_classes


def fit_scores(
    patients: DistinctPatients,
    is_category: np.ndarray,
    direction: list[int] | None,
    start: LinearModel | None = None,
) -> LinearModel:
    """Fit the normal scores and their joint distribution; classes are not used.

    Parameters
    ----------
    patients : DistinctPatients
        Training patients.
    is_category : ndarray of bool of shape (n_features,)
        Features whose values are level numbers.
    direction : list of n_features ints or None
        Known signs of the features.
    start : LinearModel, default=None
        Model of other patients on these features. Its scores are kept, and its joint distribution is the prior of the
        joint distribution.

    Returns
    -------
    LinearModel
        Its coefficients are the prior means of the coefficients: those of `start`, and zero for other scores.
    """
    X, weight = patients.X, patients.weight
    known = np.isin(np.arange(X.shape[1]), [] if start is None else start.scores.source)
    own = fit_normal_scores(np.where(known, np.nan, X), weight, is_category, patients.counted)
    signs = np.zeros(X.shape[1], dtype=np.int64) if direction is None else np.array(direction)
    if start is None:
        joint = fit_joint_normal(own.transform(X), weight)
        return LinearModel(own, joint, signs[own.source], np.zeros((len(own.source), 1)), np.zeros(1))
    scores, n_own, n_margins = start.scores.joined(own), len(own.source), len(start.base)
    order = np.argsort(np.concatenate([start.scores.source, own.source]), kind="stable")
    joint = fit_joint_normal(scores.transform(X), weight, start.joint.extended(n_own).reordered(order))
    coefficients = np.concatenate([start.coefficients, np.zeros((n_own, n_margins))])[order]
    return LinearModel(scores, joint, signs[scores.source], coefficients, start.base)


def regression_towards(
    scores: np.ndarray,
    known_margins: np.ndarray,
    codes: np.ndarray,
    weight: np.ndarray,
    prior_mean: np.ndarray,
    penalty: float,
) -> tuple[np.ndarray, float, np.ndarray]:
    """Fit ``margins = scores @ coefficients + known_weight * known_margins + base`` with informative priors.

    Parameters
    ----------
    scores : ndarray of shape (n_patients, n_scores)
        Centred scores without missing values.
    known_margins : ndarray of shape (n_patients, n_margins)
        Margins of another model; one margin with two classes, one per class with more.
    codes : ndarray of shape (n_patients,)
        Class number of each patient.
    weight : ndarray of shape (n_patients,)
        Weights.
    prior_mean : ndarray of shape (n_scores, n_margins)
        Prior means of the coefficients; the prior mean of `known_weight` is 1.
    penalty : float
        Precision of the normal priors. With a large one only the base is fitted.

    Returns
    -------
    coefficients : ndarray of shape (n_scores, n_margins)
        Posterior mode of the coefficients.
    known_weight : float
        Weight of the known margins, not negative.
    base : ndarray of shape (n_margins,)
        Intercepts, without prior.

    Examples
    --------
    >>> z, y = np.array([[-1.0], [1.0], [-1.0], [1.0]]), np.array([0, 1, 1, 0])
    >>> coefficients, known_weight, base = regression_towards(z, 0 * z, y, np.ones(4), np.array([[2.0]]), penalty=1e6)
    >>> coefficients.round(3).tolist(), round(known_weight, 3), base.round(3).tolist()
    ([[2.0]], 1.0, [0.0])
    """
    n_scores, n_margins = prior_mean.shape
    patients = np.arange(len(codes))

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        away, base = parameters[:-n_margins], parameters[-n_margins:]
        coefficients = prior_mean + away[:-1].reshape(prior_mean.shape)
        margins = scores @ coefficients + (1.0 + away[-1]) * known_margins + base
        by_class = margins_of_classes(margins)
        error = softmax(by_class, axis=1)
        error[patients, codes] -= 1.0
        error = weight[:, None] * error[:, -n_margins:]
        log_loss = -weight @ log_softmax(by_class, axis=1)[patients, codes]
        gradient = np.r_[(scores.T @ error).ravel(), (known_margins * error).sum()] + penalty * away
        return float(log_loss + 0.5 * penalty * away @ away), np.r_[gradient, error.sum(axis=0)]

    n_coefficients = n_scores * n_margins
    found = minimize(
        loss,
        np.zeros(n_coefficients + 1 + n_margins),
        jac=True,
        bounds=[(None, None)] * n_coefficients + [(-1.0, None)] + [(None, None)] * n_margins,
        method="L-BFGS-B",
        options={"ftol": 1e-12, "gtol": 1e-6 * weight.sum(), "maxiter": 1000},
    ).x
    away, base = found[:-n_margins], found[-n_margins:]
    return prior_mean + away[:-1].reshape(prior_mean.shape), float(1.0 + away[-1]), base


def default_penalty(weight: np.ndarray) -> float:
    """Penalty on the squared coefficients by number of patients; see benchmarks/learning_curves.md for its choice.

    Parameters
    ----------
    weight : ndarray of shape (n_patients,)
        Weights.

    Returns
    -------
    float
        Between 10 and 30.

    Examples
    --------
    >>> [default_penalty(np.ones(n)) for n in (200, 500, 1000)]
    [30.0, 20.0, 10.0]
    """
    return float(10 * np.clip(1000 / weight.sum(), 1, 3))
