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

# Least probability of a bin in any scale: no value says more than 5 nats or so.
_FLOOR = 2e-4
# Clinics differ: a column may lie higher or lower than the cohorts by these factors.
_CLINICS = np.exp(np.linspace(-0.7, 0.7, 9))
_CLINICS_OF_OTHER_SCALE = np.exp(np.linspace(-0.35, 0.35, 3))
# Weight of values outside the usual range of the dictionary.
_UNUSUAL = 0.1
_NORMAL = (-3.09, -2.33, -1.64, -1.04, -0.67, -0.39, 0.0, 0.39, 0.67, 1.04, 1.64, 2.33, 3.09)
_LOGARITHMS: Mapping[str, Callable[[Array], Array]] = {"log10": np.log10, "natural log": np.log, "log2": np.log2}
# Shares of multiples of the step of the variable (10 or more) in a right column and in another scale.
_ON_STEP, _ON_STEP_BY_CHANCE = 0.7, 0.1
# Share of whole numbers in scales that have decimals.
_WHOLE_BY_CHANCE = 0.2
_MOST_CATEGORIES = 6
# Shares of multiples of the step of another unit in a column that was converted from it, and by chance.
_CONVERTED, _BY_CHANCE = 0.95, 0.1
IN_SPUTUM = {"blood_eosinophils_cells_ul": "sputum_eosinophils_pct"}
"""Percentages of sputum cells that differ from those of leukocytes."""
_HARDLY_EVER = 0.05
# Powers of ten: a factor of 10 is told only where right values differ by less. They are less likely than units of the
# dictionary by these nats. Scores and logarithms have no units.
_NARROW = 8.0
_UNNAMED = 4.0
_WITHOUT_UNITS = ("score", "log2", "years")
# A column of whole numbers is odd if half of the right values lie within this many of them.
_FEWEST_STEPS, _FEWEST_WHOLE = 3.0, 5


@dataclass(frozen=True)
class Scale:
    """A scale of a column.

    Attributes
    ----------
    kind : str
        What turns the values into those of the dictionary: right, unit, companion, millilitres, sputum, logarithms,
        z-scores, flag, categories, rounded.
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

    def probabilities(self, bins: NDArray[np.intp], least_width: float, clinics: Array) -> Array:
        """Probability of bins, for clinics whose values lie higher or lower by a factor: shape (n_clinics, n_bins)."""
        if self.is_of_codes:
            return np.where(self.has_code(bins), 1 / self._n_codes, _FLOOR)[np.newaxis]
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
    def _n_codes(self) -> int:
        return 2 if self.kind == "flag" else _MOST_CATEGORIES

    def has_code(self, bins: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether each bin begins with a code, a small whole number."""
        lower = bin_edges()[0][bins]
        return np.asarray((bins >= ZERO) & (lower < self._n_codes) & (lower == np.floor(lower)))


def gains(scale: Scale, right: Scale, summary: ColumnSummary, bins: NDArray[np.intp], of_right: Array) -> Array:
    """Log-likelihood of a value in each bin, less that in the unit of the dictionary.

    Zero is the same in all units; it speaks for a code only if the variable is hardly ever zero.
    """
    found = _of_best_clinic(scale.probabilities(bins, 0.0, _CLINICS_OF_OTHER_SCALE), summary.histogram[bins])
    zero_counts = scale.is_of_codes and right.zeros < _HARDLY_EVER
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
    if scale.kind == "factor":
        found -= _UNNAMED
    if scale.decimals:
        found += summary.n_whole * np.log(_WHOLE_BY_CHANCE)
    return float(found)


def right_scale(variable: Variable) -> Scale | None:
    """Scale of the dictionary; None if its shape is not known."""
    found = _shapes().get((variable.name, ""))
    return Scale("right", variable.unit, *found) if found else None


def converted_scale(right: Scale, summary: ColumnSummary) -> tuple[Scale, float] | None:
    """Unit from which nearly all values were converted: multiples of a step of that unit, and not of their own.

    Also returns how much likelier that is than chance [nats].
    """
    unit = close_unit(summary.variable)
    if unit is None or 2 * summary.n_whole > summary.n_nonzero:
        return None
    off_step = summary.n_nonzero - summary.n_on_other_step
    nats = summary.n_on_other_step * np.log(_CONVERTED / _BY_CHANCE) + off_step * np.log(1 - _CONVERTED)
    return Scale("unit", unit, right.values / summary.variable.units[unit]), float(nats)


def has_odd_whole_numbers(right: Scale, summary: ColumnSummary) -> bool:
    """Whether all values are whole numbers although so coarse a step would lose what the variable says."""
    quartiles = right.values[8] - right.values[4]
    coarse = (summary.variable.resolution or 1.0) < 1 and quartiles < _FEWEST_STEPS
    return coarse and summary.n_whole == summary.n_nonzero >= _FEWEST_WHOLE


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
    yield from _powers_of_ten(variable, right)
    # Children have ages that would be logarithms of the ages of adults.
    is_age = variable.unit == "years"
    if not is_age and variable.limits and variable.limits[0] >= 0 and right.values[-2] > 3 * right.values[2]:
        for name, logarithm in _LOGARITHMS.items():
            yield Scale("logarithms", name, logarithm(right.values), decimals=True)
    yield Scale("z-scores", "z-scores", np.array(_NORMAL), decimals=True)
    yield Scale("flag", "yes or no")
    yield Scale("categories", "steps or categories")


def _powers_of_ten(variable: Variable, right: Scale) -> Iterator[Scale]:
    """Units that the dictionary does not have: values too large or too small by a power of ten."""
    # Pollution differs between regions by a factor of 10.
    narrow = 0 < right.values[-3] < _NARROW * right.values[2] and variable.factor != "environment"
    if variable.unit.startswith(_WITHOUT_UNITS):
        return
    for factor in (0.001, 0.01, 100, 1000, *((0.1, 10) if narrow else ())):
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
