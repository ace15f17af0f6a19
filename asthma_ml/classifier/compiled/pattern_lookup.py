"""Lookup of Shapley values: the pattern that each patient follows, and the sums of the tabulated contributions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asthma_ml.classifier.compiled.pattern_tables import PATTERNS, Branches, Decisions, PatternContributions
from asthma_ml.classifier.rounding import rounded_down
from asthma_ml.machine_code import Patience

PATIENCE = Patience(60_000_000, once_loaded=0.05)
"""Patients times branches that numpy processes in the time that loading machine code takes."""

_BLOCK = 8_192


@dataclass(frozen=True, slots=True, eq=False)
class LookupTables:
    """Contributions of the branches to players of several kinds, as one list of entries.

    Attributes
    ----------
    branches : Branches
        Branches of all trees.
    first_entry : ndarray of int of shape (n_branches + 1,)
        First entry of each branch.
    row : ndarray of int of shape (n_entries,)
        Row of each entry in the sums; there is one row for each kind, margin and player.
    values : ndarray of shape (n_entries, 16)
        Contribution by pattern.
    without_branches : ndarray of shape (n_rows,)
        Contribution without any branch.
    n_players : tuple of int
        Number of players of each kind.
    """

    branches: Branches
    first_entry: np.ndarray
    row: np.ndarray
    values: np.ndarray
    without_branches: np.ndarray
    n_players: tuple[int, ...]

    @property
    def n_margins(self) -> int:
        """Number of margins."""
        return len(self.branches.constant)

    def rows(self, kind: int) -> np.ndarray:
        """Rows of one kind of players in the sums, of shape (n_margins, n_players)."""
        return np.arange(len(self.without_branches))[self._rows(kind)].reshape(self.n_margins, -1)

    def of_kind(self, sums: np.ndarray, kind: int) -> np.ndarray:
        """View of the sums of one kind of players, of shape (n_margins, n_players, n_patients)."""
        return sums[self._rows(kind)].reshape(self.n_margins, self.n_players[kind], sums.shape[1])

    def _rows(self, kind: int) -> slice:
        return slice(*(self.n_margins * sum(self.n_players[:end]) for end in (kind, kind + 1)))


def lookup_tables(branches: Branches, contributions_of_kinds: Sequence[PatternContributions]) -> LookupTables:
    """Tables of several kinds of players, from `pattern_tables`.

    Parameters
    ----------
    branches : Branches
        Branches of all trees.
    contributions_of_kinds : sequence of PatternContributions
        Contributions to the players of each kind.

    Returns
    -------
    LookupTables
        For `look_up`.
    """
    n_players = tuple(each.n_players for each in contributions_of_kinds)
    first_of_kind = len(branches.constant) * np.cumsum([0, *n_players])
    margin = branches.margin[:, None]
    rows = [
        np.where(each.player < 0, -1, first + margin * each.n_players + each.player)
        for first, each in zip(first_of_kind, contributions_of_kinds, strict=False)
    ]
    row, values = np.hstack(rows), np.concatenate([each.values for each in contributions_of_kinds], axis=1)
    starts = [
        np.broadcast_to(each.start, (len(branches.constant), each.n_players)).ravel() for each in contributions_of_kinds
    ]
    first_entry = np.cumsum([0, *(row >= 0).sum(axis=1)])
    return LookupTables(branches, first_entry, row[row >= 0], values[row >= 0], np.concatenate(starts), n_players)


def look_up(tables: LookupTables, X: np.ndarray) -> np.ndarray:
    """Sum the contributions of the branches to each player.

    Parameters
    ----------
    tables : LookupTables
        From `lookup_tables`.
    X : ndarray of shape (n_patients, n_features)
        Encoded features.

    Returns
    -------
    ndarray of shape (n_rows, n_patients)
        Sums of a patient do not depend on the number of patients, to the last bit.
    """
    columns = np.ascontiguousarray(X.T, dtype=np.float32)
    sums = np.empty((len(tables.without_branches), len(X)))
    if PATIENCE.is_over(len(X) * len(tables.branches.decision)):
        _sum_compiled(tables, columns, sums)
    else:
        for start in range(0, len(X), _BLOCK):
            block = slice(start, start + _BLOCK)
            _sum_in_numpy(tables, columns[:, block], sums[:, block])
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
    columns, counts = X.T.astype(np.float32), np.zeros((len(branches.decision), PATTERNS))
    for start in range(0, len(X), _BLOCK):
        right = _goes_right(branches.decisions, columns[:, start : start + _BLOCK])
        for branch, pattern in enumerate(_patterns(right, branches.decision)):
            counts[branch] += np.bincount(pattern, minlength=PATTERNS)
    return counts / len(X)


def _sum_in_numpy(tables: LookupTables, columns: np.ndarray, sums: np.ndarray) -> None:
    """Write the sums of a block of patients, given as 32-bit features in rows."""
    branches, first_entry = tables.branches, tables.first_entry.tolist()
    sums[:] = tables.without_branches[:, None]
    contribution = np.empty(columns.shape[1])
    for branch, pattern in enumerate(_patterns(_goes_right(branches.decisions, columns), branches.decision)):
        place, entries = pattern.astype(np.intp), slice(first_entry[branch], first_entry[branch + 1])
        for row, value in zip(tables.row[entries].tolist(), tables.values[entries], strict=True):
            # The default mode would buffer the output.
            value.take(place, out=contribution, mode="clip")
            sums[row] += contribution


def _sum_compiled(tables: LookupTables, columns: np.ndarray, sums: np.ndarray) -> None:
    """Do the same as `_sum_in_numpy` in machine code."""
    from asthma_ml.classifier.compiled import pattern_kernel

    branches, decisions = tables.branches, tables.branches.decisions
    splits = decisions.feature, rounded_down(decisions.threshold), decisions.missing_right
    entries = branches.decision, tables.first_entry, tables.row, tables.values
    pattern_kernel.sum_contributions(columns, splits, entries, tables.without_branches, sums)


def _goes_right(decisions: Decisions, columns: np.ndarray) -> np.ndarray:
    """Decisions that go right, as 0 or 1, of shape (n_decisions, n_patients)."""
    right = np.empty((len(decisions.feature), columns.shape[1]), dtype=bool)
    splits = zip(decisions.feature, rounded_down(decisions.threshold), decisions.missing_right, right, strict=True)
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
