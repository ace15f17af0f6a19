"""The Bayes limit of generated patients is calibrated, has a correct error and is invariant to column order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.inference.limit import bayes_limit, limit_probabilities
from asthma_ml.variables import FOUR_CLASSES, LABEL


@pytest.fixture(scope="module")
def cohort():
    return generate_cohort(n_patients=320, seed=31)


@pytest.fixture(scope="module")
def four(cohort):
    return bayes_limit(cohort, n_particles=500, classes=FOUR_CLASSES)


def assert_calibrated(expected, events):
    """The number of events equals the sum of the probabilities, within four standard deviations."""
    spread = np.sqrt((expected * (1 - expected)).sum())
    assert abs(events.sum() - expected.sum()) < 4 * spread


def test_limit_is_calibrated_in_all_patients_and_in_each_third(cohort, four):
    """Simulation-based calibration: the labels are draws from the posterior."""
    labels = cohort.observed[LABEL].to_numpy()
    for name in FOUR_CLASSES:
        expected, events = four[name].to_numpy(), labels == name
        for third in np.array_split(np.argsort(expected), 3):
            assert_calibrated(expected[third], events[third])


def test_log_loss_equals_the_mean_entropy(cohort, four):
    """The expected log-loss of calibrated posteriors is their mean entropy."""
    p = limit_probabilities(four)
    place = [FOUR_CLASSES.index(label) for label in cohort.observed[LABEL]]
    surprise, entropy = -np.log(p[np.arange(len(p)), place]), -(p * np.log(p)).sum(axis=1)
    assert abs(np.mean(surprise - entropy)) < 4 * np.std(surprise - entropy) / np.sqrt(len(p))


def test_limit_is_calibrated_in_subgroups(cohort, four):
    """Patients without FeNO, current smokers, patients on a biologic."""
    observed = cohort.observed
    for group in (observed["feno_ppb"].isna(), observed["smoking_status"] == "current", observed["biologic"] != "none"):
        rows = group.to_numpy()
        assert rows.sum() >= 10
        assert_calibrated(four.loc[rows, "th2_high"].to_numpy(), (observed.loc[rows, LABEL] == "th2_high").to_numpy())


def test_two_class_limit_is_the_conditional_of_four_classes(cohort, four):
    few = cohort.observed.head(12)
    two = bayes_limit(few, n_particles=1_000)
    expected = four["th2_high"] / (four["th2_high"] + four["neutrophilic_th2_low"])
    error = np.hypot(two["th2_high_se"], 0.08)
    assert (np.abs(two["th2_high"] - expected[:12]) < 4 * error).all()


def test_column_order_does_not_matter(cohort):
    few = cohort.observed.head(6)
    shuffled = few[few.columns[::-1]]
    pd.testing.assert_frame_equal(bayes_limit(few, n_particles=100), bayes_limit(shuffled, n_particles=100))


def test_error_falls_with_the_number_of_particles(cohort):
    few = cohort.observed.head(12)
    errors = [bayes_limit(few, n_particles=n)["th2_high_se"].mean() for n in (100, 1_600)]
    assert errors[1] < errors[0] / 2


def test_fewer_columns_give_less_extreme_probabilities(cohort, four):
    some = cohort.observed.head(25)[["age_years", "sex", "blood_neutrophils_cells_ul"]]
    less = bayes_limit(some, n_particles=1_500, classes=FOUR_CLASSES)
    assert less["th2_high"].std() < four["th2_high"].head(25).std() / 2


def test_a_row_that_is_impossible_under_the_preset_is_nan(cohort):
    """The smokers' clinic enrols no never-smokers."""
    never = cohort.observed[cohort.observed["smoking_status"] == "never"].head(3)
    limit = bayes_limit(never, "smokers_clinic", n_particles=100)
    assert limit["th2_high"].isna().all()


def test_too_few_particles_unknown_preset_and_no_column_are_refused(cohort):
    with pytest.raises(UnusableInputError, match="at least 50"):
        bayes_limit(cohort, n_particles=10)
    with pytest.raises(UnusableInputError, match="no preset"):
        bayes_limit(cohort, "nowhere")
    with pytest.raises(UnusableInputError, match="no column"):
        bayes_limit(pd.DataFrame({"height": [170.0]}))
