"""Calibration of margins by a linear map, so that what explains the margin explains the log-odds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression


@dataclass(frozen=True, slots=True)
class LinearCalibration:
    """Log-odds as a linear map of margins: ``calibrated = slope @ margin + intercept``.

    Attributes
    ----------
    slope : ndarray of shape (n_margins, n_margins)
        One margin in the two-class task, one a class otherwise.
    intercept : ndarray of shape (n_margins,)
        On the scale of log-odds.
    fitted : bool
        False where it is the identity because it could not be fitted.
    """

    slope: np.ndarray
    intercept: np.ndarray
    fitted: bool


def identity_calibration(n_margins: int) -> LinearCalibration:
    """Return the calibration that leaves margins as they are."""
    return LinearCalibration(np.eye(n_margins), np.zeros(n_margins), fitted=False)


def fit_calibration(margins: np.ndarray, codes: np.ndarray, weight: np.ndarray) -> LinearCalibration:
    """Fit the calibration on margins of patients that their model has not seen.

    Parameters
    ----------
    margins : ndarray of shape (n_patients, n_margins)
        Out-of-fold margins.
    codes : ndarray of shape (n_patients,)
        Place of the class of each patient.
    weight : ndarray of shape (n_patients,)
        Weights.

    Returns
    -------
    LinearCalibration
        Platt's sigmoid with two classes, multinomial logistic regression with more, both with a weak
        ridge that keeps separable margins finite; the identity where margins rank no better than
        chance, because a slope that is not positive would turn the model upside down.

    References
    ----------
    Platt J, Advances in Large Margin Classifiers, 1999; 61-74.
    """
    regression = LogisticRegression(C=1.0, tol=1e-6, max_iter=1000)
    regression.fit(margins, codes, sample_weight=weight)
    slope, intercept = regression.coef_, regression.intercept_
    if not np.all(_gain_of_each_margin(slope) > 0):
        return identity_calibration(margins.shape[1])
    return LinearCalibration(slope, intercept, fitted=True)


def calibrate(margins: np.ndarray, slope: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    """Apply the linear map to the last axis of margins.

    Parameters
    ----------
    margins : ndarray of shape (..., n_margins)
        Margins, or their Shapley values with an `intercept` of zero.
    slope : ndarray of shape (n_margins, n_margins)
        Linear part.
    intercept : ndarray of shape (n_margins,)
        Constant part.

    Returns
    -------
    ndarray of shape (..., n_margins)
        A row does not depend on the rows beside it, to the last bit, as it could through a matrix product.
    """
    calibrated: np.ndarray = np.zeros_like(margins) + intercept
    for j in range(margins.shape[-1]):
        calibrated += margins[..., j : j + 1] * slope[:, j]
    return calibrated


def _gain_of_each_margin(slope: np.ndarray) -> np.ndarray:
    """What a margin adds to the log-odds of its own class against the mean of the others."""
    n_margins = len(slope)
    own = np.diag(slope)
    others = (slope.sum(axis=0) - own) / max(n_margins - 1, 1)
    return np.asarray(own - others)
