"""Piecewise linear functions: linear between knots, constant outside them."""

from __future__ import annotations

import numpy as np


def slopes(knots: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Slope to the right of each knot; zero after the last one.

    Parameters
    ----------
    knots, values : ndarray of shape (n_knots,)
        Ascending knots and the values of the function at them.

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
    """Value of a piecewise linear function.

    The result is that of `numpy.interp`. The arithmetic is written out so that machine code can repeat it to the last
    bit on every machine.

    Parameters
    ----------
    x : ndarray of shape (n,)
        Arguments.
    knots, values : ndarray of shape (n_knots,)
        Ascending knots and the values of the function at them.

    Returns
    -------
    ndarray of shape (n,)
        NaN where `x` is NaN.

    Examples
    --------
    >>> piecewise_linear(np.array([-1.0, 1.0, 9.0, np.nan]), np.array([0.0, 2.0]), np.array([1.0, 2.0]))
    array([1. , 1.5, 2. , nan])
    """
    within = np.maximum(x, knots[0])
    place = np.searchsorted(knots, within, side="right") - 1
    return np.asarray(slopes(knots, values)[place] * (within - knots[place]) + values[place])
