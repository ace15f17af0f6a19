"""Tolerance of a published figure: the interval in which the generated value must lie.

1. The published confidence interval, or the published range between cohorts. A standard deviation, quartiles or a
   range between patients describe spread, not error, and are not used.
2. Without an interval: the 95 % sampling error of the published number of patients. Wilson for percentages and
   alleles, Fisher's z for correlations, Hanley and McNeil for AUCs, the log scale for ratios, the negative binomial
   distribution for exacerbation counts, the published spread for means and medians.
3. If several cohorts report the same quantity (`group` of the recipes): the span of their intervals by 1 or 2.
4. If only a direction is published: the half-line.

Nothing else widens a tolerance. A figure without an interval, a number of patients or a group is not compared.
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
EXACERBATIONS_PER_YEAR = 0.84
"""Exacerbation rate in control arms [per year] (COH072)."""
EXACERBATION_DISPERSION = 1.7**2 / (2.7**2 - 1.7)
"""Dispersion of a negative binomial distribution with the mean and standard deviation of COH029."""
SPREAD_NOT_ERROR = re.compile(r"\bSD\b|\bIQR\b|quartile|min-max")


@dataclass(frozen=True)
class Tolerance:
    """Interval in which a generated figure must lie, and its source."""

    lower: float
    upper: float
    source: str

    @property
    def has_width(self) -> bool:
        """Whether the interval is wider than a point; a figure is compared only then."""
        return self.lower < self.upper

    def contains(self, generated: float) -> bool:
        """Whether a generated figure lies in the interval."""
        return self.lower <= generated <= self.upper


@dataclass(frozen=True)
class Figure:
    """A published figure: its row of the evidence table and its recipe."""

    row: Mapping[str, Any]
    recipe: Recipe

    @property
    def value(self) -> float:
        """The published value."""
        return float(self.row["value"])

    @property
    def statistic(self) -> str:
        """Name of its statistic."""
        return statistic(self.recipe)[0]

    @property
    def n(self) -> float:
        """Number of patients; 0 if not published."""
        n = self.recipe.get("n", self.row["n"])
        return 0.0 if pd.isna(n) else float(n)

    @property
    def has_interval(self) -> bool:
        """Whether the published bounds describe error, not spread."""
        return self._has_bounds and not SPREAD_NOT_ERROR.search(self.row["quantity"])

    @property
    def _has_bounds(self) -> bool:
        return not (pd.isna(self.row["lower"]) or pd.isna(self.row["upper"]))

    @property
    def sd(self) -> float:
        """Published standard deviation, from the text, the bounds or the quartiles; 0 if there is none."""
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
        """Standard error from the recipe or the text; 0 if neither gives one."""
        printed = re.search(r"SE (\d+\.?\d*)", self.row["quantity"])
        return float(self.recipe.get("standard_error", printed.group(1) if printed else 0.0))


def published_tolerance(figure_id: str) -> Tolerance:
    """Interval in which a generated figure must lie, and its source.

    Parameters
    ----------
    figure_id : str
        Id of a row with a recipe.

    Returns
    -------
    Tolerance
        Bounds and source.

    Examples
    --------
    >>> published_tolerance("IMM009")
    Tolerance(lower=0.85, upper=0.93, source='published interval')
    """
    recipes = published_recipes()
    group = recipes[figure_id].get("group")
    siblings = [i for i, recipe in recipes.items() if group and recipe.get("group") == group]
    if len(siblings) > 1:
        lower, upper = zip(*(_own(i)[:2] for i in siblings), strict=True)
        return Tolerance(min(lower), max(upper), f"span of {len(siblings)} cohorts with their sampling errors")
    return Tolerance(*_own(figure_id))


def _own(figure_id: str) -> tuple[float, float, str]:
    row = {str(key): value for key, value in evidence_table().loc[figure_id].to_dict().items()}
    return own_tolerance(Figure(row, published_recipes()[figure_id]))


def own_tolerance(figure: Figure) -> tuple[float, float, str]:
    """Bounds of a figure without its group, and their source."""
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
    """Wilson interval (1927) of a proportion, with positive width also at 0 and 1."""
    z2 = TWO_SIDED**2
    centre = (proportion + z2 / (2 * n)) / (1 + z2 / n)
    half = TWO_SIDED * math.sqrt(proportion * (1 - proportion) / n + z2 / (4 * n**2)) / (1 + z2 / n)
    return max(round(centre - half, 12), 0.0), min(round(centre + half, 12), 1.0)


def _percent(proportion: float, n: float) -> Interval:
    lower, upper = _wilson(proportion, n)
    return 100 * lower, 100 * upper


def _fisher(r: float, n: float) -> Interval:
    """Interval of a correlation by Fisher's z transformation (1921)."""
    error = TWO_SIDED / math.sqrt(n - 3)
    return math.tanh(math.atanh(r) - error), math.tanh(math.atanh(r) + error)


def _spread(figure: Figure, wider: float = 1.0) -> Interval:
    """Interval of a mean, or a wider one of a median, from the standard deviation."""
    error = TWO_SIDED * wider * figure.sd / math.sqrt(figure.n)
    return figure.value - error, figure.value + error


def _exacerbations(figure: Figure) -> Interval:
    """Interval of a mean exacerbation count, from its standard deviation or the negative binomial distribution."""
    if figure.sd:
        return _spread(figure)
    return _ratio(figure.value, math.sqrt((1 / figure.value + 1 / EXACERBATION_DISPERSION) / figure.n))


def _rate_error(n: float) -> float:
    """Standard error of the log exacerbation rate in `n` patients followed for a year."""
    return math.sqrt((1 / EXACERBATIONS_PER_YEAR + 1 / EXACERBATION_DISPERSION) / n)


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
    """Interval of an AUC with as many cases as controls (Hanley and McNeil 1982, 10.1148/radiology.143.1.7063747)."""
    q1, q2, half = value / (2 - value), 2 * value**2 / (1 + value), n / 2
    variance = value * (1 - value) + (half - 1) * (q1 - value**2) + (half - 1) * (q2 - value**2)
    error = TWO_SIDED * math.sqrt(variance) / half
    return value - error, min(value + error, 1.0)


def _odds(figure: Figure) -> Interval:
    proportion = figure.value / (1 + figure.value)
    return _ratio(figure.value, 1 / math.sqrt(figure.n * proportion * (1 - proportion)))


SAMPLING_INTERVALS: Mapping[str, Callable[[Figure], Interval]] = {
    "percentage": lambda figure: _percent(figure.value / 100, figure.n),
    "percentage_of_alleles": lambda figure: _percent(figure.value / 100, 2 * figure.n),
    "frequency": lambda figure: _wilson(figure.value, 2 * figure.n),
    "odds": _odds,
    "mean": _spread,
    "geometric_mean": _spread,
    "median": lambda figure: _spread(figure, MEDIAN_AGAINST_MEAN),
    "mean_count": _exacerbations,
    "correlation": lambda figure: _fisher(figure.value, figure.n),
    "rank_correlation": lambda figure: _fisher(figure.value, figure.n),
    "variance_explained": _variance_explained,
    "auc": lambda figure: _auc(figure.value, figure.n),
    "odds_ratio": lambda figure: _ratio(figure.value, 4 / math.sqrt(figure.n)),
    "relative_mean": lambda figure: _ratio(figure.value, _rate_error(figure.n)),
    "ratio_of_means": lambda figure: _rate_ratio(figure.value, figure.n),
    "reduction": _reduction,
}
