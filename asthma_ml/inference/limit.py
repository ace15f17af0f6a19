"""The Bayes limit: posterior probability of the phenotype given a patient's row, under the causal model.

The posterior accounts for values, informative missingness, rounding, selection into the cohort and label noise. No
classifier has a smaller expected log-loss or Brier score. The probabilities are estimated by importance sampling over
the latent state, with Monte Carlo errors. They hold for synthetic patients: research software, not a medical device.
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
from asthma_ml.inference.posterior import sample_posterior
from asthma_ml.inference.readings import Reading, known, read_evidence
from asthma_ml.variables import LABEL, TWO_CLASSES

N_SIMULATED = 5_000
"""Simulated patients to which the proposal is fitted."""
_SIMULATION_SEED = 20_261_122
_BLOCKS_AT_ONCE, _MOST_BLOCKS = 8, 128

SE_SUFFIX, ESS = "_se", "ess"


def bayes_limit(
    patients: Cohort | pd.DataFrame,
    preset: str | Preset = DEFAULT_PRESET,
    n_particles: int = 2000,
    seed: int = 0,
    classes: Sequence[str] = TWO_CLASSES,
    *,
    progress: bool = False,
) -> pd.DataFrame:
    """Posterior probability of each phenotype given the row of each patient.

    Parameters
    ----------
    patients : Cohort or DataFrame of shape (n_patients, n_columns)
        Generated patients, enrolled under `preset` without interventions. Columns of the data dictionary; the
        label is not used. A missing value means that the test was not done; an absent column is no evidence, which
        gives the limit of a smaller set of columns.
    preset : str or Preset
        Preset of the patients.
    n_particles : int
        Particles per patient. Patients with a small effective sample size get up to five times as many.
    seed : int
        Seed of the particles.
    classes : sequence of str
        Classes of the task; probabilities are conditional on the label being one of them.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    DataFrame of shape (n_patients, 2 * n_classes + 1)
        Index of the patients; for each class its probability, then for each class the Monte Carlo standard error
        ``<class>_se``, then ``ess``, the effective sample size. NaN where the row is impossible under the model.

    Raises
    ------
    UnusableInputError
        The preset is unknown or enrols nobody, there are fewer than 50 particles, or the table has no column of the
        data dictionary.

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
    evidence, simulated = observed_evidence(table, model, preset), simulated_patients(preset)
    found = sample_posterior(model, evidence, LABEL, simulated, n_particles=n_particles, seed=seed, progress=progress)
    names = tuple(classes)
    columns = dict(zip(names, found.probabilities(names).T, strict=True))
    errors = dict(zip((name + SE_SUFFIX for name in names), found.standard_errors(names).T, strict=True))
    return pd.DataFrame({**columns, **errors, ESS: found.effective_size}, index=table.index)


def observed_evidence(table: pd.DataFrame, model: CausalModel, preset: Preset) -> dict[str, Reading]:
    """Evidence from the rows of a table, enrolment included where the preset selects."""
    evidence = read_evidence(table, model)
    if not evidence:
        raise UnusableInputError("the table has no column of the data dictionary; see `asthma-ml variables`")
    if preset.selects:
        evidence[ENROLLED] = known(np.ones(len(table)))
    return evidence


def simulated_patients(preset: Preset) -> tuple[Columns, Noise]:
    """Simulated patients of a preset and their noise, to which proposals are fitted; cached."""
    simulated = _simulated(preset.selects, tuple(preset.overrides.items()))
    if simulated is None:
        raise UnusableInputError(f"nobody enrols in {preset.name}: the Bayes limit cannot be computed")
    return simulated


@lru_cache(maxsize=1)
def _simulated(selects: bool, overrides: tuple[tuple[str, float], ...]) -> tuple[Columns, Noise] | None:
    """The first patients of a population, from as many blocks as needed; None if nobody enrols."""
    preset = Preset("", "", selects, dict(overrides))
    first = BLOCK_SIZE if selects else N_SIMULATED
    n_blocks, found = _BLOCKS_AT_ONCE if selects else 1, None
    while n_blocks <= _MOST_BLOCKS and (found is None or len(found.numbers) < N_SIMULATED):
        found = enrol(preset_model(preset), _SIMULATION_SEED, range(n_blocks), preset, first=first)
        n_blocks *= 2
    return None if found is None else (found.values, found.noise)


def limit_probabilities(limit: pd.DataFrame) -> Any:
    """Probabilities of the limit as an array, floored at 0.5 / ESS and normalised."""
    floor = 0.5 / np.maximum(limit[ESS].to_numpy(), 1.0)
    found = np.maximum(limit[limit_classes(limit)].to_numpy(), floor[:, None])
    return found / found.sum(axis=1, keepdims=True)


def limit_classes(limit: pd.DataFrame) -> list[str]:
    """Classes of a limit, in the order of its columns."""
    return [str(name) for name in limit if f"{name}{SE_SUFFIX}" in limit]
