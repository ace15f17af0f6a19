"""Calibration: log-odds as a weighted sum of the margins of the linear model and the trees, plus an intercept.

The map is linear, so contributions to the margins become contributions to the log-odds. The weights are fitted on
held-out margins, which also combines the two models (stacking).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asthma_ml.classifier.margins import margins_of_classes


@dataclass(frozen=True, slots=True)
class LinearCalibration:
    """Calibration map ``calibrated = sum of slope[i] * margins[i] + intercept``.

    Attributes
    ----------
    slope : ndarray of shape (n_models,)
        Weight of the margins of each model, not negative.
    intercept : ndarray of shape (n_margins,)
        Intercept [log-odds].
    fitted : bool
        False if the map could not be fitted and is the mean of the margins.
    """

    slope: np.ndarray
    intercept: np.ndarray
    fitted: bool

    def apply(self, margins: np.ndarray) -> np.ndarray:
        """Return calibrated margins; see `calibrate`."""
        return calibrate(margins, self.slope, self.intercept)


def mean_of_margins(n_models: int, n_margins: int) -> LinearCalibration:
    """Return the map that takes the mean of the margins of all models."""
    return LinearCalibration(np.full(n_models, 1.0 / n_models), np.zeros(n_margins), fitted=False)


@dataclass(frozen=True, slots=True)
class SlopePrior:
    """Normal prior of the weights.

    Attributes
    ----------
    mean : tuple of n_models floats
        Prior means.
    precision : tuple of n_models floats
        Prior precisions.
    """

    mean: tuple[float, ...]
    precision: tuple[float, ...]


def fit_calibration(
    margins: np.ndarray, codes: np.ndarray, weight: np.ndarray, prior: SlopePrior | None = None
) -> LinearCalibration:
    """Fit the calibration to held-out margins.

    Parameters
    ----------
    margins : ndarray of shape (n_models, n_patients, n_margins)
        Out-of-fold margins of each model; one margin with two classes, one per class with more.
    codes : ndarray of shape (n_patients,)
        Class number of each patient.
    weight : ndarray of shape (n_patients,)
        Weights.
    prior : SlopePrior, default=None
        By default mean 0 and precision 1.

    Returns
    -------
    LinearCalibration
        Posterior mode with weights that are not negative. The default prior keeps the weights of separable classes
        finite. Mean of the margins if all weights are zero, that is, if no model ranks better than chance.

    References
    ----------
    Platt J, Advances in Large Margin Classifiers, 1999; 61-74. Breiman L, Mach Learn, 1996;24:49-64.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax, softmax

    n_models, _, n_margins = margins.shape
    prior_mean, precision = np.zeros(n_models), np.ones(n_models)
    if prior is not None:
        prior_mean, precision = np.array(prior.mean), np.array(prior.precision)
    by_class = margins_of_classes(margins)
    free = by_class.shape[2] - 1

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        slope, intercept = parameters[:n_models], np.r_[0.0, parameters[n_models:]]
        total = np.tensordot(slope, by_class, axes=1) + intercept
        log_loss = -log_softmax(total, axis=1)[np.arange(len(codes)), codes]
        error = softmax(total, axis=1)
        error[np.arange(len(codes)), codes] -= 1.0
        error *= weight[:, None]
        pull = precision * (slope - prior_mean)
        gradient = np.r_[np.tensordot(by_class, error, axes=2) + pull, error.sum(axis=0)[1:]]
        return float(weight @ log_loss + 0.5 * pull @ (slope - prior_mean)), gradient

    bounds = [(0.0, None)] * n_models + [(None, None)] * free
    found = minimize(
        loss,
        np.r_[np.full(n_models, 1.0 / n_models), np.zeros(free)],
        jac=True,
        bounds=bounds,
        method="L-BFGS-B",
        options={"ftol": 1e-13, "gtol": 1e-7 * weight.sum(), "maxiter": 500},
    ).x
    slope, intercept = found[:n_models], found[n_models:]
    if not np.any(slope > 0):
        return mean_of_margins(n_models, n_margins)
    return LinearCalibration(slope, intercept if n_margins == 1 else np.r_[0.0, intercept], fitted=True)


def calibrate(margins: np.ndarray | Sequence[np.ndarray], slope: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    """Apply the calibration map to the margins of all models.

    Parameters
    ----------
    margins : n_models ndarrays of shape (..., n_margins)
        Margins, or their Shapley values with an `intercept` of zero.
    slope : ndarray of shape (n_models,)
        Weight of each model.
    intercept : ndarray of shape (n_margins,)
        Intercept [log-odds].

    Returns
    -------
    ndarray of shape (..., n_margins)
        A row does not depend on the other rows, to the last bit.
    """
    calibrated: np.ndarray = np.zeros_like(margins[0]) + intercept
    for of_model, weight in zip(margins, slope, strict=True):
        calibrated += weight * of_model
    return calibrated
