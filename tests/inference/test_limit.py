"""The limit of generated patients is calibrated, knows its error, and depends on nothing that it should not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.causal.limit import limit_scores
from asthma_ml.inference.limit import bayes_limit, probabilities
from asthma_ml.variables import FOUR_CLASSES, LABEL, TWO_CLASSES


@pytest.fixture(scope="module")
def cohort():
    return generate_cohort(n_patients=320, seed=31)


@pytest.fixture(scope="module")
def four(cohort):
    return bayes_limit(cohort, n_particles=500, classes=FOUR_CLASSES)


def assert_calibrated(expected, happened):
    """As many events as the probabilities say, within four standard deviations."""
    spread = np.sqrt((expected * (1 - expected)).sum())
    assert abs(happened.sum() - expected.sum()) < 4 * spread


def test_limit_is_calibrated_in_all_patients_and_in_each_third(cohort, four):
    """Simulation-based calibration: the labels are draws from the posterior."""
    labels = cohort.observed[LABEL].to_numpy()
    for name in FOUR_CLASSES:
        expected, happened = four[name].to_numpy(), labels == name
        for third in np.array_split(np.argsort(expected), 3):
            assert_calibrated(expected[third], happened[third])


def test_log_loss_is_what_the_limit_itself_expects(cohort, four):
    """The mean surprise of the labels is the mean entropy of the posteriors."""
    p = probabilities(four)
    place = [FOUR_CLASSES.index(label) for label in cohort.observed[LABEL]]
    surprise, entropy = -np.log(p[np.arange(len(p)), place]), -(p * np.log(p)).sum(axis=1)
    assert abs(np.mean(surprise - entropy)) < 4 * np.std(surprise - entropy) / np.sqrt(len(p))


def test_truth_before_label_noise_is_calibrated_by_smoking(cohort, four):
    """Also where a test is missing for a reason, and in those who smoke."""
    observed = cohort.observed
    for group in (observed["feno_ppb"].isna(), observed["smoking_status"] == "current", observed["biologic"] != "none"):
        rows = group.to_numpy()
        assert rows.sum() >= 10
        assert_calibrated(four.loc[rows, "th2_high"].to_numpy(), (observed.loc[rows, LABEL] == "th2_high").to_numpy())


def test_two_classes_are_the_four_given_that_it_is_one_of_the_two(cohort, four):
    few = cohort.observed.head(12)
    two = bayes_limit(few, n_particles=1_000)
    expected = four["th2_high"] / (four["th2_high"] + four["neutrophilic_th2_low"])
    error = np.hypot(two["th2_high_se"], 0.08)
    assert (np.abs(two["th2_high"] - expected[:12]) < 4 * error).all()


def test_columns_may_come_in_any_order(cohort):
    few = cohort.observed.head(6)
    shuffled = few[few.columns[::-1]]
    pd.testing.assert_frame_equal(bayes_limit(few, n_particles=100), bayes_limit(shuffled, n_particles=100))


def test_more_particles_make_a_smaller_error(cohort):
    few = cohort.observed.head(12)
    errors = [bayes_limit(few, n_particles=n)["th2_high_se"].mean() for n in (100, 1_600)]
    assert errors[1] < errors[0] / 2


def test_fewer_columns_leave_more_doubt(cohort, four):
    some = cohort.observed.head(25)[["age_years", "sex", "blood_neutrophils_cells_ul"]]
    less = bayes_limit(some, n_particles=1_500, classes=FOUR_CLASSES)
    assert less["th2_high"].std() < four["th2_high"].head(25).std() / 2


def test_scores_of_the_limit_come_with_intervals(cohort):
    rows = cohort.observed[LABEL].isin(TWO_CLASSES)
    limit = bayes_limit(cohort.observed[rows].head(60), n_particles=100)
    scores = limit_scores(limit, cohort.observed.loc[rows, LABEL].head(60))
    assert scores["log_loss"]["lower"] < scores["log_loss"]["value"] < scores["log_loss"]["upper"]
    assert {"auc", "brier", "median_ess", "least_ess"} < scores.keys()
    assert 0 < scores["log_loss_from_sampling"] < 0.05


def test_patients_of_another_preset_may_be_impossible(cohort):
    """Nobody smokes in a smokers' clinic without ever having smoked."""
    never = cohort.observed[cohort.observed["smoking_status"] == "never"].head(3)
    limit = bayes_limit(never, "smokers_clinic", n_particles=100)
    assert limit["th2_high"].isna().all()
    with pytest.raises(UnusableInputError, match="3 patients are impossible"):
        limit_scores(limit, never[LABEL])


def test_what_cannot_be_asked_is_refused(cohort):
    with pytest.raises(UnusableInputError, match="at least 50"):
        bayes_limit(cohort, n_particles=10)
    with pytest.raises(UnusableInputError, match="no preset"):
        bayes_limit(cohort, "nowhere")
    with pytest.raises(UnusableInputError, match="no column"):
        bayes_limit(pd.DataFrame({"height": [170.0]}))
