"""Gaps are filled with what the joint distribution expects, and what is linear stays linear in what was measured."""

from __future__ import annotations

import numpy as np
import pytest

from asthma_ml.classifier.linear.joint_normal import JointNormal, fit_joint_normal, patterns


def correlated(n_scores: int, seed: int = 0) -> np.ndarray:
    loadings = np.random.default_rng(seed).normal(scale=2.0, size=(n_scores, 2))
    covariance = loadings @ loadings.T + np.eye(n_scores)
    spread = np.sqrt(np.diag(covariance))
    return covariance / np.outer(spread, spread)


def patients(n: int, gaps: float, n_scores: int = 5, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    whole = rng.multivariate_normal(np.zeros(n_scores), correlated(n_scores), size=n)
    return whole, np.where(rng.random(whole.shape) < gaps, np.nan, whole)


def test_a_textbook_pair():
    """Correlation 0.6: who is two standard deviations high in one is expected 1.2 high in the other."""
    pair = JointNormal(np.array([0.0, 10.0]), np.array([[1.0, 0.6], [0.6, 1.0]]))
    completed = pair.completed(np.array([[2.0, np.nan], [np.nan, 9.0], [np.nan, np.nan], [1.0, 3.0]]))
    np.testing.assert_allclose(completed, [[2.0, 11.2], [-0.6, 9.0], [0.0, 10.0], [1.0, 3.0]])


def test_the_distribution_is_found_though_four_in_ten_values_are_missing():
    _, with_gaps = patients(5000, gaps=0.4)
    fitted = fit_joint_normal(with_gaps, np.ones(5000))
    np.testing.assert_allclose(fitted.covariance, correlated(5), atol=0.08)
    np.testing.assert_allclose(fitted.mean, 0, atol=0.08)


def test_gaps_are_filled_better_than_with_the_mean():
    whole, with_gaps = patients(2000, gaps=0.3)
    filled = fit_joint_normal(with_gaps, np.ones(2000)).completed(with_gaps)
    gaps = np.isnan(with_gaps)
    np.testing.assert_array_equal(filled[~gaps], whole[~gaps])
    assert np.mean((filled - whole)[gaps] ** 2) < 0.7 * np.mean(whole[gaps] ** 2)


@pytest.mark.parametrize("n_patients", [3, 8, 30])
def test_few_patients_give_a_positive_definite_matrix_close_to_independence(n_patients):
    _, with_gaps = patients(n_patients, gaps=0.3, n_scores=12)
    with_gaps[0] = np.arange(12.0)
    fitted = fit_joint_normal(with_gaps, np.ones(n_patients))
    assert np.linalg.eigvalsh(fitted.covariance).min() > 0.1


@pytest.mark.parametrize("n_scores", [1, 11, 64, 65, 90])
def test_patterns_put_together_are_the_table(n_scores):
    measured = np.random.default_rng(0).random((300, n_scores)) < 0.5
    measured[100:200] = measured[:100]
    different, number = patterns(measured)
    np.testing.assert_array_equal(different[number], measured)
    assert len(np.unique(different, axis=0)) == len(different) <= 200
