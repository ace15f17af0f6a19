"""Bootstrap figures agree with scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from asthma_ml.intervals import proportion_or_none, resampled, weighted_auc


def test_weighted_auc_equals_auc_of_repeated_patients():
    rng = np.random.default_rng(0)
    positive, score = rng.random(80) < 0.4, rng.integers(0, 12, 80)
    ranks = np.unique(score, return_inverse=True)[1]
    for weight in resampled(80, seed=1, n_samples=5):
        again = np.repeat(np.arange(80), weight)
        expected = roc_auc_score(positive[again], score[again])
        assert weighted_auc(positive, ranks, weight) == pytest.approx(expected)


def test_weighted_auc_with_real_weights_agrees_with_scikit_learn():
    rng = np.random.default_rng(5)
    positive, weights = rng.integers(0, 2, 300).astype(bool), rng.exponential(size=300)
    score = (positive + rng.normal(size=300)).round(1)
    expected = roc_auc_score(positive, score, sample_weight=weights)
    ranks = np.unique(score, return_inverse=True)[1]
    assert weighted_auc(positive, ranks, weights) == pytest.approx(expected, abs=1e-12)


def test_bootstrap_sample_has_the_size_of_the_original():
    assert {int(weight.sum()) for weight in resampled(30, seed=0, n_samples=4)} == {30}


def test_proportion_of_no_patients_is_none():
    assert proportion_or_none(np.array([], dtype=bool)) is None
