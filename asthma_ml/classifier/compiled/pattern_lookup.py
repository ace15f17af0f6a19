"""Lookup of Shapley values: the pattern that each patient follows, and the sums of the tabulated contributions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asthma_ml.classifier.compiled.pattern_tables import PATTERNS, Branches, Decisions, PatternContributions
from asthma_ml.machine_code import Patience

PATIENCE = Patience(100_000_000)
"""Patients times branches that numpy processes in the time that loading machine code takes."""

_BLOCK = 8_192


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Sums of the contributions to players for each patient, for several kinds of players.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, n_patients)
        One row for each kind, margin and player.
    n_margins : int
        Number of margins.
    n_players : tuple of int
        Number of players of each kind.
    """

    rows: np.ndarray
    n_margins: int
    n_players: tuple[int, ...]

    @classmethod
    def of_nothing(cls, n_margins: int, n_players: Sequence[int], n_patients: int) -> Sums:
        """Return sums of zero."""
        return cls(np.zeros((n_margins * sum(n_players), n_patients)), n_margins, tuple(n_players))

    def of_kind(self, kind: int) -> np.ndarray:
        """View of the sums of one kind of players, of shape (n_margins, n_players, n_patients)."""
        start, n = self._start(kind), self.n_players[kind]
        return self.rows[start : start + self.n_margins * n].reshape(self.n_margins, n, -1)

    def place(self, kind: int, margin: np.ndarray, player: np.ndarray) -> np.ndarray:
        """Row of players of one kind; -1 where the player is -1."""
        return np.where(player < 0, -1, self._start(kind) + margin * self.n_players[kind] + player)

    def _start(self, kind: int) -> int:
        return self.n_margins * sum(self.n_players[:kind])


def look_up(branches: Branches, contributions_of_kinds: Sequence[PatternContributions], X: np.ndarray) -> Sums:
    """Sum the contributions of the branches to each player.

    Parameters
    ----------
    branches : Branches
        Branches of all trees.
    contributions_of_kinds : sequence of PatternContributions
        Tables of each kind of players, from `pattern_tables`.
    X : ndarray of shape (n_patients, n_features)
        Encoded features.

    Returns
    -------
    Sums
        Sums of a patient do not depend on the number of patients, to the last bit.
    """
    sums = Sums.of_nothing(len(branches.constant), [each.n_players for each in contributions_of_kinds], len(X))
    for kind, each in enumerate(contributions_of_kinds):
        sums.of_kind(kind)[:] = np.asarray(each.start)[..., None]
    margin = branches.margin[:, None]
    place = np.hstack([sums.place(kind, margin, each.player) for kind, each in enumerate(contributions_of_kinds)])
    values = np.concatenate([each.values for each in contributions_of_kinds], axis=1)
    add_block = add_compiled if PATIENCE.is_over(len(X) * len(place)) else add
    for start in range(0, len(X), _BLOCK):
        add_block(branches, (place, values), _columns(X[start : start + _BLOCK]), start, sums.rows)
    return sums


def frequencies_of_patients(branches: Branches, X: np.ndarray) -> np.ndarray:
    """Relative frequency of each pattern in reference patients.

    Parameters
    ----------
    branches : Branches
        Branches of all trees.
    X : ndarray of shape (n_patients, n_features)
        Encoded features of at least one patient.

    Returns
    -------
    ndarray of shape (n_branches, 16)
        Frequencies; rows sum to one.
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
        Branches of all trees.
    tables : tuple of ndarrays of shape (n_branches, n_contributions) and (n_branches, n_contributions, 16)
        Row of `summed`, or -1, and value by pattern.
    columns : ndarray of float64 of shape (n_features, n_patients)
        The block.
    start : int
        Index of its first patient in `summed`.
    summed : ndarray of shape (n_rows, all patients)
        Sums; added to.
    """
    right = _goes_right(branches.decisions, columns)
    block = summed[:, start : start + columns.shape[1]]
    contribution = np.empty(columns.shape[1])
    patterns = _patterns(right, branches.decision)
    for pattern, rows, values in zip(patterns, tables[0].tolist(), tables[1], strict=True):
        place = pattern.astype(np.intp)
        for row, value in zip(rows, values, strict=True):
            if row >= 0:
                # The default mode would buffer the output.
                value.take(place, out=contribution, mode="clip")
                block[row] += contribution


def add_compiled(
    branches: Branches, tables: tuple[np.ndarray, np.ndarray], columns: np.ndarray, start: int, summed: np.ndarray
) -> None:
    """Do the same as `add` in machine code."""
    from asthma_ml.classifier.compiled import pattern_kernel

    decisions = branches.decisions
    splits = (decisions.feature, decisions.threshold, decisions.missing_right)
    pattern_kernel.add_contributions(columns, start, splits, (branches.decision, *tables), summed)


def _columns(X: np.ndarray) -> np.ndarray:
    """Features in rows, as 64-bit numbers, since thresholds may equal values of patients."""
    return np.array(X.T, dtype=np.float64, order="C")


def _goes_right(decisions: Decisions, columns: np.ndarray) -> np.ndarray:
    """Decisions that go right, as 0 or 1, of shape (n_decisions, n_patients)."""
    right = np.empty((len(decisions.feature), columns.shape[1]), dtype=bool)
    splits = zip(decisions.feature, decisions.threshold, decisions.missing_right, right, strict=True)
    for feature, threshold, missing_right, out in splits:
        # Comparisons with NaN are false.
        if missing_right:
            np.logical_not(columns[feature] <= threshold, out=out)
        else:
            np.greater(columns[feature], threshold, out=out)
    return right.view(np.uint8)


def _patterns(right: np.ndarray, decision: np.ndarray) -> np.ndarray:
    """Pattern of each patient in each branch, of shape (n_branches, n_patients)."""
    patterns = right[decision[:, -1]]
    for which in decision[:, -2::-1].T:
        patterns += patterns  # doubling is faster than a shift in numpy
        patterns |= right[which]
    return np.asarray(patterns)
