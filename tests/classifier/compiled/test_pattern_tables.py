"""Properties of the tables of Shapley values."""

from __future__ import annotations

import numpy as np
import pytest

from asthma_ml.classifier.compiled.pattern_tables import (
    branches_of,
    frequencies_of_training_patients,
    shapley_contributions,
)
from tests.classifier.compiled.fitted_trees import N_FEATURES, fitted_trees


@pytest.fixture(scope="module")
def branches():
    return branches_of(fitted_trees(n_classes=3, n_trees=10)[0])


def tables_of(branches, group):
    return shapley_contributions(branches, frequencies_of_training_patients(branches), group, group.max() + 1)


def test_pattern_frequencies_sum_to_one(branches):
    np.testing.assert_allclose(frequencies_of_training_patients(branches).sum(axis=1), 1)


def test_contributions_of_a_pattern_sum_to_its_leaf_value(branches):
    tables = tables_of(branches, np.arange(N_FEATURES))
    expected = (frequencies_of_training_patients(branches) * branches.leaf).sum(axis=1)
    np.testing.assert_allclose(tables.values.sum(axis=1), branches.leaf - expected[:, None], atol=1e-14)


def test_only_one_branch_of_a_tree_is_nonzero(branches):
    of_trees = branches.leaf.reshape(-1, 2, 16)
    assert not (of_trees[:, 0] * of_trees[:, 1]).any()


def test_a_single_player_has_one_contribution_per_branch(branches):
    tables = tables_of(branches, np.zeros(N_FEATURES, dtype=int))
    assert not tables.values[:, 1:].any()
    assert tables.n_players == 1
    assert (tables.player[:, 1:] == -1).all()


def test_equal_splits_are_stored_once(branches):
    decisions = branches.decisions
    splits = np.column_stack([decisions.feature, decisions.threshold, decisions.missing_right])
    assert len(np.unique(splits, axis=0)) == len(splits) < branches.decision.size


def test_trees_of_depth_four_have_no_tables():
    assert branches_of(fitted_trees(max_depth=4)[0]) is None
