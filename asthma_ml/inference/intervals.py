"""Distributions restricted to intervals: probability of an interval, and noise inside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from asthma_ml.cohort import Bernoulli, Binomial, NegativeBinomial, Poisson, levels_from_codes

Floats: TypeAlias = NDArray[np.float64]

TRUNCATION = 9.0
"""Truncation of standard normal noise (p = 1e-19)."""
_BISECTIONS = 24
_DISCRETE = (Bernoulli, Binomial, NegativeBinomial, Poisson)


def is_random(distribution: Any) -> bool:
    """Whether the value of an equation is random."""
    return hasattr(distribution, "from_noise")


def is_continuous(distribution: Any) -> bool:
    """Whether the value has a density."""
    return is_random(distribution) and not isinstance(distribution, _DISCRETE) and not hasattr(distribution, "levels")


def levels_of(distribution: Any) -> tuple[Any, ...]:
    """All values of a distribution with finitely many; empty for others."""
    if isinstance(distribution, Bernoulli):
        return (0.0, 1.0)
    if isinstance(distribution, Binomial):
        return tuple(float(k) for k in range(distribution.trials + 1))
    return tuple(range(len(getattr(distribution, "levels", ()))))


def as_value(distribution: Any, codes: Floats) -> Any:
    """Values of a discrete distribution from numbers, which are codes where it has levels."""
    return levels_from_codes(codes.astype(int), distribution.levels) if hasattr(distribution, "levels") else codes


def as_codes(value: Any) -> Floats:
    """Numeric codes of the values of a discrete distribution."""
    return np.asarray(value.codes if isinstance(value, pd.Categorical) else value, dtype=float)


def noise_interval(distribution: Any, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Interval of the noise that gives values from `lower` to `upper`.

    Examples
    --------
    >>> from asthma_ml.cohort.engine.distributions import LogNormal
    >>> noise_interval(LogNormal(10.0, 0.5), np.array([-np.inf]), np.array([10.0]))
    (array([-inf]), array([0.]))
    """
    with np.errstate(all="ignore"):
        low, high = distribution.to_noise(lower), distribution.to_noise(upper)
        if np.isnan(low).any() or np.isnan(high).any():
            least = distribution.from_noise(np.full(len(lower), -np.inf))
            low = np.where(np.isnan(low), np.where(lower > least, np.inf, -np.inf), low)
            high = np.where(np.isnan(high), np.where(upper > least, np.inf, -np.inf), high)
        return _where_degenerate(distribution, lower, upper, low, high)


def _where_degenerate(
    distribution: Any, lower: Floats, upper: Floats, low: Floats, high: Floats
) -> tuple[Floats, Floats]:
    """Interval of a log-normal with median 0, which is 0 whatever its noise."""
    degenerate = np.asarray(getattr(distribution, "median", 1.0)) == 0
    if not degenerate.any():
        return low, high
    holds = (lower <= 0) & (upper >= 0)
    return np.where(degenerate, np.where(holds, -np.inf, np.inf), low), np.where(degenerate, np.inf, high)


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
    """Standard normal noise truncated to `low` to `high`; 0 where the interval is empty."""
    above = low > 0
    low, high = _towards_lower_tail(low, high)
    bottom, top = special.ndtr(low), special.ndtr(high)
    noise = special.ndtri(bottom + (top - bottom) * uniform)
    noise = np.clip(np.where(above, -noise, noise), -4 * TRUNCATION, 4 * TRUNCATION)
    return np.where(top > bottom, noise, 0.0)


def _towards_lower_tail(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Intervals reflected into the lower tail, because upper-tail probabilities lose all digits."""
    above = low > 0
    return np.where(above, -high, low), np.where(above, -low, high)


def inverse_interval(effect: Callable[[Floats], Floats], lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Interval of the noise whose monotone effect lies from `lower` to `upper`, slightly too wide.

    Examples
    --------
    >>> low, high = inverse_interval(lambda z: 10 - 2 * z, np.array([8.0]), np.array([9.0]))
    >>> low.round(4), high.round(4)
    (array([0.5]), array([1.]))
    """
    far = np.full(len(lower), TRUNCATION)
    falling = effect(far) < effect(-far)
    sign = np.where(falling, -1.0, 1.0)
    low = _first_true(lambda z: effect(sign * z) >= lower, far)[0]
    high = _first_true(lambda z: effect(sign * z) > upper, far)[1]
    return np.where(falling, -high, low), np.where(falling, -low, high)


def _first_true(holds: Callable[[Floats], NDArray[np.bool_]], far: Floats) -> tuple[Floats, Floats]:
    """Noise just below and just above the point where a condition begins to hold; infinite for always or never."""
    low, high = -far, far
    always, never = holds(low), ~holds(high)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        reached = holds(middle)
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return np.where(always, -np.inf, low), np.where(never, np.inf, high)
