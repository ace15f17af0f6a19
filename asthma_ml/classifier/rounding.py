"""Rounding of thresholds to 32 bits, so that encoded features are compared without widening them first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rounded_down(thresholds: np.ndarray) -> NDArray[np.float32]:
    """Largest 32-bit numbers that do not exceed the thresholds.

    A 32-bit number is above a threshold if and only if it is above the rounded threshold.

    Examples
    --------
    >>> float(np.float32(0.1)), float(rounded_down(np.array([0.1]))[0])
    (0.10000000149011612, 0.09999999403953552)
    """
    with np.errstate(over="ignore"):
        nearest = thresholds.astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest > thresholds, below, nearest)


def rounded_up(thresholds: np.ndarray) -> NDArray[np.float32]:
    """Smallest 32-bit numbers that are not below the thresholds."""
    return -rounded_down(-thresholds)
