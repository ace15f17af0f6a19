"""Exact Shapley values of shallow trees, computed once for every way their decisions can fall.

A tree of at most three questions in a row has two branches below its root. What a branch adds to a margin
depends on four decisions: the root's, the child's and those of two grandchildren, so a patient follows one of
16 patterns. Decisions that are not known fall as in a background. With ``h`` the frequency of its patterns,
the value of knowing some decisions of pattern ``p`` is the mean over ``q`` of ``h`` of the leaf reached when
the known ones fall as in ``p`` and the others as in ``q``. Path-dependent values let each decision fall on its
own, as often as it did among the tree's training patients; interventional values take the patterns of
background patients as they are. A tree is the sum of its branches, and so are its Shapley values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

DECISIONS = 4
PATTERNS = 1 << DECISIONS
_PATTERN = np.arange(PATTERNS)
_BITS = (_PATTERN >> np.arange(DECISIONS)[:, None]) & 1
# Nodes of a tree as a heap: a root, two children, four grandchildren and eight leaves.
_INNER, _FIRST_LEAF = 7, 7
_BRANCH_NODES = np.array([[0, 1, 3, 4], [0, 2, 5, 6]])
_PAIRS = np.array(list(combinations(range(DECISIONS), 2)))


@dataclass(frozen=True, slots=True)
class Decisions:
    """The distinct questions that the trees ask.

    Attributes
    ----------
    feature : ndarray of int of shape (n_decisions,)
        Column that is asked about.
    threshold : ndarray of shape (n_decisions,)
        What is larger goes right.
    missing_right : ndarray of bool of shape (n_decisions,)
        Where a patient goes whose test was not done.
    """

    feature: np.ndarray
    threshold: np.ndarray
    missing_right: np.ndarray


@dataclass(frozen=True, slots=True)
class Branches:
    """What lies below the roots of the trees.

    Attributes
    ----------
    decisions : Decisions
        The distinct ones.
    decision : ndarray of int of shape (n_branches, 4)
        Which of them are asked at the root, the child and both grandchildren; where there is no such
        node, the root's again.
    right_share : ndarray of shape (n_branches, 4)
        Share of training patients who went right.
    leaf : ndarray of shape (n_branches, 16)
        What each pattern adds to the margin. Bit j of a pattern is set where decision j goes right.
    margin : ndarray of int of shape (n_branches,)
        Which margin.
    constant : ndarray of shape (n_margins,)
        Margins before any branch.
    """

    decisions: Decisions
    decision: np.ndarray
    right_share: np.ndarray
    leaf: np.ndarray
    margin: np.ndarray
    constant: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Credits:
    """What each branch credits to whom, by the pattern that a patient follows.

    Attributes
    ----------
    player : ndarray of int of shape (n_branches, n_credits)
        Who is credited; -1 where there is nothing to credit.
    values : ndarray of shape (n_branches, n_credits, 16)
        How much, by pattern.
    n_players : int
        Features, groups of features, or pairs of them.
    start : ndarray of shape (n_margins, 1) or float
        What players have before any branch.
    """

    player: np.ndarray
    values: np.ndarray
    n_players: int
    start: np.ndarray | float = 0.0

    def times(self, weight: float) -> Credits:
        """Return the same credits, weighted."""
        return replace(self, values=self.values * weight)


def branches_of(trees: HistGradientBoostingClassifier) -> Branches | None:
    """Read the branches of fitted trees.

    Parameters
    ----------
    trees : HistGradientBoostingClassifier
        Fitted.

    Returns
    -------
    Branches or None
        None where a tree asks more than three questions in a row or asks about categories.
    """
    stages = trees._predictors
    n_margins = len(stages[0])
    tables = [tree.nodes for stage in stages for tree in stage]
    # Joining bytes spares numpy from comparing the fields of each table, which takes longer than all the rest.
    nodes = np.frombuffer(b"".join(table.tobytes() for table in tables), dtype=tables[0].dtype)
    first = np.concatenate([[0], np.cumsum([len(table) for table in tables])[:-1]])
    heap = _heap(nodes, first)
    if not nodes["is_leaf"][heap[:, _FIRST_LEAF:]].all() or nodes["is_categorical"].any():
        return None
    margin = np.tile(np.arange(n_margins), len(stages))
    never_asks = nodes["is_leaf"][first] == 1
    constant = np.array(trees._baseline_prediction, dtype=float).reshape(n_margins)
    np.add.at(constant, margin[never_asks], nodes["value"][first[never_asks]])
    return _branches(nodes, heap[~never_asks], margin[~never_asks], constant)


def frequencies_of_training_patients(branches: Branches) -> np.ndarray:
    """Return how often patterns come about when each decision falls on its own, of shape (n_branches, 16)."""
    right = branches.right_share[:, :, None]
    return np.asarray(np.where(_BITS, right, 1.0 - right).prod(axis=1))


def expected_margins(branches: Branches, frequency: np.ndarray) -> np.ndarray:
    """Return the margins when nothing is known, of shape (n_margins,)."""
    expected = branches.constant.copy()
    np.add.at(expected, branches.margin, (frequency * branches.leaf).sum(axis=1))
    return expected


def margin_credits(branches: Branches) -> Credits:
    """Return credits of a single player, whose sums are the margins."""
    nobody_else = np.zeros((len(branches.leaf), 1), dtype=np.int64)
    return Credits(nobody_else, branches.leaf[:, None], 1, branches.constant[:, None])


def shapley_credits(branches: Branches, frequency: np.ndarray, group: np.ndarray, n_players: int) -> Credits:
    """Compute the Shapley values of every pattern.

    Parameters
    ----------
    branches : Branches
        Of all trees.
    frequency : ndarray of shape (n_branches, 16)
        How often each pattern comes about in the background.
    group : ndarray of int of shape (n_features,)
        The player that each feature belongs to, counted from 0. A decision is known where its player is.
    n_players : int
        Players, those without a decision included.

    Returns
    -------
    Credits
        Of the players.
    """
    player, worth = _game(branches, frequency, group)
    first = _first_with_same_player(player) == np.arange(DECISIONS)
    # Rounding would leave the others something that is not quite nothing.
    values = np.where(first[:, :, None], np.einsum("js,bsp->bjp", _shapley_weights(), worth), 0.0)
    return _credits(player, values, n_players)


def interaction_credits(branches: Branches, frequency: np.ndarray, group: np.ndarray, n_players: int) -> Credits:
    """Compute the Shapley interaction index of every pattern and pair of players.

    Parameters
    ----------
    branches, frequency, group, n_players
        As for `shapley_credits`.

    Returns
    -------
    Credits
        Of the pairs of different players, in the order of ``numpy.triu_indices(n_players, 1)``.

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
    return _credits(pair, values, n_players * (n_players - 1) // 2)


def _game(branches: Branches, frequency: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Player of each decision, and the worth of each set of players, of shape (n_branches, 16, 16)."""
    player = group[branches.decisions.feature[branches.decision]]
    known = _known_decisions(player)
    return player, np.take_along_axis(_worth_of_knowing(branches.leaf, frequency), known[:, :, None], axis=1)


def _credits(player: np.ndarray, values: np.ndarray, n_players: int) -> Credits:
    return Credits(np.where(values.any(axis=2), player, -1), np.ascontiguousarray(values), n_players)


def _heap(nodes: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Place in `nodes` of the 15 nodes of each tree; a leaf stands for all that could lie below it."""
    heap = np.empty((len(first), 2 * _INNER + 1), dtype=np.int64)
    heap[:, 0] = first
    for i in range(_INNER):
        node = nodes[heap[:, i]]
        for side, child in enumerate(("left", "right"), start=1):
            heap[:, 2 * i + side] = np.where(node["is_leaf"], heap[:, i], first + node[child])
    return heap


def _branches(nodes: np.ndarray, heap: np.ndarray, margin: np.ndarray, constant: np.ndarray) -> Branches:
    """Two branches of each tree."""
    inner, counts = nodes[heap[:, :_INNER]], nodes["count"][heap].astype(float)
    asked = np.where(inner["is_leaf"] == 1, heap[:, :1], heap[:, :_INNER])
    left, right = counts[:, 1::2], counts[:, 2::2]
    decisions, decision = _distinct_decisions(nodes[asked])
    leaves = np.stack([_leaves(nodes["value"][heap[:, _FIRST_LEAF:]], side) for side in (0, 1)], axis=1)
    return Branches(
        decisions=decisions,
        decision=decision[:, _BRANCH_NODES].reshape(-1, DECISIONS),
        right_share=(right / (left + right))[:, _BRANCH_NODES].reshape(-1, DECISIONS),
        leaf=leaves.reshape(-1, PATTERNS),
        margin=margin.repeat(2),
        constant=constant,
    )


def _distinct_decisions(nodes: np.ndarray) -> tuple[Decisions, np.ndarray]:
    """The distinct questions, and which of them each node asks."""
    names = ("feature_idx", "num_threshold", "missing_go_to_left")
    questions = np.stack([nodes[name].astype(float) for name in names], axis=-1)
    distinct, which = np.unique(questions.reshape(-1, 3), axis=0, return_inverse=True)
    feature, threshold, missing_left = np.ascontiguousarray(distinct.T)
    return Decisions(feature.astype(np.int64), threshold, missing_left == 0), which.reshape(nodes.shape)


def _leaves(values: np.ndarray, side: int) -> np.ndarray:
    """What each pattern adds in the branch on one side of the root, of shape (n_trees, 16)."""
    root, child, grandchild = _BITS[0], _BITS[1], np.where(_BITS[1], _BITS[3], _BITS[2])
    return np.asarray(values[:, 4 * side + 2 * child + grandchild] * (root == side))


def _worth_of_knowing(leaf: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Mean of what is added, by known decisions and pattern, of shape (n_branches, 16, 16)."""
    known, pattern = _PATTERN[:, None], _PATTERN
    worth = np.zeros((len(leaf), PATTERNS, PATTERNS))
    for other in range(PATTERNS):
        worth += leaf.take((pattern & known) | (other & ~known), axis=1) * frequency[:, other, None, None]
    return worth


def _first_with_same_player(player: np.ndarray) -> np.ndarray:
    """First of the four decisions that belongs to the same player, of shape (n_branches, 4)."""
    return np.asarray((player[:, :, None] == player[:, None, :]).argmax(axis=2))


def _known_decisions(player: np.ndarray) -> np.ndarray:
    """Which decisions are known when some are asked for: all those of the same players, of shape (n_branches, 16)."""
    known = _BITS[_first_with_same_player(player)]
    return np.asarray((known << np.arange(DECISIONS)[:, None]).sum(axis=1))


def _shapley_weights() -> np.ndarray:
    """Weight of the worth of each coalition of four players in the value of each, of shape (4, 16)."""
    others = _BITS.sum(axis=0) - _BITS
    weight = 1.0 / (DECISIONS * np.array([comb(DECISIONS - 1, size) for size in range(DECISIONS)]))
    return np.asarray(np.where(_BITS, 1.0, -1.0) * weight[others])


def _interaction_weights() -> np.ndarray:
    """Weight of the worth of each coalition of four players in the index of each pair, of shape (6, 16)."""
    of_pair = _BITS[_PAIRS].sum(axis=1)
    others = _BITS.sum(axis=0) - of_pair
    weight = 1.0 / ((DECISIONS - 1) * np.array([comb(DECISIONS - 2, size) for size in range(DECISIONS - 1)]))
    return np.asarray(np.where(of_pair == 1, -1.0, 1.0) * weight[others])
