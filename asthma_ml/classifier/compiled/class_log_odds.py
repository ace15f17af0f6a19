"""Contributions to the log-odds of one class, from contributions to the margins of all classes.

With margins g of all classes, the log-odds of class k are ``g_k - log(sum over j != k of exp(g_j))``. With more than
two classes they are not linear in the margins. Along the straight path from the base margins to the margins of the
patient (Aumann and Shapley), the second term has the mean softmax weight W_j of class j, and the contribution of a
feature is ``phi_k - sum_j W_j phi_j``. The contributions sum to the log-odds exactly. With two classes no integral is
needed.
"""

from __future__ import annotations

import numpy as np

from asthma_ml.classifier.margins import softmax

_QUADRATURE_POINTS = 64


def class_log_odds(margins: np.ndarray, explained: np.ndarray) -> np.ndarray:
    """Log-odds of one class, for each patient.

    Parameters
    ----------
    margins : ndarray of shape (n_patients, n_classes)
        Calibrated margins, whose softmax are the probabilities.
    explained : ndarray of shape (n_patients,)
        Index of the explained class.

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
    others = _without(margins, explained)
    largest = others.max(axis=1, initial=-np.inf)
    return np.asarray(own - largest - np.log(np.exp(others - largest[:, None]).sum(axis=1)))


def margin_weights(base: np.ndarray, margins: np.ndarray, explained: np.ndarray) -> np.ndarray:
    """Weights of the margins in the log-odds of one class.

    Parameters
    ----------
    base : ndarray of shape (n_classes,) or (n_patients, n_classes)
        Base margins.
    margins : ndarray of shape (n_patients, n_classes)
        Margins of the patients.
    explained : ndarray of shape (n_patients,)
        Index of the explained class.

    Returns
    -------
    ndarray of shape (n_patients, n_classes)
        One for the explained class, minus the mean softmax weight for each other class; rows sum to zero.

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
        mean_weight += weight * softmax(_without(on_path, explained))
    return np.asarray(own - mean_weight)


def _without(margins: np.ndarray, explained: np.ndarray) -> np.ndarray:
    """Margins with minus infinity for the explained class."""
    others = margins.copy()
    np.put_along_axis(others, explained[:, None], -np.inf, axis=1)
    return others
