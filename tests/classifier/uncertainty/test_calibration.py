"""Calibration recovers slopes, weights models, and never reverses ranks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax

from asthma_ml.classifier.uncertainty.calibration import SlopePrior, calibrate, fit_calibration, mean_of_margins


def test_overconfident_margins_of_two_classes_are_halved():
    rng = np.random.default_rng(0)
    log_odds = rng.normal(size=20_000)
    codes = (rng.random(20_000) < expit(log_odds)).astype(int)
    found = fit_calibration(2 * log_odds[None, :, None] + 0.6, codes, np.ones(20_000))
    assert found.fitted
    assert found.slope[0] == pytest.approx(0.5, abs=0.03)
    assert found.intercept[0] == pytest.approx(-0.3, abs=0.05)


def test_overconfident_margins_of_four_classes_are_halved():
    rng = np.random.default_rng(0)
    margins = rng.normal(size=(20_000, 4))
    codes = (softmax(margins, axis=1).cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    found = fit_calibration(2 * margins[None] + np.arange(4), codes, np.ones(20_000))
    recovered = softmax(calibrate(2 * margins[None] + np.arange(4), found.slope, found.intercept), axis=1)
    assert np.abs(recovered - softmax(margins, axis=1)).mean() < 0.01


@pytest.mark.parametrize("n_classes", [2, 3])
def test_weights_of_informative_models_are_recovered(n_classes):
    """Two models each know half of the margin; a third one is noise and gets weight zero."""
    rng = np.random.default_rng(0)
    halves = rng.normal(size=(2, 30_000, 1 if n_classes == 2 else n_classes))
    margins = np.concatenate([np.zeros((30_000, 1)), halves.sum(axis=0)], axis=1) if n_classes == 2 else halves.sum(0)
    codes = (softmax(margins, axis=1).cumsum(axis=1) < rng.random((30_000, 1))).sum(axis=1)
    guesses = rng.normal(size=halves[:1].shape)
    found = fit_calibration(np.concatenate([halves, guesses]), codes, np.ones(30_000))
    np.testing.assert_allclose(found.slope, [1, 1, 0], atol=0.05)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_reversed_margins_get_no_negative_weight(n_classes):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, n_classes, 300)
    margins = -np.eye(n_classes)[codes] + rng.normal(size=(300, n_classes))
    margins = margins[None, :, 1:] if n_classes == 2 else margins[None]
    found = fit_calibration(margins, codes, np.ones(300))
    assert not found.fitted
    assert found.slope.tolist() == [1.0]
    with_truth = fit_calibration(np.concatenate([margins, -margins]), codes, np.ones(300))
    assert with_truth.slope[0] == 0 < with_truth.slope[1]


def test_separable_margins_have_a_finite_slope():
    codes = np.repeat([0, 1], 50)
    found = fit_calibration((2.0 * codes - 1)[None, :, None], codes, np.ones(100))
    assert 1 < found.slope[0] < 10


def test_weighting_a_patient_equals_repeating_the_patient():
    rng = np.random.default_rng(0)
    margins, codes, times = rng.normal(size=(2, 60, 1)), rng.integers(0, 2, 60), rng.integers(1, 4, 60)
    weighted = fit_calibration(margins, codes, times.astype(float))
    repeated = fit_calibration(margins.repeat(times, axis=1), codes.repeat(times), np.ones(times.sum()))
    np.testing.assert_allclose(weighted.slope, repeated.slope, atol=1e-4)


def test_calibration_of_contributions_equals_calibration_of_their_sum():
    rng = np.random.default_rng(0)
    contributions, slope, intercept = rng.normal(size=(2, 7, 5, 3)), rng.random(2), rng.normal(size=3)
    parts = calibrate(contributions, slope, np.zeros(3)).sum(axis=1) + intercept
    np.testing.assert_allclose(parts, calibrate(contributions.sum(axis=2), slope, intercept), atol=1e-12)


def test_the_mean_of_one_model_is_its_margins():
    margins = np.random.default_rng(0).normal(size=(1, 4, 3))
    mean = mean_of_margins(1, 3)
    np.testing.assert_array_equal(calibrate(margins, mean.slope, mean.intercept), margins[0])


def test_a_prior_dominates_with_few_patients_only():
    """Overconfident margins: the true slope is 0.5, the prior mean is 1."""
    rng = np.random.default_rng(0)
    prior = SlopePrior((1.0,), (30.0,))
    for n, expected in ((20, 1.0), (20_000, 0.5)):
        right = rng.normal(0, 1.5, n)
        codes = (rng.random(n) < 1 / (1 + np.exp(-right))).astype(int)
        found = fit_calibration(2 * right[None, :, None], codes, np.ones(n), prior)
        assert found.slope[0] == pytest.approx(expected, abs=0.25)
