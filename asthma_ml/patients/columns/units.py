"""Find units by their spelling, convert values, and detect columns that are in another unit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asthma_ml.variables import Variable

_SPELLINGS = str.maketrans({"µ": "u", "μ": "u", "²": "2", "³": "3", "⁹": "^9", "*": "^", "×": "x"})
# Other spellings of units, including German ones, in lower case without spaces; and endings of a daily dose.
_WORDS = {"percent": "%", "pct": "%", "liter": "l", "litre": "l", "liters": "l", "litres": "l", "g/l": "10^9/l"}
_WORDS |= {"gpt/l": "10^9/l", "/nl": "10^9/l", "tsd/ul": "10^3/ul", "/ul": "cells/ul", "zellen/ul": "cells/ul"}
_WORDS |= {"u/ml": "iu/ml", "ie/ml": "iu/ml", "%soll": "%predicted", "jahre": "years"}
_PER_DAY = re.compile(r"(?<=g)/(tag|d)$")
# A smaller factor cannot be distinguished from biological variation.
_TELLING_FACTOR = 50.0
# Limits of values in units whose conversion needs other columns and has no fixed factor.
_COMPANION_LIMITS = {"L": (0.2, 8.0), "%": (0.0, 100.0)}


def known_units(variable: Variable) -> Mapping[str, float]:
    """Return the conversion factor of each unit of a variable, starting with its own unit.

    Units whose conversion needs other columns come last, with factor 1.
    """
    if not variable.unit:
        return {}
    with_companions = {unit: 1.0 for unit in variable.companions.values() if unit}
    return {variable.unit: 1.0, **variable.units, **with_companions}


def find_unit(spelling: str, variable: Variable) -> str | None:
    """Return the unit of the dictionary for a spelling, None if it is not known.

    Examples
    --------
    >>> from asthma_ml.variables import data_dictionary
    >>> find_unit("x10*9/l", data_dictionary()["blood_eosinophils_cells_ul"])
    '10^9/L'
    >>> find_unit("percent", data_dictionary()["sputum_eosinophils_pct"])
    '% of non-squamous cells'
    """
    units = {_plain(unit): unit for unit in known_units(variable)}
    if variable.unit.startswith("%"):
        units.setdefault("%", variable.unit)
    return units.get(_plain(spelling))


def convert(value: float, factor: float) -> float:
    """Multiply by a conversion factor and round to 12 digits: 57 % is 0.57 and not 0.5700000000000001.

    Examples
    --------
    >>> convert(57.0, 0.01)
    0.57
    """
    return value if factor == 1.0 else float(f"{value * factor:.12g}")


def fits_other_unit(
    values: NDArray[np.float64], variable: Variable, *, decimals_are_evidence: bool = False
) -> dict[str, NDArray[np.bool_]]:
    """Find values that are implausible in the unit of the dictionary and plausible in another unit.

    A value is too small if it is below the hard limit, below half the step in which clinics report the variable, or
    below a tenth of the usual range; it is too large above the hard limit. After conversion it must lie within the
    usual range.

    Parameters
    ----------
    values : ndarray of shape (n_patients,)
        Values in the file, NaN where missing.
    variable : Variable
        Variable of the column.
    decimals_are_evidence : bool
        Whether small values with decimals are also too small if clinics report tens: 6.3 cells/uL.

    Returns
    -------
    dict of str to ndarray of shape (n_patients,)
        For each other unit, whether each value fits it; a value may fit several units.
    """
    if variable.limits is None:
        return {}
    (lower, upper), step = variable.limits, variable.resolution or 0.0
    rare = variable.usual[0] / 10 if variable.usual else 0.0
    too_small = (values > 0) & ((values <= max(step / 2, rare)) | (values < lower))
    if decimals_are_evidence and step >= 10:
        too_small |= (values > 0) & (values < 10 * step) & (values % 1 != 0)
    fits = {}
    for unit, factor in variable.units.items():
        implausible = too_small if factor >= _TELLING_FACTOR else (values > upper) & (factor <= 1 / _TELLING_FACTOR)
        # An overflow gives infinity, which is never within the usual range.
        with np.errstate(over="ignore"):
            fits[unit] = implausible & _usual(values * factor, variable)
    for unit in filter(None, variable.companions.values()):
        least, most = _COMPANION_LIMITS[unit]
        fits[unit] = too_small & (values >= least) & (values <= most)
    return fits


@dataclass(frozen=True, slots=True)
class UnitEvidence:
    """Numbers of values that fit another unit; the evidence of parts of a column adds up.

    Attributes
    ----------
    variable : Variable
        Variable of the column.
    n_positive : int
        Number of positive values.
    n_fitting : Counter
        Number of values that fit each other unit.

    Examples
    --------
    >>> from asthma_ml.variables import data_dictionary
    >>> eosinophils = data_dictionary()["blood_eosinophils_cells_ul"]
    >>> evidence = UnitEvidence.of(eosinophils, np.array([0.3, 0.15, np.nan]))
    >>> (evidence + UnitEvidence.of(eosinophils, np.array([0.0, 0.62]))).suspected()
    ('10^9/L', '%')
    """

    variable: Variable
    n_positive: int
    n_fitting: Counter[str]

    @classmethod
    def of(cls, variable: Variable, values: NDArray[np.float64]) -> UnitEvidence:
        """Evidence of the values of a column, or of a part of it."""
        fits = fits_other_unit(values, variable, decimals_are_evidence=True)
        return cls(variable, int((values > 0).sum()), Counter({unit: int(found.sum()) for unit, found in fits.items()}))

    def __add__(self, other: UnitEvidence) -> UnitEvidence:
        n_fitting = Counter(self.n_fitting)
        n_fitting.update(other.n_fitting)
        return UnitEvidence(self.variable, self.n_positive + other.n_positive, n_fitting)

    def suspected(self) -> tuple[str, ...]:
        """Other units that more than half of the positive values fit; only those that most values fit."""
        most = max(self.n_fitting.values(), default=0)
        if 2 * most <= self.n_positive or not most:
            return ()
        likeliest = [unit for unit, n in self.n_fitting.items() if n == most]
        by_factor = {self.variable.units.get(unit, unit): unit for unit in reversed(likeliest)}
        return tuple(unit for unit in likeliest if unit in by_factor.values())


def unit_message(evidence: UnitEvidence) -> str:
    """Message about a column that seems to be in another unit, and what to do; empty if it fits the dictionary.

    Examples
    --------
    >>> from asthma_ml.variables import data_dictionary
    >>> evidence = UnitEvidence.of(data_dictionary()["fev1_fvc_ratio"], np.array([62.0, 71.0]))
    >>> unit_message(evidence)
    'fev1_fvc_ratio: values look like %, not ratio; multiply them by 0.01 or state `unit = "%"` under ...'
    """
    variable, units = evidence.variable, evidence.suspected()
    if not units:
        return ""
    factor = variable.units.get(units[0])
    multiply = f"multiply them by {factor:g} or " if factor else ""
    needed = _needed(variable, units[0])
    return (
        f"{variable.name}: values look like {' or '.join(units)}, not {variable.unit}; {multiply}"
        f'state `unit = "{units[0]}"`{needed} under [columns.{variable.name}] in MAP.toml '
        f'(`unit = "{variable.unit}"` if the values are correct)'
    )


def _needed(variable: Variable, unit: str) -> str:
    """Other columns that a conversion needs, in the spelling of the column map."""
    columns = ", ".join(f'{name} = "COLUMN"' for name, of_unit in variable.companions.items() if of_unit == unit)
    return f" and `with = {{ {columns} }}`" if columns else ""


def _usual(values: NDArray[np.float64], variable: Variable) -> NDArray[np.bool_]:
    lower, upper = variable.usual or variable.limits or (-np.inf, np.inf)
    return np.asarray((values >= lower) & (values <= upper))


def _plain(spelling: str) -> str:
    """Canonical spelling of a unit: lower case, without spaces, with uniform powers."""
    plain = re.sub(r"\s+", "", spelling.casefold().translate(_SPELLINGS)).replace("mcl", "ul").replace("mcg", "ug")
    plain = _PER_DAY.sub("/day", _WORDS.get(plain, plain))
    return re.sub(r"10e?\^?(\d)/", r"10^\1/", plain).removeprefix("x")
