"""Which pattern each patient follows, and the sum of what the tables say of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from asthma_ml.explanation.pattern_tables import PATTERNS, Branches, Decisions, PatternTables

MANY_LOOKUPS = 100_000_000
"""Patients times branches from which on machine code is worth the second that it takes to load."""

_BLOCK = 8_192
_Add = Callable[[PatternTables, np.ndarray, int, np.ndarray], None]


def look_up(tables: PatternTables, X: np.ndarray) -> np.ndarray:
    """Sum up what the tables credit to each player.

    Parameters
    ----------
    tables : PatternTables
        From `pattern_tables`.
    X : ndarray of shape (n_patients, n_features)
        Features as the trees saw them.

    Returns
    -------
    ndarray of shape (n_patients, n_players, n_margins)
        The same to the last bit whatever the number of patients.
    """
    many = len(X) * len(tables.decision) >= MANY_LOOKUPS
    return _summed(tables, X, add_compiled if many else add)


def _summed(tables: PatternTables, X: np.ndarray, add_block: _Add) -> np.ndarray:
    n_margins = len(tables.base)
    summed = np.zeros((n_margins * tables.n_players, len(X)))
    for start in range(0, len(X), _BLOCK):
        add_block(tables, _columns(X[start : start + _BLOCK]), start, summed)
    return summed.reshape(n_margins, tables.n_players, len(X)).transpose(2, 1, 0)


def frequencies_of_patients(branches: Branches, X: np.ndarray) -> np.ndarray:
    """Count how often background patients follow each pattern.

    Parameters
    ----------
    branches : Branches
        Of all trees.
    X : ndarray of shape (n_patients, n_features)
        One patient or more, as the trees saw them.

    Returns
    -------
    ndarray of shape (n_branches, 16)
        Frequencies; rows add to one.
    """
    counts = np.zeros((len(branches.decision), PATTERNS))
    for start in range(0, len(X), _BLOCK):
        right = _goes_right(branches.decisions, _columns(X[start : start + _BLOCK]))
        for branch, pattern in enumerate(_patterns(right, branches.decision)):
            counts[branch] += np.bincount(pattern, minlength=PATTERNS)
    return counts / len(X)


def add(tables: PatternTables, columns: np.ndarray, start: int, summed: np.ndarray) -> None:
    """Add one block of patients in numpy.

    Parameters
    ----------
    tables : PatternTables
        From `pattern_tables`.
    columns : ndarray of float64 of shape (n_features, n_patients)
        The block.
    start : int
        Place of its first patient in `summed`.
    summed : ndarray of shape (n_margins * n_players, all patients)
        Added to.
    """
    right = _goes_right(tables.decisions, columns)
    block = summed[:, start : start + columns.shape[1]]
    credit = np.empty(columns.shape[1])
    patterns = _patterns(right, tables.decision)
    for pattern, players, values in zip(patterns, tables.player.tolist(), tables.values, strict=True):
        place = pattern.astype(np.intp)
        for player, value in zip(players, values, strict=True):
            if player >= 0:
                # Without a mode numpy buffers the output.
                value.take(place, out=credit, mode="clip")
                block[player] += credit


def add_compiled(tables: PatternTables, columns: np.ndarray, start: int, summed: np.ndarray) -> None:
    """Do what `add` does in machine code."""
    from asthma_ml.explanation import pattern_kernel

    asked = tables.decisions
    pattern_kernel.add_credits(
        columns,
        start,
        (asked.feature, asked.threshold, asked.missing_right),
        (tables.decision, tables.player, tables.values),
        summed,
    )


def _columns(X: np.ndarray) -> np.ndarray:
    """Feature by feature in 64 bit: thresholds may be values that patients have."""
    return np.array(X.T, dtype=np.float64, order="C")


def _goes_right(decisions: Decisions, columns: np.ndarray) -> np.ndarray:
    """Which decisions go right, as 0 or 1, of shape (n_decisions, n_patients)."""
    right = np.empty((len(decisions.feature), columns.shape[1]), dtype=bool)
    asked = zip(decisions.feature, decisions.threshold, decisions.missing_right, right, strict=True)
    for feature, threshold, missing_right, out in asked:
        # A gap compares as false either way.
        if missing_right:
            np.logical_not(columns[feature] <= threshold, out=out)
        else:
            np.greater(columns[feature], threshold, out=out)
    return right.view(np.uint8)


def _patterns(right: np.ndarray, decision: np.ndarray) -> np.ndarray:
    """Pattern of each patient in each branch, of shape (n_branches, n_patients)."""
    patterns = right[decision[:, -1]]
    for which in decision[:, -2::-1].T:
        patterns += patterns  # numpy doubles faster than it shifts
        patterns |= right[which]
    return np.asarray(patterns)
