"""What a model keeps of a column are means of blocks of at least ten patients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asthma_ml.classifier.microaggregation import MOST_BLOCKS, blocks_of_values, column_blocks


def means(values, groups=None):
    [blocks] = column_blocks(np.asarray(values, dtype=float)[:, None], np.ones(len(values)), groups)
    return blocks.mean.tolist()


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(10, 2_000), st.sampled_from([0, 1, 3]))
def test_each_block_has_ten_patients_and_equal_values_are_in_one_block(seed, n, digits):
    values = np.random.default_rng(seed).gamma(2.0, size=n).round(digits)
    found = blocks_of_values(values, np.ones(n))
    assert len(found.mean) <= MOST_BLOCKS
    assert found.share.min() * n > 9.999
    assert found.share.sum() == pytest.approx(1)
    assert np.all(np.diff(found.mean) > 0)
    np.testing.assert_allclose(found.share @ found.mean, values.mean())
    ends = np.cumsum(found.share * n).round().astype(int)[:-1]
    ascending = np.sort(values)
    assert np.all(ascending[ends - 1] < ascending[ends])


def test_values_of_ten_patients_are_kept_and_those_of_fewer_are_merged():
    assert means([0] * 30 + [1] * 10 + [2] * 12) == [0, 1, 2]
    assert means([0] * 30 + [1] * 9 + [4] * 1) == [0, 1.3]
    assert means([0] * 30 + [1] * 9) == [9 / 39]
    assert means([0] * 9) == []


def test_outer_blocks_are_small_in_large_tables():
    values = np.random.default_rng(0).normal(size=100_000)
    low, *_, high = means(values)
    assert low == pytest.approx(np.sort(values)[:10].mean())
    assert high == pytest.approx(np.sort(values)[-10:].mean())


def test_visits_of_a_patient_count_once():
    """Thirty patients with five visits at the same age: a block has ten patients, not two."""
    age, patient = np.arange(30.0).repeat(5), np.arange(30).repeat(5)
    assert means(age) == [0.5 + 2 * k for k in range(15)]
    assert means(age, patient) == [4.5, 14.5, 24.5]


def test_a_patient_of_large_weight_does_not_become_the_mean():
    age, weight = np.arange(40.0), np.where(np.arange(40) == 7, 1000.0, 1.0)
    blocks = blocks_of_values(age, weight)
    assert blocks.mean[0] == 4.5
    assert blocks.share[0] == pytest.approx(1009 / 1039)


def test_patients_with_equal_rows_are_counted_in_a_small_table():
    """Two levels of one column are two distinct rows, of forty and of ten patients."""
    [blocks] = column_blocks(np.array([[0.0], [1.0]]), np.array([40.0, 10.0]))
    assert blocks.mean.tolist() == [0, 1]
    np.testing.assert_allclose(blocks.share, [0.8, 0.2])


def test_the_range_is_about_that_of_the_patients_but_not_their_extremes():
    rng = np.random.default_rng(0)
    for draw in (rng.normal, rng.exponential):
        values, fresh = draw(size=300), draw(size=10_000)
        low, high = blocks_of_values(values, np.ones(300)).range
        assert not {low, high} & set(values)
        assert np.mean((fresh < low) | (fresh > high)) < 2 / 300


def test_the_range_of_whole_numbers_is_whole_and_includes_rare_levels():
    assert blocks_of_values(np.array([0.0] * 97 + [1.0] * 3), np.ones(100)).range[1] == 1
    assert blocks_of_values(np.array([2.0] * 20), np.ones(20)).range == (2, 2)
    assert np.isnan(blocks_of_values(np.full(20, np.nan), np.ones(20)).range).all()
