"""Distinct texts of several columns as bytes, as the compiled kernel reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NO_TEXTS: tuple[str, ...] = ()


class TextBytes(NamedTuple):
    """Texts of several columns, one after another.

    Attributes
    ----------
    first : ndarray of shape (n_columns,)
        Position of the first text of each column.
    ends : ndarray of shape (n_texts + 1,)
        End in `content` of the text before each text.
    special : ndarray of shape (n_texts,)
        Whether a cell with this text needs quotes.
    content : ndarray of uint8
        The texts, with doubled quotation marks, followed by some bytes.
    """

    first: NDArray[np.int64]
    ends: NDArray[np.int64]
    special: NDArray[np.bool_]
    content: NDArray[np.uint8]


def text_bytes(columns: Iterable[Sequence[str]], delimiter: str, more: int) -> TextBytes:
    """Encode the distinct texts of columns, followed by `more` bytes; columns that share texts share the bytes.

    Examples
    --------
    >>> texts = text_bytes([["male"], ["a,b", "c"]], ",", 8)
    >>> texts.first.tolist(), texts.ends.tolist(), texts.special.tolist()
    ([0, 1], [0, 4, 7, 8], [False, True, False])
    """
    first, texts, place = [], list[str](), {id(NO_TEXTS): 0}
    for column in columns:
        begin = place.setdefault(id(column), len(texts))
        if begin == len(texts):
            texts.extend(column)
        first.append(begin)
    return TextBytes(np.array(first, dtype=np.int64), *_encoded(texts, delimiter, more))


def _encoded(
    texts: Sequence[str], delimiter: str, more: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.uint8]]:
    cells = [text.encode() for text in texts]
    if any('"' in text for text in texts):
        cells = [cell.replace(b'"', b'""') for cell in cells]
    ends = np.cumsum([0, *map(len, cells)], dtype=np.int64)
    content = np.frombuffer(b"".join([*cells, bytes(more)]), dtype=np.uint8)
    special = np.zeros(len(cells), dtype=bool)
    signs = np.flatnonzero(np.isin(content[: ends[-1]], np.frombuffer(f'{delimiter}"\r\n'.encode(), dtype=np.uint8)))
    special[np.searchsorted(ends, signs, side="right") - 1] = True
    return ends, special, content
