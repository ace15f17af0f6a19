"""The regression is the optimum that scikit-learn finds, also where the second derivatives come from a sample."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from asthma_ml.classifier.linear import ridge
from asthma_ml.classifier.linear.ridge import ridge_regression


def patients(n_classes: int, n: int = 600, n_scores: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n_classes)
    scores = rng.normal(size=(n, n_scores))
    codes = (scores @ rng.normal(size=(n_scores, n_classes)) + rng.gumbel(size=(n, n_classes))).argmax(axis=1)
    return scores, codes, rng.uniform(0.5, 3.0, size=n)


@pytest.mark.parametrize("n_classes", [2, 3, 4])
@pytest.mark.parametrize("most_patients", [50, 10_000])
def test_the_optimum_is_that_of_scikit_learn(
    n_classes: int, most_patients: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ridge, "_MOST_PATIENTS", most_patients)
    scores, codes, weight = patients(n_classes)
    expected = LogisticRegression(C=1 / 7.0, tol=1e-10, max_iter=1000).fit(scores, codes, sample_weight=weight)
    coefficients, base = ridge_regression(scores, codes, weight, penalty=7.0)
    np.testing.assert_allclose(coefficients.T, expected.coef_, atol=2e-4)
    np.testing.assert_allclose(base, expected.intercept_, atol=2e-4)


def test_separable_classes_have_finite_coefficients() -> None:
    """A full Newton step may overshoot where the classes do not overlap; it is then shortened."""
    scores = np.linspace(-30.0, 30.0, 40)[:, None]
    coefficients, base = ridge_regression(scores, (scores[:, 0] > 0).astype(int), np.ones(40), penalty=1e-3)
    expected = LogisticRegression(C=1e3, tol=1e-10, max_iter=1000).fit(scores, scores[:, 0] > 0)
    np.testing.assert_allclose(coefficients.T, expected.coef_, rtol=0.01)
    np.testing.assert_allclose(base, 0.0, atol=1e-3)


def test_without_scores_the_intercept_is_the_log_odds() -> None:
    coefficients, base = ridge_regression(np.empty((4, 0)), np.array([0, 1, 1, 1]), np.ones(4), penalty=10.0)
    assert coefficients.shape == (0, 1)
    np.testing.assert_allclose(base, np.log(3), atol=2e-3)
