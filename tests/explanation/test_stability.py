"""Reasons are marked where a model fitted to other patients may tell them otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import generate_cohort
from asthma_ml.explanation import explain
from asthma_ml.explanation.stability import nearest_stable, unstable_reasons


@pytest.fixture(scope="module")
def pair():
    """Two models of different patients explain the same others."""
    asked, _ = generate_cohort(800, seed=25).training_data()
    fits = [PhenotypeClassifier(n_trees=60).fit(*generate_cohort(1_500, seed).training_data()) for seed in (41, 42)]
    return [explain(fit, asked) for fit in fits]


def test_the_more_patients_the_nearer_two_factors_may_be():
    limits = [nearest_stable(n) for n in (1, 100, 10_000, 1_000_000)]
    assert limits == sorted(limits, reverse=True)
    assert limits[-1] > 0


def test_unmarked_patients_keep_their_first_factor_and_marked_ones_often_do_not(pair):
    first = [np.abs(explanation.factors.to_numpy()).argmax(axis=1) for explanation in pair]
    marked, same = pair[0].unstable(), first[0] == first[1]
    assert 0.1 < marked.mean() < 0.5
    assert same[~marked].mean() > 0.9
    assert same[marked].mean() < 0.75


def test_a_marked_patient_is_told_so_and_no_other(pair):
    explanation = pair[0]
    marked = explanation.unstable()
    for i, unstable in [(int(np.flatnonzero(marked)[0]), True), (int(np.flatnonzero(~marked)[0]), False)]:
        assert ("reasons are unstable" in explanation.sentence(i)) is unstable
        assert ("reasons are unstable" in explanation.sentence(i, "long")) is unstable


def test_a_single_factor_has_no_rival():
    assert not unstable_reasons(np.array([[0.01], [3.0]]), 10).any()
