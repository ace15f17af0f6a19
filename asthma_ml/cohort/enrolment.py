"""Who enters a cohort: the causal model, and the enrolled people of one stretch of the population."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.cohort import clinic, mechanisms, selection
from asthma_ml.cohort.engine.causal_model import CausalModel, Columns, Interventions
from asthma_ml.cohort.engine.distributions import Values
from asthma_ml.cohort.engine.noise import BLOCK_SIZE, Noise, RememberedNoise
from asthma_ml.cohort.engine.structural_equations import equations_in
from asthma_ml.cohort.presets import Preset
from asthma_ml.cohort.screening import ENROLLED, SCREENED_BY, can_be_screened, may_enrol
from asthma_ml.errors import CausalModelError
from asthma_ml.variables import ID, data_dictionary

BLOCKS_AT_ONCE = 4


@dataclass(frozen=True)
class Enrolled:
    """People who enrolled from some blocks of the population, with all their variables.

    Attributes
    ----------
    numbers : ndarray of int of shape (n_patients,)
        Their numbers in the endless population.
    noise : Noise
        Their exogenous noise, for twins.
    values : dict of str to array of shape (n_patients,)
        Their true values of the variables, under the interventions.
    do : mapping of str to value
        The interventions.
    """

    numbers: NDArray[np.int64]
    noise: Noise
    values: Columns
    do: Interventions


@cache
def severe_asthma_model() -> CausalModel:
    """The causal model of the package: all mechanisms, the selection and the clinic.

    Examples
    --------
    >>> "smoking_status" in severe_asthma_model().equations["pack_years"].parents
    True
    """
    return _checked_against_dictionary(CausalModel(_equations()))


def preset_model(preset: Preset) -> CausalModel:
    """The causal model with the coefficients of a preset."""
    return CausalModel(severe_asthma_model().equations.values(), preset.overrides)


def enrol(
    model: CausalModel,
    seed: int,
    blocks: Iterable[int],
    preset: Preset,
    do: Interventions | None = None,
    *,
    select_anew: bool = False,
    first: int = BLOCK_SIZE,
    wanted: Iterable[str] | None = None,
) -> Enrolled | None:
    """Those who enrol from some blocks of the population; None if nobody does.

    Of everybody only the causes of the treatment step are computed, and those of enrolment where
    the step does not rule it out; the rest of the model follows for those who enrolled, all blocks
    at once. Of each block only the `first` people are looked at. With `wanted`, only these
    variables and their causes are sure to be there.
    """
    before = do if select_anew else None
    found = [_found(model, Noise(seed, people=people), preset, before) for people in _crowds(blocks, first)]
    numbers = np.concatenate([noise.people for noise, _ in found])
    if not len(numbers):
        return None
    known = _stacked([columns for _, columns in found])
    return enrolled_people(model, seed, numbers, do, select_anew=select_anew, known=known, wanted=wanted)


def enrolled_people(
    model: CausalModel,
    seed: int,
    numbers: NDArray[np.int64],
    do: Interventions | None = None,
    *,
    select_anew: bool = False,
    known: Columns | None = None,
    wanted: Iterable[str] | None = None,
) -> Enrolled:
    """The variables of people of whom it is known that they enrol.

    Parameters
    ----------
    model : CausalModel
        With the coefficients of the preset.
    seed : int
        Seed of the population.
    numbers : ndarray of int of shape (n_patients,)
        Their numbers in it.
    do : mapping of str to value, optional
        Interventions.
    select_anew : bool
        Whether they enrol under the interventions, or as they are.
    known : dict of str to array of shape (n_patients,), optional
        Variables that were computed already.
    wanted : iterable of str, optional
        Variables that are sure to be there, with their causes. All by default.

    Returns
    -------
    Enrolled
        Their values under the interventions, and their noise.

    Examples
    --------
    >>> model = severe_asthma_model()
    >>> float(enrolled_people(model, 1, np.array([7]), {"age_years": 50.0}).values["age_years"][0])
    50.0
    """
    do, before = do or {}, do if select_anew else None
    twins_follow = wanted is None or (do and not select_anew)
    noise = RememberedNoise(seed, people=numbers) if twins_follow else Noise(seed, people=numbers)
    values = model.simulate(noise, given=known, do=before, wanted=None if twins_follow else wanted)
    if do and not select_anew:
        values = model.twin(values, noise, do)
    return Enrolled(numbers, noise, values, do)


def _crowds(blocks: Iterable[int], first: int) -> Iterator[NDArray[np.int64]]:
    """The people of some blocks, as many at once as numpy needs to be busy and its caches can hold."""
    people, starts = np.arange(max(first, 0)), [block * BLOCK_SIZE for block in blocks]
    for k in range(0, len(starts), BLOCKS_AT_ONCE):
        yield np.add.outer(starts[k : k + BLOCKS_AT_ONCE], people).ravel()


def _found(model: CausalModel, noise: Noise, preset: Preset, do: Interventions | None) -> tuple[Noise, Columns]:
    if not preset.selects:
        return noise, {}
    noise, known = _screened(model, noise, do) if can_be_screened(model) and ENROLLED not in (do or {}) else (noise, {})
    candidates = model.simulate(noise, do=do, given=known, wanted=[ENROLLED])
    rows = np.flatnonzero(candidates[ENROLLED] == 1)
    return noise.take(rows), _rows(candidates, rows)


def _screened(model: CausalModel, noise: Noise, do: Interventions | None) -> tuple[Noise, Columns]:
    """Those of whom the treatment step does not already say that they do not enrol."""
    everybody = model.simulate(noise, do=do, wanted=[SCREENED_BY])
    rows = np.flatnonzero(may_enrol(model, everybody[SCREENED_BY], noise.uniform(ENROLLED)))
    return noise.take(rows), _rows(everybody, rows)


def _rows(columns: Columns, rows: NDArray[np.int64]) -> Columns:
    return {name: column[rows] for name, column in columns.items()}


def _stacked(tables: Sequence[Columns]) -> Columns:
    return {name: _joined([table[name] for table in tables]) for name in tables[0]}


def _joined(parts: list[Values]) -> Values:
    if not isinstance(parts[0], pd.Categorical):
        return np.concatenate(parts)
    return pd.Categorical.from_codes(np.concatenate([part.codes for part in parts]), dtype=parts[0].dtype)


def _equations() -> Iterator[Any]:
    for module in (mechanisms, selection, clinic):
        yield from equations_in(module)


def _checked_against_dictionary(model: CausalModel) -> CausalModel:
    missing = [name for name in data_dictionary() if name not in model.equations and name != ID]
    if missing:
        raise CausalModelError(f"the data dictionary has columns without an equation: {', '.join(missing)}")
    return model
