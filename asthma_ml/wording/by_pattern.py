"""Texts that depend on what holds for a patient: written once for each pattern, not once for each patient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np


def text_of_patterns(holds: np.ndarray, text: Callable[[np.ndarray], str]) -> np.ndarray:
    """Write a text about each row of a table of yes and no.

    Parameters
    ----------
    holds : ndarray of bool of shape (n_patients, n_statements)
        What holds for each patient.
    text : callable
        Takes one row, of shape (n_statements,), and returns its text.

    Returns
    -------
    ndarray of str of shape (n_patients,)
        Rows that agree are asked about once.

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
    """Join the parts that are not empty, patient by patient.

    Parameters
    ----------
    parts : sequence of ndarray of str of shape (n_patients,)
        What may be said of each patient.
    separator : str, default="; "
        What stands between two parts.

    Returns
    -------
    ndarray of str of shape (n_patients,)
        Empty where every part is.

    Examples
    --------
    >>> joined([np.array(["a", ""]), np.array(["b", "c"])]).tolist()
    ['a; b', 'c']
    """
    told, *rest = (np.asarray(part, dtype=object) for part in parts)
    for part in rest:
        both = np.asarray((told != "") & (part != ""), dtype=bool)
        told = told + np.where(both, separator, "").astype(object) + part
    return told


_NAMED = 5


def first_names(names: Iterable[object], n: int = _NAMED) -> str:
    """Name the first few of a list and count the rest.

    Parameters
    ----------
    names : iterable
        What to name.
    n : int, default=5
        How many to name.

    Returns
    -------
    str
        Names joined by commas.

    Examples
    --------
    >>> first_names("abcdefgh")
    'a, b, c, d, e and 3 more'
    >>> first_names(["feno_ppb", "age_years"])
    'feno_ppb, age_years'
    """
    named = [str(name) for name in names]
    rest = len(named) - n
    return ", ".join(named[:n]) + (f" and {rest} more" if rest > 0 else "")
