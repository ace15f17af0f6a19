"""How far a generated figure may lie from the published one: one rule, applied to every row.

1. The published interval, where there is one. The bounds of a standard deviation, of quartiles or
   of a range of patients are spread, not error, and do not count; a range between cohorts does.
2. Where there is none, the sampling error (95 %) of the published number of patients: Wilson for
   shares and alleles, Fisher's z for correlations, Hanley and McNeil for AUCs, the logarithm for
   ratios, counts of attacks as negative binomial, and the published spread for means and medians.
3. Where several cohorts report the same quantity (`group` of the recipes), the span from the lowest
   to the highest of them, each with its own interval of 1 or 2.
4. Where only a direction is published, the half line.

Nothing else widens a tolerance. A figure without interval, patients or siblings is not judged.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import pandas as pd

from asthma_ml.evidence import evidence_table
from asthma_ml.fidelity.published_figures import Recipe, published_recipes
from asthma_ml.fidelity.statistics import statistic

Interval: TypeAlias = tuple[float, float]

TWO_SIDED = 1.96
MEDIAN_AGAINST_MEAN = math.sqrt(math.pi / 2)
QUARTILE_OF_NORMAL = 0.6745
ATTACKS_PER_YEAR = 0.84
"""Attacks a year in control arms (COH072)."""
DISPERSION_OF_ATTACKS = 1.7**2 / (2.7**2 - 1.7)
"""Of a negative binomial with the mean and the standard deviation of COH029."""
SPREAD_NOT_ERROR = re.compile(r"\bSD\b|\bIQR\b|quartile|min-max")


@dataclass(frozen=True)
class Tolerance:
    """Interval in which a generated figure counts as faithful, and where it comes from."""

    lower: float
    upper: float
    source: str

    @property
    def judges(self) -> bool:
        """Whether there is any room between the bounds, without which nothing can be said."""
        return self.lower < self.upper

    def holds(self, generated: float) -> bool:
        """Whether a generated figure lies within the tolerance."""
        return self.lower <= generated <= self.upper


@dataclass(frozen=True)
class Figure:
    """One published figure: its row of the evidence table with what its recipe adds."""

    row: Mapping[str, Any]
    recipe: Recipe

    @property
    def value(self) -> float:
        """The published value."""
        return float(self.row["value"])

    @property
    def statistic(self) -> str:
        """Name of the statistic that it is."""
        return statistic(self.recipe)[0]

    @property
    def n(self) -> float:
        """Number of patients, 0 if not published."""
        n = self.recipe.get("n", self.row["n"])
        return 0.0 if pd.isna(n) else float(n)

    @property
    def has_interval(self) -> bool:
        """Whether the bounds are those of an error and not of a spread."""
        return self._has_bounds and not SPREAD_NOT_ERROR.search(self.row["quantity"])

    @property
    def _has_bounds(self) -> bool:
        return not (pd.isna(self.row["lower"]) or pd.isna(self.row["upper"]))

    @property
    def sd(self) -> float:
        """Published standard deviation, from the text, mean +/- SD, or quartiles; 0 if there is none."""
        if "sd" in self.recipe:
            return float(self.recipe["sd"])
        if found := re.search(r"SD (\d+\.?\d*)", self.row["quantity"]):
            return float(found.group(1))
        if found := re.search(r"IQR width (\d+\.?\d*)", self.row["quantity"]):
            return float(found.group(1)) / 2 / QUARTILE_OF_NORMAL
        if not self._has_bounds:
            return 0.0
        half = (float(self.row["upper"]) - float(self.row["lower"])) / 2
        return half / QUARTILE_OF_NORMAL if re.search("IQR|quartile", self.row["quantity"]) else half

    @property
    def standard_error(self) -> float:
        """Standard error that the recipe or the text gives; 0 if neither does."""
        printed = re.search(r"SE (\d+\.?\d*)", self.row["quantity"])
        return float(self.recipe.get("standard_error", printed.group(1) if printed else 0.0))


def tolerance(figure_id: str) -> Tolerance:
    """Interval in which a generated figure counts as faithful, and where it comes from.

    Parameters
    ----------
    figure_id : str
        Id of a row that has a recipe.

    Returns
    -------
    Tolerance
        Bounds and source.

    Examples
    --------
    >>> tolerance("IMM009")
    Tolerance(lower=0.85, upper=0.93, source='published interval')
    """
    recipes = published_recipes()
    group = recipes[figure_id].get("group")
    siblings = [i for i, recipe in recipes.items() if group and recipe.get("group") == group]
    if len(siblings) > 1:
        lower, upper = zip(*(_own(i)[:2] for i in siblings), strict=True)
        return Tolerance(min(lower), max(upper), f"span of {len(siblings)} cohorts with their errors")
    return Tolerance(*_own(figure_id))


def _own(figure_id: str) -> tuple[float, float, str]:
    row = {str(key): value for key, value in evidence_table().loc[figure_id].to_dict().items()}
    return own_tolerance(Figure(row, published_recipes()[figure_id]))


def own_tolerance(figure: Figure) -> tuple[float, float, str]:
    """Bounds of one figure by itself, and where they come from."""
    recipe = figure.recipe
    if "above" in recipe or "below" in recipe:
        return recipe.get("above", -math.inf), recipe.get("below", math.inf), "published direction"
    if figure.has_interval:
        return float(figure.row["lower"]), float(figure.row["upper"]), "published interval"
    if figure.standard_error:
        error = TWO_SIDED * figure.standard_error
        return figure.value - error, figure.value + error, "published standard error or p value"
    if not figure.n:
        return figure.value, figure.value, ""
    return *_sampling_interval(figure), f"sampling error of {figure.n:,.0f} patients"


def _sampling_interval(figure: Figure) -> Interval:
    if "log_sd" in figure.recipe:
        wider = MEDIAN_AGAINST_MEAN if figure.statistic == "median" else 1.0
        return _ratio(figure.value, wider * figure.recipe["log_sd"] / math.sqrt(figure.n))
    return SAMPLING_INTERVALS[figure.statistic](figure)


def _ratio(value: float, log_error: float) -> Interval:
    """Interval of a ratio with a standard error on the log scale."""
    return value * math.exp(-TWO_SIDED * log_error), value * math.exp(TWO_SIDED * log_error)


def _wilson(proportion: float, n: float) -> Interval:
    """Wilson 1927: interval of a share, which is open even where nobody or everybody has it."""
    z2 = TWO_SIDED**2
    centre = (proportion + z2 / (2 * n)) / (1 + z2 / n)
    half = TWO_SIDED * math.sqrt(proportion * (1 - proportion) / n + z2 / (4 * n**2)) / (1 + z2 / n)
    return max(round(centre - half, 12), 0.0), min(round(centre + half, 12), 1.0)


def _percent(proportion: float, n: float) -> Interval:
    lower, upper = _wilson(proportion, n)
    return 100 * lower, 100 * upper


def _fisher(r: float, n: float) -> Interval:
    """Fisher 1921: interval of a correlation."""
    error = TWO_SIDED / math.sqrt(n - 3)
    return math.tanh(math.atanh(r) - error), math.tanh(math.atanh(r) + error)


def _spread(figure: Figure, wider: float = 1.0) -> Interval:
    """Interval of a mean from its standard deviation; of a median, wider."""
    error = TWO_SIDED * wider * figure.sd / math.sqrt(figure.n)
    return figure.value - error, figure.value + error


def _attacks(figure: Figure) -> Interval:
    """Interval of a mean count of attacks: from its standard deviation, or as negative binomial."""
    if figure.sd:
        return _spread(figure)
    return _ratio(figure.value, math.sqrt((1 / figure.value + 1 / DISPERSION_OF_ATTACKS) / figure.n))


def _rate_error(n: float) -> float:
    """Standard error of the log of a yearly attack rate in `n` patients."""
    return math.sqrt((1 / ATTACKS_PER_YEAR + 1 / DISPERSION_OF_ATTACKS) / n)


def _rate_ratio(value: float, n: float) -> Interval:
    """Interval of a rate ratio between two arms of equal size."""
    return _ratio(value, math.sqrt(2) * _rate_error(n / 2))


def _reduction(figure: Figure) -> Interval:
    lower, upper = _rate_ratio(1 - figure.value / 100, figure.n)
    return 100 * (1 - upper), 100 * (1 - lower)


def _variance_explained(figure: Figure) -> Interval:
    lower, upper = _fisher(math.sqrt(figure.value / 100), figure.n)
    return 100 * max(lower, 0.0) ** 2, 100 * upper**2


def _auc(value: float, n: float) -> Interval:
    """Hanley and McNeil 1982 (10.1148/radiology.143.1.7063747), with cases and controls in equal number."""
    q1, q2, half = value / (2 - value), 2 * value**2 / (1 + value), n / 2
    variance = value * (1 - value) + (half - 1) * (q1 - value**2) + (half - 1) * (q2 - value**2)
    error = TWO_SIDED * math.sqrt(variance) / half
    return value - error, min(value + error, 1.0)


def _odds(figure: Figure) -> Interval:
    proportion = figure.value / (1 + figure.value)
    return _ratio(figure.value, 1 / math.sqrt(figure.n * proportion * (1 - proportion)))


SAMPLING_INTERVALS: Mapping[str, Callable[[Figure], Interval]] = {
    "share": lambda figure: _percent(figure.value / 100, figure.n),
    "share_of_alleles": lambda figure: _percent(figure.value / 100, 2 * figure.n),
    "frequency": lambda figure: _wilson(figure.value, 2 * figure.n),
    "odds": _odds,
    "mean": _spread,
    "geometric_mean": _spread,
    "median": lambda figure: _spread(figure, MEDIAN_AGAINST_MEAN),
    "mean_count": _attacks,
    "correlation": lambda figure: _fisher(figure.value, figure.n),
    "rank_correlation": lambda figure: _fisher(figure.value, figure.n),
    "variance_explained": _variance_explained,
    "auc": lambda figure: _auc(figure.value, figure.n),
    "odds_ratio": lambda figure: _ratio(figure.value, 4 / math.sqrt(figure.n)),
    "relative_mean": lambda figure: _ratio(figure.value, _rate_error(figure.n)),
    "ratio_of_means": lambda figure: _rate_ratio(figure.value, figure.n),
    "reduction": _reduction,
}
