"""What a patient table says about true values: between which limits each of them lies.

A clinic rounds, clips, reports in steps and leaves tests out (`asthma_ml.cohort.clinic`). A reading is
the way back: the interval of true values that would have been written down like this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.cohort.causal_model import CausalModel, Columns, Noise
from asthma_ml.cohort.clinic import COUNTS, DETECTION_LIMITS, REMEMBERED, SHOWN_BY
from asthma_ml.variables import LABEL, Variable, data_dictionary

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

IN_HUNDREDS, IN_FIVES = "eosinophils_reported_in_hundreds", "remembers_round_numbers"
_EXACT = 1e-6
"""Half-width, relative to the number, of a reading that is not rounded: the table holds six decimals."""


@dataclass(frozen=True)
class Reading:
    """What the table says about one variable, of each patient.

    Attributes
    ----------
    seen : ndarray of bool of shape (n_patients,)
        Whether it says anything.
    written : ndarray of shape (n_patients,)
        The number as written; codes of a category.
    lower, upper : ndarray of shape (n_patients,), optional
        Ends of the interval of a number.
    switch : str, optional
        Flag of the model on which the interval depends.
    lower_switched, upper_switched : ndarray of shape (n_patients,), optional
        The interval where the flag is 1; empty (lower above upper) where it cannot be 1.

    Examples
    --------
    >>> half = rounded(np.array([3.0, np.nan]), 1.0)
    >>> half.lower, half.seen
    (array([2.5, nan]), array([ True, False]))
    """

    seen: Flags
    written: Floats
    lower: Floats | None = None
    upper: Floats | None = None
    switch: str | None = None
    lower_switched: Floats | None = None
    upper_switched: Floats | None = None

    @property
    def is_number(self) -> bool:
        """Whether it is an interval of numbers rather than a level or flag."""
        return self.lower is not None

    def of(self, patients: NDArray[Any]) -> Reading:
        """The readings of some patients, in that order, as often as they are named."""
        parts = {name: part[patients] for name, part in vars(self).items() if isinstance(part, np.ndarray)}
        return replace(self, **parts)

    def ends(self, values: Columns) -> tuple[Floats, Floats]:
        """Lower and upper end, given the flag on which they depend."""
        assert self.lower is not None and self.upper is not None  # noqa: S101, PT018
        if self.switch is None or self.lower_switched is None or self.upper_switched is None:
            return self.lower, self.upper
        on = np.asarray(values[self.switch]) == 1
        return np.where(on, self.lower_switched, self.lower), np.where(on, self.upper_switched, self.upper)


Evidence: TypeAlias = Mapping[str, Reading]


def rounded(written: Floats, step: float) -> Reading:
    """Reading of numbers that were rounded to a step."""
    return Reading(~np.isnan(written), written, written - step / 2, written + step / 2)


def known(value: Floats) -> Reading:
    """Reading of flags, counts and codes: they are what is written; NaN where unknown."""
    return Reading(~np.isnan(value), value)


def readings(table: pd.DataFrame, model: CausalModel) -> dict[str, Reading]:
    """What a table says about the variables of the model.

    Parameters
    ----------
    table : DataFrame of shape (n_patients, n_columns)
        Columns of the data dictionary; a column that is absent says nothing, a gap in one that is
        there says that the test was not done. The label is not read.
    model : CausalModel
        With the clinic's equations.

    Returns
    -------
    dict of str to Reading
        Readings of the columns and of the tests that show them.
    """
    sample = model.simulate(Noise(0, 0, size=2))
    dictionary = data_dictionary()
    names = [name for name in dictionary if name in table and name in model.equations and name != LABEL]
    found = {name: _reading(table[name], dictionary[name], sample, model) for name in names}
    found |= _tests_done(found)
    return _with_coarse_steps(found)


def _reading(column: pd.Series[Any], variable: Variable, sample: Columns, model: CausalModel) -> Reading:
    example = sample[variable.name]
    if isinstance(example, pd.Categorical):
        codes = pd.Categorical(column.astype(object), categories=example.categories).codes
        return known(np.where(codes < 0, np.nan, codes.astype(float)))
    written = column.to_numpy(dtype=float, na_value=np.nan)
    if variable.kind in ("flag", "count"):
        return known(written)
    return _number(written, variable, _detection_limit(variable.name, sample))


def _detection_limit(name: str, sample: Columns) -> float:
    return float(sample[DETECTION_LIMITS[name].name][0]) if name in DETECTION_LIMITS else -np.inf


def _number(written: Floats, variable: Variable, detection_limit: float) -> Reading:
    exact = _EXACT * np.maximum(np.abs(written), 1.0)
    half = variable.resolution / 2 if variable.resolution else exact
    least, most = variable.limits or (-np.inf, np.inf)
    lowest = max(least, _on_grid(detection_limit, variable.resolution))
    lower = np.where(written <= lowest, -np.inf, written - half)
    upper = np.where(written >= most, np.inf, written + half)
    return Reading(~np.isnan(written), written, *(np.where(np.isnan(written), np.nan, end) for end in (lower, upper)))


def _on_grid(number: float, step: float | None) -> float:
    return round(round(number / step) * step, 6) if step and np.isfinite(number) else number


def _tests_done(found: Evidence) -> dict[str, Reading]:
    """A test was done where one of the columns that it shows has a value."""
    done = {}
    for test, names in SHOWN_BY.items():
        shown = [found[name].seen for name in names if name in found]
        if shown:
            done[test] = known(np.any(shown, axis=0).astype(float))
    return done


def _with_coarse_steps(found: dict[str, Reading]) -> dict[str, Reading]:
    """Readings that depend on habits: counts in hundreds, years in fives, onset not after today's age."""
    for names, flag, step, widen in ((COUNTS, IN_HUNDREDS, 100.0, _in_steps), (REMEMBERED, IN_FIVES, 5.0, _fives)):
        there = [name for name in names if name in found]
        for name in there:
            found[name] = widen(found, name, flag, step)
        if there:
            found[flag] = _habit(found[name] for name in there)
    if {"sputum_neutrophils_pct", "sputum_eosinophils_pct"} <= found.keys():
        neutrophils, eosinophils = found["sputum_neutrophils_pct"], found["sputum_eosinophils_pct"]
        found["sputum_neutrophils_pct"] = _at_most(neutrophils, 100 - eosinophils.written)
    return found


def _habit(shaped: Iterable[Reading]) -> Reading:
    """The habit is known to be absent where a number could not have come from it; else it is open."""
    impossible = np.any([r.seen & (r.lower_switched > r.upper_switched) for r in shaped], axis=0)  # type: ignore[operator]
    return known(np.where(impossible, 0.0, np.nan))


def _in_steps(found: Evidence, name: str, flag: str, step: float) -> Reading:
    """Numbers on a fine grid that were rounded again to a coarse one, half to even as numpy rounds."""
    fine, reading = data_dictionary()[name].resolution or 0.0, found[name]
    written, most = reading.written, (data_dictionary()[name].limits or (0.0, np.inf))[1]
    coarse = np.arange(0, np.ceil(step / 2 / fine) + 1) * fine
    reach = np.array([_reach(even, step, coarse) for even in (False, True)])
    half = np.where(np.round(written / step) % 2 == 0, reach[1], reach[0]) + fine / 2
    whole = np.round(written / step) * step == written
    lower = np.where(whole, np.where(written <= 0, -np.inf, written - half), np.inf)
    upper = np.where(whole, np.where(written >= most, np.inf, written + half), -np.inf)
    return replace(reading, switch=flag, lower_switched=lower, upper_switched=upper)


def _reach(even: bool, step: float, offsets: Floats) -> float:
    """Farthest offset on the fine grid that still rounds to an even, or odd, multiple of the step."""
    centre = step * (2 if even else 1)
    return float(offsets[np.round((centre + offsets) / step) * step == centre].max())


def _fives(found: Evidence, name: str, flag: str, step: float) -> Reading:
    """As `_in_steps`, but what would become none stays, and nobody began after today."""
    reading = _in_steps(found, name, flag, step)
    small = np.round(reading.written / step) == 0
    lower = np.where(small, reading.lower, reading.lower_switched)  # type: ignore[arg-type]
    upper = np.where(small, reading.upper, reading.upper_switched)  # type: ignore[arg-type]
    reading = replace(reading, lower_switched=lower, upper_switched=upper)
    if name == "age_at_onset_years" and "age_years" in found:
        reading = _at_most(reading, found["age_years"].written)
        today = reading.seen & (reading.written == found["age_years"].written)
        first_five = np.ceil(reading.written / step) * step - step / 2
        reading = replace(reading, lower_switched=np.where(today, first_five, reading.lower_switched))  # type: ignore[arg-type]
    return reading


def _at_most(reading: Reading, most: Floats) -> Reading:
    """A number that was cut to what is possible stands for anything above as well."""
    cut = reading.written >= most
    changed = {"upper": np.where(cut, np.inf, reading.upper)}  # type: ignore[arg-type]
    if reading.upper_switched is not None:
        changed["upper_switched"] = np.where(cut, np.inf, reading.upper_switched)
    return replace(reading, **changed)


Widening: TypeAlias = Callable[[Evidence, str, str, float], Reading]
