"""Exact Shapley values of shallow trees, tabulated for every pattern of their decisions.

A tree of depth three at most has two branches below its root. The value that a branch adds to a margin depends on four
decisions: those of the root, the child and two grandchildren. A patient therefore follows one of 16 patterns. Unknown
decisions follow a background distribution ``h`` of patterns: the worth of knowing some decisions of pattern ``p`` is
the mean, over patterns ``q`` from ``h``, of the leaf that is reached with the known decisions of ``p`` and the other
decisions of ``q``. Path-dependent values use independent decisions with the frequencies in the training patients of the
tree. Interventional values use the patterns of the reference patients. A tree is the sum of its branches, and its
Shapley values are the sums of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

DECISIONS = 4
PATTERNS = 1 << DECISIONS
_PATTERN = np.arange(PATTERNS)
_BITS = (_PATTERN >> np.arange(DECISIONS)[:, None]) & 1
# Nodes of a tree as a heap: root, two children, four grandchildren and eight leaves.
_INNER, _FIRST_LEAF = 7, 7
_BRANCH_NODES = np.array([[0, 1, 3, 4], [0, 2, 5, 6]])
_PAIRS = np.array(list(combinations(range(DECISIONS), 2)))


@dataclass(frozen=True, slots=True)
class Decisions:
    """The distinct splits of the trees.

    Attributes
    ----------
    feature : ndarray of int of shape (n_decisions,)
        Feature of the split.
    threshold : ndarray of shape (n_decisions,)
        Larger values go right.
    missing_right : ndarray of bool of shape (n_decisions,)
        Whether missing values go right.
    """

    feature: np.ndarray
    threshold: np.ndarray
    missing_right: np.ndarray


@dataclass(frozen=True, slots=True)
class Branches:
    """Branches of the trees: the two halves below each root.

    Attributes
    ----------
    decisions : Decisions
        Distinct splits.
    decision : ndarray of int of shape (n_branches, 4)
        Index of the split at the root, the child and both grandchildren; that of the root where there is no such
        node.
    right_share : ndarray of shape (n_branches, 4)
        Fraction of training patients who go right.
    leaf : ndarray of shape (n_branches, 16)
        Value that each pattern adds to the margin. Bit j of a pattern is set if decision j goes right.
    margin : ndarray of int of shape (n_branches,)
        Index of the margin.
    constant : ndarray of shape (n_margins,)
        Margins without any branch.
    """

    decisions: Decisions
    decision: np.ndarray
    right_share: np.ndarray
    leaf: np.ndarray
    margin: np.ndarray
    constant: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class PatternContributions:
    """Contributions of each branch to players, by pattern.

    Attributes
    ----------
    player : ndarray of int of shape (n_branches, n_contributions)
        Index of the player; -1 where all contributions are zero.
    values : ndarray of shape (n_branches, n_contributions, 16)
        Contribution by pattern.
    n_players : int
        Number of players: features, factors, or pairs of factors.
    start : ndarray of shape (n_margins, 1) or float
        Contribution without any branch.
    """

    player: np.ndarray
    values: np.ndarray
    n_players: int
    start: np.ndarray | float = 0.0

    def times(self, weight: float) -> PatternContributions:
        """Return the contributions times a weight."""
        return replace(self, values=self.values * weight)


def branches_of(trees: HistGradientBoostingClassifier | HistGradientBoostingRegressor) -> Branches | None:
    """Branches of fitted trees.

    Parameters
    ----------
    trees : HistGradientBoostingClassifier or HistGradientBoostingRegressor
        Fitted.

    Returns
    -------
    Branches or None
        None if a tree is deeper than three levels or has categorical splits.
    """
    stages = trees._predictors
    n_margins = len(stages[0])
    tables = [tree.nodes for stage in stages for tree in stage]
    # Joining bytes is faster than concatenating structured arrays, whose fields numpy compares.
    nodes = np.frombuffer(b"".join(table.tobytes() for table in tables), dtype=tables[0].dtype)
    first = np.concatenate([[0], np.cumsum([len(table) for table in tables])[:-1]])
    heap = _heap(nodes, first)
    if not nodes["is_leaf"][heap[:, _FIRST_LEAF:]].all() or nodes["is_categorical"].any():
        return None
    margin = np.tile(np.arange(n_margins), len(stages))
    is_single_leaf = nodes["is_leaf"][first] == 1
    constant = np.array(trees._baseline_prediction, dtype=float).reshape(n_margins)
    np.add.at(constant, margin[is_single_leaf], nodes["value"][first[is_single_leaf]])
    return _branches(nodes, heap[~is_single_leaf], margin[~is_single_leaf], constant)


def joined_branches(parts: Sequence[Branches]) -> Branches:
    """Branches of several models of the same features, whose margins are numbered one after the other."""
    first = np.cumsum([0, *(len(part.constant) for part in parts)])
    splits = np.concatenate([_splits(part.decisions)[part.decision] for part in parts])
    decisions, decision = _distinct_decisions(splits)
    return Branches(
        decisions=decisions,
        decision=decision,
        right_share=np.concatenate([part.right_share for part in parts]),
        leaf=np.concatenate([part.leaf for part in parts]),
        margin=np.concatenate([part.margin + start for part, start in zip(parts, first, strict=False)]),
        constant=np.concatenate([part.constant for part in parts]),
    )


def frequencies_of_training_patients(branches: Branches) -> np.ndarray:
    """Pattern frequencies with independent decisions, of shape (n_branches, 16)."""
    right = branches.right_share[:, :, None]
    return np.asarray(np.where(_BITS, right, 1.0 - right).prod(axis=1))


def expected_margins(branches: Branches, frequency: np.ndarray) -> np.ndarray:
    """Expected margins under pattern frequencies, of shape (n_margins,)."""
    expected = branches.constant.copy()
    np.add.at(expected, branches.margin, (frequency * branches.leaf).sum(axis=1))
    return expected


def contributions_to_margins(branches: Branches) -> PatternContributions:
    """Contributions to a single player, which sum to the margins."""
    player = np.zeros((len(branches.leaf), 1), dtype=np.int64)
    return PatternContributions(player, branches.leaf[:, None], 1, branches.constant[:, None])


def shapley_contributions(
    branches: Branches, frequency: np.ndarray, group: np.ndarray, n_players: int
) -> PatternContributions:
    """Shapley values of every pattern.

    Parameters
    ----------
    branches : Branches
        Branches of all trees.
    frequency : ndarray of shape (n_branches, 16)
        Frequencies of the patterns in the background.
    group : ndarray of int of shape (n_features,)
        Player of each feature. A decision is known if its player is in the coalition.
    n_players : int
        Number of players, including those without a decision.

    Returns
    -------
    PatternContributions
        Contributions to the players.
    """
    player, worth = _game(branches, frequency, group)
    first = _first_with_same_player(player) == np.arange(DECISIONS)
    # Rounding errors would give other players small nonzero values.
    values = np.where(first[:, :, None], np.einsum("js,bsp->bjp", _shapley_weights(), worth), 0.0)
    return _contributions(player, values, n_players)


def summed_by_group(contributions: PatternContributions, group: np.ndarray, n_groups: int) -> PatternContributions:
    """Contributions to groups of players, each the sum of the contributions to its players.

    Parameters
    ----------
    contributions : PatternContributions
        Contributions to players.
    group : ndarray of int of shape (n_players,)
        Group of each player.
    n_groups : int
        Number of groups.

    Returns
    -------
    PatternContributions
        Contributions to the groups.
    """
    known = contributions.player >= 0
    player = np.where(known, group[contributions.player], -1)
    first, values = _first_with_same_player(player), np.zeros_like(contributions.values)
    for j in range(player.shape[1]):
        values[np.arange(len(values)), first[:, j]] += np.where(known[:, j, None], contributions.values[:, j], 0.0)
    return _contributions(player, values, n_groups)


def interaction_contributions(
    branches: Branches, frequency: np.ndarray, group: np.ndarray, n_players: int
) -> PatternContributions:
    """Shapley interaction index of every pattern and pair of players.

    Parameters
    ----------
    branches, frequency, group, n_players
        See `shapley_contributions`.

    Returns
    -------
    PatternContributions
        Contributions to the pairs of different players, in the order of ``numpy.triu_indices(n_players, 1)``.

    References
    ----------
    Grabisch M, Roubens M, Int J Game Theory, 1999;28:547-565. 10.1007/s001820050125
    """
    player, worth = _game(branches, frequency, group)
    first = _first_with_same_player(player) == np.arange(DECISIONS)
    one, other = _PAIRS.T
    both = first[:, one] & first[:, other]
    values = np.where(both[:, :, None], np.einsum("js,bsp->bjp", _interaction_weights(), worth), 0.0)
    number = np.zeros((n_players, n_players), dtype=np.int64)
    number[np.triu_indices(n_players, 1)] = np.arange(n_players * (n_players - 1) // 2)
    pair = np.maximum(number, number.T)[player[:, one], player[:, other]]
    return _contributions(pair, values, n_players * (n_players - 1) // 2)


def _game(branches: Branches, frequency: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Player of each decision, and the worth of each coalition, of shape (n_branches, 16, 16)."""
    player = group[branches.decisions.feature[branches.decision]]
    known = _known_decisions(player)
    return player, np.take_along_axis(_worth_of_knowing(branches.leaf, frequency), known[:, :, None], axis=1)


def _contributions(player: np.ndarray, values: np.ndarray, n_players: int) -> PatternContributions:
    return PatternContributions(np.where(values.any(axis=2), player, -1), np.ascontiguousarray(values), n_players)


def _heap(nodes: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Index in `nodes` of the 15 heap nodes of each tree; a leaf fills all nodes below it."""
    heap = np.empty((len(first), 2 * _INNER + 1), dtype=np.int64)
    heap[:, 0] = first
    for i in range(_INNER):
        node = nodes[heap[:, i]]
        for side, child in enumerate(("left", "right"), start=1):
            heap[:, 2 * i + side] = np.where(node["is_leaf"], heap[:, i], first + node[child])
    return heap


def _branches(nodes: np.ndarray, heap: np.ndarray, margin: np.ndarray, constant: np.ndarray) -> Branches:
    """The two branches of each tree."""
    inner, counts = nodes[heap[:, :_INNER]], nodes["count"][heap].astype(float)
    split = np.where(inner["is_leaf"] == 1, heap[:, :1], heap[:, :_INNER])
    left, right = counts[:, 1::2], counts[:, 2::2]
    names = ("feature_idx", "num_threshold", "missing_go_to_left")
    splits = np.stack([nodes[name].astype(float) for name in names], axis=-1)
    decisions, decision = _distinct_decisions(splits[split])
    leaves = np.stack([_leaves(nodes["value"][heap[:, _FIRST_LEAF:]], side) for side in (0, 1)], axis=1)
    return Branches(
        decisions=decisions,
        decision=decision[:, _BRANCH_NODES].reshape(-1, DECISIONS),
        right_share=(right / (left + right))[:, _BRANCH_NODES].reshape(-1, DECISIONS),
        leaf=leaves.reshape(-1, PATTERNS),
        margin=margin.repeat(2),
        constant=constant,
    )


def _splits(decisions: Decisions) -> np.ndarray:
    """Feature, threshold, and whether missing values go left, of shape (n_decisions, 3)."""
    return np.stack([decisions.feature, decisions.threshold, ~decisions.missing_right], axis=1, dtype=float)


def _distinct_decisions(splits: np.ndarray) -> tuple[Decisions, np.ndarray]:
    """The distinct splits of an array of shape (..., 3), and the index of each split."""
    distinct, which = np.unique(splits.reshape(-1, 3), axis=0, return_inverse=True)
    feature, threshold, missing_left = np.ascontiguousarray(distinct.T)
    return Decisions(feature.astype(np.int64), threshold, missing_left == 0), which.reshape(splits.shape[:-1])


def _leaves(values: np.ndarray, side: int) -> np.ndarray:
    """Value of each pattern in the branch on one side of the root, of shape (n_trees, 16)."""
    root, child, grandchild = _BITS[0], _BITS[1], np.where(_BITS[1], _BITS[3], _BITS[2])
    return np.asarray(values[:, 4 * side + 2 * child + grandchild] * (root == side))


def _worth_of_knowing(leaf: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Mean value by known decisions and pattern, of shape (n_branches, 16, 16)."""
    known, pattern = _PATTERN[:, None], _PATTERN
    worth = np.zeros((len(leaf), PATTERNS, PATTERNS))
    for other in range(PATTERNS):
        worth += leaf.take((pattern & known) | (other & ~known), axis=1) * frequency[:, other, None, None]
    return worth


def _first_with_same_player(player: np.ndarray) -> np.ndarray:
    """First of the four decisions with the same player, of shape (n_branches, 4)."""
    return np.asarray((player[:, :, None] == player[:, None, :]).argmax(axis=2))


def _known_decisions(player: np.ndarray) -> np.ndarray:
    """Decisions of all players of the given decisions, as bit sets, of shape (n_branches, 16)."""
    known = _BITS[_first_with_same_player(player)]
    return np.asarray((known << np.arange(DECISIONS)[:, None]).sum(axis=1))


def _shapley_weights() -> np.ndarray:
    """Weight of the worth of each coalition of four players in the Shapley value of each, of shape (4, 16)."""
    others = _BITS.sum(axis=0) - _BITS
    weight = 1.0 / (DECISIONS * np.array([comb(DECISIONS - 1, size) for size in range(DECISIONS)]))
    return np.asarray(np.where(_BITS, 1.0, -1.0) * weight[others])


def _interaction_weights() -> np.ndarray:
    """Weight of the worth of each coalition of four players in the interaction index of each pair, of shape (6, 16)."""
    of_pair = _BITS[_PAIRS].sum(axis=1)
    others = _BITS.sum(axis=0) - of_pair
    weight = 1.0 / ((DECISIONS - 1) * np.array([comb(DECISIONS - 2, size) for size in range(DECISIONS - 1)]))
    return np.asarray(np.where(of_pair == 1, -1.0, 1.0) * weight[others])
