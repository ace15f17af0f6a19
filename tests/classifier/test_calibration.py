"""Calibration finds the linear map back, keeps ranks, and steps aside where it would turn them round."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax

from asthma_ml.classifier.calibration import calibrate, fit_calibration, identity_calibration


def test_two_classes_margins_that_are_twice_too_sure_are_halved():
    rng = np.random.default_rng(0)
    log_odds = rng.normal(size=20_000)
    codes = (rng.random(20_000) < expit(log_odds)).astype(int)
    found = fit_calibration(2 * log_odds[:, None] + 0.6, codes, np.ones(20_000))
    assert found.fitted
    assert found.slope[0, 0] == pytest.approx(0.5, abs=0.03)
    assert found.intercept[0] == pytest.approx(-0.3, abs=0.05)


def test_four_classes_margins_that_are_twice_too_sure_are_halved():
    rng = np.random.default_rng(0)
    margins = rng.normal(size=(20_000, 4))
    codes = (softmax(margins, axis=1).cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    found = fit_calibration(2 * margins, codes, np.ones(20_000))
    recovered = softmax(calibrate(2 * margins, found.slope, found.intercept), axis=1)
    assert np.abs(recovered - softmax(margins, axis=1)).mean() < 0.01


@pytest.mark.parametrize("n_classes", [2, 3])
def test_margins_that_rank_backwards_are_left_alone(n_classes):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, n_classes, 300)
    margins = -np.eye(n_classes)[codes] + rng.normal(size=(300, n_classes))
    margins = margins[:, 1:] if n_classes == 2 else margins
    found = fit_calibration(margins, codes, np.ones(300))
    assert not found.fitted
    np.testing.assert_array_equal(found.slope, np.eye(margins.shape[1]))


def test_separable_margins_stay_finite():
    codes = np.repeat([0, 1], 50)
    found = fit_calibration((2.0 * codes - 1)[:, None], codes, np.ones(100))
    assert 1 < found.slope[0, 0] < 10


def test_calibrating_contributions_is_calibrating_their_sum():
    rng = np.random.default_rng(0)
    contributions, slope, intercept = rng.normal(size=(7, 5, 3)), rng.normal(size=(3, 3)), rng.normal(size=3)
    parts = calibrate(contributions, slope, np.zeros(3)).sum(axis=1) + intercept
    np.testing.assert_allclose(parts, calibrate(contributions.sum(axis=1), slope, intercept), atol=1e-12)
    np.testing.assert_allclose(calibrate(contributions, slope, intercept), contributions @ slope.T + intercept)


def test_the_identity_leaves_margins_as_they_are():
    margins = np.random.default_rng(0).normal(size=(4, 3))
    identity = identity_calibration(3)
    np.testing.assert_array_equal(calibrate(margins, identity.slope, identity.intercept), margins)
