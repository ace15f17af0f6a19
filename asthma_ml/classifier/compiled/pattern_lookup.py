"""Which pattern each patient follows, and the sum of what the tables say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asthma_ml.classifier.compiled.pattern_tables import PATTERNS, Branches, Credits, Decisions
from asthma_ml.machine_code import Patience

PATIENCE = Patience(100_000_000)
"""Patients times branches that take numpy as long as machine code takes to load."""

_BLOCK = 8_192


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """What is credited to players, added up for each patient, for several kinds of players at once.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, n_patients)
        One row for each kind of player, margin and player.
    n_margins : int
        Margins.
    n_players : tuple of int
        Players of each kind.
    """

    rows: np.ndarray
    n_margins: int
    n_players: tuple[int, ...]

    @classmethod
    def of_nothing(cls, n_margins: int, n_players: Sequence[int], n_patients: int) -> Sums:
        """Return sums of zero."""
        return cls(np.zeros((n_margins * sum(n_players), n_patients)), n_margins, tuple(n_players))

    def of_kind(self, kind: int) -> np.ndarray:
        """Return a view of the sums of one kind of players, of shape (n_margins, n_players, n_patients)."""
        start, n = self._start(kind), self.n_players[kind]
        return self.rows[start : start + self.n_margins * n].reshape(self.n_margins, n, -1)

    def place(self, kind: int, margin: np.ndarray, player: np.ndarray) -> np.ndarray:
        """Return the row of players of one kind; -1 where the player is."""
        return np.where(player < 0, -1, self._start(kind) + margin * self.n_players[kind] + player)

    def _start(self, kind: int) -> int:
        return self.n_margins * sum(self.n_players[:kind])


def look_up(branches: Branches, credits_of_kinds: Sequence[Credits], X: np.ndarray) -> Sums:
    """Sum up what the branches credit to each player.

    Parameters
    ----------
    branches : Branches
        Of all trees.
    credits_of_kinds : sequence of Credits
        From `pattern_tables`, one for each kind of players.
    X : ndarray of shape (n_patients, n_features)
        Features as the trees saw them.

    Returns
    -------
    Sums
        The same to the last bit whatever the number of patients.
    """
    sums = Sums.of_nothing(len(branches.constant), [each.n_players for each in credits_of_kinds], len(X))
    for kind, each in enumerate(credits_of_kinds):
        sums.of_kind(kind)[:] = np.asarray(each.start)[..., None]
    margin = branches.margin[:, None]
    place = np.hstack([sums.place(kind, margin, each.player) for kind, each in enumerate(credits_of_kinds)])
    values = np.concatenate([each.values for each in credits_of_kinds], axis=1)
    add_block = add_compiled if PATIENCE.is_over(len(X) * len(place)) else add
    for start in range(0, len(X), _BLOCK):
        add_block(branches, (place, values), _columns(X[start : start + _BLOCK]), start, sums.rows)
    return sums


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


def add(
    branches: Branches, tables: tuple[np.ndarray, np.ndarray], columns: np.ndarray, start: int, summed: np.ndarray
) -> None:
    """Add one block of patients in numpy.

    Parameters
    ----------
    branches : Branches
        Of all trees.
    tables : tuple of ndarrays of shape (n_branches, n_credits) and (n_branches, n_credits, 16)
        Row of `summed`, or -1, and value by pattern.
    columns : ndarray of float64 of shape (n_features, n_patients)
        The block.
    start : int
        Place of its first patient in `summed`.
    summed : ndarray of shape (n_rows, all patients)
        Added to.
    """
    right = _goes_right(branches.decisions, columns)
    block = summed[:, start : start + columns.shape[1]]
    credit = np.empty(columns.shape[1])
    patterns = _patterns(right, branches.decision)
    for pattern, rows, values in zip(patterns, tables[0].tolist(), tables[1], strict=True):
        place = pattern.astype(np.intp)
        for row, value in zip(rows, values, strict=True):
            if row >= 0:
                # Without a mode numpy buffers the output.
                value.take(place, out=credit, mode="clip")
                block[row] += credit


def add_compiled(
    branches: Branches, tables: tuple[np.ndarray, np.ndarray], columns: np.ndarray, start: int, summed: np.ndarray
) -> None:
    """Do what `add` does in machine code."""
    from asthma_ml.classifier.compiled import pattern_kernel

    asked = branches.decisions
    questions = (asked.feature, asked.threshold, asked.missing_right)
    pattern_kernel.add_credits(columns, start, questions, (branches.decision, *tables), summed)


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
