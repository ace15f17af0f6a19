"""Clear-cut patients lie far from both borders and are labelled as they are."""

import numpy as np
import pandas as pd
import pytest

from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.causal.clear_cut import BORDERS, clear_cut


@pytest.fixture(scope="module")
def cohort():
    return generate_cohort(800, seed=12)


def test_no_experts_error_and_no_borderline_drive_is_clear_cut(cohort):
    observed, truth = cohort.observed, cohort.truth
    clear = clear_cut(observed, observed["phenotype"], truth)
    assert 0.2 < clear.mean() < 0.7
    assert (observed["phenotype"].to_numpy() == truth["true_phenotype"].to_numpy())[clear].all()
    drives = truth[list(BORDERS)].to_numpy()[clear]
    for values in drives.T:
        assert np.diff(np.sort(values)).max() > 0.4, "a gap lies about the border"


def test_the_truth_may_come_in_any_order_and_hold_more_patients(cohort):
    observed, truth = cohort.observed, cohort.truth
    straight = clear_cut(observed, observed["phenotype"], truth)
    half = observed.iloc[:400]
    shuffled = truth.sample(frac=1.0, random_state=0)
    np.testing.assert_array_equal(clear_cut(half, half["phenotype"], shuffled), straight[:400])


def test_a_patient_without_a_truth_is_not_clear_cut(cohort):
    observed = cohort.observed
    clear = clear_cut(observed, observed["phenotype"], cohort.truth.iloc[:10])
    assert not clear[10:].any()


def test_a_truth_without_drives_is_refused(cohort):
    with pytest.raises(UnusableInputError, match="no column true_type2_drive"):
        clear_cut(cohort.observed, cohort.observed["phenotype"], cohort.truth.drop(columns="true_type2_drive"))


def test_patients_without_identifiers_are_refused(cohort):
    with pytest.raises(UnusableInputError, match="no column patient_id"):
        clear_cut(pd.DataFrame({"feno_ppb": [20.0]}), pd.Series(["th2_high"]), cohort.truth)
