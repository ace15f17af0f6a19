"""Simulated trials: potential outcomes of the same patients in several arms.

Each arm is the counterfactual twin of the same enrolled patients, with the same exogenous noise. Differences
between arms are therefore individual treatment effects, and an arm without an intervention differs by exactly zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.cohort.engine.causal_model import CausalModel, Columns, Interventions
from asthma_ml.cohort.enrolment import Enrolled, enrol, preset_model
from asthma_ml.cohort.presets import DEFAULT_PRESET, Preset, preset_named
from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import ID

Arms: TypeAlias = Mapping[str, Interventions]

MOST_BLOCKS_AT_ONCE = 32


def trial_arms(
    arms: Arms,
    n_patients: int = 2000,
    seed: int = 1,
    preset: str | Preset = DEFAULT_PRESET,
    baseline: Interventions | None = None,
) -> dict[str, pd.DataFrame]:
    """Simulate all variables of the same patients in each arm of a trial.

    Patients enrol before the interventions. Values are complete and unrounded, and include latent variables.

    Parameters
    ----------
    arms : mapping of str to interventions
        Name of each arm and its interventions; an empty mapping is no intervention.
    n_patients : int
        Number of patients: the first of the cohort with this preset and seed.
    seed : int
        Seed of the cohort.
    preset : str or Preset
        Population of the trial.
    baseline : mapping of str to value, optional
        Interventions in all arms, such as a run-in without inhaled steroid.

    Returns
    -------
    dict of str to DataFrame
        One table per arm, one row per patient in the same order; categories as text.

    Raises
    ------
    UnusableInputError
        No arms, fewer than one patient, an unknown preset or an impossible intervention.

    Examples
    --------
    >>> doses = {"none": {"oral_steroid_taken_mg_day": 0.0}, "much": {"oral_steroid_taken_mg_day": 30.0}}
    >>> arms = trial_arms(doses, n_patients=100)
    >>> change = arms["much"]["blood_eosinophils_cells_ul"] - arms["none"]["blood_eosinophils_cells_ul"]
    >>> bool((change <= 0).all())
    True
    """
    if not arms:
        raise UnusableInputError("a trial needs at least one arm")
    if n_patients < 1:
        raise UnusableInputError(f"patients: {n_patients} is too small; give a whole number of at least 1")
    preset = preset_named(preset) if isinstance(preset, str) else preset
    model = preset_model(preset)
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in arms}
    for patients in _first_enrolled(model, seed, preset, n_patients):
        for name, do in arms.items():
            twin = model.twin(patients.values, patients.noise, {**(baseline or {}), **do})
            parts[name].append(_table(seed, patients.numbers, {variable: twin[variable] for variable in model.order}))
    return {name: pd.concat(tables, ignore_index=True).head(n_patients) for name, tables in parts.items()}


def _first_enrolled(model: CausalModel, seed: int, preset: Preset, n_patients: int) -> Iterator[Enrolled]:
    """At least the first `n_patients` who enrol; the number of blocks at once follows the enrolment rate so far."""
    found = first = 0
    while found < n_patients:
        needed = ceil((n_patients - found) * first / found) if found else first + 1
        blocks = range(first, first + min(needed, MOST_BLOCKS_AT_ONCE))
        first = blocks.stop
        if (patients := enrol(model, seed, blocks, preset)) is not None:
            found += len(patients.numbers)
            yield patients


def _table(seed: int, numbers: NDArray[np.int64], values: Columns) -> pd.DataFrame:
    ids = pd.Series([f"P{seed:02d}-{number:08d}" for number in numbers], dtype="str")
    text = {name: np.asarray(column, dtype=str) for name, column in values.items() if hasattr(column, "categories")}
    return pd.DataFrame({ID: ids, **values, **text})
