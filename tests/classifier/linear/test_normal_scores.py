"""Normal scores do not depend on the unit, are constant in the tails, keep missing values and describe ten patients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from asthma_ml.classifier.linear.normal_scores import fit_normal_scores


def scores_of(column: np.ndarray, fresh: np.ndarray | None = None, is_category: bool = False) -> np.ndarray:
    fitted = fit_normal_scores(column[:, None], np.ones(len(column)), np.array([is_category]))
    return fitted.transform((column if fresh is None else fresh)[:, None])


def test_scores_of_a_skewed_marker_are_normal():
    values = np.exp(3.3 + 0.8 * np.linspace(-2, 2, 9))
    feno = np.random.default_rng(0).lognormal(3.3, 0.8, 5000)
    np.testing.assert_allclose(scores_of(feno, values)[:, 0], np.linspace(-2, 2, 9), atol=0.1)


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_scores_do_not_depend_on_the_unit(seed):
    column = np.random.default_rng(seed).gamma(2.0, size=40).round(1)
    np.testing.assert_allclose(scores_of(column), scores_of(32 + 1.8 * column), atol=1e-9)


def test_ties_get_their_mean_rank():
    counts = np.array([0.0] * 60 + [1.0] * 30 + [7.0] * 10)
    expected = norm.ppf([0.3, 0.75, 0.95])
    share = np.array([0.6, 0.3, 0.1])
    spread = np.sqrt(share @ expected**2 - (share @ expected) ** 2)
    np.testing.assert_allclose(scores_of(counts, np.array([0.0, 1.0, 7.0]))[:, 0], expected / spread)


def test_scores_are_constant_in_the_tails():
    """The lowest and the highest ten of fifty values have means of 4.5 and 44.5."""
    found = scores_of(np.arange(50.0), np.array([-1000.0, 4.5, 5.0, 44.0, 44.5, 1e6]))[:, 0]
    assert found[0] == found[1] < found[2] < found[3] < found[4] == found[5]


@pytest.mark.parametrize("n_patients", [9, 19])
def test_too_few_patients_for_two_blocks_of_ten_have_no_score(n_patients):
    assert scores_of(np.arange(float(n_patients))).shape == (n_patients, 0)


def test_missing_values_have_no_score():
    column = np.repeat([1.0, np.nan, 2.0, 3.0], 10)
    np.testing.assert_array_equal(np.isnan(scores_of(column)[:, 0]), np.isnan(column))


def test_a_category_has_an_indicator_for_each_level_except_rare_ones_and_the_most_frequent():
    technique = np.array([0.0] * 10 + [1.0] * 25 + [2.0] * 12 + [3.0] * 9 + [np.nan])
    scores = scores_of(technique, is_category=True)
    assert scores.shape == (57, 2)
    for j, level in enumerate((0.0, 2.0)):
        np.testing.assert_array_equal(scores[:56, j] > 0, technique[:56] == level)
        np.testing.assert_allclose(np.std(scores[:56, j]), 1)
    assert np.isnan(scores[56]).all()
    assert not scores_of(technique, np.array([1.0]), is_category=True).any()


def test_a_constant_column_has_no_score():
    X = np.column_stack([np.full(50, np.nan), np.full(50, 2.0), np.arange(50.0)])
    fitted = fit_normal_scores(X, np.ones(50), np.zeros(3, dtype=bool))
    assert fitted.source.tolist() == [2]


def test_the_number_of_knots_is_limited():
    column = np.random.default_rng(0).normal(size=(100_000, 1))
    fitted = fit_normal_scores(column, np.ones(100_000), np.array([False]))
    assert len(fitted.knots) <= 64
    within = np.linspace(-2, 2, 100)[:, None]
    np.testing.assert_allclose(fitted.transform(within), within, atol=0.03)


def test_weighting_a_patient_equals_repeating_the_patient():
    rng = np.random.default_rng(0)
    X, times = rng.integers(0, 3, (90, 2)).astype(float), rng.integers(1, 4, 90)
    is_category = np.array([False, True])
    weighted = fit_normal_scores(X, times.astype(float), is_category)
    repeated = fit_normal_scores(X.repeat(times, axis=0), np.ones(times.sum()), is_category)
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X))
