"""The trees of the classifier: boosted, shallow, on the columns as they are, a branch for tests that were not done.

Sums of trees are trees again, and trees answer a question about a column that a table lacks as they do for a test
that was not done: so the trees of one classifier can count in another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

if TYPE_CHECKING:
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor


def fit_trees(
    X: np.ndarray, codes: np.ndarray, weight: np.ndarray, settings: Mapping[str, Any]
) -> HistGradientBoostingClassifier:
    """Fit boosted trees.

    Parameters
    ----------
    X : ndarray of shape (n_patients, n_features)
        Encoded features; NaN is not measured.
    codes : ndarray of shape (n_patients,)
        Place of the class of each patient.
    weight : ndarray of shape (n_patients,)
        Weights.
    settings : mapping
        Of scikit-learn's `HistGradientBoostingClassifier`.

    Returns
    -------
    HistGradientBoostingClassifier
        Always with as many trees as were asked for.
    """
    trees = HistGradientBoostingClassifier(categorical_features=None, early_stopping=False, **settings)
    X, codes, weights = _unweighted_where_possible(X, codes, weight)
    return trees.fit(_without_rare_values(X, trees.min_samples_leaf), codes, sample_weight=weights)


def usual_learning_rate(weight: np.ndarray) -> float:
    """Share of each tree about which the best of those tried lay, see benchmarks/learning_curves.md.

    Parameters
    ----------
    weight : ndarray of shape (n_patients,)
        Weights.

    Returns
    -------
    float
        Between 0.06 and 0.22.

    Examples
    --------
    >>> usual_learning_rate(np.ones(2000))
    0.06
    """
    return float(0.06 * np.cbrt(np.clip(weight.sum() / 2000, 1, 50)))


def margins_of_trees(trees: HistGradientBoostingClassifier, X: np.ndarray) -> np.ndarray:
    """Margins of shape (n_patients, n_margins); scikit-learn gives one number a patient where there are two classes."""
    return np.asarray(trees.decision_function(X).reshape(len(X), -1))


def gain_of_features(trees: HistGradientBoostingClassifier) -> np.ndarray:
    """Return what all questions about each feature have gained, of shape (n_features,)."""
    gain = np.zeros(trees.n_features_in_)
    for tree in _trees_of(trees):
        asks = tree.nodes["is_leaf"] == 0
        np.add.at(gain, tree.nodes["feature_idx"][asks], tree.nodes["gain"][asks])
    return gain


def sum_of_trees(
    parts: Sequence[tuple[HistGradientBoostingClassifier, float, float]],
) -> HistGradientBoostingClassifier:
    """Add boosted trees up to boosted trees.

    Parameters
    ----------
    parts : sequence of (trees, weight, share)
        What the margins of each are multiplied with, and how much its gains count beside those of the others.
        Parts of weight 0 are left out.

    Returns
    -------
    HistGradientBoostingClassifier
        A new one, which lacks what only growing more trees would need.
    """
    whole = deepcopy(parts[-1][0])
    whole._baseline_prediction = sum(weight * trees._baseline_prediction for trees, weight, _ in parts)
    # Boosted trees without any tree are none.
    counted = [part for part in parts if part[1] != 0] or parts[-1:]
    whole._predictors = [
        [_scaled(tree, weight, share) for tree in stage]
        for trees, weight, share in counted
        for stage in trees._predictors
    ]
    return whole


def trees_of_other_columns(
    trees: HistGradientBoostingClassifier, place: np.ndarray, n_features: int
) -> HistGradientBoostingClassifier:
    """Return the same trees for a table with other columns.

    Parameters
    ----------
    trees : HistGradientBoostingClassifier
        Fitted.
    place : ndarray of int of shape (n_features_in_,)
        New place of each column; -1 for one that the table lacks, about which a question is answered as for a test that
        was not done.
    n_features : int
        Columns of the table.

    Returns
    -------
    HistGradientBoostingClassifier
        New ones.
    """
    moved = deepcopy(trees)
    moved._n_features = moved.n_features_in_ = n_features
    for tree in _trees_of(moved):
        tree.nodes = _asked_of(tree.nodes, place)
    return moved


def _unweighted_where_possible(
    X: np.ndarray, codes: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Repeat the few patients who stand in a table more than once.

    scikit-learn sorts every feature once for each of 255 bins where there are weights, which takes a
    hundred times as long as the trees.
    """
    if np.all(weight == np.round(weight)) and weight.sum() <= 2 * len(weight):
        times = weight.astype(int)
        return X.repeat(times, axis=0), codes.repeat(times), None
    return X, codes, weight


def _without_rare_values(X: np.ndarray, min_samples_leaf: int) -> np.ndarray:
    """Hold a column constant that fewer patients have a value in than a leaf needs.

    No tree could ask about it, and one that is empty has no bins, which stops scikit-learn.
    """
    return np.where(np.isfinite(X).sum(axis=0) < min_samples_leaf, np.float32(0), X)


def _trees_of(trees: HistGradientBoostingClassifier) -> list[TreePredictor]:
    return [tree for stage in trees._predictors for tree in stage]


def _scaled(tree: TreePredictor, weight: float, share: float) -> TreePredictor:
    scaled = deepcopy(tree)
    scaled.nodes["value"] *= weight
    scaled.nodes["gain"] *= weight**2 * share
    return scaled


def _asked_of(nodes: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Nodes of a tree with columns in other places; below a question about a column that is gone, one side is left."""
    kept: list[np.ndarray] = []

    def keep(number: int) -> int:
        node = nodes[number].copy()
        while not node["is_leaf"] and place[node["feature_idx"]] < 0:
            node = nodes[node["left"] if node["missing_go_to_left"] else node["right"]].copy()
        own = len(kept)
        kept.append(node)
        if not node["is_leaf"]:
            node["feature_idx"] = place[node["feature_idx"]]
            node["left"], node["right"] = keep(node["left"]), keep(node["right"])
            node["count"] = sum(int(kept[node[side]]["count"]) for side in ("left", "right"))
        return own

    keep(0)
    return np.array(kept, dtype=nodes.dtype)
