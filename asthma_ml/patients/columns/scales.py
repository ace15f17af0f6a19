"""Scales in which a numeric column may be written, and how likely each value is in each of them.

What a right column looks like is in `column_shapes.csv`, which `docs/make/column_shapes.py` writes.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from asthma_ml.patients.columns.column_summary import ZERO, ColumnSummary, bin_edges
from asthma_ml.patients.columns.units import TELLING_FACTOR, close_unit
from asthma_ml.variables import Variable, data_dictionary

Array = NDArray[np.float64]

# Least probability of a bin in any scale, so that no single value decides.
_FLOOR = 2e-4
# Clinics differ: a column may lie higher or lower than the cohorts by these factors.
_CLINICS = np.exp(np.linspace(-0.7, 0.7, 9))
_CLINICS_OF_OTHER_SCALE = np.exp(np.linspace(-0.35, 0.35, 3))
# Weight of values outside the usual range of the dictionary.
_UNUSUAL = 0.1
_NORMAL = (-3.09, -2.33, -1.64, -1.04, -0.67, -0.39, 0.0, 0.39, 0.67, 1.04, 1.64, 2.33, 3.09)
_LOGARITHMS: Mapping[str, Callable[[Array], Array]] = {
    "log10": np.log10,
    "natural log": np.log,
    "log2": np.log2,
    "natural log of 1 + value": np.log1p,
    "square root": np.sqrt,
}
# Shares of multiples of the step of the variable (10 or more) in a right column and in another scale.
_ON_STEP, _ON_STEP_BY_CHANCE = 0.7, 0.1
# Share of whole numbers in scales that have decimals.
_WHOLE_BY_CHANCE = 0.2
_MOST_CATEGORIES = 6
# Shares of multiples of the step of another unit in a column that was converted from it, and by chance.
_CONVERTED, _BY_CHANCE = 0.95, 0.1
IN_SPUTUM = {"blood_eosinophils_cells_ul": "sputum_eosinophils_pct"}
"""Percentages of sputum cells that differ from those of leukocytes."""
HARDLY_EVER = 0.05
"""A variable that is zero in a smaller share of patients is hardly ever zero."""
# Columns with more zeros say little of what they measure.
_SOMETIMES = 0.25
# Log-likelihood that each of two swapped columns must gain.
_EACH_SWAPPED = 2.0
# Probability of each bin in a scale that is none of the others.
_ANY_BIN = 0.01
# Powers of ten and rare transforms are less likely than units of the dictionary: subtracted from the log-likelihood.
_UNNAMED = 4.0
# The same for yes or no in place of a count, because mild patients have one attack at most.
_ONE_EACH = 2.0
_RARE_TRANSFORMS = ("natural log of 1 + value", "square root")
# Whole numbers are odd where decimals are usual if so many values are so few codes.
_FEWEST_WHOLE, _MOST_CODES = 12, 3


@dataclass(frozen=True)
class Scale:
    """A scale of a column.

    Attributes
    ----------
    kind : str
        What turns the values into those of the dictionary: right, unit, companion, millilitres, sputum, logarithms,
        z-scores, ranks, flag, categories, rounded, unknown.
    name : str
        Name in messages; the unit in the spelling of the dictionary.
    values : ndarray of shape (n_quantiles,)
        Quantiles of the values other than zero.
    zeros : float
        Share of zeros.
    decimals : bool
        Whether whole numbers are rare.
    """

    kind: str
    name: str
    values: Array = field(default_factory=lambda: np.zeros(0))
    zeros: float = 0.0
    decimals: bool = False

    @property
    def is_of_codes(self) -> bool:
        """Whether the values are codes, not measurements."""
        return self.kind in ("flag", "categories")

    @property
    def tells_swaps(self) -> bool:
        """Whether the values, mostly positive, say what is measured."""
        return self.zeros <= _SOMETIMES and bool(self.values[0] >= 0)

    def probabilities(self, bins: NDArray[np.intp], least_width: float, clinics: Array) -> Array:
        """Probability of bins, for clinics whose values lie higher or lower by a factor: shape (n_clinics, n_bins)."""
        if self.is_of_codes:
            return np.where(self.has_code(bins), 1 / self.n_codes, _FLOOR)[np.newaxis]
        if self.kind == "unknown":
            return np.full((1, len(bins)), _ANY_BIN)
        lower, upper = (edges[bins] for edges in bin_edges())
        middle = (lower + upper) / 2
        limits = [np.minimum(lower, middle - least_width / 2), np.maximum(upper, middle + least_width / 2)]
        below = self._share_below(np.array(limits)[:, np.newaxis] / clinics[:, np.newaxis])
        # A clinic may have no zeros, or as many as the preset with most.
        return np.asarray(np.maximum(below[1] - below[0] + self.zeros * (bins == ZERO), _FLOOR))

    def _share_below(self, limits: Array) -> Array:
        """Share of values below limits; the tails end one spread of the outer quantiles beyond them."""
        values = self.values
        spread = max(values[-1] - values[-2], 1e-9)
        first = values[0] / 2 if values[0] > 0 else values[0] - max(values[1] - values[0], 1e-9)
        return np.interp(limits, np.concatenate([[first], values, [values[-1] + spread]]), _levels())

    @property
    def n_codes(self) -> int:
        """Number of codes in a complete set of them."""
        return 2 if self.kind == "flag" else _MOST_CATEGORIES

    def has_code(self, bins: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether each bin begins with a code, a small whole number."""
        lower = bin_edges()[0][bins]
        return np.asarray((bins >= ZERO) & (lower < self.n_codes) & (lower == np.floor(lower)))


_CATEGORIES = Scale("categories", "steps or categories")


def gains(scale: Scale, right: Scale, summary: ColumnSummary, bins: NDArray[np.intp], of_right: Array) -> Array:
    """Log-likelihood of a value in each bin, less that in the unit of the dictionary.

    Zero is the same in all units; it speaks for a code only if the variable is hardly ever zero.
    """
    found = _of_best_clinic(scale.probabilities(bins, 0.0, _CLINICS_OF_OTHER_SCALE), summary.histogram[bins])
    zero_counts = (scale.is_of_codes and right.zeros < HARDLY_EVER) or right.zeros == 0
    if scale.is_of_codes and not zero_counts:
        found = np.where(scale.has_code(bins), -np.log(scale.n_codes - 1), found)
    return np.where((bins == ZERO) & (not zero_counts), 0.0, found - of_right)


def right_log_likelihoods(scale: Scale, summary: ColumnSummary, bins: NDArray[np.intp]) -> Array:
    """Log-likelihood of a value in each bin in the unit of the dictionary; rounded values fill their whole step."""
    variable = summary.variable
    found = scale.probabilities(bins, _step(summary), _CLINICS)
    if variable.usual:
        lower, upper = (edges[bins] for edges in bin_edges())
        unusual = (upper <= variable.usual[0]) | (lower > variable.usual[1])
        found = np.where(unusual, np.maximum(_UNUSUAL * found, _FLOOR), found)
    return _of_best_clinic(found, summary.histogram[bins])


def swapped(one: ColumnSummary, other: ColumnSummary) -> float:
    """How much likelier two columns are in each other's place than in their own, as a log-likelihood ratio."""
    first, second = right_scale(one.variable), right_scale(other.variable)
    if first is None or second is None or not (first.tells_swaps and second.tells_swaps):
        return 0.0
    if not (_is_nearer(one, second, first) and _is_nearer(other, first, second)):
        return 0.0
    gained = _gain_elsewhere(one, first, second), _gain_elsewhere(other, second, first)
    return sum(gained) if min(gained) > _EACH_SWAPPED else 0.0


def _is_nearer(summary: ColumnSummary, other: Scale, own: Scale) -> bool:
    """Whether the median of a column is nearer to that of another variable than to its own."""
    median, of_other, of_own = summary.typical()[1], *(each.values[len(each.values) // 2] for each in (other, own))
    positive = min(median, of_other, of_own) > 0
    return bool(positive and abs(np.log(median / of_other)) < abs(np.log(median / of_own)))


def _gain_elsewhere(summary: ColumnSummary, own: Scale, other: Scale) -> float:
    bins = np.flatnonzero(summary.histogram)
    of_own = right_log_likelihoods(own, summary, bins)
    found = other.probabilities(bins, _step(summary), _CLINICS_OF_OTHER_SCALE)
    gained = np.where(bins == ZERO, 0.0, _of_best_clinic(found, summary.histogram[bins]) - of_own)
    return float(gained @ summary.histogram[bins])


def _step(summary: ColumnSummary) -> float:
    """Step to which the values are rounded, 0 if they are not."""
    if summary.n_whole == summary.n_nonzero:
        return max(summary.variable.resolution or 0.0, 1.0)
    return (summary.variable.resolution or 0.0) if 2 * summary.n_on_step > summary.n_nonzero else 0.0


def _of_best_clinic(probabilities: Array, counts: NDArray[np.int64]) -> Array:
    found = np.log(probabilities)
    return np.asarray(found[np.argmax(found @ counts)])


def spelling(scale: Scale, summary: ColumnSummary) -> float:
    """Log-likelihood of how the values are written, whole or in steps, and of the scale by itself."""
    n, found = summary.n_nonzero, 0.0
    if (summary.variable.resolution or 0.0) >= 10:
        on_step = _ON_STEP if scale.kind == "right" else _ON_STEP_BY_CHANCE
        found += summary.n_on_step * np.log(on_step) + (n - summary.n_on_step) * np.log(1 - on_step)
    if scale.kind == "factor" or scale.name in _RARE_TRANSFORMS:
        found -= _UNNAMED
    if scale.is_of_codes and summary.variable.kind == "count":
        found -= _ONE_EACH
    if scale.decimals:
        found += summary.n_whole * np.log(_WHOLE_BY_CHANCE)
    return float(found)


def right_scale(variable: Variable) -> Scale | None:
    """Scale of the dictionary; None if its shape is not known."""
    found = _shapes().get((variable.name, ""))
    return Scale("right", variable.unit, *found) if found else None


def converted_scale(right: Scale, summary: ColumnSummary) -> tuple[Scale, float] | None:
    """Unit from which nearly all values were converted: multiples of a step of that unit, and not of their own.

    Also returns how much likelier that is than chance, as a log-likelihood ratio.
    """
    unit = close_unit(summary.variable)
    if unit is None or 2 * summary.n_whole > summary.n_nonzero:
        return None
    off_step = summary.n_nonzero - summary.n_on_other_step
    nats = summary.n_on_other_step * np.log(_CONVERTED / _BY_CHANCE) + off_step * np.log(1 - _CONVERTED)
    return Scale("unit", unit, right.values / summary.variable.units[unit]), float(nats)


def has_odd_whole_numbers(summary: ColumnSummary) -> bool:
    """Whether all values are a few whole numbers although decimals are usual."""
    bins = np.flatnonzero(summary.histogram)
    few = 1 < len(bins) <= _MOST_CODES and bool(_CATEGORIES.has_code(bins).all())
    has_decimals = (summary.variable.resolution or 1.0) < 1
    return has_decimals and few and summary.n_whole == summary.n_nonzero >= _FEWEST_WHOLE


@cache
def other_scales(name: str) -> tuple[Scale, ...]:
    """Other scales of a variable.

    Examples
    --------
    >>> [scale.name for scale in other_scales("fev1_pct_predicted")][:3]
    ['fraction predicted', 'L', 'mL']
    """
    variable = data_dictionary()[name]
    right = right_scale(variable)
    return tuple(_other_scales(variable, right)) if right else ()


def _other_scales(variable: Variable, right: Scale) -> Iterator[Scale]:
    yield from _units(variable, right)
    yield from _powers_of_ten(variable, right)
    if _is_skewed(variable, right):
        for name, logarithm in _LOGARITHMS.items():
            yield Scale("logarithms", name, logarithm(right.values), decimals=True)
    yield Scale("z-scores", "z-scores", np.array(_NORMAL), decimals=True)
    if variable.unit != "years":
        yield Scale("unknown", "another scale")
    yield Scale("flag", "yes or no")
    if variable.kind != "count":
        yield _CATEGORIES


def _units(variable: Variable, right: Scale) -> Iterator[Scale]:
    """Units that the dictionary knows, and other scores of the same."""
    for unit, factor in variable.units.items():
        if max(factor, 1 / factor) > TELLING_FACTOR and not unit.startswith(f"{variable.unit} "):
            yield _scale("unit", unit, right.values / factor, right.zeros)
    for unit in filter(None, variable.companions.values()):
        values, zeros = _shapes()[variable.name, unit]
        yield _scale("companion", unit, values, zeros)
        if unit == "L":
            yield _scale("millilitres", "mL", 1000 * values, zeros)
    if variable.name in IN_SPUTUM:
        yield Scale("sputum", "% of sputum cells", *_shapes()[IN_SPUTUM[variable.name], ""])
    if (variable.name, "ACT") in _shapes():
        yield Scale("score", "ACT (5 to 25)", *_shapes()[variable.name, "ACT"])


def _is_skewed(variable: Variable, right: Scale) -> bool:
    """Whether logarithms of a variable are usual."""
    positive = variable.limits is not None and variable.limits[0] >= 0 and variable.kind == "number"
    spread = variable.unit != "score" and right.values[-2] > 3 * right.values[2]
    return positive and spread and not _is_of_adults(variable, right)


def _is_of_adults(variable: Variable, right: Scale) -> bool:
    """Whether values below those of the cohorts may be the ages of children, not those of another scale."""
    return bool(variable.unit == "years" and right.values[2] > _MOST_CATEGORIES)


def _powers_of_ten(variable: Variable, right: Scale) -> Iterator[Scale]:
    """Units that the dictionary does not have: values too large or too small by a power of ten."""
    if _is_of_adults(variable, right) or variable.kind == "count":
        return
    # Pollution differs between regions by a factor of 10.
    for factor in (0.001, 0.01, 100, 1000, *((0.1, 10) if variable.factor != "environment" else ())):
        if not any(math.isclose(factor, known) for known in variable.units.values()):
            size = f"{1 / factor:g} times as large" if factor < 1 else f"{factor:g} times as small"
            yield _scale("factor", f"another unit ({size})", right.values / factor, right.zeros)


def _scale(kind: str, unit: str, values: Array, zeros: float) -> Scale:
    """Scale of a unit; percentages and large numbers may be rounded to whole numbers."""
    return Scale(kind, unit, values, zeros, decimals=unit != "%" and abs(values[len(values) // 2]) < 10)


@cache
def _shapes() -> dict[tuple[str, str], tuple[Array, float]]:
    """Quantiles and share of zeros by variable and unit."""
    with files("asthma_ml").joinpath("patients", "columns", "column_shapes.csv").open(encoding="utf-8") as file:
        lines = list(csv.reader(file))[1:]
    return {(name, unit): (np.array(values, dtype=float), float(zeros)) for name, unit, zeros, *values in lines}


@cache
def _levels() -> Array:
    with files("asthma_ml").joinpath("patients", "columns", "column_shapes.csv").open(encoding="utf-8") as file:
        return np.array([0.0, *next(csv.reader(file))[3:], 1.0], dtype=float)


def scale_names(scales: Sequence[Scale]) -> str:
    """Scales in words."""
    return " or ".join(
        "% of leukocytes" if scale.name == "%" and scale.kind == "companion" else scale.name for scale in scales
    )
