"""From what moves every class to what moves the log-odds of one class.

With margins g of all classes, the log-odds of class k are ``g_k - log(sum over j != k of exp(g_j))``.
They are not linear in the margins once there are more than two classes. Following the straight path
from the base margins to the patient's (Aumann and Shapley), the part of class j in the second term is
its mean softmax weight W_j along the path, and a feature's contribution is ``phi_k - sum_j W_j phi_j``.
The contributions then add to the log-odds exactly, and with two classes nothing is left to integrate.
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp, softmax

_QUADRATURE_POINTS = 64


def class_log_odds(margins: np.ndarray, explained: np.ndarray) -> np.ndarray:
    """Return the log-odds of one class for each patient.

    Parameters
    ----------
    margins : ndarray of shape (n_patients, n_classes)
        Calibrated margins, whose softmax are the probabilities.
    explained : ndarray of shape (n_patients,)
        Place of the class that is asked about.

    Returns
    -------
    ndarray of shape (n_patients,)
        ``log(p / (1 - p))`` of that class.

    Examples
    --------
    >>> class_log_odds(np.log([[0.5, 0.25, 0.25]]), np.array([0])).round(6) + 0.0
    array([0.])
    """
    own = np.take_along_axis(margins, explained[:, None], axis=1)[:, 0]
    if margins.shape[1] == 2:
        return np.asarray(own - np.take_along_axis(margins, 1 - explained[:, None], axis=1)[:, 0])
    return np.asarray(own - logsumexp(_without(margins, explained), axis=1))


def margin_weights(base: np.ndarray, margins: np.ndarray, explained: np.ndarray) -> np.ndarray:
    """Return how much each margin counts in the log-odds of one class.

    Parameters
    ----------
    base : ndarray of shape (n_classes,) or (n_patients, n_classes)
        Margins the contributions start from.
    margins : ndarray of shape (n_patients, n_classes)
        Margins they arrive at.
    explained : ndarray of shape (n_patients,)
        Place of the class that is asked about.

    Returns
    -------
    ndarray of shape (n_patients, n_classes)
        One for the explained class, minus the mean softmax weight for each other; rows add to zero.

    References
    ----------
    Aumann RJ, Shapley LS, Values of Non-Atomic Games, 1974.

    Examples
    --------
    >>> margin_weights(np.zeros(2), np.array([[0.0, 1.5]]), np.array([1]))
    array([[-1.,  1.]])
    """
    own = np.zeros_like(margins)
    np.put_along_axis(own, explained[:, None], 1.0, axis=1)
    if margins.shape[1] == 2:
        return np.asarray(2.0 * own - 1.0)
    points, weights = np.polynomial.legendre.leggauss(_QUADRATURE_POINTS)
    mean_weight = np.zeros_like(margins)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        on_path = base + point * (margins - base)
        mean_weight += weight * softmax(_without(on_path, explained), axis=1)
    return np.asarray(own - mean_weight)


def _without(margins: np.ndarray, explained: np.ndarray) -> np.ndarray:
    """The margins with the explained class taken out of the race."""
    others = margins.copy()
    np.put_along_axis(others, explained[:, None], -np.inf, axis=1)
    return others
