"""Find identifiers that more than one row of a file has, in memory that hardly grows with the file."""

from __future__ import annotations

from hashlib import blake2b
from math import ceil
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from asthma_ml.columns import Column, Slices
from asthma_ml.files import write_all
from asthma_ml.patients.text.plain_files import temporary_file, temporary_file_refused
from asthma_ml.patients.text.text_tables import cell_texts, rows_beginning_with, rows_of, text_codes

_ROWS_PER_BLOCK = 2**18
_MOST_HASHES_IN_MEMORY = 2**20
# First bytes of blanks in UTF-8: those of ASCII, the no-break spaces and the spaces of other scripts.
_BLANK_BYTES = (*range(33), 0xC2, 0xE1, 0xE2, 0xE3)
_NO_IDENTIFIER = np.uint64(2**64 - 1)


def blank_cells(column: Column) -> NDArray[np.bool_]:
    """Whether each cell is empty or holds blanks alone.

    Examples
    --------
    >>> from asthma_ml.columns import Texts
    >>> blank_cells(Texts.of(["007", " ", None])).tolist()
    [False, True, True]
    """
    if not isinstance(column, Slices):
        return np.array([not cell.strip() for cell in cell_texts(column)], dtype=bool)
    blank = column.stops == column.starts
    rows = rows_beginning_with(column, _BLANK_BYTES)
    blank[rows] = [not cell.strip() for cell in cell_texts(rows_of(column, rows))]
    return np.asarray(blank)


def repeated_cells(column: Column) -> NDArray[np.bool_]:
    """Whether each cell of a column occurs more than once.

    Examples
    --------
    >>> from asthma_ml.columns import Texts
    >>> repeated_cells(Texts.of(["007", "7", "007"])).tolist()
    [True, False, True]
    """
    codes = text_codes(column).codes
    return np.asarray(np.bincount(codes, minlength=1)[codes] > 1)


def identifier_hashes(column: Column) -> NDArray[np.uint64]:
    """Hash each identifier of a column.

    Parameters
    ----------
    column : Column of shape (n_rows,)
        Identifiers.

    Returns
    -------
    ndarray of uint64 of shape (n_rows, 2)
        128 bits for each row; the second word of a row without an identifier is the largest number.

    Examples
    --------
    >>> from asthma_ml.columns import Texts
    >>> hashes = identifier_hashes(Texts.of(["007", "7", "007"]))
    >>> [(row == hashes[0]).all().item() for row in hashes]
    [True, False, True]
    """
    hashes = _hashes(column)
    hashes[blank_cells(column), 1] = _NO_IDENTIFIER
    return hashes


def _hashes(column: Column) -> NDArray[np.uint64]:
    if not isinstance(column, Slices):
        cells = cell_texts(column)
        digests = b"".join(blake2b(cell.encode("utf-8", "surrogatepass"), digest_size=16).digest() for cell in cells)
        return np.frombuffer(digests, dtype="<u8").reshape(-1, 2).astype(np.uint64)
    from asthma_ml.patients.text import text_kernel

    hashes = np.empty((len(column), 2), dtype=np.uint64)
    text_kernel.hash_texts(column.data, column.starts, column.stops, hashes)
    return hashes


class RepeatedIdentifiers:
    """Finds rows that share their identifier with another row.

    A temporary file holds a 128-bit hash for each row; memory holds one byte for each row. Identifiers are taken as
    equal if their hashes agree. All columns must be of one kind, because each kind has its own hash.

    Parameters
    ----------
    name : str
        Name of the table for messages.
    folder : Path, optional
        Folder of the temporary file.

    Examples
    --------
    >>> from asthma_ml.columns import Texts
    >>> with RepeatedIdentifiers() as identifiers:
    ...     identifiers.add(identifier_hashes(Texts.of(["007", "7"])))
    ...     identifiers.add(identifier_hashes(Texts.of(["", "007", ""])))
    ...     identifiers.repeated().tolist()
    [True, False, False, True, False]
    """

    def __init__(self, name: str = "identifiers", folder: Path | None = None) -> None:
        self._name, self._folder, self.n_rows = name, folder, 0
        with temporary_file_refused(name, folder):
            self._file = temporary_file(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, hashes: NDArray[np.uint64]) -> None:
        """Add the next rows by their `identifier_hashes`; rows without an identifier are never duplicates."""
        blank = np.flatnonzero(hashes[:, 1] == _NO_IDENTIFIER)
        hashes[blank, 0] = blank + self.n_rows
        with temporary_file_refused(self._name, self._folder):
            write_all(self._file, hashes.astype("<u8").tobytes())
        self.n_rows += len(hashes)

    def repeated(self) -> NDArray[np.bool_]:
        """Return for each row whether its identifier occurs more than once."""
        repeated = np.zeros(self.n_rows, dtype=bool)
        n_buckets = ceil(self.n_rows / _MOST_HASHES_IN_MEMORY)
        for bucket in range(n_buckets):
            rows, hashes = self._bucket(bucket, n_buckets)
            repeated[rows[_repeated_hashes(hashes)]] = True
        return repeated

    def _bucket(self, bucket: int, n_buckets: int) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Rows and hashes of one bucket; equal identifiers fall into the same bucket."""
        rows, hashes = [np.empty(0, dtype=np.int64)], [np.empty((0, 2), dtype=np.uint64)]
        self._file.seek(0)
        start = 0
        while data := self._file.read(16 * _ROWS_PER_BLOCK):
            block = np.frombuffer(data, dtype="<u8").reshape(-1, 2)
            chosen = np.flatnonzero(block[:, 0] % np.uint64(n_buckets) == bucket)
            rows.append(chosen + start)
            hashes.append(block[chosen])
            start += len(block)
        return np.concatenate(rows), np.concatenate(hashes)


def _repeated_hashes(hashes: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Rows whose hash occurs more than once."""
    first_words = np.sort(hashes[:, 0])
    # Few first words occur twice by chance, so only they are compared as a whole.
    rows = np.flatnonzero(np.isin(hashes[:, 0], first_words[1:][first_words[1:] == first_words[:-1]]))
    _, place, count = np.unique(hashes[rows], axis=0, return_inverse=True, return_counts=True)
    return np.asarray(rows[count[place.ravel()] > 1])
