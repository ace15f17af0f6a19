"""Evidence from a patient table: the interval of true values that is consistent with each recorded value.

A clinic rounds, clips, reports in steps and leaves tests out (`asthma_ml.cohort.clinic`). A reading inverts that
observation process: recorded values are interval-censored true values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.cohort import (
    COLUMNS_OF_TEST,
    DETECTION_LIMITS,
    EOSINOPHIL_COUNTS,
    RECALLED_YEARS,
    CausalModel,
    Columns,
    Noise,
)
from asthma_ml.variables import LABEL, Variable, data_dictionary

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Interval: TypeAlias = tuple[Floats, Floats]

ONSET = "age_at_onset_years"
IN_HUNDREDS, IN_FIVES = "eosinophils_reported_in_hundreds", "remembers_round_numbers"
_EXACT = 1e-6
"""Half-width, relative to the number, of a reading that is not rounded: the table holds six decimals."""
_GRID = 201


@dataclass(frozen=True)
class Reading:
    """Evidence about one variable, for each patient.

    Attributes
    ----------
    observed : ndarray of bool of shape (n_patients,)
        Whether the variable was recorded.
    recorded : ndarray of shape (n_patients,)
        The number as recorded; the code of a category.
    interval : tuple of ndarray of shape (n_patients,), optional
        Lower and upper end of the true value; None for levels, flags and counts.
    switch : str
        Flag of the model on which the interval depends, if any.
    switched : tuple of ndarray of shape (n_patients,), optional
        The interval where that flag is 1; empty (lower above upper) where it cannot be 1.

    Examples
    --------
    >>> half = rounded(np.array([3.0, np.nan]), 1.0)
    >>> half.interval[0], half.observed
    (array([2.5, nan]), array([ True, False]))
    """

    observed: Flags
    recorded: Floats
    interval: Interval | None = None
    switch: str = ""
    switched: Interval | None = None

    def take(self, patients: NDArray[Any]) -> Reading:
        """Readings of the patients at some indices, repeats allowed."""
        interval, switched = _rows(self.interval, patients), _rows(self.switched, patients)
        return Reading(self.observed[patients], self.recorded[patients], interval, self.switch, switched)

    def ends(self, values: Columns) -> Interval:
        """Lower and upper end, given the value of the flag on which they depend."""
        if self.interval is None:
            return self.recorded, self.recorded
        if self.switched is None:
            return self.interval
        on = np.asarray(values[self.switch]) == 1
        lower, upper = (np.where(on, there, here) for here, there in zip(self.interval, self.switched, strict=True))
        return lower, upper


def _rows(interval: Interval | None, patients: NDArray[Any]) -> Interval | None:
    return None if interval is None else (interval[0][patients], interval[1][patients])


Evidence: TypeAlias = Mapping[str, Reading]


def rounded(recorded: Floats, step: float) -> Reading:
    """Reading of numbers that were rounded to a step."""
    return Reading(~np.isnan(recorded), recorded, (recorded - step / 2, recorded + step / 2))


def known(value: Floats) -> Reading:
    """Reading of flags, counts and codes, which are recorded exactly; NaN where missing."""
    return Reading(~np.isnan(value), value)


def read_evidence(table: pd.DataFrame, model: CausalModel) -> dict[str, Reading]:
    """Evidence about the variables of the model from a table.

    Parameters
    ----------
    table : DataFrame of shape (n_patients, n_columns)
        Columns of the data dictionary. A missing value means that the test was not done; an absent column is no
        evidence. The label is not used.
    model : CausalModel
        A model with the equations of the clinic.

    Returns
    -------
    dict of str to Reading
        Readings of the columns and of whether their tests were done.
    """
    sample = model.simulate(Noise(0, 0, size=2))
    dictionary = data_dictionary()
    names = [name for name in dictionary if name in table and name in model.equations and name != LABEL]
    found = {name: _reading(table[name], dictionary[name], sample, model) for name in names}
    found |= _tests_done(found)
    return _narrowed(_with_coarse_steps(found), model)


def _reading(column: pd.Series[Any], variable: Variable, sample: Columns, model: CausalModel) -> Reading:
    example = sample[variable.name]
    if isinstance(example, pd.Categorical):
        codes = pd.Categorical(column.astype(object), categories=example.categories).codes
        return known(np.where(codes < 0, np.nan, codes.astype(float)))
    recorded = column.to_numpy(dtype=float, na_value=np.nan)
    if variable.kind in ("flag", "count"):
        return known(recorded)
    return _number(recorded, variable, _detection_limit(variable.name, sample))


def _detection_limit(name: str, sample: Columns) -> float:
    return float(sample[DETECTION_LIMITS[name].name][0]) if name in DETECTION_LIMITS else -np.inf


def _number(recorded: Floats, variable: Variable, detection_limit: float) -> Reading:
    exact = _EXACT * np.maximum(np.abs(recorded), 1.0)
    half = variable.resolution / 2 if variable.resolution else exact
    least, most = variable.limits or (-np.inf, np.inf)
    lowest = max(least, _on_grid(detection_limit, variable.resolution))
    lower = np.where(recorded <= lowest, -np.inf, recorded - half)
    upper = np.where(recorded >= most, np.inf, recorded + half)
    return Reading(~np.isnan(recorded), recorded, (lower, upper))


def _on_grid(number: float, step: float | None) -> float:
    return round(round(number / step) * step, 6) if step and np.isfinite(number) else number


def _tests_done(found: Evidence) -> dict[str, Reading]:
    """Whether each test was done: one of its columns has a value."""
    done = {}
    for test, names in COLUMNS_OF_TEST.items():
        shown = [found[name].observed for name in names if name in found]
        if shown:
            done[test] = known(np.any(shown, axis=0).astype(float))
    return done


def _with_coarse_steps(found: dict[str, Reading]) -> dict[str, Reading]:
    """Readings with habits of reporting: counts in hundreds, years in fives, onset not after the current age."""
    today = found["age_years"].recorded if "age_years" in found else np.array(np.inf)
    for name in found.keys() & {*EOSINOPHIL_COUNTS, *RECALLED_YEARS}:
        fine = data_dictionary()[name]
        if name in EOSINOPHIL_COUNTS:
            found[name] = _in_steps(found[name], fine, IN_HUNDREDS, 100.0)
        else:
            found[name] = _in_fives(found[name], fine, today if name == ONSET else np.array(np.inf))
    for names, flag in ((EOSINOPHIL_COUNTS, IN_HUNDREDS), (RECALLED_YEARS, IN_FIVES)):
        shaped = [found[name] for name in names if name in found]
        if shaped:
            found[flag] = _habit(shaped)
    if {"sputum_neutrophils_pct", "sputum_eosinophils_pct"} <= found.keys():
        rest = 100 - found["sputum_eosinophils_pct"].recorded
        found["sputum_neutrophils_pct"] = _at_most(found["sputum_neutrophils_pct"], rest)
    return found


def _habit(shaped: Iterable[Reading]) -> Reading:
    """Whether the habit is present: no where a number is impossible under it, else unknown."""
    impossible = [r.observed & (r.switched[0] > r.switched[1]) for r in shaped if r.switched is not None]
    return known(np.where(np.any(impossible, axis=0), 0.0, np.nan))


def _in_steps(reading: Reading, variable: Variable, flag: str, step: float) -> Reading:
    """Reading of numbers on a fine grid that were rounded again to a coarse one, half to even as in numpy."""
    recorded, most = reading.recorded, (variable.limits or (0.0, np.inf))[1]
    fine = variable.resolution or step
    reach = np.where(np.round(recorded / step) % 2 == 0, _reach(step, fine, 2), _reach(step, fine, 1)) + fine / 2
    whole = np.round(recorded / step) * step == recorded
    lower = np.where(whole, np.where(recorded <= 0, -np.inf, recorded - reach), np.inf)
    upper = np.where(whole, np.where(recorded >= most, np.inf, recorded + reach), -np.inf)
    return replace(reading, switch=flag, switched=(lower, upper))


def _reach(step: float, fine: float, multiple: int) -> float:
    """Largest offset on the fine grid that still rounds to a multiple of the step."""
    offsets = np.arange(0, np.ceil(step / 2 / fine) + 1) * fine
    return float(offsets[np.round(multiple + offsets / step) == multiple].max())


def _in_fives(reading: Reading, variable: Variable, most: Floats) -> Reading:
    """As `_in_steps`, but numbers that would become 0 are kept, and numbers above `most` become `most`."""
    step, recorded = 5.0, reading.recorded
    coarse = _in_steps(reading, variable, IN_FIVES, step)
    assert coarse.interval is not None and coarse.switched is not None  # noqa: S101, PT018
    small, cut = np.round(recorded / step) == 0, recorded >= most
    first_beyond = np.ceil(recorded / step) * step - step / 2
    lower = np.where(small, coarse.interval[0], np.where(cut, first_beyond, coarse.switched[0]))
    upper = np.where(small, coarse.interval[1], coarse.switched[1])
    return _at_most(replace(coarse, switched=(lower, upper)), most)


def _at_most(reading: Reading, most: Floats) -> Reading:
    """Reading with an open upper end for numbers that were clipped at `most`."""

    def open_above(interval: Interval | None) -> Interval | None:
        return None if interval is None else (interval[0], np.where(reading.recorded >= most, np.inf, interval[1]))

    return replace(reading, interval=open_above(reading.interval), switched=open_above(reading.switched))


def _narrowed(found: dict[str, Reading], model: CausalModel) -> dict[str, Reading]:
    """Readings narrowed by recorded numbers that are calculated from them.

    Two rounded volumes and their rounded ratio together allow less than each alone.
    """
    for name in [name for name in model.order if name in found and found[name].interval is not None]:
        parents = model.equations[name].parents
        numbers = [parent for parent in parents if parent in found and found[parent].interval is not None]
        if len(numbers) == len(parents) and all(not found[other].switch for other in (name, *parents)):
            for parent in parents:
                found[parent] = _narrowed_by_effect(found, name, parent, model)
    return found


def _narrowed_by_effect(found: Evidence, name: str, parent: str, model: CausalModel) -> Reading:
    """Reading restricted to values that are consistent with their recorded effect, slightly too wide."""
    others = [other for other in model.equations[name].parents if other != parent]
    ends: dict[str, Interval] = {other: found[other].ends({}) for other in (name, parent, *others)}
    bounded = np.all([found[other].observed & np.isfinite(np.sum(ends[other], axis=0)) for other in ends], axis=0)
    rows = np.flatnonzero(bounded)
    (lower, upper), places = ends[parent], np.linspace(0, 1, _GRID)[:, None]
    tried = lower[rows] + (upper - lower)[rows] * places
    corners = [
        {o: ends[o][side][rows] for o, side in zip(others, c, strict=True)} for c in product((0, 1), repeat=len(others))
    ]
    effects = []
    for corner in corners:
        values = {other: np.broadcast_to(number, tried.shape).ravel() for other, number in corner.items()}
        distribution = model.distribution(name, {**values, parent: tried.ravel()})
        if hasattr(distribution, "from_noise"):
            return found[parent]
        effects.append(np.asarray(distribution).reshape(tried.shape))
    possible = (np.max(effects, axis=0) >= ends[name][0][rows]) & (np.min(effects, axis=0) <= ends[name][1][rows])
    some, step = possible.any(axis=0), (upper - lower)[rows] / (_GRID - 1)
    first, last = possible.argmax(axis=0), _GRID - 1 - possible[::-1].argmax(axis=0)
    closer_lower, closer_upper = lower.copy(), upper.copy()
    closer_lower[rows] = np.where(some, np.maximum(lower[rows] + (first - 1) * step, lower[rows]), lower[rows])
    closer_upper[rows] = np.where(some, np.minimum(lower[rows] + (last + 1) * step, upper[rows]), upper[rows])
    return replace(found[parent], interval=(closer_lower, closer_upper))
