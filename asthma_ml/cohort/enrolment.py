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
from asthma_ml.cohort.causal_model import BLOCK_SIZE, CausalModel, Columns, Interventions, Noise
from asthma_ml.cohort.distributions import Floats, Values
from asthma_ml.cohort.presets import Preset
from asthma_ml.cohort.structural_equations import equations_in
from asthma_ml.errors import CausalModelError
from asthma_ml.variables import ID, data_dictionary

ENROLLED = "enrolled"


class PatientNoise(Noise):
    """The noise of some patients of several blocks, each stream drawn once and kept.

    Twins ask for the same streams again, and a stream is drawn for a whole block however few of
    its people enrol.
    """

    def __init__(self, parts: Sequence[Noise]) -> None:
        self.parts = parts
        self._drawn: dict[str, Floats] = {}

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def __getitem__(self, name: str) -> Floats:
        if name not in self._drawn:
            streams = [part[name] for part in self.parts]
            self._drawn[name] = streams[0] if len(streams) == 1 else np.concatenate(streams)
        return self._drawn[name]


@dataclass(frozen=True)
class Enrolled:
    """People who enrolled from some blocks of the population, with all their variables.

    Attributes
    ----------
    numbers : ndarray of int of shape (n_patients,)
        Their numbers in the endless population.
    noise : PatientNoise
        Their exogenous noise, for twins.
    values : dict of str to array of shape (n_patients,)
        Their true values of all variables, under the interventions asked for.
    """

    numbers: NDArray[np.int64]
    noise: PatientNoise
    values: Columns


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
) -> Enrolled | None:
    """Those who enrol from some blocks of the population; None if nobody does.

    Of everybody only the causes of enrolment are computed; the rest of the model follows for
    those who enrolled, all blocks at once. Of each block only the `first` people are looked at.
    """
    do, before = do or {}, do if select_anew else None
    found = [_block(model, Noise(seed, block, max(first, 0)), preset, before) for block in blocks]
    numbers = np.concatenate([rows + block * BLOCK_SIZE for (rows, _, _), block in zip(found, blocks, strict=True)])
    if not len(numbers):
        return None
    noise = PatientNoise([part for _, part, _ in found])
    values = model.simulate(noise, given=_stacked([columns for *_, columns in found]), do=before)
    if do and not select_anew:
        values = model.twin(values, noise, do)
    return Enrolled(numbers, noise, values)


def _block(
    model: CausalModel, noise: Noise, preset: Preset, do: Interventions | None
) -> tuple[NDArray[np.int64], Noise, Columns]:
    if not preset.selects:
        return np.arange(len(noise)), noise, {}
    everybody = model.simulate(noise, do=do, wanted=[ENROLLED])
    rows = np.flatnonzero(everybody[ENROLLED] == 1)
    return rows, noise.take(rows), {name: column[rows] for name, column in everybody.items()}


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
