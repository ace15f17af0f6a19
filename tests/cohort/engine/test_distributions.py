"""Distributions: noise and values correspond, and probabilities sum to one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from scipy.integrate import quad

from asthma_ml.cohort.engine.distributions import (
    Bernoulli,
    Binomial,
    Categorical,
    LogitNormal,
    LogNormal,
    NegativeBinomial,
    Normal,
    OrderedProbit,
    Poisson,
    TruncatedNormal,
    by_level,
    levels_from_codes,
)

CONTINUOUS = {
    "normal": (Normal(3.0, 2.0), (-40, 40)),
    "log-normal": (LogNormal(30.0, 0.7), (1e-9, 5_000)),
    "truncated normal": (TruncatedNormal(50.0, 16.0, 18.0, 90.0), (18, 90)),
    "logit-normal": (LogitNormal(-1.0, 1.2, whole=100.0), (1e-6, 100 - 1e-6)),
    "logit-normal above a floor": (LogitNormal(0.5, 0.4, whole=0.98, lower=0.22), (0.2201, 0.9799)),
}
COUNTS = {
    "poisson": Poisson(2.3),
    "negative binomial": NegativeBinomial(1.7, 0.52),
    "binomial": Binomial(20, 0.15),
    "alleles": Binomial(2, 0.42),
}
noise = st.floats(-3.5, 3.5)


@pytest.mark.parametrize("name", CONTINUOUS)
@given(z=noise)
def test_noise_of_a_continuous_value_is_recovered(name, z):
    distribution, _ = CONTINUOUS[name]
    assert distribution.to_noise(distribution.from_noise(np.array([z])))[0] == pytest.approx(z, abs=1e-6)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_density_integrates_to_one(name):
    distribution, (low, high) = CONTINUOUS[name]
    middle = float(distribution.from_noise(np.array([0.0]))[0])
    density = lambda x: float(np.exp(distribution.log_prob(np.array([x]))[0]))  # noqa: E731
    total = quad(density, low, middle, limit=400)[0] + quad(density, middle, high, limit=400)[0]
    assert total == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("name", CONTINUOUS)
@given(zs=st.tuples(noise, noise).filter(lambda pair: pair[0] < pair[1]))
def test_value_increases_with_noise(name, zs):
    distribution, _ = CONTINUOUS[name]
    low, high = distribution.from_noise(np.array(zs))
    assert low <= high


@pytest.mark.parametrize("name", COUNTS)
@given(z=noise, position=st.floats(0.05, 0.95))
def test_noise_of_a_count_reproduces_it(name, z, position):
    distribution = COUNTS[name]
    x = distribution.from_noise(np.array([z]))
    assert distribution.from_noise(distribution.to_noise(x, position))[0] == x[0]


@pytest.mark.parametrize("name", COUNTS)
def test_probabilities_of_counts_sum_to_one(name):
    most = 20 if name == "binomial" else 2 if name == "alleles" else 400
    assert np.exp(COUNTS[name].log_prob(np.arange(most + 1.0))).sum() == pytest.approx(1.0, abs=1e-9)


def test_negative_binomial_has_the_published_overdispersion():
    """Exacerbations of mean 1.7 and SD 2.7 (COH029) give a dispersion of 0.52."""
    z = np.random.default_rng(0).standard_normal(200_000)
    counts = NegativeBinomial(1.7, 1.7**2 / (2.7**2 - 1.7)).from_noise(z)
    assert counts.mean() == pytest.approx(1.7, abs=0.03)
    assert counts.std() == pytest.approx(2.7, abs=0.06)


@given(z=noise, position=st.floats(0.05, 0.95))
def test_noise_of_a_category_reproduces_it(z, position):
    distribution = Categorical(("never", "former", "current"), (0.6, 0.3, 0.1))
    x = distribution.from_noise(np.array([z]))
    assert list(distribution.from_noise(distribution.to_noise(x, position))) == list(x)


def test_category_weights_need_not_sum_to_one():
    distribution = Categorical(("a", "b"), (3.0, 1.0))
    sample = distribution.from_noise(np.random.default_rng(0).standard_normal(100_000))
    assert (sample == "a").mean() == pytest.approx(0.75, abs=0.01)
    assert np.exp(distribution.log_prob(levels_from_codes(np.array([0, 1]), ("a", "b")))) == pytest.approx([0.75, 0.25])


@given(z=noise, position=st.floats(0.05, 0.95), mean=st.floats(-1, 1))
def test_noise_of_an_ordered_level_reproduces_it(z, position, mean):
    distribution = OrderedProbit(("low", "middle", "high"), np.array([mean]), 0.5, (-0.3, 0.4))
    x = distribution.from_noise(np.array([z]))
    assert list(distribution.from_noise(distribution.to_noise(x, position))) == list(x)


def test_ordered_levels_have_the_probabilities_of_the_normal_score():
    distribution = OrderedProbit(("low", "middle", "high"), 0.2, 0.5, (-0.3, 0.4))
    sample = distribution.from_noise(np.random.default_rng(0).standard_normal(100_000))
    probabilities = np.exp(distribution.log_prob(levels_from_codes(np.arange(3), distribution.levels)))
    assert probabilities == pytest.approx(np.diff([0, *special.ndtr([-1.0, 0.4]), 1]))
    assert np.bincount(sample.codes) / 100_000 == pytest.approx(probabilities, abs=0.01)
    never = OrderedProbit(distribution.levels, 0.2, 0.5, (0.4, -0.3))
    assert set(never.from_noise(np.linspace(-3, 3, 50))) == {"low", "high"}


@settings(deadline=None)
@given(u=st.floats(1e-12, 1 - 1e-12), mean=st.floats(0.01, 60), dispersion=st.floats(0.1, 5))
def test_count_quantiles_equal_those_of_scipy(u, mean, dispersion):
    probabilities = np.array([u, 1e-9, 0.5, 1 - 1e-9])
    poisson = Poisson(np.full(4, mean)).from_uniform(probabilities)
    assert poisson.tolist() == pytest.approx(stats.poisson(mean).ppf(probabilities), abs=1)
    assert stats.poisson(mean).cdf(poisson - 1)[0] - 1e-9 <= u <= stats.poisson(mean).cdf(poisson)[0] + 1e-9
    negative = NegativeBinomial(mean, dispersion).from_uniform(probabilities)
    distribution = stats.nbinom(dispersion, dispersion / (dispersion + mean))
    assert distribution.cdf(negative - 1)[0] - 1e-9 <= u <= distribution.cdf(negative)[0] + 1e-9


@given(p=st.floats(0.01, 0.99), trials=st.integers(1, 20), z=st.lists(noise, min_size=1, max_size=9))
def test_count_does_not_depend_on_other_patients(p, trials, z):
    distribution = Binomial(trials, p)
    alone = [distribution.from_noise(np.array([one]))[0] for one in z]
    assert distribution.from_noise(np.array(z)).tolist() == alone


@given(p=st.floats(0.02, 0.98), z=noise)
def test_uniform_and_normal_noise_give_the_same_value(p, z):
    for distribution in (Bernoulli(p), Binomial(2, p), Poisson(p), TruncatedNormal(0.0, 1.0, -1.0, p)):
        assert distribution.from_uniform(special.ndtr(np.array([z]))) == distribution.from_noise(np.array([z]))


@given(z=noise, p=st.floats(0.02, 0.98))
def test_noise_of_a_bernoulli_value_reproduces_it(z, p):
    distribution = Bernoulli(p)
    x = distribution.from_noise(np.array([z]))
    assert distribution.from_noise(distribution.to_noise(x))[0] == x[0]
    assert np.exp(distribution.log_prob(np.array([0.0, 1.0]))).sum() == pytest.approx(1.0)


def test_zero_median_gives_zero_with_certainty():
    distribution = LogNormal(median=np.array([0.0, 10.0]), log_sd=1.0)
    assert distribution.from_noise(np.array([2.0, 0.0])).tolist() == [0.0, 10.0]
    assert distribution.log_prob(np.array([0.0, 10.0]))[0] == 0.0
    assert distribution.log_prob(np.array([1.0, 10.0]))[0] == -np.inf


@pytest.mark.parametrize(
    ("distribution", "value", "message"),
    [
        (Bernoulli(0.5), 2, "0 or 1"),
        (Binomial(2, 0.3), 1.5, "whole number from 0 to 2"),
        (Categorical(("never", "current"), (1, 1)), "sometimes", "never, current"),
        (Normal(0.0, 1.0), float("nan"), "finite number"),
    ],
)
def test_impossible_values_are_refused(distribution, value, message):
    with pytest.raises(ValueError, match=message):
        distribution.coerce(value, 3)


def test_by_level_needs_a_number_for_every_level():
    with pytest.raises(KeyError):
        by_level(levels_from_codes(np.array([0]), ("a", "b")), a=1.0)
