"""Boosted shallow trees on the features as they are, with a branch for missing values.

A sum of boosted trees is again boosted trees, and a split on a column that a table lacks follows the branch for missing
values. The trees of one classifier can therefore be added to those of another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from asthma_ml.classifier.features.distinct_patients import DistinctPatients
from asthma_ml.classifier.microaggregation import FEWEST_PATIENTS, MOST_BLOCKS, column_blocks

if TYPE_CHECKING:
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor


def fit_trees(patients: DistinctPatients, settings: Mapping[str, Any]) -> HistGradientBoostingClassifier:
    """Fit boosted trees to the bins of the features, which are bounded by means of at least ten patients.

    More than 63 bins take longer and do not lower the held-out log-loss of tables of 200 to 20,000 rows.

    Parameters
    ----------
    patients : DistinctPatients
        Training patients.
    settings : mapping
        Parameters of scikit-learn's `HistGradientBoostingClassifier`; a ``learning_rate`` of None is set by
        `default_learning_rate`.

    Returns
    -------
    HistGradientBoostingClassifier
        With ``max_iter`` trees, as there is no early stopping. The bins that it keeps are numbered; its nodes have the
        thresholds of the features.
    """
    X, codes, weight = patients.X, patients.codes, patients.weight
    cuts = [blocks.cuts for blocks in column_blocks(X, weight, patients.counted)]
    rate, leaf = settings["learning_rate"], settings["min_samples_leaf"]
    given = {
        **settings,
        "learning_rate": default_learning_rate(weight) if rate is None else rate,
        "min_samples_leaf": leaf if patients.patient is None else _rows_of_patients(leaf, patients.patient),
    }
    trees = HistGradientBoostingClassifier(
        categorical_features=None, early_stopping=False, max_bins=MOST_BLOCKS, **given
    )
    bins, codes, weights = _unweighted_where_possible(_bin_numbers(X, cuts), codes, weight)
    trees.fit(_without_rare_values(bins, trees.min_samples_leaf), codes, sample_weight=weights)
    for tree in _trees_of(trees):
        tree.nodes = _without_small_counts(_with_thresholds(tree.nodes, cuts))
    return trees


def _rows_of_patients(n_patients: int, patient: np.ndarray) -> int:
    """Number of rows that some patients have on average."""
    return int(np.ceil(n_patients * len(patient) / len(np.unique(patient))))


def default_learning_rate(weight: np.ndarray) -> float:
    """Learning rate by number of patients; see benchmarks/learning_curves.md for its choice.

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
    >>> default_learning_rate(np.ones(2000))
    0.06
    """
    return float(0.06 * np.cbrt(np.clip(weight.sum() / 2000, 1, 50)))


def margins_of_trees(trees: HistGradientBoostingClassifier, X: np.ndarray) -> np.ndarray:
    """Margins of the trees, of shape (n_patients, n_margins); one margin with two classes."""
    return np.asarray(trees.decision_function(X).reshape(len(X), -1))


def gain_of_features(trees: HistGradientBoostingClassifier) -> np.ndarray:
    """Total gain of the splits on each feature, of shape (n_features,)."""
    gain = np.zeros(trees.n_features_in_)
    for tree in _trees_of(trees):
        splits = tree.nodes["is_leaf"] == 0
        np.add.at(gain, tree.nodes["feature_idx"][splits], tree.nodes["gain"][splits])
    return gain


def sum_of_trees(
    parts: Sequence[tuple[HistGradientBoostingClassifier, float, float]],
) -> HistGradientBoostingClassifier:
    """Weighted sum of boosted trees, as boosted trees.

    Parameters
    ----------
    parts : sequence of (trees, weight, gain_weight)
        Factors of the margins and of the gains. Trees of weight 0 are omitted.

    Returns
    -------
    HistGradientBoostingClassifier
        Can predict, but cannot grow more trees.
    """
    whole = deepcopy(parts[-1][0])
    whole._baseline_prediction = sum(weight * trees._baseline_prediction for trees, weight, _ in parts)
    # scikit-learn needs at least one tree.
    kept = [part for part in parts if part[1] != 0] or parts[-1:]
    whole._predictors = [
        [_scaled(tree, weight, gain_weight) for tree in stage]
        for trees, weight, gain_weight in kept
        for stage in trees._predictors
    ]
    return whole


def move_trees(
    trees: HistGradientBoostingClassifier, place: np.ndarray, n_features: int
) -> HistGradientBoostingClassifier:
    """Return the same trees for a table with other columns.

    Parameters
    ----------
    trees : HistGradientBoostingClassifier
        Fitted.
    place : ndarray of int of shape (n_features_in_,)
        New index of each column; -1 for a column that the table lacks, whose splits follow the branch for missing
        values.
    n_features : int
        Number of columns of the table.

    Returns
    -------
    HistGradientBoostingClassifier
        A copy.
    """
    moved = deepcopy(trees)
    moved._n_features = moved.n_features_in_ = n_features
    for tree in _trees_of(moved):
        tree.nodes = _moved_nodes(tree.nodes, place)
    return moved


def _bin_numbers(X: np.ndarray, cuts: Sequence[np.ndarray]) -> np.ndarray:
    """Number of cuts below each value; NaN where not measured."""
    numbers = np.stack([np.searchsorted(own, x.astype(np.float64)) for own, x in zip(cuts, X.T, strict=True)], axis=1)
    return np.where(np.isfinite(X), numbers, np.nan).astype(np.float32)


def _with_thresholds(nodes: np.ndarray, cuts: Sequence[np.ndarray]) -> np.ndarray:
    """Nodes of a tree whose thresholds are cuts instead of bin numbers; a split of missing values is at infinity."""
    nodes, first = nodes.copy(), np.cumsum([0, *map(len, cuts)])
    splits = np.flatnonzero((nodes["is_leaf"] == 0) & np.isfinite(nodes["num_threshold"]))
    cut = first[nodes["feature_idx"][splits]] + nodes["num_threshold"][splits].astype(int)
    nodes["num_threshold"][splits] = np.concatenate(cuts)[cut]
    return nodes


def _without_small_counts(nodes: np.ndarray) -> np.ndarray:
    """Nodes of a tree with at least ten patients in each leaf, as far as their counts tell."""
    leaves = nodes["is_leaf"] == 1
    if nodes["count"][leaves].min() >= FEWEST_PATIENTS:
        return nodes
    nodes = nodes.copy()
    nodes["count"][leaves] = np.maximum(nodes["count"][leaves], FEWEST_PATIENTS)
    for node in nodes[::-1]:  # children follow their parents
        if not node["is_leaf"]:
            node["count"] = nodes["count"][node["left"]] + nodes["count"][node["right"]]
    return nodes


def _unweighted_where_possible(
    X: np.ndarray, codes: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Replace small whole weights by repeated rows.

    With weights, scikit-learn sorts every feature once for each bin, which takes many times as long as growing
    the trees.
    """
    if np.all(weight == np.round(weight)) and weight.sum() <= 2 * len(weight):
        times = weight.astype(int)
        return X.repeat(times, axis=0), codes.repeat(times), None
    return X, codes, weight


def _without_rare_values(X: np.ndarray, min_samples_leaf: int) -> np.ndarray:
    """Set columns with fewer values than a leaf needs to a constant.

    No tree can split on them, and scikit-learn fails on an empty column.
    """
    return np.where(np.isfinite(X).sum(axis=0) < min_samples_leaf, np.float32(0), X)


def _trees_of(trees: HistGradientBoostingClassifier) -> list[TreePredictor]:
    return [tree for stage in trees._predictors for tree in stage]


def _scaled(tree: TreePredictor, weight: float, gain_weight: float) -> TreePredictor:
    scaled = deepcopy(tree)
    scaled.nodes["value"] *= weight
    scaled.nodes["gain"] *= weight**2 * gain_weight
    return scaled


def _moved_nodes(nodes: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Nodes of a tree with new column numbers; the branch for missing values replaces a split on an absent column."""
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
