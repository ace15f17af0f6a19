"""What can only be said of a whole table, gathered part by part: repeated identifiers, counted errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.files import write_all
from asthma_ml.patients.plain_files import nameless_file, no_room_told
from asthma_ml.patients.problems import NAMED_LINES, Problem, counted_values

_ALL_AT_ONCE = 2**18
_MOST_DISTINCT = 2**20
_HASH_KEYS = ("asthma_ml first.", "asthma_ml second")
_NOBODY = np.uint64(2**64 - 1)


class RepeatedIdentifiers:
    """Which rows share their identifier with another one.

    A temporary file holds 128 bits of hash for each row, memory one byte; identifiers are told apart
    unless both of two 64-bit hashes agree.

    Parameters
    ----------
    name : str
        Name of the table for messages.
    folder : Path, optional
        Where the temporary file lies; it has no name there.

    Examples
    --------
    >>> with RepeatedIdentifiers() as identifiers:
    ...     identifiers.add(["007", "7"])
    ...     identifiers.add(["", "007", ""])
    ...     identifiers.repeated().tolist()
    [True, False, False, True, False]
    """

    def __init__(self, name: str = "identifiers", folder: Path | None = None) -> None:
        self._name, self._folder, self.n_rows = name, folder, 0
        with no_room_told(name, folder):
            self._file = nameless_file(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, identifiers: Sequence[str]) -> None:
        """Take the identifiers of the next rows; empty ones are nobody's."""
        texts = pd.Series(identifiers, dtype="str")
        empty = (texts.str.strip() == "").to_numpy(dtype=bool)
        cells = texts.to_numpy(dtype=object)
        hashes = np.column_stack(
            [pd.util.hash_array(cells, hash_key=key, categorize=False) for key in _HASH_KEYS]
        ).reshape(-1, 2)
        rows = np.arange(self.n_rows, self.n_rows + len(cells), dtype=np.uint64)
        hashes[empty] = np.column_stack([rows, np.full(len(rows), _NOBODY)])[empty]
        with no_room_told(self._name, self._folder):
            write_all(self._file, hashes.astype("<u8").tobytes())
        self.n_rows += len(cells)

    def repeated(self) -> NDArray[np.bool_]:
        """Tell of each row whether its identifier occurs more than once."""
        twice = np.zeros(self.n_rows, dtype=bool)
        n_shares = ceil(self.n_rows / _MOST_DISTINCT)
        for share in range(n_shares):
            rows, hashes = self._share(share, n_shares)
            order = np.lexsort(hashes.T)
            same = np.all(hashes[order][1:] == hashes[order][:-1], axis=1)
            twice[rows[order[1:][same]]] = twice[rows[order[:-1][same]]] = True
        return twice

    def _share(self, share: int, n_shares: int) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Rows and hashes of a share of the identifiers: equal ones fall into one share."""
        rows, hashes = [np.empty(0, dtype=np.int64)], [np.empty((0, 2), dtype=np.uint64)]
        self._file.seek(0)
        start = 0
        while data := self._file.read(16 * _ALL_AT_ONCE):
            block = np.frombuffer(data, dtype="<u8").reshape(-1, 2)
            mine = np.flatnonzero(block[:, 0] % np.uint64(n_shares) == share)
            rows.append(mine + start)
            hashes.append(block[mine])
            start += len(block)
        return np.concatenate(rows), np.concatenate(hashes)


class ErrorCounts:
    """Errors by column, rule and message: the first lines of each and how many there are."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, str], tuple[list[int], list[int]]] = {}

    def add(self, problems: Iterable[Problem]) -> None:
        """Take the problems of the next rows; warnings count for nothing."""
        for problem in problems:
            if problem.severity == "error" and problem.line is not None:
                key = (problem.column, problem.rule, problem.message)
                first, count = self._groups.setdefault(key, ([], [0]))
                count[0] += 1
                if len(first) < NAMED_LINES:
                    first.append(problem.line)

    def summary(self) -> list[str]:
        """Say each kind of error as `summarise_problems` does."""
        return [
            counted_values(column, message, first, n) for (column, _, message), (first, [n]) in self._groups.items()
        ]
