"""Shapley values of the trees, checked against shap and against their definition over all orders."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier

from asthma_ml.classifier.compiled.pattern_tables import (
    branches_of,
    contributions_to_margins,
    interaction_contributions,
)
from asthma_ml.classifier.rounding import rounded_down
from asthma_ml.explanation.tree_shap import _shap, contributions_by_shap
from tests.classifier.compiled.fitted_trees import (
    N_FEATURES,
    fitted_trees,
    frequencies,
    margin_contributions,
    margins,
    numbers,
    sums_of_players,
)

EACH_ALONE = np.arange(N_FEATURES)
PAIRED = np.array([1, 0, 1, 0])
TRIO = np.array([1, 0, 2, 0])
PATIENTS = np.vstack([numbers(1, 4), np.full(N_FEATURES, np.nan), np.zeros(N_FEATURES)]).astype(np.float32)


def worth_to_trained_trees(trees, row, known, k):
    """Expected margin with some features known and the others distributed as in the training patients of the tree."""

    def below(nodes: np.ndarray, i: int) -> float:
        node = nodes[i]
        if node["is_leaf"]:
            return float(node["value"])
        left, right = int(node["left"]), int(node["right"])
        if node["feature_idx"] not in known:
            counts = nodes["count"][[left, right]].astype(float)
            return float(np.dot(counts, [below(nodes, left), below(nodes, right)]) / counts.sum())
        value = row[node["feature_idx"]]
        goes_left = node["missing_go_to_left"] if np.isnan(value) else value <= node["num_threshold"]
        return below(nodes, left if goes_left else right)

    return float(trees._baseline_prediction[0, k]) + sum(below(stage[k].nodes, 0) for stage in trees._predictors)


def worth_against(background):
    """Mean margin of background patients with the known features of one patient."""

    def worth(trees, row, known, k):
        mixed = background.copy()
        mixed[:, sorted(known)] = row[sorted(known)]
        return margins(trees, mixed)[:, k].mean()

    return worth


def shapley_by_definition(worth, trees, row, k, group):
    n_players = group.max() + 1

    def worth_of(players):
        return worth(trees, row, {f for f in range(N_FEATURES) if group[f] in players}, k)

    values = np.zeros(n_players)
    for player in range(n_players):
        others = [other for other in range(n_players) if other != player]
        for size in range(n_players):
            weight = factorial(size) * factorial(n_players - size - 1) / factorial(n_players)
            for known in map(set, combinations(others, size)):
                values[player] += weight * (worth_of(known | {player}) - worth_of(known))
    return values


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("group", [EACH_ALONE, PAIRED], ids=["features", "factors"])
@pytest.mark.parametrize("interventional", [False, True], ids=["path-dependent", "interventional"])
def test_values_are_shapley_values_by_definition(n_classes, group, interventional):
    trees, X = fitted_trees(n_classes=n_classes)
    background = X[:30] if interventional else None
    worth = worth_against(X[:30]) if interventional else worth_to_trained_trees
    contributions, base = margin_contributions(trees, PATIENTS, groups=group, background=background)
    assert contributions.shape == (len(PATIENTS), group.max() + 1, 1 if n_classes == 2 else n_classes)
    for k in range(len(base)):
        assert base[k] == pytest.approx(worth(trees, PATIENTS[0], set(), k))
        for i, patient in enumerate(PATIENTS):
            expected = shapley_by_definition(worth, trees, patient, k, group)
            np.testing.assert_allclose(contributions[i, :, k], expected, atol=1e-10)


def interaction_by_definition(worth, trees, row, k, group, i, j):
    n_players = group.max() + 1

    def worth_of(players):
        return worth(trees, row, {f for f in range(N_FEATURES) if group[f] in players}, k)

    others, index = [other for other in range(n_players) if other not in (i, j)], 0.0
    for size in range(n_players - 1):
        weight = factorial(size) * factorial(n_players - size - 2) / factorial(n_players - 1)
        for known in map(set, combinations(others, size)):
            together = worth_of(known | {i, j}) - worth_of(known | {i}) - worth_of(known | {j}) + worth_of(known)
            index += weight * together
    return index


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("group", [EACH_ALONE, TRIO], ids=["features", "factors"])
@pytest.mark.parametrize("interventional", [False, True], ids=["path-dependent", "interventional"])
def test_interactions_are_the_shapley_interaction_index_by_definition(n_classes, group, interventional):
    trees, X = fitted_trees(n_classes=n_classes)
    worth = worth_against(X[:30]) if interventional else worth_to_trained_trees
    branches, n_players = branches_of(trees), group.max() + 1
    frequency = frequencies(branches, X[:30] if interventional else None)
    found = sums_of_players(branches, interaction_contributions(branches, frequency, group, n_players), PATIENTS)
    for pair, (i, j) in enumerate(combinations(range(n_players), 2)):
        for k, patient in ((k, patient) for k in range(len(found)) for patient in range(len(PATIENTS))):
            expected = interaction_by_definition(worth, trees, PATIENTS[patient], k, group, i, j)
            assert found[k, pair, patient] == pytest.approx(expected, abs=1e-10)
    assert np.abs(found).max() > 0.01


def test_shap_finds_the_same_interactions():
    trees, X = fitted_trees(seed=3)
    branches = branches_of(trees)
    credits_of_pairs = interaction_contributions(branches, frequencies(branches), EACH_ALONE, N_FEATURES)
    ours = sums_of_players(branches, credits_of_pairs, X[:60])[0] / 2
    theirs = _shap().TreeExplainer(trees).shap_interaction_values(X[:60])
    np.testing.assert_allclose(ours.T, theirs[:, *np.triu_indices(N_FEATURES, 1)], atol=1e-6)


def test_margins_of_the_same_pass_are_equal_to_the_last_bit():
    for n_classes in (2, 4):
        trees, X = fitted_trees(n_classes=n_classes)
        branches = branches_of(trees)
        np.testing.assert_array_equal(
            sums_of_players(branches, contributions_to_margins(branches), X)[:, 0].T, margins(trees, X)
        )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.sampled_from([2, 3, 4]), st.sampled_from([0.0, 0.2, 0.7]))
def test_shap_finds_the_same_values(seed, max_depth, n_classes, missing):
    trees, X = fitted_trees(seed, n_classes, max_depth, missing)
    patients = np.vstack([X, numbers(seed + 7, 50, missing=0.5)])
    (ours, base), (theirs, their_base) = margin_contributions(trees, patients), contributions_by_shap(trees, patients)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    np.testing.assert_allclose(base, their_base, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.sampled_from([EACH_ALONE, PAIRED]))
def test_values_add_up_to_the_margins(seed, interventional, group):
    trees, X = fitted_trees(seed)
    contributions, base = margin_contributions(trees, X, groups=group, background=X if interventional else None)
    np.testing.assert_allclose(base + contributions.sum(axis=1), margins(trees, X), atol=1e-12)


def test_base_is_the_mean_margin_of_the_background():
    trees, X = fitted_trees(n_classes=4)
    contributions, base = margin_contributions(trees, X, background=X)
    np.testing.assert_allclose(base, margins(trees, X).mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(contributions.mean(axis=0).sum(axis=0), 0, atol=1e-12)


def test_values_next_to_a_64_bit_threshold():
    threshold = 0.1 + 0.2  # between two numbers of 32 bit
    below = rounded_down(np.array([threshold]))
    X = np.repeat([below, np.nextafter(below, np.float32(1))], 50, axis=0)
    trees = HistGradientBoostingClassifier(max_iter=1, min_samples_leaf=5).fit(X, np.arange(100) >= 50)
    trees._predictors[0][0].nodes["num_threshold"][0] = threshold
    contributions, base = margin_contributions(trees, X)
    np.testing.assert_allclose(base + contributions.sum(axis=1), margins(trees, X), atol=1e-12)
    assert contributions[0, 0, 0] == -contributions[-1, 0, 0] != 0


def test_split_between_measured_and_missing_is_followed():
    X = np.where(np.arange(100) < 50, 1.0, np.nan)[:, None]
    trees = HistGradientBoostingClassifier(max_iter=1, min_samples_leaf=5).fit(X, np.arange(100) < 50)
    assert np.isinf(trees._predictors[0][0].nodes["num_threshold"][0])
    contributions, _ = margin_contributions(trees, np.array([[1.0], [np.inf], [np.nan]]))
    assert contributions[0] == contributions[1] == -contributions[2] > 0


def test_trees_without_splits_have_no_contributions():
    X = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    trees = HistGradientBoostingClassifier(max_iter=3, categorical_features=None).fit(X, np.arange(30) % 3 > 0)
    contributions, base = margin_contributions(trees, X)
    assert not contributions.any()
    np.testing.assert_allclose(np.repeat(base[None], 30, axis=0), margins(trees, X), atol=1e-12)
