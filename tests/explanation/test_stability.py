"""Rankings of factors are marked as unstable where a model of other patients may reverse them."""

from __future__ import annotations

import numpy as np
import pytest

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import generate_cohort
from asthma_ml.explanation import explain
from asthma_ml.explanation.stability import smallest_stable_difference, unstable_ranking


@pytest.fixture(scope="module")
def pair():
    """Explanations of the same patients by two models of different patients."""
    asked, _ = generate_cohort(800, seed=25).training_data()
    fits = [PhenotypeClassifier(n_trees=60).fit(*generate_cohort(1_500, seed).training_data()) for seed in (41, 42)]
    return [explain(fit, asked) for fit in fits]


def test_smallest_stable_difference_decreases_with_the_number_of_patients():
    limits = [smallest_stable_difference(n) for n in (1, 100, 10_000, 1_000_000)]
    assert limits == sorted(limits, reverse=True)
    assert limits[-1] > 0


def test_stable_patients_keep_their_first_factor_and_unstable_ones_often_do_not(pair):
    first = [np.abs(explanation.factors.to_numpy()).argmax(axis=1) for explanation in pair]
    marked, same = pair[0].unstable(), first[0] == first[1]
    assert 0.1 < marked.mean() < 0.5
    assert same[~marked].mean() > 0.9
    assert same[marked].mean() < 0.75


def test_sentence_names_an_unstable_ranking(pair):
    explanation = pair[0]
    marked = explanation.unstable()
    for i, unstable in [(int(np.flatnonzero(marked)[0]), True), (int(np.flatnonzero(~marked)[0]), False)]:
        assert ("is unstable: they contribute nearly equally" in explanation.sentence(i)) is unstable
        assert ("is unstable: they contribute nearly equally" in explanation.sentence(i, "long")) is unstable


def test_ranking_of_a_single_factor_is_stable():
    assert not unstable_ranking(np.array([[0.01], [3.0]]), 10).any()
