"""Scores of the Bayes limit have intervals; impossible patients are refused."""

from __future__ import annotations

import pytest

from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.causal.limit import limit_scores
from asthma_ml.inference import bayes_limit
from asthma_ml.variables import LABEL, TWO_CLASSES


@pytest.fixture(scope="module")
def observed():
    return generate_cohort(n_patients=200, seed=31).observed


def test_scores_of_the_limit_have_intervals(observed):
    rows = observed[observed[LABEL].isin(TWO_CLASSES)].head(60)
    scores = limit_scores(bayes_limit(rows, n_particles=100), rows[LABEL])
    assert scores["log_loss"]["lower"] < scores["log_loss"]["value"] < scores["log_loss"]["upper"]
    assert {"auc", "brier", "median_ess", "minimum_ess"} < scores.keys()
    assert 0 < scores["monte_carlo_excess_log_loss"] < 0.05


def test_impossible_patients_are_refused(observed):
    never = observed[observed["smoking_status"] == "never"].head(3)
    with pytest.raises(UnusableInputError, match="3 patients are impossible"):
        limit_scores(bayes_limit(never, "smokers_clinic", n_particles=100), never[LABEL])
