"""Figures over resampled patients agree with those of the libraries."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from asthma_ml.evaluation.intervals import resampled, share_or_none, weighted_auc


def test_weighted_area_is_that_of_patients_counted_as_often():
    rng = np.random.default_rng(0)
    positive, score = rng.random(80) < 0.4, rng.integers(0, 12, 80)
    ranks = np.unique(score, return_inverse=True)[1]
    for weight in resampled(80, seed=1, n_samples=5):
        again = np.repeat(np.arange(80), weight)
        expected = roc_auc_score(positive[again], score[again])
        assert weighted_auc(positive, ranks, weight) == pytest.approx(expected)


def test_a_sample_has_as_many_patients_as_there_are():
    assert {int(weight.sum()) for weight in resampled(30, seed=0, n_samples=4)} == {30}


def test_nobody_has_no_share():
    assert share_or_none(np.array([], dtype=bool)) is None
