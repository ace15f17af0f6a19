"""Distributions of a variable given its causal parents, as structural equations return them.

Each distribution maps exogenous standard normal noise to a value (`from_noise`), maps a value back to its noise
(`to_noise`), and gives the log density of a value (`log_prob`). Sampling, counterfactual twins, abduction and the
likelihood need only these three functions. Distributions sampled by quantile also accept the noise as a probability
(`from_uniform`).

A discrete value corresponds to an interval of noise; `to_noise` returns the point at `position` (0 to 1) of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any, Protocol, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from asthma_ml.cohort.engine.count_quantiles import panjer_quantiles
from asthma_ml.spelling import closest

Floats: TypeAlias = NDArray[np.float64]
Values: TypeAlias = Any  # an array of floats, or a pandas Categorical
Parameter: TypeAlias = Any  # a number or an array with one number for each patient

_MOST_EVENTS = 10_000


class Distribution(Protocol):
    """Interface of all distributions."""

    def from_noise(self, z: Floats) -> Values:
        """Value for the noise `z`."""

    def to_noise(self, x: Values, position: float = 0.5) -> Floats:
        """Noise for the value `x`."""

    def log_prob(self, x: Values) -> Floats:
        """Log density (or log probability) of the value `x`."""

    def coerce(self, x: object, n: int) -> Values:
        """`n` values set to `x` by intervention; raise ValueError if `x` is impossible."""


class _Number:
    """A distribution of real numbers; an intervention can set any number in its range."""

    def _range(self) -> tuple[Parameter, Parameter]:
        return -np.inf, np.inf

    def coerce(self, x: object, n: int) -> Values:
        values = np.broadcast_to(np.asarray(x, dtype=float), (n,)).copy()
        lowest, highest = self._range()
        if not (np.isfinite(values) & (values >= lowest) & (values <= highest)).all():
            least, most = np.max(lowest), np.min(highest)
            raise ValueError("must be a finite number" + (f" from {least:g} to {most:g}" if least > -np.inf else ""))
        return values


@dataclass(frozen=True)
class Normal(_Number):
    """Normal with a mean and a standard deviation, both in the unit of the variable."""

    mean: Parameter
    sd: Parameter

    def from_noise(self, z: Floats) -> Floats:
        return np.asarray(self.mean + self.sd * z)

    def to_noise(self, x: Floats, position: float = 0.5) -> Floats:
        return np.asarray((x - self.mean) / self.sd)

    def log_prob(self, x: Floats) -> Floats:
        return np.asarray(_log_density(self.to_noise(x)) - np.log(self.sd))


@dataclass(frozen=True)
class LogNormal(_Number):
    """Log-normal with a median [unit of the variable] and a standard deviation of the log.

    With a median of zero the value is zero with certainty (the pack-years of a never-smoker).
    """

    median: Parameter
    log_sd: Parameter

    def _range(self) -> tuple[Parameter, Parameter]:
        return 0.0, np.inf

    def from_noise(self, z: Floats) -> Floats:
        return np.asarray(self.median * np.exp(self.log_sd * z))

    def to_noise(self, x: Floats, position: float = 0.5) -> Floats:
        certain = np.asarray(self.median) == 0
        median, x = np.where(certain, 1.0, self.median), np.where(certain, 1.0, x)
        return np.asarray(np.log(x / median) / self.log_sd)

    def log_prob(self, x: Floats) -> Floats:
        certain = np.asarray(self.median) == 0
        with np.errstate(divide="ignore", invalid="ignore"):
            density = _log_density(self.to_noise(x)) - np.log(self.log_sd * np.asarray(x))
        return np.asarray(np.where(certain, np.where(np.asarray(x) == 0, 0.0, -np.inf), density))


class _Quantile:
    """A distribution sampled by its quantile function, directly from uniform noise."""

    def from_uniform(self, u: Floats) -> Values:
        raise NotImplementedError

    def from_noise(self, z: Floats) -> Values:
        return self.from_uniform(special.ndtr(z))


@dataclass(frozen=True)
class TruncatedNormal(_Quantile, _Number):
    """Normal truncated at `lower` and `upper`; mean and sd are those before truncation."""

    mean: Parameter
    sd: Parameter
    lower: Parameter
    upper: Parameter

    def _range(self) -> tuple[Parameter, Parameter]:
        return self.lower, self.upper

    def _edges(self) -> tuple[Floats, Floats]:
        low = special.ndtr((np.asarray(self.lower, dtype=float) - self.mean) / self.sd)
        high = special.ndtr((np.asarray(self.upper, dtype=float) - self.mean) / self.sd)
        return low, high

    def from_uniform(self, u: Floats) -> Floats:
        low, high = self._edges()
        value = u * (high - low)
        value += low
        special.ndtri(value, out=value)
        value *= self.sd
        value += self.mean
        np.maximum(value, self.lower, out=value)
        np.minimum(value, self.upper, out=value)
        return value

    def to_noise(self, x: Floats, position: float = 0.5) -> Floats:
        low, high = self._edges()
        return np.asarray(special.ndtri((special.ndtr((x - self.mean) / self.sd) - low) / (high - low)))

    def log_prob(self, x: Floats) -> Floats:
        low, high = self._edges()
        density = _log_density((x - self.mean) / self.sd) - np.log(self.sd) - np.log(high - low)
        return np.asarray(np.where((x < self.lower) | (x > self.upper), -np.inf, density))


@dataclass(frozen=True)
class LogitNormal(_Number):
    """Logit-normal between `lower` and `whole`: percentages, parts of a composition."""

    logit_mean: Parameter
    logit_sd: Parameter
    whole: Parameter = 1.0
    lower: Parameter = 0.0

    def _range(self) -> tuple[Parameter, Parameter]:
        return self.lower, self.whole

    def _proportion(self, x: Floats) -> Floats:
        return np.asarray((np.asarray(x) - self.lower) / (np.asarray(self.whole) - self.lower))

    def from_noise(self, z: Floats) -> Floats:
        proportion = expit(self.logit_mean + self.logit_sd * z)
        return np.asarray(self.lower + (np.asarray(self.whole) - self.lower) * proportion)

    def to_noise(self, x: Floats, position: float = 0.5) -> Floats:
        return np.asarray((special.logit(self._proportion(x)) - self.logit_mean) / self.logit_sd)

    def log_prob(self, x: Floats) -> Floats:
        part, span = self._proportion(x), np.asarray(self.whole) - self.lower
        with np.errstate(divide="ignore", invalid="ignore"):
            density = _log_density(self.to_noise(x)) - np.log(self.logit_sd * part * (1 - part) * span)
        return np.where((part <= 0) | (part >= 1), -np.inf, density)


class _Count(_Quantile):
    """A count distribution of the Panjer family."""

    def _none(self) -> Parameter:
        """Probability of zero."""
        raise NotImplementedError

    def _panjer(self) -> tuple[Parameter, Parameter]:
        """Coefficients (slope, start) of the recursion."""
        raise NotImplementedError

    def _cdf(self, k: Floats) -> Floats:
        raise NotImplementedError

    def _ceiling(self) -> float:
        return _MOST_EVENTS

    def from_uniform(self, u: Floats) -> Floats:
        """Smallest count whose cumulative probability reaches `u`."""
        return panjer_quantiles(u, self._none(), *self._panjer(), int(self._ceiling()))

    def to_noise(self, x: Values, position: float = 0.5) -> Floats:
        low, high = self._cdf(np.asarray(x) - 1), self._cdf(x)
        return _between(low, high, position)

    def log_prob(self, x: Values) -> Floats:
        with np.errstate(divide="ignore"):
            return np.log(self._cdf(x) - self._cdf(np.asarray(x) - 1))

    def coerce(self, x: object, n: int) -> Values:
        values = np.broadcast_to(np.asarray(x, dtype=float), (n,)).copy()
        if not ((values >= 0) & (values <= self._ceiling()) & (values == np.floor(values))).all():
            raise ValueError(f"must be a whole number from 0 to {self._ceiling():g}")
        return values


@dataclass(frozen=True)
class Poisson(_Count):
    """Poisson with a mean."""

    mean: Parameter

    def _none(self) -> Parameter:
        return np.exp(-np.asarray(self.mean))

    def _panjer(self) -> tuple[Parameter, Parameter]:
        return 0.0, self.mean

    def _cdf(self, k: Floats) -> Floats:
        return np.where(np.asarray(k) < 0, 0.0, special.pdtr(np.maximum(k, 0), self.mean))


@dataclass(frozen=True)
class NegativeBinomial(_Count):
    """Negative binomial with a mean and a dispersion k: variance = mean + mean^2 / k."""

    mean: Parameter
    dispersion: Parameter

    def _p(self) -> Parameter:
        return np.divide(self.dispersion, self.dispersion + np.asarray(self.mean))

    def _none(self) -> Parameter:
        return self._p() ** self.dispersion

    def _panjer(self) -> tuple[Parameter, Parameter]:
        return 1 - self._p(), (self.dispersion - 1) * (1 - self._p())

    def _cdf(self, k: Floats) -> Floats:
        return np.where(np.asarray(k) < 0, 0.0, special.betainc(self.dispersion, np.maximum(k, 0) + 1.0, self._p()))


@dataclass(frozen=True)
class Binomial(_Count):
    """Number of successes in `trials` with probability `p` each (alleles: 2 trials, Hardy-Weinberg)."""

    trials: int
    p: Parameter

    def from_uniform(self, u: Floats) -> Floats:
        if self.trials != 2:
            return super().from_uniform(u)
        none, at_most_one = np.square(1 - np.asarray(self.p)), 1 - np.square(self.p)
        alleles = np.asarray(u > none, dtype=float)
        alleles += u > at_most_one
        return alleles

    def _ceiling(self) -> float:
        return float(self.trials)

    def _odds(self) -> Parameter:
        return np.asarray(self.p) / np.maximum(1 - np.asarray(self.p), 1e-300)

    def _none(self) -> Parameter:
        return (1 - np.asarray(self.p)) ** self.trials

    def _panjer(self) -> tuple[Parameter, Parameter]:
        return -self._odds(), (self.trials + 1) * self._odds()

    def _cdf(self, k: Floats) -> Floats:
        inside = special.bdtr(np.clip(k, 0, self.trials), self.trials, self.p)
        return np.where(np.asarray(k) < 0, 0.0, inside)


@dataclass(frozen=True)
class Bernoulli(_Quantile):
    """Yes (1.0) with probability `p`, else no (0.0)."""

    p: Parameter

    def from_uniform(self, u: Floats) -> Floats:
        return np.asarray(u > 1 - np.asarray(self.p), dtype=float)

    def to_noise(self, x: Floats, position: float = 0.5) -> Floats:
        yes, p_no = np.asarray(x) == 1, 1 - np.asarray(self.p)
        return _between(np.where(yes, p_no, 0.0), np.where(yes, 1.0, p_no), position)

    def log_prob(self, x: Floats) -> Floats:
        with np.errstate(divide="ignore"):
            return np.log(np.where(np.asarray(x) == 1, self.p, 1 - np.asarray(self.p)))

    def coerce(self, x: object, n: int) -> Values:
        values = np.broadcast_to(np.asarray(x, dtype=float), (n,)).copy()
        if not np.isin(values, (0.0, 1.0)).all():
            raise ValueError("must be 0 or 1")
        return values


class _Choice:
    """A categorical distribution; each level corresponds to an interval of the noise."""

    levels: tuple[str, ...]

    def _upper_edges(self) -> list[Parameter]:
        """Cumulative probability of each level except the last."""
        raise NotImplementedError

    def _interval(self, x: pd.Categorical) -> tuple[Floats, Floats]:
        edges = np.stack([np.broadcast_to(e, (len(x),)) for e in (0.0, *self._upper_edges(), 1.0)])
        rows = np.arange(len(x))
        return edges[x.codes, rows], edges[x.codes + 1, rows]

    def to_noise(self, x: pd.Categorical, position: float = 0.5) -> Floats:
        return _between(*self._interval(x), position)

    def log_prob(self, x: pd.Categorical) -> Floats:
        low, high = self._interval(x)
        with np.errstate(divide="ignore"):
            return np.log(high - low)

    def coerce(self, x: object, n: int) -> Values:
        asked = pd.Index(np.atleast_1d(np.asarray(x, dtype=object)))
        codes = pd.Index(self.levels, dtype=object).get_indexer_for(asked)
        if (codes < 0).any():
            close = closest(str(asked[codes < 0][0]), self.levels)
            raise ValueError(f"must be one of {', '.join(self.levels)}{f'; did you mean {close}?' if close else ''}")
        return levels_from_codes(np.broadcast_to(codes, (n,)), self.levels)


@dataclass(frozen=True)
class Categorical(_Quantile, _Choice):
    """One of `levels`; `weights` holds one number or array for each level and need not sum to 1."""

    levels: tuple[str, ...]
    weights: Sequence[Parameter]

    def _upper_edges(self) -> list[Parameter]:
        heights = list(accumulate(self.weights))
        return [height / heights[-1] for height in heights[:-1]]

    def from_uniform(self, u: Floats) -> pd.Categorical[str]:
        codes = np.zeros(len(u), dtype=np.int8)
        *heights, total = accumulate(self.weights)
        u = u * total
        for height in heights:
            codes += u > height
        return levels_from_codes(codes, self.levels)


@dataclass(frozen=True)
class OrderedProbit(_Choice):
    """Ordered probit: the level is the number of `cuts` that a normal score with mean and sd exceeds.

    A cut below its predecessor is treated as equal to it; the level between them then has probability zero.
    """

    levels: tuple[str, ...]
    mean: Parameter
    sd: Parameter
    cuts: Sequence[float]

    def _upper_edges(self) -> list[Parameter]:
        return [special.ndtr((cut - np.asarray(self.mean)) / self.sd) for cut in accumulate(self.cuts, max)]

    def from_noise(self, z: Floats) -> pd.Categorical[str]:
        score, codes = self.mean + self.sd * z, np.zeros(len(z), dtype=np.int8)
        for cut in accumulate(self.cuts, max):
            codes += score > cut
        return levels_from_codes(codes, self.levels)


def levels_from_codes(codes: NDArray[Any], levels: Sequence[str]) -> pd.Categorical[str]:
    """Categorical column from integer codes.

    Examples
    --------
    >>> list(levels_from_codes(np.array([0, 2]), ("never", "former", "current")))
    ['never', 'current']
    """
    dtype = _category(tuple(levels))
    return pd.Categorical.from_codes(codes.astype(np.int8, copy=False), dtype=dtype, validate=False)


@lru_cache(maxsize=1024)
def _category(levels: tuple[str, ...]) -> Any:
    """Cached, because pandas checks the levels of a new dtype, which takes longer than a block of patients."""
    return pd.CategoricalDtype(pd.Index(levels, dtype=object))


def expit(log_odds: Parameter) -> Floats:
    """Probability for log-odds; up to three times as fast as that of scipy.

    Examples
    --------
    >>> expit(np.array([0.0, -1e6]))
    array([0.5, 0. ])
    """
    with np.errstate(over="ignore"):
        denominator = np.exp(-np.asarray(log_odds, dtype=float))
    denominator += 1.0
    return np.asarray(np.reciprocal(denominator))


def by_level(category: pd.Categorical, /, **numbers: float) -> Floats:
    """Number of each patient, looked up by the level of a category.

    Examples
    --------
    >>> smoking_status = levels_from_codes(np.array([0, 2]), ("never", "former", "current"))
    >>> by_level(smoking_status, never=1.0, former=0.8, current=0.4)
    array([1. , 0.4])
    """
    table = np.array([numbers[level] for level in category.categories], dtype=float)
    return np.asarray(table.take(category.codes))


def _between(low: Floats, high: Floats, position: float) -> Floats:
    return np.asarray(special.ndtri(low + (high - low) * position))


def _log_density(z: Floats) -> Floats:
    return np.asarray(-0.5 * np.square(z) - 0.5 * np.log(2 * np.pi))
