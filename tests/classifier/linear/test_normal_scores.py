"""Scores forget units and skew, share ties, stop at the training range and keep gaps."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from asthma_ml.classifier.linear.normal_scores import NormalScores


def scores_of(column: np.ndarray, fresh: np.ndarray | None = None, is_category: bool = False) -> np.ndarray:
    fitted = NormalScores().fit(column[:, None], np.ones(len(column)), np.array([is_category]))
    return fitted.transform((column if fresh is None else fresh)[:, None])


def test_a_skewed_marker_becomes_normal():
    usual = np.exp(3.3 + 0.8 * np.linspace(-2, 2, 9))
    feno = np.random.default_rng(0).lognormal(3.3, 0.8, 5000)
    np.testing.assert_allclose(scores_of(feno, usual)[:, 0], np.linspace(-2, 2, 9), atol=0.1)


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_the_unit_of_a_column_does_not_matter(seed):
    column = np.random.default_rng(seed).gamma(2.0, size=40).round(1)
    np.testing.assert_allclose(scores_of(column), scores_of(np.exp(column)), atol=1e-9)


def test_ties_share_the_middle_of_their_ranks_and_keep_the_order():
    counts = np.array([0.0] * 6 + [1.0] * 3 + [7.0])
    expected = norm.ppf([0.3, 0.75, 0.95])
    share = np.array([0.6, 0.3, 0.1])
    spread = np.sqrt(share @ expected**2 - (share @ expected) ** 2)
    np.testing.assert_allclose(scores_of(counts, np.array([0.0, 1.0, 7.0]))[:, 0], expected / spread)


def test_beyond_the_training_range_nothing_grows():
    found = scores_of(np.arange(50.0), np.array([-1000.0, 0.0, 49.0, 1e6]))[:, 0]
    assert found[0] == found[1] < found[2] == found[3]


def test_what_was_not_measured_has_no_score():
    column = np.array([1.0, np.nan, 2.0, 3.0])
    np.testing.assert_array_equal(np.isnan(scores_of(column)[:, 0]), np.isnan(column))


def test_a_category_has_a_score_for_each_level_but_the_most_frequent():
    technique = np.array([0.0] * 10 + [1.0] * 25 + [2.0] * 5 + [np.nan])
    scores = scores_of(technique, is_category=True)
    assert scores.shape == (41, 2)
    for j, level in enumerate((0.0, 2.0)):
        np.testing.assert_array_equal(scores[:40, j] > 0, technique[:40] == level)
        np.testing.assert_allclose(np.std(scores[:40, j]), 1)
    assert np.isnan(scores[40]).all()
    assert not scores_of(technique, np.array([1.0]), is_category=True).any()


def test_a_column_without_two_values_has_none():
    X = np.column_stack([np.full(5, np.nan), np.full(5, 2.0), np.arange(5.0)])
    fitted = NormalScores().fit(X, np.ones(5), np.zeros(3, dtype=bool))
    assert fitted.source_.tolist() == [2]


def test_a_large_cohort_leaves_a_small_table():
    column = np.random.default_rng(0).normal(size=(100_000, 1))
    fitted = NormalScores().fit(column, np.ones(100_000), np.array([False]))
    assert len(fitted.knots_) <= 64
    within = np.linspace(-2, 2, 100)[:, None]
    np.testing.assert_allclose(fitted.transform(within), within, atol=0.03)


def test_weighting_a_patient_is_repeating_the_patient():
    rng = np.random.default_rng(0)
    X, times = rng.integers(0, 9, (50, 2)).astype(float), rng.integers(1, 4, 50)
    is_category = np.array([False, True])
    weighted = NormalScores().fit(X, times.astype(float), is_category)
    repeated = NormalScores().fit(X.repeat(times, axis=0), np.ones(times.sum()), is_category)
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X))
