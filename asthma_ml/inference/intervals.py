"""Laws seen from a reading: how probable an interval is, and noise that falls into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from asthma_ml.cohort import Bernoulli, Binomial, NegativeBinomial, Poisson, levels_from_codes

Floats: TypeAlias = NDArray[np.float64]

FARTHEST = 9.0
"""Noise beyond which nobody lives: a probability of 1e-19."""
_BISECTIONS = 24
_COUNTED = (Bernoulli, Binomial, NegativeBinomial, Poisson)


def is_chance(law: Any) -> bool:
    """Whether an equation leaves something to chance."""
    return hasattr(law, "from_noise")


def is_continuous(law: Any) -> bool:
    """Whether the value has a density."""
    return is_chance(law) and not isinstance(law, _COUNTED) and not hasattr(law, "levels")


def levels_of(law: Any) -> tuple[Any, ...]:
    """All values of a law with few of them; empty for others."""
    if isinstance(law, Bernoulli):
        return (0.0, 1.0)
    if isinstance(law, Binomial):
        return tuple(float(k) for k in range(law.trials + 1))
    return tuple(range(len(getattr(law, "levels", ()))))


def as_value(law: Any, codes: Floats) -> Any:
    """Values of a discrete law from numbers, which are codes where it has levels."""
    return levels_from_codes(codes.astype(int), law.levels) if hasattr(law, "levels") else codes


def as_codes(value: Any) -> Floats:
    """Numbers that stand for the values of a discrete law."""
    return np.asarray(value.codes if isinstance(value, pd.Categorical) else value, dtype=float)


def noise_interval(law: Any, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Ends of the noise that gives values from `lower` to `upper`.

    Examples
    --------
    >>> from asthma_ml.cohort.engine.distributions import LogNormal
    >>> noise_interval(LogNormal(10.0, 0.5), np.array([-np.inf]), np.array([10.0]))
    (array([-inf]), array([0.]))
    """
    with np.errstate(all="ignore"):
        low, high = law.to_noise(lower), law.to_noise(upper)
        if np.isnan(low).any() or np.isnan(high).any():
            least = law.from_noise(np.full(len(lower), -np.inf))
            low = np.where(np.isnan(low), np.where(lower > least, np.inf, -np.inf), low)
            high = np.where(np.isnan(high), np.where(upper > least, np.inf, -np.inf), high)
        return _where_certain(law, lower, upper, low, high)


def _where_certain(law: Any, lower: Floats, upper: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """A log-normal with a median of zero is zero whatever its noise."""
    certain = np.asarray(getattr(law, "median", 1.0)) == 0
    if not certain.any():
        return low, high
    holds = (lower <= 0) & (upper >= 0)
    return np.where(certain, np.where(holds, -np.inf, np.inf), low), np.where(certain, np.inf, high)


def interval_log_prob(low: Floats, high: Floats) -> Floats:
    """Log probability that standard normal noise falls between `low` and `high`.

    Examples
    --------
    >>> interval_log_prob(np.array([-np.inf, 8.0]), np.array([0.0, 9.0])).round(3)
    array([ -0.693, -35.014])
    """
    low, high = _towards_lower_tail(low, high)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.maximum(special.ndtr(high) - special.ndtr(low), 0.0)))


def noise_between(low: Floats, high: Floats, uniform: Floats) -> Floats:
    """Standard normal noise between `low` and `high`; 0 where nothing lies between."""
    above = low > 0
    low, high = _towards_lower_tail(low, high)
    bottom, top = special.ndtr(low), special.ndtr(high)
    noise = special.ndtri(bottom + (top - bottom) * uniform)
    noise = np.clip(np.where(above, -noise, noise), -4 * FARTHEST, 4 * FARTHEST)
    return np.where(top > bottom, noise, 0.0)


def _towards_lower_tail(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """The mirror image of intervals of the upper tail, where probabilities would be 1 to all digits."""
    above = low > 0
    return np.where(above, -high, low), np.where(above, -low, high)


def inverse_interval(effect: Callable[[Floats], Floats], lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Noise for which a monotone effect of it lies from `lower` to `upper`, a hair too wide.

    Examples
    --------
    >>> low, high = inverse_interval(lambda z: 10 - 2 * z, np.array([8.0]), np.array([9.0]))
    >>> low.round(4), high.round(4)
    (array([0.5]), array([1.]))
    """
    far = np.full(len(lower), FARTHEST)
    falling = effect(far) < effect(-far)
    sign = np.where(falling, -1.0, 1.0)
    low = _first(lambda z: effect(sign * z) >= lower, far)[0]
    high = _first(lambda z: effect(sign * z) > upper, far)[1]
    return np.where(falling, -high, low), np.where(falling, -low, high)


def _first(holds: Callable[[Floats], NDArray[np.bool_]], far: Floats) -> tuple[Floats, Floats]:
    """Noise just below and just above where a condition begins to hold; infinite where always or never."""
    low, high = -far, far
    always, never = holds(low), ~holds(high)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        reached = holds(middle)
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return np.where(always, -np.inf, low), np.where(never, np.inf, high)
