"""Functions that are linear between knots and constant beyond them."""

from __future__ import annotations

import numpy as np


def slopes(knots: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return how fast a function rises from each knot on; not at all from the last one.

    Parameters
    ----------
    knots, values : ndarray of shape (n_knots,)
        Ascending places and what the function is there.

    Returns
    -------
    ndarray of shape (n_knots,)
        Slopes.

    Examples
    --------
    >>> slopes(np.array([0.0, 2.0]), np.array([1.0, 2.0]))
    array([0.5, 0. ])
    """
    return np.append(np.diff(values) / np.diff(knots), 0.0)


def piecewise_linear(x: np.ndarray, knots: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Evaluate a function from its knots.

    What `numpy.interp` does, but spelled out: compiled code can follow it to the last bit on any machine.

    Parameters
    ----------
    x : ndarray of shape (n,)
        Where.
    knots, values : ndarray of shape (n_knots,)
        Ascending places and what the function is there.

    Returns
    -------
    ndarray of shape (n,)
        Constant outside the knots; NaN where `x` is.

    Examples
    --------
    >>> piecewise_linear(np.array([-1.0, 1.0, 9.0, np.nan]), np.array([0.0, 2.0]), np.array([1.0, 2.0]))
    array([1. , 1.5, 2. , nan])
    """
    within = np.maximum(x, knots[0])
    place = np.searchsorted(knots, within, side="right") - 1
    return np.asarray(slopes(knots, values)[place] * (within - knots[place]) + values[place])


def of_columns(
    X: np.ndarray, source: np.ndarray, starts: np.ndarray, knots: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """Evaluate several functions, each of one column.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Where.
    source : ndarray of int of shape (n_functions,)
        Column of each function.
    starts : ndarray of int of shape (n_functions + 1,)
        Where the knots of each function begin.
    knots, values : ndarray of shape (n_knots,)
        Of all functions.

    Returns
    -------
    ndarray of shape (n_rows, n_functions)
        NaN where `X` is.
    """
    found = np.empty((len(X), len(source)))
    for j, column in enumerate(source):
        part = slice(starts[j], starts[j + 1])
        found[:, j] = piecewise_linear(X[:, column].astype(np.float64), knots[part], values[part])
    return found
