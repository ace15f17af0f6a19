"""Abduction: true states of a patient given the row, and their counterfactual twins under an intervention.

The row holds markers, not the drives behind them. The causal model gives a posterior sample of true states that are
consistent with the row, each with its exogenous noise. An intervention turns each state into a counterfactual twin, and
the sample into a distribution of counterfactual rows and predictions. It holds for patients of the causal model:
research software, not a medical device.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

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
    record_table,
)
from asthma_ml.errors import UnusableInputError
from asthma_ml.inference.intervals import is_random
from asthma_ml.inference.limit import observed_evidence, simulated_patients
from asthma_ml.inference.posterior import true_states
from asthma_ml.inference.proposal import effective_size
from asthma_ml.variables import LABEL, data_dictionary

N_STATES = 200
LEAST_EFFECTIVE = 20.0
"""Effective sample size below which a patient is too improbable under the causal model."""


class TrueStates:
    """Posterior sample of the true state of one patient.

    Parameters
    ----------
    model : CausalModel
        Model of the preset.
    values : dict of str to array of shape (n_states,)
        The states.
    noise : Noise
        Exogenous noise of the states.
    effective : float
        Effective sample size of the particles they were drawn from.
    unrecorded : collection of str
        Columns that the record lacks although the clinic of the causal model always fills them.
    """

    def __init__(
        self, model: CausalModel, values: Columns, noise: Noise, effective: float, unrecorded: Collection[str] = ()
    ) -> None:
        self.model, self.values, self.noise, self.effective = model, values, noise, effective
        self.unrecorded = tuple(unrecorded)

    def observed(self, do: Interventions | None = None) -> pd.DataFrame:
        """Observed rows of the states or, under an intervention, of their twins; shape (n_states, n_columns)."""
        values = self.model.twin(self.values, self.noise, do) if do else self.values
        observed = record_table(values, data_dictionary())
        return observed.assign(**dict.fromkeys(self.unrecorded, np.nan))


class _AbductedNoise(Noise):
    """Abducted noise of the states, and fresh noise of all other variables."""

    def __init__(self, known: Mapping[str, NDArray[np.float64]], n_states: int, seed: int) -> None:
        super().__init__(seed, size=n_states)
        self._known = known

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return self._known[name] if name in self._known else super().__getitem__(name)

    def uniform(self, name: str) -> NDArray[np.float64]:
        """Standard normal probability of smaller noise."""
        return np.asarray(special.ndtr(self._known[name])) if name in self._known else super().uniform(name)


def abduct(
    patient: pd.DataFrame,
    preset: str | Preset = DEFAULT_PRESET,
    *,
    n_particles: int = 2000,
    n_states: int = N_STATES,
    seed: int = 0,
) -> TrueStates:
    """Posterior sample of the true states of a patient given the row.

    Parameters
    ----------
    patient : DataFrame of one row
        Columns of the data dictionary; a missing value means that a test was not done, an absent column is no evidence.
    preset : str or Preset
        Clinic of the patient.
    n_particles : int, default=2000
        Weighted particles from which the states are resampled.
    n_states : int, default=200
        Size of the sample.
    seed : int, default=0
        Seed of all randomness.

    Returns
    -------
    TrueStates
        Equally weighted states.

    Raises
    ------
    UnusableInputError
        The patient is too improbable under the causal model, the preset is unknown, or the table has not one row.

    Examples
    --------
    >>> from asthma_ml.cohort import generate_cohort
    >>> patient = generate_cohort(3, seed=4).observed.iloc[[0]]
    >>> states = abduct(patient, n_particles=300, n_states=20)
    >>> observed = states.observed()
    >>> bool((observed["age_years"] == patient["age_years"].item()).all())
    True
    """
    if len(patient) != 1:
        raise UnusableInputError(f"{len(patient)} rows; give one patient")
    preset = preset_named(preset) if isinstance(preset, str) else preset
    model = preset_model(preset)
    evidence = observed_evidence(patient.drop(columns=LABEL, errors="ignore"), model, preset)
    particles, weight = true_states(
        model, evidence, LABEL, simulated_patients(preset), n_particles=n_particles, seed=seed
    )
    effective = _sufficient_size(weight, n_particles, preset)
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(weight), n_states, p=weight / weight.sum())
    values = {name: column[chosen] for name, column in particles.values.items()}
    continuous = {name: noise[chosen] for name, noise in particles.noise.items()}
    noise = _AbductedNoise(_noise_of(model, values, continuous, rng), n_states, seed)
    complete = model.simulate(noise, given=values)
    return TrueStates(model, complete, noise, effective, _unrecorded(patient, complete))


def _sufficient_size(weight: NDArray[np.float64], n_particles: int, preset: Preset) -> float:
    """Effective sample size, refused where it is too small."""
    effective = float(effective_size(weight[None])[0]) if weight.sum() > 0 else 0.0
    if effective < min(LEAST_EFFECTIVE, n_particles / 20):
        raise UnusableInputError(
            f"this patient is too improbable under the causal model of {preset.name} (effective sample size "
            f"{effective:.0f}); counterfactual twins cannot be computed"
        )
    return effective


def _unrecorded(patient: pd.DataFrame, complete: Columns) -> list[str]:
    """Columns that the record lacks and the clinic of the causal model always fills."""
    always = record_table(complete, data_dictionary()).notna().all()
    lacking = patient.reindex(columns=list(data_dictionary().features)).isna().all()
    return [name for name in data_dictionary().features if always[name] and lacking[name]]


def _noise_of(
    model: CausalModel, values: Columns, continuous: Mapping[str, NDArray[np.float64]], rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Exogenous noise of the values: known for continuous variables, uniform in the interval of a discrete value."""
    known = dict(continuous)
    for name in model.order:
        if name in values and name not in known:
            distribution = model.distribution(name, values)
            if is_random(distribution):
                known[name] = distribution.to_noise(values[name], rng.random(len(values[name])))
    return known
