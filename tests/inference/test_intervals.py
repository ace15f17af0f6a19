"""Probabilities of intervals agree with draws, and truncated noise stays in its interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asthma_ml.cohort.engine.distributions import LogitNormal, LogNormal, Normal, TruncatedNormal
from asthma_ml.inference.intervals import interval_log_prob, inverse_interval, noise_between, noise_interval

DISTRIBUTIONS = {
    "normal": Normal(3.0, 2.0),
    "log-normal": LogNormal(20.0, 0.6),
    "certainly zero": LogNormal(0.0, 0.6),
    "truncated": TruncatedNormal(1.0, 2.0, lower=0.0, upper=6.0),
    "proportion": LogitNormal(-1.0, 1.2, whole=60.0),
}
INTERVALS = [(-np.inf, 2.5), (1.5, 2.5), (5.5, np.inf), (-3.0, -1.0), (-0.5, 0.5), (80.0, 81.0), (-np.inf, np.inf)]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)
@pytest.mark.parametrize(("lower", "upper"), INTERVALS)
def test_probability_of_an_interval_is_the_proportion_of_draws_in_it(distribution, lower, upper):
    draws = distribution.from_noise(np.random.default_rng(1).standard_normal(40_000))
    expected = np.mean((draws >= lower) & (draws <= upper))
    low, high = noise_interval(distribution, np.array([lower]), np.array([upper]))
    assert np.exp(interval_log_prob(low, high))[0] == pytest.approx(expected, abs=0.012)


@given(st.floats(-30, 30), st.floats(1e-6, 5), st.floats(0, 1))
def test_truncated_noise_stays_in_its_interval_in_the_tails(low, width, uniform):
    noise = noise_between(np.array([low]), np.array([low + width]), np.array([uniform]))[0]
    assert low - 1e-6 * max(1, abs(low)) <= noise <= low + width + 1e-6 * max(1, abs(low))
    assert np.isfinite(interval_log_prob(np.array([low]), np.array([low + width])))[0]


def test_an_empty_interval_is_impossible():
    assert interval_log_prob(np.array([2.0]), np.array([1.0]))[0] == -np.inf


@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["rising", "falling"])
def test_inverse_interval_of_a_monotone_effect(sign):
    low, high = inverse_interval(lambda z: np.exp(sign * z), np.array([0.5]), np.array([2.0]))
    assert (low[0], high[0]) == pytest.approx((-np.log(2), np.log(2)), abs=1e-5)


def test_inverse_interval_of_a_maximum_is_open_below():
    """The maximum of an earlier count and today's count of 5 is 5: the earlier count has only an upper bound."""
    low, high = inverse_interval(lambda z: np.maximum(z, 5.0), np.array([4.5]), np.array([5.5]))
    assert low[0] == -np.inf
    assert high[0] == pytest.approx(5.5, abs=1e-5)
