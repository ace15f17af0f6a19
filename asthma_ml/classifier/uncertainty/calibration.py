"""Calibration of margins by a linear map, so that what explains the margins explains the log-odds.

The margins of the parts of the classifier are weighed against each other by the same fit: an ensemble
whose weights come from patients that its parts have not seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax, softmax


@dataclass(frozen=True, slots=True)
class LinearCalibration:
    """Log-odds as a sum of margins: ``calibrated = sum of slope[i] * margins[i] + intercept``.

    Attributes
    ----------
    slope : ndarray of shape (n_parts,)
        Weight of each part, not negative: no part is ever turned upside down.
    intercept : ndarray of shape (n_margins,)
        On the scale of log-odds.
    fitted : bool
        False where it is the mean of the parts because it could not be fitted.
    """

    slope: np.ndarray
    intercept: np.ndarray
    fitted: bool


def mean_of_parts(n_parts: int, n_margins: int) -> LinearCalibration:
    """Return the calibration that takes the mean of the parts as it is."""
    return LinearCalibration(np.full(n_parts, 1.0 / n_parts), np.zeros(n_margins), fitted=False)


@dataclass(frozen=True, slots=True)
class SlopePrior:
    """What is believed of the slopes before any patient is seen.

    Attributes
    ----------
    slope : tuple of n_parts floats
        Where they are drawn to.
    precision : tuple of n_parts floats
        How strongly.
    """

    slope: tuple[float, ...]
    precision: tuple[float, ...]


def fit_calibration(
    margins: np.ndarray, codes: np.ndarray, weight: np.ndarray, prior: SlopePrior | None = None
) -> LinearCalibration:
    """Fit the calibration on margins of patients that their model has not seen.

    Parameters
    ----------
    margins : ndarray of shape (n_parts, n_patients, n_margins)
        Out-of-fold margins of each part; one margin with two classes, one a class with more.
    codes : ndarray of shape (n_patients,)
        Place of the class of each patient.
    weight : ndarray of shape (n_patients,)
        Weights.
    prior : SlopePrior, default=None
        By default a weak ridge.

    Returns
    -------
    LinearCalibration
        The likeliest slopes that are not negative, with a weak ridge that keeps separable margins
        finite; the mean of the parts where no part ranks better than chance.

    References
    ----------
    Platt J, Advances in Large Margin Classifiers, 1999; 61-74. Breiman L, Mach Learn, 1996;24:49-64.
    """
    from scipy.optimize import minimize

    n_parts, _, n_margins = margins.shape
    towards, precision = np.zeros(n_parts), np.ones(n_parts)
    if prior is not None:
        towards, precision = np.array(prior.slope), np.array(prior.precision)
    by_class = margins_of_classes(margins)
    free = by_class.shape[2] - 1

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        slope, intercept = parameters[:n_parts], np.r_[0.0, parameters[n_parts:]]
        total = np.tensordot(slope, by_class, axes=1) + intercept
        surprise = -log_softmax(total, axis=1)[np.arange(len(codes)), codes]
        error = softmax(total, axis=1)
        error[np.arange(len(codes)), codes] -= 1.0
        error *= weight[:, None]
        drawn = precision * (slope - towards)
        gradient = np.r_[np.tensordot(by_class, error, axes=2) + drawn, error.sum(axis=0)[1:]]
        return float(weight @ surprise + 0.5 * drawn @ (slope - towards)), gradient

    bounds = [(0.0, None)] * n_parts + [(None, None)] * free
    found = minimize(
        loss,
        np.r_[np.full(n_parts, 1.0 / n_parts), np.zeros(free)],
        jac=True,
        bounds=bounds,
        method="L-BFGS-B",
        options={"ftol": 1e-13, "gtol": 1e-7 * weight.sum(), "maxiter": 500},
    ).x
    slope, intercept = found[:n_parts], found[n_parts:]
    if not np.any(slope > 0):
        return mean_of_parts(n_parts, n_margins)
    return LinearCalibration(slope, intercept if n_margins == 1 else np.r_[0.0, intercept], fitted=True)


def calibrate(margins: np.ndarray, slope: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    """Apply the linear map to the margins of all parts.

    Parameters
    ----------
    margins : ndarray of shape (n_parts, ..., n_margins)
        Margins, or their Shapley values with an `intercept` of zero.
    slope : ndarray of shape (n_parts,)
        Weight of each part.
    intercept : ndarray of shape (n_margins,)
        Constant part.

    Returns
    -------
    ndarray of shape (..., n_margins)
        A row does not depend on the rows beside it, to the last bit.
    """
    calibrated: np.ndarray = np.zeros(margins.shape[1:]) + intercept
    for part, weight in zip(margins, slope, strict=True):
        calibrated += weight * part
    return calibrated


def margins_of_classes(margins: np.ndarray) -> np.ndarray:
    """Return one margin for each class, on the last axis; that of the first of two classes is zero.

    Examples
    --------
    >>> margins_of_classes(np.array([[1.5], [-2.0]]))
    array([[ 0. ,  1.5],
           [ 0. , -2. ]])
    """
    return np.concatenate([np.zeros_like(margins), margins], axis=-1) if margins.shape[-1] == 1 else margins
