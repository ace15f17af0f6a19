"""Shapley values of the trees, checked against their definition: every order in which features can become known."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from asthma_ml.explanation.tree_shap import margin_contributions

N_FEATURES = 4


def expected_margin(trees: HistGradientBoostingClassifier, row: np.ndarray, known: frozenset[int], k: int) -> float:
    """Margin when some features are known and the tree's own patients stand in for the others."""

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


def shapley_by_definition(trees: HistGradientBoostingClassifier, row: np.ndarray, k: int) -> np.ndarray:
    values = np.zeros(N_FEATURES)
    for feature in range(N_FEATURES):
        others = [other for other in range(N_FEATURES) if other != feature]
        for size in range(N_FEATURES):
            weight = factorial(size) * factorial(N_FEATURES - size - 1) / factorial(N_FEATURES)
            for known in map(frozenset, combinations(others, size)):
                gain = expected_margin(trees, row, known | {feature}, k) - expected_margin(trees, row, known, k)
                values[feature] += weight * gain
    return values


@pytest.mark.parametrize("n_classes", [2, 3])
def test_they_are_shapley_values_also_where_a_test_is_missing(n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, N_FEATURES)).round(1).astype(np.float32)
    y = np.digitize(X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(scale=0.3, size=300), [0, 1][: n_classes - 1])
    X[rng.random(X.shape) < 0.2] = np.nan
    trees = HistGradientBoostingClassifier(max_iter=4, max_depth=3, categorical_features=None).fit(X, y)
    patients = np.vstack([X[:4], np.full(N_FEATURES, np.nan)]).astype(np.float32)
    contributions, base = margin_contributions(trees, patients)
    n_margins = 1 if n_classes == 2 else n_classes
    assert contributions.shape == (5, N_FEATURES, n_margins)
    for k in range(n_margins):
        assert base[k] == pytest.approx(expected_margin(trees, patients[0], frozenset(), k))
        for i, patient in enumerate(patients):
            np.testing.assert_allclose(contributions[i, :, k], shapley_by_definition(trees, patient, k), atol=1e-10)


def test_trees_that_never_split_explain_nothing():
    X = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    trees = HistGradientBoostingClassifier(max_iter=3, categorical_features=None).fit(X, np.arange(30) % 2)
    assert not margin_contributions(trees, X)[0].any()
