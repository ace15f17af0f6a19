"""Clear-cut patients are far from both class boundaries and correctly labelled."""

import numpy as np
import pandas as pd
import pytest

from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.causal.clear_cut import BOUNDARIES, is_clear_cut


@pytest.fixture(scope="module")
def cohort():
    return generate_cohort(800, seed=12)


def test_mislabelled_and_borderline_patients_are_not_clear_cut(cohort):
    observed, truth = cohort.observed, cohort.truth
    clear = is_clear_cut(observed, observed["phenotype"], truth)
    assert 0.2 < clear.mean() < 0.7
    assert (observed["phenotype"].to_numpy() == truth["true_phenotype"].to_numpy())[clear].all()
    drives = truth[list(BOUNDARIES)].to_numpy()[clear]
    for values in drives.T:
        assert np.diff(np.sort(values)).max() > 0.4, "no drive is near the boundary"


def test_the_truth_may_come_in_any_order_and_hold_more_patients(cohort):
    observed, truth = cohort.observed, cohort.truth
    straight = is_clear_cut(observed, observed["phenotype"], truth)
    half = observed.iloc[:400]
    shuffled = truth.sample(frac=1.0, random_state=0)
    np.testing.assert_array_equal(is_clear_cut(half, half["phenotype"], shuffled), straight[:400])


def test_a_patient_without_a_truth_is_not_clear_cut(cohort):
    observed = cohort.observed
    clear = is_clear_cut(observed, observed["phenotype"], cohort.truth.iloc[:10])
    assert not clear[10:].any()


def test_a_truth_without_drives_is_refused(cohort):
    with pytest.raises(UnusableInputError, match="no column true_type2_drive"):
        is_clear_cut(cohort.observed, cohort.observed["phenotype"], cohort.truth.drop(columns="true_type2_drive"))


def test_patients_without_identifiers_are_refused(cohort):
    with pytest.raises(UnusableInputError, match="no column patient_id"):
        is_clear_cut(pd.DataFrame({"feno_ppb": [20.0]}), pd.Series(["th2_high"]), cohort.truth)
