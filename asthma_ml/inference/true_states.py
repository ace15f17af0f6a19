"""Twins of a patient who came from a table: possible true states, and each of them under an intervention.

A table shows a patient's markers, not the drives behind them. The causal model gives many true states that
would show exactly this row, each with its noise. Under an intervention each becomes a twin whose markers move
as the mechanisms say. The answer is a distribution: of what would be seen, and of what a classifier would call
it. It holds for patients as the causal model makes them: research software, no medical device.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from asthma_ml.cohort import (
    DEFAULT_PRESET,
    CausalModel,
    Columns,
    Interventions,
    Noise,
    Preset,
    preset_model,
    preset_named,
    recorded_table,
)
from asthma_ml.errors import UnusableInputError
from asthma_ml.inference.intervals import is_chance
from asthma_ml.inference.limit import simulated_patients, what_is_read
from asthma_ml.inference.posterior import true_states
from asthma_ml.inference.proposal import effective_size
from asthma_ml.variables import LABEL, data_dictionary

if TYPE_CHECKING:
    pass

N_STATES = 200
LEAST_EFFECTIVE = 20.0
"""Effective number of true states below which a patient is not one that the causal model makes."""


class TrueStates:
    """Possible true states of one patient.

    Parameters
    ----------
    model : CausalModel
        That of the preset.
    values : dict of str to array of shape (n_states,)
        The states.
    noise : Noise
        Noise that gives them.
    effective : float
        Effective number of particles that they were drawn from.
    unrecorded : collection of str
        Columns that the patient's record lacks although the clinic of the causal model always fills them.
    """

    def __init__(
        self, model: CausalModel, values: Columns, noise: Noise, effective: float, unrecorded: Collection[str] = ()
    ) -> None:
        self.model, self.values, self.noise, self.effective = model, values, noise, effective
        self.unrecorded = tuple(unrecorded)

    def observed(self, do: Interventions | None = None) -> pd.DataFrame:
        """What a clinic would see of each state, as is or under an intervention, of shape (n_states, n_columns)."""
        values = self.model.twin(self.values, self.noise, do) if do else self.values
        seen = recorded_table(values, data_dictionary())
        return seen.assign(**dict.fromkeys(self.unrecorded, np.nan))


class _AbductedNoise(Noise):
    """Noise that gives certain states, and fresh noise of what they say nothing about."""

    def __init__(self, known: Mapping[str, NDArray[np.float64]], n_states: int, seed: int) -> None:
        super().__init__(seed, size=n_states)
        self._known = known

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return self._known[name] if name in self._known else super().__getitem__(name)

    def uniform(self, name: str) -> NDArray[np.float64]:
        """Probability of less noise."""
        return np.asarray(special.ndtr(self._known[name])) if name in self._known else super().uniform(name)


def abduct(
    patient: pd.DataFrame,
    preset: str | Preset = DEFAULT_PRESET,
    *,
    n_particles: int = 2000,
    n_states: int = N_STATES,
    seed: int = 0,
) -> TrueStates:
    """Draw true states of a patient that would show exactly this record.

    Parameters
    ----------
    patient : DataFrame of one row
        Columns of the data dictionary; a gap says that a test was not done, a column that is absent says nothing.
    preset : str or Preset
        The clinic that the patient came to.
    n_particles : int, default=2000
        Weighted states from which the equally weighted ones are drawn.
    n_states : int, default=200
        How many.
    seed : int, default=0
        Seed of all chance.

    Returns
    -------
    TrueStates
        Of the patient.

    Raises
    ------
    UnusableInputError
        The causal model hardly ever makes such a patient, the preset is unknown, or there is not one row.

    Examples
    --------
    >>> from asthma_ml.cohort import generate_cohort
    >>> patient = generate_cohort(3, seed=4).observed.iloc[[0]]
    >>> states = abduct(patient, n_particles=300, n_states=20)
    >>> seen = states.observed()
    >>> bool((seen["age_years"] == patient["age_years"].item()).all())
    True
    """
    if len(patient) != 1:
        raise UnusableInputError(f"{len(patient)} rows; true states are drawn of one patient at a time")
    preset = preset_named(preset) if isinstance(preset, str) else preset
    model = preset_model(preset)
    evidence = what_is_read(patient.drop(columns=LABEL, errors="ignore"), model, preset)
    particles, weight = true_states(
        model, evidence, LABEL, simulated_patients(preset), n_particles=n_particles, seed=seed
    )
    effective = _enough(weight, n_particles, preset)
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(weight), n_states, p=weight / weight.sum())
    values = {name: column[chosen] for name, column in particles.values.items()}
    continuous = {name: noise[chosen] for name, noise in particles.noise.items()}
    noise = _AbductedNoise(_noise_of(model, values, continuous, rng), n_states, seed)
    complete = model.simulate(noise, given=values)
    return TrueStates(model, complete, noise, effective, _unrecorded(patient, complete))


def _enough(weight: NDArray[np.float64], n_particles: int, preset: Preset) -> float:
    """Effective number of particles, refused where there are too few."""
    effective = float(effective_size(weight[None])[0]) if weight.sum() > 0 else 0.0
    if effective < min(LEAST_EFFECTIVE, n_particles / 20):
        raise UnusableInputError(
            f"the causal model of {preset.name} hardly ever makes such a patient ({effective:.0f} effective true "
            "states); ask the model alone"
        )
    return effective


def _unrecorded(patient: pd.DataFrame, complete: Columns) -> list[str]:
    """Columns that the record lacks and the clinic of the causal model always fills."""
    always = recorded_table(complete, data_dictionary()).notna().all()
    lacking = patient.reindex(columns=list(data_dictionary().features)).isna().all()
    return [name for name in data_dictionary().features if always[name] and lacking[name]]


def _noise_of(
    model: CausalModel, values: Columns, continuous: Mapping[str, NDArray[np.float64]], rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Noise that gives the values: known of continuous variables, anywhere in the interval of a discrete value."""
    known = dict(continuous)
    for name in model.order:
        if name in values and name not in known:
            law = model.distribution(name, values)
            if is_chance(law):
                known[name] = law.to_noise(values[name], rng.random(len(values[name])))
    return known
