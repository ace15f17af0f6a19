"""The linear part credits what was measured with what it tells of what was not, and nothing else with anything."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest

from asthma_ml.classifier.linear.regression import LinearModel

N = 600


def clinic(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """FeNO and eosinophils follow one drive, neutrophils the class directly, the last column is noise."""
    rng = np.random.default_rng(seed)
    drive = rng.normal(size=N)
    codes = (drive + 0.5 * rng.normal(size=N) > 0).astype(int)
    X = np.column_stack([drive, drive, -2.0 * codes, np.zeros(N)]) + rng.normal(scale=0.6, size=(N, 4))
    X[rng.random(X.shape) < 0.3] = np.nan
    return X.astype(np.float32), codes


def fitted(codes: np.ndarray, X: np.ndarray, direction: list[int] | None = None) -> LinearModel:
    weight = np.ones(len(X))
    part = LinearModel().fit_scores(X, weight, np.zeros(X.shape[1], dtype=bool), direction)
    return part.with_coefficients(part.completed(X), codes, weight, penalty=10.0)


def test_the_margin_is_the_regression_on_the_completed_scores():
    X, codes = clinic()
    part = fitted(codes, X)
    np.testing.assert_allclose(part.margins(X), part.completed(X) @ part.coefficients_ + part.base_, atol=1e-10)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_contributions_add_up_and_a_missing_test_gets_none(n_classes):
    X, codes = clinic()
    part = fitted(codes + (n_classes == 3) * (X[:, 3] > 0.5), X)
    added = part.contributions(X)
    np.testing.assert_allclose(part.base_ + added.sum(axis=1), part.margins(X), atol=1e-12)
    assert not added[np.isnan(X)].any()
    nothing = np.full((1, 4), np.nan, dtype=np.float32)
    np.testing.assert_array_equal(part.margins(nothing)[0], part.base_)


def test_what_was_read_off_another_column_is_credited_to_that_column():
    """Whose FeNO is missing has it read off the eosinophils, which then speak for both."""
    X, codes = clinic()
    part = fitted(codes, X)
    both = np.array([[1.5, 1.5, np.nan, np.nan]], dtype=np.float32)
    alone = np.array([[np.nan, 1.5, np.nan, np.nan]], dtype=np.float32)
    of_both, of_alone = part.contributions(both)[0, :, 0], part.contributions(alone)[0, :, 0]
    assert of_alone[0] == 0
    assert of_both[1] < of_alone[1] < of_both[:2].sum()


def test_they_are_shapley_values_against_the_mean_patient():
    """By definition, over all orders, given which tests were done."""
    X, codes = clinic()
    part = fitted(codes, X)
    patient = np.array([1.2, np.nan, -0.7, 0.4], dtype=np.float32)
    measured = [0, 2, 3]
    scores = part.scores_.transform(patient[None])[0]
    slopes = part.as_arrays().measured_coefficients(~np.isnan(scores)[None])[0, :, 0]

    def margin(known: frozenset[int]) -> float:
        stand_in = np.where([j in known for j in range(4)], scores, part.mean_)
        return float(part.base_[0] + np.nansum(slopes * (stand_in - part.mean_)))

    for column in range(4):
        value = 0.0
        others = [j for j in measured if j != column]
        for size in range(len(others) + 1):
            share = factorial(size) * factorial(len(others) - size) / factorial(len(others) + 1)
            for known in map(frozenset, combinations(others, size)):
                value += share * (margin(known | {column}) - margin(known)) * (column in measured)
        assert part.contributions(patient[None])[0, column, 0] == pytest.approx(value, abs=1e-12)


def test_a_known_direction_is_kept_whatever_else_was_measured():
    """The second column says the same as the first and, given it, points the wrong way."""
    rng = np.random.default_rng(1)
    first = rng.normal(size=N)
    second = first + 0.3 * rng.normal(size=N)
    codes = (2 * first - second + 0.2 * rng.normal(size=N) > 0).astype(int)
    X = np.column_stack([first, second]).astype(np.float32)
    free, kept = fitted(codes, X), fitted(codes, X, direction=[1, 1])
    high, low = np.array([[0.0, 1.0]], dtype=np.float32), np.array([[0.0, -1.0]], dtype=np.float32)
    assert free.margins(high) < free.margins(low)
    assert kept.margins(high) == kept.margins(low)
    alone = np.array([[np.nan, 1.0]], dtype=np.float32)
    assert kept.margins(alone) == free.margins(alone) > free.base_


def test_a_table_without_any_value_knows_how_frequent_the_classes_are():
    codes = np.repeat([0, 1], [30, 90])
    part = fitted(codes, np.full((120, 2), np.nan, dtype=np.float32))
    np.testing.assert_allclose(part.margins(np.ones((1, 2), dtype=np.float32)), np.log(3), atol=1e-3)


def test_a_patient_alone_is_the_patient_among_others_to_the_last_bit():
    X, codes = clinic()
    part = fitted(codes, X)
    together = part.margins(X)
    for i in range(40):
        np.testing.assert_array_equal(part.margins(X[[i]])[0], together[i])
