"""Codes for missing that stand out from the other values of a numeric column: 77, 88, 888, -8, -7."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from asthma_ml.patients.columns.scales import right_scale
from asthma_ml.variables import Variable

# Cells that usually mean missing by themselves (`LIKELY_CODES`) are not repeated here.
_DECIMAL_CODES = np.array([9.9, 9.99, 88.8, 99.9, 99.99, 777.7, 888.8, 999.9, 999.99, 9999.9])
_CODES = np.concatenate(
    [[-888, -777, -98, -88, -77, -66, -8, -7, 66, 77, 88, 98, 99, 777, 888, 998, 7777, 8888], _DECIMAL_CODES]
)
_SMALL_CODES = np.arange(-6.0, 0.0)
_FEWEST_CODES = 2
# For each of that many codes, one other value may lie as far away.
_CODES_TO_OTHERS = 3
_MARGIN = 1.2
# Codes among usual values are suspected if they are more than this share of the column: 999.9 beside whole numbers is
# rarer than -9. Zeros are suspected if the variable is never zero.
_USUAL_CODES = {-99.0: 0.1, -9.0: 0.1, **dict.fromkeys(_DECIMAL_CODES[1:].tolist(), 0.03), 0.0: 0.0}
_FEWEST_USUAL_DECIMALS = 3


@dataclass(frozen=True, slots=True)
class RareValues:
    """Values of a column beyond those of nearly all patients; those of its parts add up.

    Attributes
    ----------
    codes : Counter of float
        Number of values that might be a code for missing, by value.
    n_below, n_above : int
        Number of other values.
    usual : Counter of float
        Number of values that are usual and yet codes for missing in other columns.
    n : int
        Number of values.

    Examples
    --------
    >>> from asthma_ml.variables import data_dictionary
    >>> reversibility = data_dictionary()["bronchodilator_reversibility_pct"]
    >>> (
    ...     RareValues.of(reversibility, np.array([12.0, -8.0])) + RareValues.of(reversibility, np.array([-7.0]))
    ... ).suspected()
    (-8.0, -7.0)
    """

    codes: Counter[float]
    n_below: int = 0
    n_above: int = 0
    usual: Counter[float] = field(default_factory=Counter)
    n: int = 0

    @classmethod
    def of(cls, variable: Variable, values: NDArray[np.float64]) -> RareValues:
        """Rare values of a column, or of a part of it."""
        lower, upper = _bulk(variable)
        n = int((~np.isnan(values)).sum())
        usual = Counter({code: int((values == code).sum()) for code in _usual_codes(variable, lower, upper)})
        rare = values[(values < lower) | (values > upper)]
        if not rare.size:
            return cls(Counter(), usual=usual, n=n)
        codes = _CODES if lower < 0 else np.concatenate([_CODES, _SMALL_CODES])
        is_code = np.isin(rare, codes)
        others = rare[~is_code]
        n_below, n_above = int((others < lower).sum()), int((others > upper).sum())
        return cls(Counter(rare[is_code].tolist()), n_below, n_above, usual, n)

    def __add__(self, other: RareValues) -> RareValues:
        codes, usual = Counter(self.codes), Counter(self.usual)
        codes.update(other.codes)
        usual.update(other.usual)
        return RareValues(codes, self.n_below + other.n_below, self.n_above + other.n_above, usual, self.n + other.n)

    def suspected(self) -> tuple[float, ...]:
        """Codes that occur more than once, alone or together, with hardly any other value as far away."""
        found = [code for code, n_codes in self.usual.items() if n_codes >= self._fewest(code)]
        for side, n_others in ((-1, self.n_below), (1, self.n_above)):
            codes = [code for code in self.codes if code * side > 0]
            n_codes = sum(self.codes[code] for code in codes)
            if n_codes >= max(_FEWEST_CODES, _CODES_TO_OTHERS * n_others):
                found += codes
        return tuple(sorted(found))

    def _fewest(self, code: float) -> float:
        """Number of values from which a code among usual values stands out."""
        fewest = _FEWEST_CODES if code.is_integer() else _FEWEST_USUAL_DECIMALS
        return max(fewest, _USUAL_CODES[code] * self.n)


def _usual_codes(variable: Variable, lower: float, upper: float) -> list[float]:
    """Codes for missing among the usual values of a variable; zero if no patient has it."""
    right = right_scale(variable)
    has_zeros = right is None or right.zeros > 0 or right.values[0] < 0 or bool(variable.limits and variable.limits[0])
    return [code for code in _USUAL_CODES if lower <= code <= upper and not (code == 0 and has_zeros)]


def missing_codes_message(codes: tuple[float, ...]) -> str:
    """Message about codes that stand out.

    Examples
    --------
    >>> missing_codes_message((-8.0, -7.0))
    'values -8 and -7 look like codes for missing; if they are, add them to `missing` in a column map'
    """
    shown = " and ".join(f"{code:g}" for code in codes)
    return f"values {shown} look like codes for missing; if they are, add them to `missing` in a column map"


def is_usual_negative(variable: Variable, value: float) -> bool:
    """Whether a negative value is as usual as others of the variable, so that it is no code by itself.

    Examples
    --------
    >>> from asthma_ml.variables import data_dictionary
    >>> names = ("feno_suppression_pct", "bronchodilator_reversibility_pct")
    >>> [is_usual_negative(data_dictionary()[name], -9.0) for name in names]
    [True, False]
    """
    return _bulk(variable)[0] <= value < 0


def _bulk(variable: Variable) -> tuple[float, float]:
    """Limits beyond which values are rare."""
    right, (lower, upper) = right_scale(variable), variable.usual or variable.limits or (-np.inf, np.inf)
    if right is None:
        return min(lower, 0.0), upper
    values = right.values
    # A variable that is never negative may be zero.
    return min(float(values[0] - (values[1] - values[0])), 0.0), max(float(values[-1]) * _MARGIN, upper)
