"""Margins of classes and their probabilities."""

from __future__ import annotations

import numpy as np


def margins_of_classes(margins: np.ndarray) -> np.ndarray:
    """Margins of all classes, on the last axis; a single margin is that of the second of two classes.

    Examples
    --------
    >>> margins_of_classes(np.array([[1.5], [-2.0]]))
    array([[ 0. ,  1.5],
           [ 0. , -2. ]])
    """
    return np.concatenate([np.zeros_like(margins), margins], axis=-1) if margins.shape[-1] == 1 else margins


def probability_of_margins(margins: np.ndarray) -> np.ndarray:
    """Probabilities of all classes, accurate also near zero.

    Parameters
    ----------
    margins : ndarray of shape (n_patients,) or (n_patients, n_classes)
        Calibrated margins [log-odds].

    Returns
    -------
    ndarray of shape (n_patients, n_classes)
        Each row sums to one.

    Examples
    --------
    >>> probability_of_margins(np.array([0.0]))
    array([[0.5, 0.5]])
    """
    if margins.ndim == 1:
        return np.array([expit(-margins), expit(margins)]).T
    return softmax(margins)


def expit(log_odds: np.ndarray) -> np.ndarray:
    """Probability of log-odds, as `scipy.special.expit`, whose import takes longer than the prediction of a patient."""
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-log_odds)))


def softmax(margins: np.ndarray) -> np.ndarray:
    """Probabilities of margins, which are on the last axis."""
    relative = np.exp(margins - margins.max(axis=-1, initial=-np.inf, keepdims=True))
    return np.asarray(relative / relative.sum(axis=-1, keepdims=True))
