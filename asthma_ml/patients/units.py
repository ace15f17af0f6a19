"""Units of the data dictionary: finding one by its spelling, and noticing a column given in another one."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from asthma_ml.variables import Variable

_SPELLINGS = str.maketrans({"µ": "u", "μ": "u", "²": "2", "³": "3", "⁹": "^9", "*": "^", "×": "x"})
# A factor nearer to 1 cannot be told from biology by looking at the values.
_TELLING_FACTOR = 10.0


def known_units(variable: Variable) -> Mapping[str, float]:
    """Return the units a variable may be given in and the number each is multiplied by, its own unit first."""
    return {variable.unit: 1.0, **variable.units} if variable.unit else {}


def find_unit(spelling: str, variable: Variable) -> str | None:
    """Return the unit of the dictionary that a spelling means, None where it means none.

    Examples
    --------
    >>> from asthma_ml.variables import data_dictionary
    >>> find_unit("x10*9/l", data_dictionary()["blood_eosinophils_cells_ul"])
    '10^9/L'
    """
    return {_plain(unit): unit for unit in known_units(variable)}.get(_plain(spelling))


def convert(value: float, factor: float) -> float:
    """Multiply by a unit factor without binary dust: 57 % is 0.57 and not 0.5700000000000001.

    Examples
    --------
    >>> convert(57.0, 0.01)
    0.57
    """
    return value if factor == 1.0 else float(f"{value * factor:.12g}")


def suspected_unit(values: NDArray[np.float64], variable: Variable) -> str | None:
    """Return the other declared unit that a column is evidently given in.

    A column is in a larger unit (10^9/L for cells/uL) where most positive values stay below half the step in
    which a clinic reports the variable, and in a smaller one (% for a ratio) where most lie above the hard
    limit; either way the converted values must be possible.

    Parameters
    ----------
    values : ndarray of shape (n_patients,)
        Values as they stand in the file, NaN where missing.
    variable : Variable
        What the column is taken to be.

    Returns
    -------
    str or None
        The suspected unit, None where the values fit the dictionary's own.

    Examples
    --------
    >>> from asthma_ml.variables import data_dictionary
    >>> suspected_unit(np.array([0.3, 0.15, 0.0, 0.62]), data_dictionary()["blood_eosinophils_cells_ul"])
    '10^9/L'
    """
    positive = values[values > 0]
    return unit_that_fits(float(np.median(positive)), variable) if positive.size else None


def unit_that_fits(middle: float, variable: Variable) -> str | None:
    """Return the other unit that a column is evidently given in, from the median of its positive values."""
    if variable.limits is None:
        return None
    lower, upper = variable.limits
    too_small = middle <= (variable.resolution or 0.0) / 2
    for unit, factor in variable.units.items():
        fits = lower <= middle * factor <= upper
        if fits and ((too_small and factor >= _TELLING_FACTOR) or (middle > upper and factor <= 1 / _TELLING_FACTOR)):
            return unit
    return None


def _plain(spelling: str) -> str:
    """Spelling without case, spaces and the several ways to write a power."""
    plain = re.sub(r"\s+", "", spelling.casefold().translate(_SPELLINGS)).replace("mcl", "ul")
    return re.sub(r"10e?\^?(\d)/", r"10^\1/", plain).removeprefix("x")
