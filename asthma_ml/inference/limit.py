"""The Bayes limit: how well anybody could tell the phenotype from what is observed of a patient.

The causal model that made a cohort also gives the probability of each phenotype given everything in
a patient's row: values, gaps (a test left out for a reason is information), rounding, selection into
the cohort and the errors of those who label. No classifier has a smaller expected log-loss or Brier score.
The probabilities are computed by importance sampling over the hidden state, with their own error. They are
about synthetic patients: research software, no medical device.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from asthma_ml.cohort import (
    BLOCK_SIZE,
    DEFAULT_PRESET,
    ENROLLED,
    CausalModel,
    Cohort,
    Columns,
    Noise,
    Preset,
    enrol,
    preset_model,
    preset_named,
)
from asthma_ml.errors import UnusableInputError
from asthma_ml.inference.posterior import posterior
from asthma_ml.inference.readings import Reading, known, readings
from asthma_ml.variables import LABEL, TWO_CLASSES

N_SIMULATED = 5_000
"""Patients from whom the proposal is learned."""
_SIMULATION_SEED = 20_261_122
_BLOCKS_AT_ONCE, _MOST_BLOCKS = 8, 128

ERROR_ENDING, EFFECTIVE = "_se", "ess"


def bayes_limit(
    patients: Cohort | pd.DataFrame,
    preset: str | Preset = DEFAULT_PRESET,
    n_particles: int = 2000,
    seed: int = 0,
    classes: Sequence[str] = TWO_CLASSES,
    *,
    progress: bool = False,
) -> pd.DataFrame:
    """Probability of each phenotype given everything observed of each patient.

    Parameters
    ----------
    patients : Cohort or DataFrame of shape (n_patients, n_columns)
        Generated patients, enrolled under `preset` without interventions. Columns of the data dictionary; the
        label is not read. A gap says that the test was not done; a column that is left out altogether says
        nothing, so that the limit of a smaller set of columns can be asked for.
    preset : str or Preset
        How they were generated.
    n_particles : int
        Particles of each patient. Patients of small effective sample size get up to five times as many.
    seed : int
        Seed of the particles.
    classes : sequence of str
        Classes of the task: probabilities are given that the label is one of them.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    DataFrame of shape (n_patients, 2 * n_classes + 1)
        Index of the patients; for each class its probability, then for each class the Monte Carlo standard error
        ``<class>_se``, then ``ess``, the effective sample size. NaN where no particle explains the patient.

    Raises
    ------
    UnusableInputError
        An unknown preset or one in which nobody enrols, fewer than 50 particles, or a table without any column
        of the data dictionary.

    Notes
    -----
    The log-loss of an estimated probability exceeds that of the limit itself by about 1 / (2 * ess) for two classes.

    Examples
    --------
    >>> from asthma_ml.cohort import generate_cohort
    >>> cohort = generate_cohort(n_patients=3, seed=4)
    >>> limit = bayes_limit(cohort, n_particles=200)
    >>> list(limit)
    ['th2_high', 'neutrophilic_th2_low', 'th2_high_se', 'neutrophilic_th2_low_se', 'ess']
    >>> bool(np.allclose(limit["th2_high"] + limit["neutrophilic_th2_low"], 1))
    True
    """
    if n_particles < 50:
        raise UnusableInputError(f"particles: {n_particles} is too small; give at least 50")
    table = patients.observed if isinstance(patients, Cohort) else patients
    preset = preset_named(preset) if isinstance(preset, str) else preset
    model = preset_model(preset)
    evidence, simulated = what_is_read(table, model, preset), simulated_patients(preset)
    found = posterior(model, evidence, LABEL, simulated, n_particles=n_particles, seed=seed, progress=progress)
    names = tuple(classes)
    columns = dict(zip(names, found.probabilities(names).T, strict=True))
    errors = dict(zip((name + ERROR_ENDING for name in names), found.standard_errors(names).T, strict=True))
    return pd.DataFrame({**columns, **errors, EFFECTIVE: found.effective_size}, index=table.index)


def what_is_read(table: pd.DataFrame, model: CausalModel, preset: Preset) -> dict[str, Reading]:
    """What a table says of its patients, and that they enrolled where the preset selects."""
    evidence = readings(table, model)
    if not evidence:
        raise UnusableInputError("the table has no column of the data dictionary; see `asthma-ml variables`")
    if preset.selects:
        evidence[ENROLLED] = known(np.ones(len(table)))
    return evidence


def simulated_patients(preset: Preset) -> tuple[Columns, Noise]:
    """Patients of a preset with their noise, from whom proposals are learned; kept for the next call."""
    simulated = _simulated(preset.selects, tuple(preset.overrides.items()))
    if simulated is None:
        raise UnusableInputError(f"nobody enrols in {preset.name}: the limit cannot be computed")
    return simulated


@lru_cache(maxsize=1)
def _simulated(selects: bool, overrides: tuple[tuple[str, float], ...]) -> tuple[Columns, Noise] | None:
    """The first patients of a population, from as many blocks as it takes; None if nobody enrols."""
    preset = Preset("", "", selects, dict(overrides))
    first = BLOCK_SIZE if selects else N_SIMULATED
    n_blocks, found = _BLOCKS_AT_ONCE if selects else 1, None
    while n_blocks <= _MOST_BLOCKS and (found is None or len(found.numbers) < N_SIMULATED):
        found = enrol(preset_model(preset), _SIMULATION_SEED, range(n_blocks), preset, first=first)
        n_blocks *= 2
    return None if found is None else (found.values, found.noise)


def probabilities(limit: pd.DataFrame) -> Any:
    """Probabilities of the limit as an array; half a particle is the least that a class can have."""
    least = 0.5 / np.maximum(limit[EFFECTIVE].to_numpy(), 1.0)
    found = np.maximum(limit[classes_of(limit)].to_numpy(), least[:, None])
    return found / found.sum(axis=1, keepdims=True)


def classes_of(limit: pd.DataFrame) -> list[str]:
    """Classes of a limit, in the order of its columns."""
    return [str(name) for name in limit if f"{name}{ERROR_ENDING}" in limit]
