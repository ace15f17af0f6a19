"""The distinct patients of a training table, in an order of their own.

A patient who stands in a file twice is one patient who counts twice. Fitting on distinct rows with
summed weights makes repeating a row the same as weighting it, keeps copies of a patient from standing
on both sides of a fold, and makes the fitted model independent of the order of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold


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
    groups : ndarray of shape (n_distinct,) or None
        Number of the group of each row, counted in the order of the rows; None where every row stands alone.
    """

    X: np.ndarray
    codes: np.ndarray
    weight: np.ndarray
    groups: np.ndarray | None = None

    def folds(self, n_folds: int) -> np.ndarray:
        """Deal the patients of each class out over the folds, in turn; a group stays together.

        Parameters
        ----------
        n_folds : int
            Number of folds.

        Returns
        -------
        ndarray of shape (n_distinct,)
            Fold of each row, decided by class, content and group alone.
        """
        if self.groups is not None:
            return self._folds_of_groups(self.groups, n_folds)
        starts = np.searchsorted(self.codes, np.arange(self.codes.max() + 1))
        place_in_class: np.ndarray = np.arange(len(self.codes)) - starts[self.codes]
        return place_in_class % n_folds

    def _folds_of_groups(self, groups: np.ndarray, n_folds: int) -> np.ndarray:
        fold = np.zeros(len(self.codes), dtype=int)
        n_groups = groups.max() + 1
        if n_groups > 1:
            dealt = StratifiedGroupKFold(min(n_folds, n_groups)).split(self.X, self.codes, groups)
            for k, (_, held_out) in enumerate(dealt):
                fold[held_out] = k
        return np.unique(fold, return_inverse=True)[1]


def same_patients(*keys: np.ndarray) -> np.ndarray:
    """Number the patients of a table in which the same patient may stand more than once.

    Parameters
    ----------
    *keys : ndarrays of shape (n_rows,)
        What tells patients apart. Rows that agree in any key are the same patient, and so are rows that
        a chain of such rows connects. A key that is None or NaN agrees with nothing.

    Returns
    -------
    ndarray of int of shape (n_rows,)
        Number of the patient of each row.

    Examples
    --------
    >>> same_patients(np.array(["007", "008", "007", "009"]), np.array([10, 20, 30, 20]))
    array([0, 1, 0, 1], dtype=int32)
    """
    n_rows = len(keys[0])
    rows, values, n_nodes = [], [], n_rows
    for key in keys:
        codes = pd.factorize(key)[0]
        rows.append(np.flatnonzero(codes >= 0))
        values.append(codes[codes >= 0] + n_nodes)
        n_nodes += codes.max(initial=-1) + 1
    links = (np.ones(sum(map(len, rows))), (np.concatenate(rows), np.concatenate(values)))
    numbers = connected_components(coo_array(links, shape=(n_nodes, n_nodes)), directed=False)[1]
    return np.asarray(numbers[:n_rows])


def distinct_patients(
    X: np.ndarray,
    codes: np.ndarray,
    weight: np.ndarray,
    groups: np.ndarray | None = None,
    reading_order: np.ndarray | None = None,
) -> DistinctPatients:
    """Merge the copies of a patient and sort what remains by class and content.

    Parameters
    ----------
    X : ndarray of shape (n_patients, n_features)
        Features as 32-bit numbers.
    codes : ndarray of shape (n_patients,)
        Place of the class of each row.
    weight : ndarray of shape (n_patients,)
        Positive weights.
    groups : ndarray of shape (n_patients,) or None
        Rows of one group stay together in folds; equal rows of different groups are different patients.
    reading_order : ndarray of int of shape (n_features,) or None
        Columns in the order in which content is read, the same wherever in a table they stand.

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
    content = content_hash(X if reading_order is None else X[:, reading_order])
    group = np.zeros(len(codes), dtype=np.intp) if groups is None else same_patients(groups)
    # Groups of equal content stay apart, and neither their names nor the order of the file tell which comes first.
    order = np.lexsort((group, _content_of_groups(group, content)[group], content, codes))
    first = np.flatnonzero(np.r_[True, np.any([np.diff(key[order]) != 0 for key in (codes, content, group)], axis=0)])
    kept = order[first]
    numbers = None if groups is None else pd.factorize(group[kept])[0]
    return DistinctPatients(X[kept], codes[kept], np.add.reduceat(weight[order], first), numbers)


def _content_of_groups(group: np.ndarray, content: np.ndarray) -> np.ndarray:
    total = np.zeros(group.max(initial=-1) + 1, dtype=np.uint64)
    np.add.at(total, group, content)
    return total


def content_hash(X: np.ndarray) -> np.ndarray:
    """Return a 64-bit hash of each row, the same on every machine and in every version.

    Parameters
    ----------
    X : ndarray of shape (n_patients, n_features)
        Features as 32-bit numbers.

    Returns
    -------
    ndarray of uint64 of shape (n_patients,)
        Rows that agree in all features agree in their hash.
    """
    canonical = np.where(np.isnan(X), np.float32(np.nan), X + np.float32(0)).astype("<f4", order="C")
    digests = b"".join(blake2b(row, digest_size=8).digest() for row in canonical)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)
