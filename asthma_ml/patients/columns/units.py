"""Find units by their spelling, convert values, and find single values in another unit."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from asthma_ml.variables import Variable

_SPELLINGS = str.maketrans({"µ": "u", "μ": "u", "²": "2", "³": "3", "⁹": "^9", "*": "^", "×": "x"})
# Other spellings of units, including German ones, in lower case without spaces; and endings of a daily dose.
_WORDS = {"percent": "%", "pct": "%", "liter": "l", "litre": "l", "liters": "l", "litres": "l", "g/l": "10^9/l"}
_WORDS |= {"gpt/l": "10^9/l", "/nl": "10^9/l", "tsd/ul": "10^3/ul", "/ul": "cells/ul", "zellen/ul": "cells/ul"}
_WORDS |= {"u/ml": "iu/ml", "ie/ml": "iu/ml", "%soll": "%predicted", "jahre": "years"}
_PER_DAY = re.compile(r"(?<=g)/(tag|d)$")
# A smaller factor cannot be distinguished from biological variation in a single value.
_TELLING_FACTOR = 50.0
TELLING_FACTOR = 3.0
"""A smaller factor between two units lies within the differences between clinics."""
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


def close_unit(variable: Variable) -> str | None:
    """Return the other unit whose factor is too small to be told from the size of the values, None if there is none.

    Examples
    --------
    >>> from asthma_ml.variables import data_dictionary
    >>> close_unit(data_dictionary()["total_ige_ku_l"]), close_unit(data_dictionary()["feno_ppb"])
    ('ng/mL', None)
    """
    of_drug = f"{variable.unit} "
    others = (unit for unit, factor in variable.units.items() if factor != 1 and not unit.startswith(of_drug))
    return next((unit for unit in others if 1 / TELLING_FACTOR < variable.units[unit] < TELLING_FACTOR), None)


def convert(value: float, factor: float) -> float:
    """Multiply by a conversion factor and round to 12 digits: 57 % is 0.57 and not 0.5700000000000001.

    Examples
    --------
    >>> convert(57.0, 0.01)
    0.57
    """
    return value if factor == 1.0 else float(f"{value * factor:.12g}")


def fits_other_unit(values: NDArray[np.float64], variable: Variable) -> dict[str, NDArray[np.bool_]]:
    """Find single values that are implausible in the unit of the dictionary and plausible in another unit.

    A value is too small if it is below the hard limit, below half the step in which clinics report the variable (if
    that is 1 or more), or below a tenth of the usual range; it is too large above the hard limit. After conversion it
    must lie within the usual range. `column_verdicts` judges columns as a whole.

    Parameters
    ----------
    values : ndarray of shape (n_patients,)
        Values in the file, NaN where missing.
    variable : Variable
        Variable of the column.

    Returns
    -------
    dict of str to ndarray of shape (n_patients,)
        For each other unit, whether each value fits it; a value may fit several units.
    """
    if variable.limits is None:
        return {}
    (lower, upper), step = variable.limits, variable.resolution or 0.0
    step = step if step >= 1 else 0.0
    rare = variable.usual[0] / 10 if variable.usual else 0.0
    too_small = (values > 0) & ((values <= max(step / 2, rare)) | (values < lower))
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


def _usual(values: NDArray[np.float64], variable: Variable) -> NDArray[np.bool_]:
    lower, upper = variable.usual or variable.limits or (-np.inf, np.inf)
    return np.asarray((values >= lower) & (values <= upper))


def _plain(spelling: str) -> str:
    """Canonical spelling of a unit: lower case, without spaces, with uniform powers."""
    plain = re.sub(r"\s+", "", spelling.casefold().translate(_SPELLINGS)).replace("mcl", "ul").replace("mcg", "ug")
    plain = _PER_DAY.sub("/day", _WORDS.get(plain, plain))
    return re.sub(r"10e?\^?(\d)/", r"10^\1/", plain).removeprefix("x")
