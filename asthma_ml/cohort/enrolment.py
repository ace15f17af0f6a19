"""Enrolment: the causal model of the package, and the people of some blocks of the population who enrol.

Screening saves most of the work. A person enrols if one number of their noise exceeds one minus the probability
of enrolment. Given the treatment step, the most favourable values of the other causes bound this probability
from above. Where even the bound is too low, the other causes need not be computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.cohort import clinic, mechanisms, selection
from asthma_ml.cohort.engine.causal_model import CausalModel, Columns, Interventions
from asthma_ml.cohort.engine.distributions import Floats, Values, levels_from_codes
from asthma_ml.cohort.engine.noise import BLOCK_SIZE, Noise, RememberedNoise
from asthma_ml.cohort.engine.structural_equations import equations_in
from asthma_ml.cohort.presets import Preset
from asthma_ml.errors import CausalModelError, UnusableInputError
from asthma_ml.variables import ID, data_dictionary

BLOCKS_AT_ONCE = 4
ENROLLED = "enrolled"
SCREENED_BY = "treatment_step"

_CRITICAL: dict[str, tuple[float | str, ...]] = {
    "acq6_score": (0.0, "least_acq", 6.0),
    "exacerbations_12m": (0.0, "least_attacks", 6.0, 10_000.0),
    "fev1_pct_predicted": (-1_000.0, "most_fev1", 1_000.0),
    "on_oral_steroid": (0.0, 1.0),
}
"""Values of each cause at which the probability of enrolment can be highest.

These are the ends of its range and the threshold of an inclusion criterion (a coefficient of the equation), because
the probability is monotone between them.
"""

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Enrolled:
    """People of some blocks of the population who enrolled, with their variables.

    Attributes
    ----------
    numbers : ndarray of int of shape (n_patients,)
        Their positions in the unlimited population.
    noise : Noise
        Their exogenous noise, from which twins are computed.
    values : dict of str to array of shape (n_patients,)
        True values of the variables under the interventions.
    do : mapping of str to value
        The interventions.
    """

    numbers: NDArray[np.int64]
    noise: Noise
    values: Columns
    do: Interventions


@cache
def severe_asthma_model() -> CausalModel:
    """Causal model of the package: all mechanisms, the selection and the clinic.

    Examples
    --------
    >>> "smoking_status" in severe_asthma_model().equations["pack_years"].parents
    True
    """
    return _checked_against_dictionary(CausalModel(_equations()))


def preset_model(preset: Preset) -> CausalModel:
    """Causal model with the coefficients of a preset.

    Raises
    ------
    UnusableInputError
        If the preset names an unknown coefficient, or a value outside its limits.
    """
    try:
        return CausalModel(severe_asthma_model().equations.values(), preset.overrides)
    except CausalModelError as error:
        raise UnusableInputError(f"preset {preset.name}: {error}") from error


def enrol(
    model: CausalModel,
    seed: int,
    blocks: Iterable[int],
    preset: Preset,
    do: Interventions | None = None,
    *,
    reselect: bool = False,
    first: int = BLOCK_SIZE,
    wanted: Iterable[str] | None = None,
) -> Enrolled | None:
    """People who enrol from some blocks of the population; None if nobody does.

    The treatment step is computed for everybody, the other causes of enrolment for the people whom the step does not
    exclude, and the remaining variables for the people who enrolled, over all blocks at once.

    Parameters
    ----------
    model : CausalModel
        With the coefficients of the preset.
    seed : int
        Seed of the population.
    blocks : iterable of int
        Blocks of the population.
    preset : Preset
        Decides whether people are selected.
    do : mapping of str to value, optional
        Interventions.
    reselect : bool
        Whether people enrol under the interventions rather than without them.
    first : int
        Number of people of each block that are examined.
    wanted : iterable of str, optional
        Variables that are needed; the result holds at least these and their causes. All by default.
    """
    do_at_enrolment = do if reselect else None
    found = [
        _enrolled_of(model, Noise(seed, people=people), preset, do_at_enrolment) for people in _batches(blocks, first)
    ]
    numbers = np.concatenate([noise.people for noise, _ in found])
    if not len(numbers):
        return None
    known = _stacked([columns for _, columns in found])
    return enrolled_people(model, seed, numbers, do, reselect=reselect, known=known, wanted=wanted)


def enrolled_people(
    model: CausalModel,
    seed: int,
    numbers: NDArray[np.int64],
    do: Interventions | None = None,
    *,
    reselect: bool = False,
    known: Columns | None = None,
    wanted: Iterable[str] | None = None,
) -> Enrolled:
    """Variables of people who are known to enrol.

    Parameters
    ----------
    model : CausalModel
        With the coefficients of the preset.
    seed : int
        Seed of the population.
    numbers : ndarray of int of shape (n_patients,)
        Their positions in the population.
    do : mapping of str to value, optional
        Interventions.
    reselect : bool
        Whether they enrolled under the interventions rather than without them.
    known : dict of str to array of shape (n_patients,), optional
        Variables already computed.
    wanted : iterable of str, optional
        Variables that are needed; the result holds at least these and their causes. All by default.

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
    do, do_at_enrolment = do or {}, do if reselect else None
    needs_twin = wanted is None or (do and not reselect)
    noise = RememberedNoise(seed, people=numbers) if needs_twin else Noise(seed, people=numbers)
    values = model.simulate(noise, given=known, do=do_at_enrolment, wanted=None if needs_twin else wanted)
    if do and not reselect:
        values = model.twin(values, noise, do)
    return Enrolled(numbers, noise, values, do)


def _batches(blocks: Iterable[int], first: int) -> Iterator[NDArray[np.int64]]:
    """People of some blocks, in batches that are large for numpy's overhead and small for the processor's caches."""
    people, starts = np.arange(max(first, 0)), [block * BLOCK_SIZE for block in blocks]
    for k in range(0, len(starts), BLOCKS_AT_ONCE):
        yield np.add.outer(starts[k : k + BLOCKS_AT_ONCE], people).ravel()


def _enrolled_of(model: CausalModel, noise: Noise, preset: Preset, do: Interventions | None) -> tuple[Noise, Columns]:
    if not preset.selects:
        return noise, {}
    noise, known = _screened(model, noise, do) if can_be_screened(model) and ENROLLED not in (do or {}) else (noise, {})
    candidates = model.simulate(noise, do=do, given=known, wanted=[ENROLLED])
    rows = np.flatnonzero(candidates[ENROLLED] == 1)
    return noise.take(rows), _rows(candidates, rows)


def _screened(model: CausalModel, noise: Noise, do: Interventions | None) -> tuple[Noise, Columns]:
    """People whom the treatment step does not exclude."""
    everybody = model.simulate(noise, do=do, wanted=[SCREENED_BY])
    rows = np.flatnonzero(can_enrol(model, everybody[SCREENED_BY], noise.uniform(ENROLLED)))
    return noise.take(rows), _rows(everybody, rows)


def can_be_screened(model: CausalModel) -> bool:
    """Whether enrolment has exactly the causes that screening assumes."""
    equation = model.equations.get(ENROLLED)
    return equation is not None and set(equation.parents) == {SCREENED_BY, *_CRITICAL}


def can_enrol(model: CausalModel, step: Values, u: Floats) -> NDArray[np.bool_]:
    """Whether each person can enrol, given the treatment step and the noise of enrolment.

    Parameters
    ----------
    model : CausalModel
        The model.
    step : Categorical of length n_people
        Treatment steps.
    u : ndarray of shape (n_people,)
        Noise of enrolment, as probabilities.

    Returns
    -------
    ndarray of bool of shape (n_people,)
        False only for people who do not enrol whatever the values of the other causes.
    """
    bound = np.minimum(_highest_probabilities(model, tuple(step.categories)) + _ROUNDING, 1.0)
    return np.asarray(u > 1 - bound.take(step.codes))


def _highest_probabilities(model: CausalModel, steps: tuple[str, ...]) -> Floats:
    """Highest probability of enrolment on each treatment step."""
    numbers = model.equations[ENROLLED].coefficients | model.overrides.get(ENROLLED, {})
    values = [[float(numbers[v]) if isinstance(v, str) else v for v in critical] for critical in _CRITICAL.values()]
    rows = np.array(list(product(range(len(steps)), *values)))
    causes = dict(zip((SCREENED_BY, *_CRITICAL), rows.T, strict=True))
    causes[SCREENED_BY] = levels_from_codes(causes[SCREENED_BY], steps)
    probability = np.exp(model.distribution(ENROLLED, causes).log_prob(np.ones(len(rows))))
    return np.asarray(probability.reshape(len(steps), -1).max(axis=1))


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
