"""Texts for whole tables: written once for each pattern of statements, and joined row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

_NAMED = 5


def text_of_patterns(holds: np.ndarray, text: Callable[[np.ndarray], str]) -> np.ndarray:
    """Text for each row of a boolean table, written once for each distinct row.

    Parameters
    ----------
    holds : ndarray of bool of shape (n_patients, n_statements)
        Statements that hold for each patient.
    text : callable
        Takes one row, of shape (n_statements,), and returns its text.

    Returns
    -------
    ndarray of str of shape (n_patients,)
        Text of each row.

    Examples
    --------
    >>> names = np.array(["FeNO", "age"])
    >>> text_of_patterns(np.array([[True, True], [False, True]]), lambda row: ", ".join(names[row])).tolist()
    ['FeNO, age', 'age']
    """
    if len(holds) == 0:
        return np.empty(0, dtype=object)
    packed = np.ascontiguousarray(np.packbits(holds, axis=1))
    keys = packed.view(np.dtype((np.void, packed.shape[1])))[:, 0]
    _, first, pattern = np.unique(keys, return_index=True, return_inverse=True)
    return np.array([text(holds[row]) for row in first], dtype=object)[pattern]


def joined(parts: Sequence[np.ndarray], separator: str = "; ") -> np.ndarray:
    """Parts of each patient that are not empty, joined.

    Parameters
    ----------
    parts : sequence of ndarray of str of shape (n_patients,)
        Texts, empty where a part does not apply.
    separator : str, default="; "
        Text between two parts.

    Returns
    -------
    ndarray of str of shape (n_patients,)
        Empty where every part is.

    Examples
    --------
    >>> joined([np.array(["a", ""]), np.array(["b", "c"])]).tolist()
    ['a; b', 'c']
    """
    text, *rest = (np.asarray(part, dtype=object) for part in parts)
    for part in rest:
        both = np.asarray((text != "") & (part != ""), dtype=bool)
        text = text + np.where(both, separator, "").astype(object) + part
    return text


def text_where(holds: np.ndarray, text: str) -> np.ndarray:
    """Text of the patients for whom a statement holds, empty for the others.

    Examples
    --------
    >>> text_where(np.array([True, False]), "a").tolist()
    ['a', '']
    """
    return np.where(holds, text, "").astype(object)


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
