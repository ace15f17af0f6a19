"""Texts for whole tables: each distinct text is written once, and texts are joined by column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from asthma_ml.columns import Joined, Texts

_NAMED = 5
_LARGEST_TABLE = 2**21
_NEAR_AN_INTEGER = 1e-6


def text_of_keys(keys: NDArray[np.integer], text: Callable[[int], str | None]) -> Texts:
    """Text for each row of a column of integers, written once for each distinct integer.

    Parameters
    ----------
    keys : ndarray of int of shape (n_patients,)
        The text of -1 is missing.
    text : callable
        Takes an integer and returns its text, or None for a missing one.

    Returns
    -------
    Texts
        Text of each row.

    Examples
    --------
    >>> text_of_keys(np.array([2, -1, 2]), str).strings().tolist()
    ['2', None, '2']
    """
    found, codes = distinct_keys(keys)
    return written(codes, [None if key < 0 else text(key) for key in found])


def distinct_keys(keys: NDArray[np.integer]) -> tuple[list[int], NDArray[np.integer]]:
    """Distinct integers of a column, from -1 on, and the position of each row's integer among them.

    Examples
    --------
    >>> found, codes = distinct_keys(np.array([2, -1, 2]))
    >>> found, codes.tolist()
    ([-1, 2], [1, 0, 1])
    """
    found, codes = _distinct(keys + 1)
    return (found - 1).tolist(), codes


def written(codes: NDArray[np.integer], texts: Sequence[str | None]) -> Texts:
    """Column of texts of which some stand for a missing one.

    Parameters
    ----------
    codes : ndarray of int of shape (n_patients,)
        Position of each row's text in `texts`.
    texts : sequence of str or None
        The texts; None is a missing one.

    Returns
    -------
    Texts
        Text of each row.

    Examples
    --------
    >>> written(np.array([1, 0, 1]), [None, "a"]).strings().tolist()
    ['a', None, 'a']
    """
    place = np.array([-1 if text is None else code for code, text in enumerate(texts)], dtype=np.int32)
    return Texts(place[codes], [text or "" for text in texts])


def text_of_patterns(holds: NDArray[np.bool_], text: Callable[[NDArray[np.bool_]], str | None]) -> Texts:
    """Text for each row of a boolean table, written once for each distinct row.

    Parameters
    ----------
    holds : ndarray of bool of shape (n_patients, n_statements)
        Statements that hold for each patient.
    text : callable
        Takes one row, of shape (n_statements,), and returns its text, or None for a missing one.

    Returns
    -------
    Texts
        Text of each row.

    Examples
    --------
    >>> names = np.array(["FeNO", "age"])
    >>> found = text_of_patterns(np.array([[True, True], [False, True]]), lambda row: ", ".join(names[row]))
    >>> found.strings().tolist()
    ['FeNO, age', 'age']
    """
    packed = np.packbits(holds, axis=1)
    if packed.shape[1] == 1:
        found, codes = _distinct(packed[:, 0])
        found = found[:, None]
    else:
        found, codes = _distinct_words(packed)
    patterns = np.unpackbits(found.view(np.uint8), axis=1, count=holds.shape[1])
    return written(codes, [text(pattern) for pattern in patterns.astype(bool)])


def text_of_numbers(values: NDArray[np.float64], text: Callable[[float], str], scale: int) -> Texts:
    """Text for each row of a column of numbers, written once for all numbers between two steps.

    Parameters
    ----------
    values : ndarray of shape (n_patients,)
        Any numbers.
    text : callable
        Takes a number and returns its text, which changes at multiples of ``1 / scale`` only: to round to two
        decimal places is to change at odd multiples of 0.005.
    scale : int
        Number of steps in 1.

    Returns
    -------
    Texts
        The text of each number.

    Examples
    --------
    >>> text_of_numbers(np.array([0.1249, 0.125, 0.1251, 0.1252]), "{:.2f}".format, 200).strings().tolist()
    ['0.12', '0.12', '0.13', '0.13']
    """
    place = np.where(np.abs(values) < _LARGEST_TABLE / 2 / scale, values, 0.0) * scale
    # A product near an integer may lie on the wrong side of it; such numbers are written one by one.
    plain = np.abs(place - np.rint(place)) > _NEAR_AN_INTEGER
    step = np.where(plain, np.floor(place), 0.0).astype(np.int64)
    least = int(step.min(initial=0))
    found, codes = _distinct(step - least)
    others, place_of_other = np.unique(values[~plain].view(np.int64), return_inverse=True)
    codes[~plain] = len(found) + place_of_other
    written_out = np.concatenate([(found + (least + 0.5)) / scale, others.view(np.float64)])
    return Texts(codes.astype(np.int32), [*map(text, written_out.tolist())])


def text_of_rows(statements: Iterable[tuple[NDArray[np.intp], str]], n_rows: int, separator: str = ", ") -> Texts:
    """Statements on some rows each, joined for each row and written once for each distinct combination.

    Parameters
    ----------
    statements : iterable of tuple
        Rows for which a statement holds, each row once, and its text.
    n_rows : int
        Number of rows of the table.
    separator : str, default=", "
        Text between two statements.

    Returns
    -------
    Texts
        The statements of each row in the given order, missing where none holds.

    Examples
    --------
    >>> text_of_rows([(np.array([0, 2]), "a"), (np.array([2]), "b")], 3).strings().tolist()
    ['a', None, 'a, b']
    """
    codes: NDArray[np.integer] = np.full(n_rows, -1)
    combinations: list[tuple[str, ...]] = []
    for rows, text in statements:
        before, place = np.unique(codes[rows], return_inverse=True)
        codes[rows] = len(combinations) + place
        combinations += [(*(combinations[code] if code >= 0 else ()), text) for code in before.tolist()]
    found, place = distinct_keys(codes)
    return written(place, [separator.join(combinations[code]) if code >= 0 else None for code in found])


def joined(columns: Iterable[Texts | Joined], separator: str = "; ") -> Joined:
    """Texts of each patient that are not missing, joined.

    Parameters
    ----------
    columns : iterable of Texts or Joined of n_patients rows
        At least one. No text is empty.
    separator : str, default="; "
        Text between two texts.

    Returns
    -------
    Joined
        Missing where all are.

    Examples
    --------
    >>> joined([Texts.of(["a", None]), Texts.of(["b", "c"])]).strings().tolist()
    ['a; b', 'c']
    """
    first, *others = columns
    parts = [*parts_of(first)]
    before = is_written(first)
    for column in others:
        here = is_written(column)
        parts += _after(separator, before & here, column)
        before = before | here
    return Joined(parts)


def _after(separator: str, where: NDArray[np.bool_], column: Texts | Joined) -> Sequence[Texts]:
    """Parts of a column, after a separator in some rows."""
    if not where.any():
        return parts_of(column)
    if isinstance(column, Joined):
        return [Texts.where(where, separator), *column.parts]
    codes = column.codes + np.where(where, np.int32(len(column.distinct)), np.int32(0))
    return [Texts(codes, [*column.distinct, *(separator + text for text in column.distinct)])]


def parts_of(column: Texts | Joined) -> Sequence[Texts]:
    """Parts of a column of texts."""
    return column.parts if isinstance(column, Joined) else [column]


def is_written(column: Texts | Joined) -> NDArray[np.bool_]:
    """Whether each row has a text.

    Examples
    --------
    >>> is_written(Texts.of(["a", None])).tolist()
    [True, False]
    """
    first, *others = parts_of(column)
    found = first.codes >= 0
    for part in others:
        found |= part.codes >= 0
    return np.asarray(found)


def text_of_row(column: Texts | Joined, row: int) -> str:
    """Text of one row, empty if it is missing.

    Examples
    --------
    >>> text_of_row(Joined([Texts.of(["FeNO ", None]), Texts.of(["85", None])]), 0)
    'FeNO 85'
    """
    return "".join(part.distinct[part.codes[row]] for part in parts_of(column) if part.codes[row] >= 0)


def spread(texts: Texts, rows: NDArray[np.bool_]) -> Texts:
    """Texts of some rows as a column of all rows, missing in the others.

    Examples
    --------
    >>> spread(Texts.of(["a"]), np.array([False, True])).strings().tolist()
    [None, 'a']
    """
    codes = np.full(len(rows), -1, dtype=np.int32)
    codes[rows] = texts.codes
    return Texts(codes, texts.distinct)


def hidden(column: Texts, where: NDArray[np.bool_]) -> Texts:
    """The texts of a column, missing also where a statement holds.

    Examples
    --------
    >>> hidden(Texts.of(["a", "b"]), np.array([True, False])).strings().tolist()
    [None, 'b']
    """
    return Texts(np.where(where, np.int32(-1), column.codes), column.distinct) if where.any() else column


def text_where(holds: NDArray[np.bool_], text: str) -> Texts:
    """Text of the patients for whom a statement holds, missing for the others and if the text is empty.

    Examples
    --------
    >>> text_where(np.array([True, False]), "a").strings().tolist()
    ['a', None]
    """
    return Texts.where(holds & bool(text), text)


def first_names(names: Iterable[object], n: int = _NAMED) -> str:
    """First names of a list, joined by commas, and the number of the others.

    Parameters
    ----------
    names : iterable
        Names.
    n : int, default=5
        How many to write out.

    Returns
    -------
    str
        The list in words.

    Examples
    --------
    >>> first_names("abcdefgh")
    'a, b, c, d, e and 3 more'
    >>> first_names(["feno_ppb", "age_years"])
    'feno_ppb, age_years'
    """
    texts = [str(name) for name in names]
    rest = len(texts) - n
    return ", ".join(texts[:n]) + (f" and {rest} more" if rest > 0 else "")


def _distinct_words(packed: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.integer]]:
    """Distinct rows of bytes, as 64-bit words, and the position of each row among them."""
    n_words = -(-packed.shape[1] // 8) or 1
    padded = np.zeros((len(packed), 8 * n_words), dtype=np.uint8)
    padded[:, : packed.shape[1]] = packed
    words = padded.view(np.uint64)
    # One word is sorted as an integer, several as a record, which is slower.
    found, codes = np.unique(words, axis=0 if n_words > 1 else None, return_inverse=True)
    return found.reshape(-1, n_words), codes.reshape(-1)


def _distinct(keys: NDArray[np.integer]) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Distinct integers from 0 on, and the position of each row's among them; by a table if the largest is small."""
    size = int(keys.max(initial=0)) + 1
    if size > _LARGEST_TABLE:
        found, codes = np.unique(keys, return_inverse=True)
        return found, codes
    present = np.zeros(size, dtype=bool)
    present[keys] = True
    place = np.cumsum(present, dtype=np.int32) - np.int32(1)
    return np.flatnonzero(present).astype(keys.dtype), place[keys]
