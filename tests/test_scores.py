"""Scores with intervals agree with SciPy and scikit-learn, count patients, and cover."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit, stdtr, stdtrit
from scipy.stats import binomtest, brunnermunzel, sem, skew, ttest_1samp
from sklearn.metrics import roc_auc_score

from asthma_ml.intervals import PatientRows
from asthma_ml.scores import auc, auc_difference, balanced_accuracy, log_losses, mean


def scored(n_patients, seed=0):
    """Class and two scores of each patient; one is measured with more noise."""
    rng = np.random.default_rng(seed)
    codes = (rng.random(n_patients) < 0.4).astype(int)
    score = codes + rng.normal(0, 1, n_patients).round(1)
    return codes, score, score + rng.normal(0, 1, n_patients)


def auc_of(codes, score, rows=None, groups=None):
    given = PatientRows.single(len(codes)) if rows is None else rows
    return auc(codes, np.column_stack([-score, score]), given, groups)


@pytest.mark.parametrize("n_patients", [12, 60, 500])
def test_the_auc_has_the_error_and_degrees_of_freedom_of_brunner_and_munzel(n_patients):
    codes, score, _ = scored(n_patients)
    found = auc_of(codes, score)
    expected = brunnermunzel(score[codes == 0], score[codes == 1], distribution="t")
    assert found.value == pytest.approx(roc_auc_score(codes, score))
    assert (found.value - 0.5) / found.error == pytest.approx(abs(expected.statistic))
    assert 2 * stdtr(found.df, -abs(expected.statistic)) == pytest.approx(expected.pvalue)


def test_the_auc_of_four_classes_is_that_of_scikit_learn():
    rng = np.random.default_rng(1)
    codes, p = rng.integers(0, 4, 300), rng.dirichlet(np.ones(4), 300)
    expected = roc_auc_score(codes, p, multi_class="ovr")
    assert auc(codes, p, PatientRows.single(300)).value == pytest.approx(expected)


@pytest.mark.parametrize("n_of_each", [5, 50])
def test_an_auc_of_1_has_the_interval_of_a_proportion(n_of_each):
    """Perfect separation of a few patients does not show that all patients are separated."""
    codes = np.repeat([0, 1], n_of_each)
    expected = binomtest(n_of_each, n_of_each).proportion_ci(method="wilson")
    found = auc_of(codes, codes.astype(float)).within_0_and_1()
    assert found == pytest.approx({"value": 1.0, "lower": expected.low, "upper": 1.0})


def test_the_difference_of_two_aucs_is_paired():
    """The same patients have both scores, so the error is smaller than that of independent ones."""
    codes, score, noisy = scored(200)
    rows = PatientRows.single(200)
    found = auc_difference(codes == 1, score, noisy, rows)
    single = [auc_of(codes, each) for each in (score, noisy)]
    assert found.value == pytest.approx(single[0].value - single[1].value)
    left_out = [
        auc_difference(
            np.delete(codes == 1, i), np.delete(score, i), np.delete(noisy, i), PatientRows.single(199)
        ).value
        for i in range(200)
    ]
    jackknife = np.sqrt(199 / 200 * np.sum((left_out - np.mean(left_out)) ** 2))
    assert found.error == pytest.approx(jackknife, rel=0.02)
    assert found.error < 0.9 * np.hypot(single[0].error, single[1].error)
    assert auc_difference(codes == 1, score, score, rows).symmetric() == {"value": 0.0, "lower": 0.0, "upper": 0.0}


def test_a_mean_has_the_t_interval_and_halls_correction_of_its_skewness():
    losses = np.random.default_rng(0).exponential(size=30)
    found = mean(losses, PatientRows.single(30))
    expected = ttest_1samp(losses, 0).confidence_interval(0.95)
    assert list(found.symmetric().values())[1:] == pytest.approx([expected.low, expected.high])

    def transformed(t):
        rate = skew(losses) / np.sqrt(30)
        return t + rate * t**2 / 3 + rate**2 * t**3 / 27 + rate / 6

    ends = [brentq(lambda t, q=q: transformed(t) - q, -50, 50) for q in stdtrit(29, [0.975, 0.025])]
    by_hand = losses.mean() - np.array(ends) * sem(losses)
    assert list(found.above_0().values())[1:] == pytest.approx(by_hand.tolist())
    assert by_hand[1] - losses.mean() > 1.3 * (losses.mean() - by_hand[0])


def test_equal_losses_have_an_interval_without_width_and_none_is_negative():
    assert mean(np.full(20, 0.3), PatientRows.single(20)).above_0() == pytest.approx(
        {"value": 0.3, "lower": 0.3, "upper": 0.3}
    )
    found = mean(np.r_[np.zeros(19), 2.0], PatientRows.single(20)).above_0()
    assert found["lower"] == 0
    assert found["upper"] > 2 * found["value"]


def test_copies_of_patients_change_nothing():
    codes, score, _ = scored(40)
    nine, once = np.tile(np.arange(40), 9), PatientRows.single(40)
    copies = PatientRows.of(nine)
    pairs = [
        (auc_of(codes, score), auc_of(codes[nine], score[nine], copies)),
        (mean(score**2, once), mean(score[nine] ** 2, copies)),
        (balanced_accuracy(codes, score > 0.5, once), balanced_accuracy(codes[nine], score[nine] > 0.5, copies)),
    ]
    for alone, repeated in pairs:
        assert [repeated.value, repeated.error, repeated.df, repeated.skewness] == pytest.approx(
            [alone.value, alone.error, alone.df, alone.skewness]
        )


def test_groups_are_sampled_as_a_whole_and_a_single_group_is_not():
    codes, score, _ = scored(200)
    site = np.arange(200) // 50
    shifted = score + 2.0 * (site % 2)
    apart, together = auc_of(codes, shifted), auc_of(codes, shifted, groups=site)
    assert together.value == apart.value
    assert together.df == pytest.approx(3.0)
    assert auc_of(codes, shifted, groups=np.zeros(200)) == apart


def test_weights_are_those_of_a_survey():
    """One patient with half of the weight: fewer effective patients, and degrees of freedom."""
    codes, score, _ = scored(60)
    heavy = PatientRows(np.arange(60), np.where(np.arange(60) < 5, 20.0, 1.0))
    assert mean(score, heavy).df < 15
    assert auc_of(codes, score, heavy).value == pytest.approx(roc_auc_score(codes, score, sample_weight=heavy.sampling))


def figures_of_visits(rng, n_patients, visits):
    """AUC and log-loss, with intervals, of patients with some visits each."""
    codes, patient = np.tile([0, 0, 1], n_patients // 3), np.repeat(np.arange(n_patients), visits)
    severity = 1.8 * (codes - 0.5) + rng.normal(size=n_patients)
    probability = expit(severity[patient] + rng.normal(0, 0.7, len(patient)))
    both, rows = np.column_stack([1 - probability, probability]), PatientRows.of(patient)
    losses = log_losses(codes[patient], both)
    return auc(codes[patient], both, rows).within_0_and_1(), mean(losses, rows).above_0()


@pytest.mark.parametrize("visits", [1, 4])
def test_intervals_of_thirty_patients_cover(visits):
    """95 of 100 intervals contain the true figure; within three standard errors of 400 cohorts."""
    rng = np.random.default_rng(visits)
    truth = figures_of_visits(rng, 120_000, 1)
    cohorts = [figures_of_visits(rng, 30, visits) for _ in range(400)]
    for true, intervals in zip(truth, zip(*cohorts, strict=True), strict=True):
        covers = [each["lower"] <= true["value"] <= each["upper"] for each in intervals]
        assert 0.915 <= np.mean(covers) <= 0.985
