"""What must hold of the tables whatever the trees."""

from __future__ import annotations

import numpy as np
import pytest
from tests.classifier.compiled.fitted_trees import N_FEATURES, fitted_trees

from asthma_ml.classifier.compiled.pattern_tables import branches_of, frequencies_of_training_patients, shapley_credits


@pytest.fixture(scope="module")
def branches():
    return branches_of(fitted_trees(n_classes=3, n_trees=10)[0])


def tables_of(branches, group):
    return shapley_credits(branches, frequencies_of_training_patients(branches), group, group.max() + 1)


def test_the_frequencies_of_all_patterns_add_to_one(branches):
    np.testing.assert_allclose(frequencies_of_training_patients(branches).sum(axis=1), 1)


def test_each_pattern_shares_out_its_leaf(branches):
    tables = tables_of(branches, np.arange(N_FEATURES))
    expected = (frequencies_of_training_patients(branches) * branches.leaf).sum(axis=1)
    np.testing.assert_allclose(tables.values.sum(axis=1), branches.leaf - expected[:, None], atol=1e-14)


def test_only_one_branch_of_a_tree_adds_anything(branches):
    of_trees = branches.leaf.reshape(-1, 2, 16)
    assert not (of_trees[:, 0] * of_trees[:, 1]).any()


def test_a_single_player_gets_everything_and_the_second_of_two_decisions_nothing(branches):
    tables = tables_of(branches, np.zeros(N_FEATURES, dtype=int))
    assert not tables.values[:, 1:].any()
    assert tables.n_players == 1
    assert (tables.player[:, 1:] == -1).all()


def test_a_question_that_is_asked_twice_is_one_decision(branches):
    decisions = branches.decisions
    questions = np.column_stack([decisions.feature, decisions.threshold, decisions.missing_right])
    assert len(np.unique(questions, axis=0)) == len(questions) < branches.decision.size


def test_trees_that_ask_four_questions_in_a_row_have_no_tables():
    assert branches_of(fitted_trees(max_depth=4)[0]) is None
