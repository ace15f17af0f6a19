"""Missing scores are imputed from the joint normal distribution."""

from __future__ import annotations

import numpy as np
import pytest

from asthma_ml.classifier.linear.joint_normal import JointNormal, fit_joint_normal, patterns


def correlated(n_scores: int, seed: int = 0) -> np.ndarray:
    loadings = np.random.default_rng(seed).normal(scale=2.0, size=(n_scores, 2))
    covariance = loadings @ loadings.T + np.eye(n_scores)
    spread = np.sqrt(np.diag(covariance))
    return covariance / np.outer(spread, spread)


def patients(n: int, missing: float, n_scores: int = 5, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    whole = rng.multivariate_normal(np.zeros(n_scores), correlated(n_scores), size=n)
    return whole, np.where(rng.random(whole.shape) < missing, np.nan, whole)


def test_imputation_of_two_correlated_scores():
    """With correlation 0.6, a score of 2 implies an expectation of 1.2 for the other score."""
    pair = JointNormal(np.array([0.0, 10.0]), np.array([[1.0, 0.6], [0.6, 1.0]]))
    imputed = pair.impute(np.array([[2.0, np.nan], [np.nan, 9.0], [np.nan, np.nan], [1.0, 3.0]]))
    np.testing.assert_allclose(imputed, [[2.0, 11.2], [-0.6, 9.0], [0.0, 10.0], [1.0, 3.0]])


def test_the_distribution_is_estimated_with_40_percent_missing_values():
    _, incomplete = patients(5000, missing=0.4)
    fitted = fit_joint_normal(incomplete, np.ones(5000))
    np.testing.assert_allclose(fitted.covariance, correlated(5), atol=0.08)
    np.testing.assert_allclose(fitted.mean, 0, atol=0.08)


def test_imputation_is_better_than_the_mean():
    whole, incomplete = patients(2000, missing=0.3)
    imputed = fit_joint_normal(incomplete, np.ones(2000)).impute(incomplete)
    missing = np.isnan(incomplete)
    np.testing.assert_array_equal(imputed[~missing], whole[~missing])
    assert np.mean((imputed - whole)[missing] ** 2) < 0.7 * np.mean(whole[missing] ** 2)


@pytest.mark.parametrize("n_patients", [3, 8, 30])
def test_few_patients_give_a_positive_definite_matrix_close_to_independence(n_patients):
    _, incomplete = patients(n_patients, missing=0.3, n_scores=12)
    incomplete[0] = np.arange(12.0)
    fitted = fit_joint_normal(incomplete, np.ones(n_patients))
    assert np.linalg.eigvalsh(fitted.covariance).min() > 0.1


@pytest.mark.parametrize("n_scores", [1, 11, 64, 65, 90])
def test_patterns_reproduce_the_table(n_scores):
    measured = np.random.default_rng(0).random((300, n_scores)) < 0.5
    measured[100:200] = measured[:100]
    distinct, number = patterns(measured)
    np.testing.assert_array_equal(distinct[number], measured)
    assert len(np.unique(distinct, axis=0)) == len(distinct) <= 200
