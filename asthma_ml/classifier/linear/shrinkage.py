"""Logistic regression that is drawn towards known coefficients instead of towards zero."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from asthma_ml.classifier.uncertainty.calibration import margins_of_classes


def regression_towards(
    scores: np.ndarray,
    known_margins: np.ndarray,
    codes: np.ndarray,
    weight: np.ndarray,
    towards: np.ndarray,
    penalty: float,
) -> tuple[np.ndarray, float, np.ndarray]:
    """Fit ``margins = scores @ coefficients + share * known_margins + base``.

    Parameters
    ----------
    scores : ndarray of shape (n_patients, n_scores)
        Centred.
    known_margins : ndarray of shape (n_patients, n_margins)
        What is known of the margins besides; one margin with two classes, one a class with more.
    codes : ndarray of shape (n_patients,)
        Place of the class of each patient.
    weight : ndarray of shape (n_patients,)
        Weights.
    towards : ndarray of shape (n_scores, n_margins)
        Where the coefficients are drawn to; `share` is drawn to 1.
    penalty : float
        On the squared distances. A large one leaves only the base free.

    Returns
    -------
    coefficients : ndarray of shape (n_scores, n_margins)
        The most probable if each has a normal prior of precision `penalty` around `towards`.
    share : float
        How much the known margins count; never turned upside down.
    base : ndarray of shape (n_margins,)
        Not drawn anywhere.

    Examples
    --------
    >>> z, y = np.array([[-1.0], [1.0], [-1.0], [1.0]]), np.array([0, 1, 1, 0])
    >>> coefficients, share, base = regression_towards(z, 0 * z, y, np.ones(4), np.array([[2.0]]), penalty=1e6)
    >>> coefficients.round(3).tolist(), round(share, 3), base.round(3).tolist()
    ([[2.0]], 1.0, [0.0])
    """
    n_scores, n_margins = towards.shape
    patients = np.arange(len(codes))

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        away, off = parameters[:-n_margins], parameters[-n_margins:]
        coefficients = towards + away[:-1].reshape(towards.shape)
        margins = scores @ coefficients + (1.0 + away[-1]) * known_margins + off
        by_class = margins_of_classes(margins)
        error = softmax(by_class, axis=1)
        error[patients, codes] -= 1.0
        error = weight[:, None] * error[:, -n_margins:]
        surprise = -weight @ log_softmax(by_class, axis=1)[patients, codes]
        gradient = np.r_[(scores.T @ error).ravel(), (known_margins * error).sum()] + penalty * away
        return float(surprise + 0.5 * penalty * away @ away), np.r_[gradient, error.sum(axis=0)]

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
    return towards + away[:-1].reshape(towards.shape), float(1.0 + away[-1]), base
