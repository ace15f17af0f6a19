"""Distinct patients of a training table, in an order that does not depend on the file.

Duplicate rows are merged and their weights summed. Repeating a row then equals weighting it, duplicates never lie in
different folds, and the fitted model does not depend on the order of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold

FEWEST_GROUPS_OF_PATIENTS = 20
"""Groups from which on each is taken for a patient rather than for a site."""


@dataclass(frozen=True, slots=True)
class DistinctPatients:
    """Distinct rows of a training table.

    Attributes
    ----------
    X : ndarray of shape (n_distinct, n_features)
        Features, sorted by class and content.
    codes : ndarray of shape (n_distinct,)
        Class number of each row.
    weight : ndarray of shape (n_distinct,)
        Sum of the weights of the duplicates.
    groups : ndarray of shape (n_distinct,) or None
        Group number of each row, numbered in order of appearance; None if there are no groups.
    place : ndarray of shape (n_patients,) or None
        Distinct row of each row of the table; None after `select`.
    patient : ndarray of int of shape (n_distinct,) or None
        Number of the patient of each row; None if each row is a patient.
    """

    X: np.ndarray
    codes: np.ndarray
    weight: np.ndarray
    groups: np.ndarray | None = None
    place: np.ndarray | None = None
    patient: np.ndarray | None = None

    def select(self, rows: np.ndarray) -> DistinctPatients:
        """Return some of the distinct patients.

        Parameters
        ----------
        rows : ndarray of bool of shape (n_distinct,)
            Patients to keep.

        Returns
        -------
        DistinctPatients
            In the same order.
        """
        groups, patient = (None if of is None else of[rows] for of in (self.groups, self.patient))
        return DistinctPatients(self.X[rows], self.codes[rows], self.weight[rows], groups, patient=patient)

    @property
    def counted(self) -> np.ndarray | None:
        """Patient of each row, by which patients are counted, of shape (n_distinct,); None if each row is a patient.

        Without `patient`, many groups are taken for patients and few for sites.
        """
        if self.patient is not None or self.groups is None:
            return self.patient
        return self.groups if len(np.unique(self.groups)) >= FEWEST_GROUPS_OF_PATIENTS else None

    def folds(self, n_folds: int) -> np.ndarray:
        """Assign patients to folds, stratified by class; a group stays together.

        Parameters
        ----------
        n_folds : int
            Number of folds.

        Returns
        -------
        ndarray of shape (n_distinct,)
            Fold of each row; depends on class, content and group only.
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
            splits = StratifiedGroupKFold(min(n_folds, n_groups)).split(self.X, self.codes, groups)
            for k, (_, held_out) in enumerate(splits):
                fold[held_out] = k
        return np.unique(fold, return_inverse=True)[1]


def same_patients(*keys: np.ndarray) -> np.ndarray:
    """Patient number of each row of a table that may contain patients more than once.

    Parameters
    ----------
    *keys : ndarrays of shape (n_rows,)
        Identifiers. Rows with an equal key belong to the same patient, also through a chain of such rows. A missing
        key (None or NaN) equals no other.

    Returns
    -------
    ndarray of int of shape (n_rows,)
        Patient number of each row.

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
    patient: np.ndarray | None = None,
) -> DistinctPatients:
    """Merge duplicate rows and sort the distinct ones by class and content.

    Parameters
    ----------
    X : ndarray of shape (n_patients, n_features)
        Features as 32-bit numbers.
    codes : ndarray of shape (n_patients,)
        Class number of each row.
    weight : ndarray of shape (n_patients,)
        Positive weights.
    groups : ndarray of shape (n_patients,) or None
        Groups for the folds; equal rows of different groups are different patients.
    reading_order : ndarray of int of shape (n_features,) or None
        Order in which the columns enter the content hash, so that it does not depend on their order in the table.
    patient : ndarray of int of shape (n_patients,) or None
        Patient of each row; a patient is in one group.

    Returns
    -------
    DistinctPatients
        Two rows are duplicates if all features and the class are equal; missing values are equal to each other. If no
        patient has two distinct rows, there are no patients with several rows.

    Examples
    --------
    >>> X = np.array([[1.0], [2.0], [1.0]], dtype=np.float32)
    >>> distinct_patients(X, np.array([0, 0, 0]), np.ones(3)).weight.sum()
    np.float64(3.0)
    """
    content = content_hash(X if reading_order is None else X[:, reading_order])
    if patient is not None and _has_one_row(patient, content, codes):
        groups, patient = (None if groups is not None and _has_one_row(groups, content, codes) else groups), None
    group = np.zeros(len(codes), dtype=np.intp) if groups is None else same_patients(groups)
    # The order of groups with equal content depends on neither their names nor the order of the file.
    order = np.lexsort((group, _content_of_groups(group, content)[group], content, codes))
    is_first = np.r_[True, np.any([np.diff(key[order]) != 0 for key in (codes, content, group)], axis=0)]
    first, place = np.flatnonzero(is_first), np.empty(len(order), dtype=np.intp)
    place[order] = np.cumsum(is_first) - 1
    kept = order[first]
    numbers = None if groups is None else pd.factorize(group[kept])[0]
    sums = np.add.reduceat(weight[order], first)
    # Nine ninths are one patient, as if there were no copies.
    whole = np.rint(sums)
    sums = np.where(np.abs(sums - whole) < 1e-9, whole, sums)
    return DistinctPatients(X[kept], codes[kept], sums, numbers, place, None if patient is None else patient[kept])


def _has_one_row(patient: np.ndarray, content: np.ndarray, codes: np.ndarray) -> bool:
    """Whether all rows of each patient are equal."""
    rows = pd.DataFrame({"patient": patient, "content": content, "code": codes}).drop_duplicates()
    return not rows["patient"].duplicated().any()


def _content_of_groups(group: np.ndarray, content: np.ndarray) -> np.ndarray:
    total = np.zeros(group.max(initial=-1) + 1, dtype=np.uint64)
    np.add.at(total, group, content)
    return total


def content_hash(X: np.ndarray) -> np.ndarray:
    """64-bit hash of each row, the same on every machine and in every version.

    Parameters
    ----------
    X : ndarray of shape (n_patients, n_features)
        Features as 32-bit numbers.

    Returns
    -------
    ndarray of uint64 of shape (n_patients,)
        Equal rows have equal hashes.
    """
    return salted_hashes(X, b"", 1)[:, 0]


def salted_hashes(X: np.ndarray, salt: bytes, n_words: int) -> np.ndarray:
    """Hash each row to some 64-bit words, the same on every machine and in every version.

    Parameters
    ----------
    X : ndarray of shape (n_patients, n_features)
        Features as 32-bit numbers.
    salt : bytes
        At most 64 bytes; other salts give unrelated hashes.
    n_words : int
        Number of words.

    Returns
    -------
    ndarray of uint64 of shape (n_patients, n_words)
        Equal rows have equal hashes.
    """
    canonical = np.where(np.isnan(X), np.float32(np.nan), X + np.float32(0)).astype("<f4", order="C")
    digests = b"".join(blake2b(row, digest_size=8 * n_words, key=salt).digest() for row in canonical)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64).reshape(-1, n_words)
