"""Bootstrap figures agree with scikit-learn."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from asthma_ml.intervals import PatientRows, design_effect, proportion, proportion_or_none, resampled, weighted_auc


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


@pytest.mark.parametrize(("n", "n_hold"), [(4, 3), (50, 0), (50, 50), (337, 3), (1000, 877)])
def test_a_proportion_of_patients_has_the_wilson_interval_however_often_they_are_copied(n, n_hold):
    holds = np.random.default_rng(0).permutation(np.arange(n) < n_hold)
    expected = binomtest(n_hold, n).proportion_ci(method="wilson")
    once, nine = proportion(holds), proportion(np.tile(holds, 9), PatientRows.of(np.tile(np.arange(n), 9)))
    assert [once["lower"], once["upper"]] == pytest.approx([expected.low, expected.high], abs=1e-12)
    assert nine == pytest.approx(once)


def test_the_sample_size_of_visits_lies_between_patients_and_rows():
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(400), 1 + np.arange(400) % 6)
    visits, n_rows = PatientRows.of(patient), len(patient)
    effective = {
        dependence: 400 / design_effect(deviations - visits.mean(deviations), visits)
        for dependence, deviations in {
            "copies": rng.normal(size=400)[patient],
            "visits": rng.normal(size=400)[patient] + rng.normal(size=n_rows),
            "alternating": np.where(np.arange(n_rows) % 2, 1.0, -1.0),
        }.items()
    }
    assert effective["copies"] == pytest.approx(400)
    assert 420 < effective["visits"] < n_rows
    assert effective["alternating"] <= n_rows


def test_weights_of_patients_are_shared_by_their_rows_and_scaled():
    visits = PatientRows.of(np.array(["b", "a", "b"]), np.array([1.0, 3.0, 1.0]))
    assert visits.patient.tolist() == [0, 1, 0]
    assert visits.weight == pytest.approx([0.25, 1.5, 0.25])
    assert visits.counts == {"n": 2, "n_rows": 3}
    assert visits.take(np.array([False, True, True])).weight == pytest.approx([1.5, 0.5])
    assert PatientRows.single(3).counts == {"n": 3}
