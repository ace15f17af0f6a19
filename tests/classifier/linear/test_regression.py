"""Margins and contributions of the fitted linear model."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from asthma_ml.classifier.features.distinct_patients import DistinctPatients
from asthma_ml.classifier.linear.model import LinearModel
from asthma_ml.classifier.linear.regression import fit_scores, regression_towards
from asthma_ml.classifier.linear.ridge import ridge_regression
from tests.synthetic_patients import synthetic_patients

N = 600


def clinic(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """FeNO and eosinophils depend on one drive, neutrophils on the class, and the last column is noise."""
    rng = np.random.default_rng(seed)
    drive = rng.normal(size=N)
    codes = (drive + 0.5 * rng.normal(size=N) > 0).astype(int)
    X = np.column_stack([drive, drive, -2.0 * codes, np.zeros(N)]) + rng.normal(scale=0.6, size=(N, 4))
    X[rng.random(X.shape) < 0.3] = np.nan
    return X.astype(np.float32), codes


def fitted(codes: np.ndarray, X: np.ndarray, direction: list[int] | None = None) -> LinearModel:
    weight = np.ones(len(X))
    patients = DistinctPatients(X, codes, weight)
    prior = fit_scores(patients, np.zeros(X.shape[1], dtype=bool), direction)
    return prior.with_coefficients(*ridge_regression(prior.imputed_scores(X), codes, weight, penalty=10.0))


def test_the_margin_is_the_regression_on_the_imputed_scores():
    X, codes = clinic()
    model = fitted(codes, X)
    np.testing.assert_allclose(model.margins(X), model.imputed_scores(X) @ model.coefficients + model.base, atol=1e-10)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_contributions_sum_to_the_margin_and_are_zero_for_missing_features(n_classes):
    X, codes = clinic()
    model = fitted(codes + (n_classes == 3) * (X[:, 3] > 0.5), X)
    added = model.contributions(X)
    np.testing.assert_allclose(model.base + added.sum(axis=1), model.margins(X), atol=1e-12)
    assert not added[np.isnan(X)].any()
    nothing = np.full((1, 4), np.nan, dtype=np.float32)
    np.testing.assert_array_equal(model.margins(nothing)[0], model.base)


def test_contributions_of_imputed_scores_belong_to_the_measured_features():
    """If FeNO is missing it is imputed from the eosinophils, whose contribution is then larger."""
    X, codes = clinic()
    model = fitted(codes, X)
    both = np.array([[1.5, 1.5, np.nan, np.nan]], dtype=np.float32)
    alone = np.array([[np.nan, 1.5, np.nan, np.nan]], dtype=np.float32)
    of_both, of_alone = model.contributions(both)[0, :, 0], model.contributions(alone)[0, :, 0]
    assert of_alone[0] == 0
    assert of_both[1] < of_alone[1] < of_both[:2].sum()


def test_contributions_are_shapley_values_relative_to_the_mean_patient():
    """By definition, over all orders, given the measured features."""
    X, codes = clinic()
    model = fitted(codes, X)
    patient = np.array([1.2, np.nan, -0.7, 0.4], dtype=np.float32)
    measured = [0, 2, 3]
    scores = model.scores.transform(patient[None])[0]
    slopes = model.measured_coefficients(~np.isnan(scores)[None])[0, 0]

    def margin(known: frozenset[int]) -> float:
        stand_in = np.where([j in known for j in range(4)], scores, model.joint.mean)
        return float(model.base[0] + np.nansum(slopes * (stand_in - model.joint.mean)))

    for column in range(4):
        value = 0.0
        others = [j for j in measured if j != column]
        for size in range(len(others) + 1):
            weight = factorial(size) * factorial(len(others) - size) / factorial(len(others) + 1)
            for known in map(frozenset, combinations(others, size)):
                value += weight * (margin(known | {column}) - margin(known)) * (column in measured)
        assert model.contributions(patient[None])[0, column, 0] == pytest.approx(value, abs=1e-12)


def test_a_known_direction_holds_whatever_else_is_measured():
    """The second column is correlated with the first; conditional on it, its sign is reversed."""
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
    assert kept.margins(alone) == free.margins(alone) > free.base


def test_without_any_value_the_margin_is_the_log_odds_of_the_class_frequencies():
    codes = np.repeat([0, 1], [30, 90])
    model = fitted(codes, np.full((120, 2), np.nan, dtype=np.float32))
    np.testing.assert_allclose(model.margins(np.ones((1, 2), dtype=np.float32)), np.log(3), atol=1e-3)


def test_margins_do_not_depend_on_other_patients():
    X, codes = clinic()
    model = fitted(codes, X)
    together = model.margins(X)
    for i in range(40):
        np.testing.assert_array_equal(model.margins(X[[i]])[0], together[i])


def test_shrinkage_towards_zero_equals_the_regression_of_scikit_learn():
    X, y = synthetic_patients(200, seed=17, n_classes=4)
    z = X[["age_years", "fev1_pct_predicted", "blood_eosinophils_cells_ul"]].to_numpy()
    z, (_, codes) = (z - z.mean(axis=0)) / z.std(axis=0), np.unique(y, return_inverse=True)
    nothing = np.zeros((len(z), 4))
    coefficients, _, base = regression_towards(z, nothing, codes, np.ones(len(z)), np.zeros((3, 4)), penalty=5.0)
    theirs = LogisticRegression(C=1 / 5.0, tol=1e-8).fit(z, codes)
    np.testing.assert_allclose(coefficients.T, theirs.coef_, atol=1e-3)
    np.testing.assert_allclose(base - base.mean(), theirs.intercept_ - theirs.intercept_.mean(), atol=1e-3)


def test_the_weight_of_known_margins_is_never_negative():
    z, y = np.random.default_rng(0).normal(size=(200, 1)), np.arange(200) % 2
    against = np.where(y == 1, -2.0, 2.0)[:, None]
    _, known_weight, _ = regression_towards(z, against, y, np.ones(200), np.zeros((1, 1)), penalty=0.1)
    assert known_weight == 0.0
