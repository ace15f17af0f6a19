"""Exogenous noise: one number for each person and variable, independent of the other people."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from asthma_ml.cohort.engine.noise import BLOCK_SIZE, Noise, RememberedNoise

MANY = Noise(seed=11, block=0, size=1_000_000)


@given(people=st.lists(st.integers(0, 2**40), min_size=1, max_size=20), seed=st.integers(0, 2**70))
def test_noise_does_not_depend_on_other_people(people, seed):
    together = Noise(seed, people=np.array(people))["feno_ppb"]
    alone = [Noise(seed, people=np.array([number]))["feno_ppb"][0] for number in people]
    assert together.tolist() == alone


def test_blocks_are_consecutive():
    three = Noise(5, 0, 3 * BLOCK_SIZE)["age_years"]
    assert np.concatenate([Noise(5, block)["age_years"] for block in range(3)]).tolist() == three.tolist()


def test_remembered_noise_is_equal_and_computed_once():
    noise, remembered = Noise(5, 1, 10), RememberedNoise(5, 1, 10)
    assert remembered["age_years"].tolist() == noise["age_years"].tolist()
    assert remembered["age_years"] is remembered["age_years"]
    assert remembered.uniform("sex") is remembered.uniform("sex")


def test_numbers_of_a_seed_are_fixed():
    """Other numbers would change all cohorts."""
    first = [0.19918067457559807, 0.030326714529052112, 0.6199484059016832]
    assert Noise(1, 0, 3).uniform("feno_ppb").tolist() == first


def test_noise_is_uniform_and_normal():
    assert stats.kstest(MANY.uniform("feno_ppb"), "uniform").pvalue > 0.001
    assert stats.kstest(MANY["feno_ppb"], "norm").pvalue > 0.001
    assert stats.norm.cdf(MANY["feno_ppb"][:1000]) == pytest.approx(MANY.uniform("feno_ppb")[:1000], abs=1e-12)


def test_noise_of_people_variables_and_seeds_is_independent():
    one, other, another_seed = MANY["feno_ppb"], MANY["age_years"], Noise(12, 0, len(MANY))["feno_ppb"]
    for left, right in ((one, other), (one[1:], one[:-1]), (one[1:], other[:-1]), (one, another_seed)):
        assert abs(np.corrcoef(left, right)[0, 1]) < 0.004
        assert abs(np.corrcoef(left**2, right**2)[0, 1]) < 0.004
        grid = np.histogram2d(stats.norm.cdf(left), stats.norm.cdf(right), bins=64, range=[[0, 1]] * 2)[0]
        assert stats.chisquare(grid.ravel()).pvalue > 0.001


def test_bits_of_the_uniform_noise_are_balanced():
    bits = (MANY.uniform("feno_ppb") * 2.0**52).astype(np.uint64)
    proportions = [((bits >> np.uint64(i)) & np.uint64(1)).mean() for i in range(52)]
    assert proportions == pytest.approx([0.5] * 52, abs=0.003)
