"""The distinct patients of a training table, in an order of their own.

A patient who stands in a file twice is one patient who counts twice. Fitting on distinct rows with
summed weights makes repeating a row the same as weighting it, keeps copies of a patient from standing
on both sides of a fold, and makes the fitted model independent of the order of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np


@dataclass(frozen=True, slots=True)
class DistinctPatients:
    """Distinct rows of a training table.

    Attributes
    ----------
    X : ndarray of shape (n_distinct, n_features)
        Features, sorted by class and content.
    codes : ndarray of shape (n_distinct,)
        Place of the class of each row.
    weight : ndarray of shape (n_distinct,)
        Sum of the weights of the copies.
    """

    X: np.ndarray
    codes: np.ndarray
    weight: np.ndarray

    def folds(self, n_folds: int) -> np.ndarray:
        """Deal the patients of each class out over the folds, in turn.

        Parameters
        ----------
        n_folds : int
            Number of folds.

        Returns
        -------
        ndarray of shape (n_distinct,)
            Fold of each row, decided by class and content alone.
        """
        starts = np.searchsorted(self.codes, np.arange(self.codes.max() + 1))
        place_in_class: np.ndarray = np.arange(len(self.codes)) - starts[self.codes]
        return place_in_class % n_folds


def distinct_patients(X: np.ndarray, codes: np.ndarray, weight: np.ndarray) -> DistinctPatients:
    """Merge the copies of a patient and sort what remains by class and content.

    Parameters
    ----------
    X : ndarray of shape (n_patients, n_features)
        Features as 32-bit numbers.
    codes : ndarray of shape (n_patients,)
        Place of the class of each row.
    weight : ndarray of shape (n_patients,)
        Positive weights.

    Returns
    -------
    DistinctPatients
        Two rows are copies where all features and the class agree; not measured agrees with not measured.

    Examples
    --------
    >>> X = np.array([[1.0], [2.0], [1.0]], dtype=np.float32)
    >>> distinct_patients(X, np.array([0, 0, 0]), np.ones(3)).weight.sum()
    np.float64(3.0)
    """
    content = _content_hash(X)
    order = np.lexsort((content, codes))
    changes = (np.diff(codes[order]) != 0) | (np.diff(content[order]) != 0)
    first = np.flatnonzero(np.r_[True, changes])
    return DistinctPatients(X[order[first]], codes[order[first]], np.add.reduceat(weight[order], first))


def _content_hash(X: np.ndarray) -> np.ndarray:
    """A 64-bit hash of each row, the same on every machine and in every version."""
    canonical = np.where(np.isnan(X), np.float32(np.nan), X + np.float32(0)).astype("<f4", order="C")
    digests = b"".join(blake2b(row, digest_size=8).digest() for row in canonical)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)
