"""The Bayes limit beside a model, on the patients of a generated cohort file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from asthma_ml.cohort import (
    BLOCK_SIZE,
    PRESETS,
    Condition,
    Preset,
    enrol,
    observed_table,
    people_of,
    preset_model,
    preset_named,
    schema_path,
    visible_variables,
)
from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import ID, LABEL, TRUTH_PREFIX, data_dictionary

if TYPE_CHECKING:
    pass

_COMPARED = 64
"""Patients generated again to see that a file is what its schema says."""


@dataclass(frozen=True)
class Origin:
    """How the patients of a file were generated.

    Attributes
    ----------
    preset : Preset
        Who enrolled.
    seed : int or None
        Seed of the population, where known.
    where : str or None
        Condition that they met.
    n_patients : int or None
        How many were generated, where known.
    """

    preset: Preset
    seed: int | None = None
    where: str | None = None
    n_patients: int | None = None


def cohort_origin(path: str | Path, preset: str | None = None, seed: int | None = None) -> Origin:
    """How a file of patients was generated, by its schema or by what the user says.

    Parameters
    ----------
    path : path
        The file; its schema lies beside it.
    preset, seed : optional
        They go before what the schema says.

    Returns
    -------
    Origin
        Of the patients.

    Raises
    ------
    UnusableInputError
        No schema and no preset; interventions; a condition on the truth or the label; a preset that is
        unknown or has other coefficients by now.
    """
    schema = _schema(path)
    if preset is None and schema is None:
        raise UnusableInputError(
            f"{path}: limit and twins are known for generated cohorts only, and {schema_path(path).name} "
            "is not beside it; give --preset if it was generated"
        )
    schema = schema or {}
    if schema.get("do"):
        raise UnusableInputError(f"{path}: generated with interventions (do); the limit is known without them only")
    where = schema.get("where")
    _refuse_hidden_condition(path, where)
    seed = seed if seed is not None else schema.get("seed")
    named = preset_named(preset) if preset else _preset_of(path, schema)
    return Origin(named, seed, where, schema.get("patients"))


def _schema(path: str | Path) -> dict[str, Any] | None:
    beside = schema_path(path)
    if str(path) == "-" or not beside.is_file():
        return None
    try:
        schema: dict[str, Any] = json.loads(beside.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnusableInputError(f"{beside}: {error}") from error
    return schema


def _refuse_hidden_condition(path: str | Path, where: str | None) -> None:
    if where is None:
        return
    hidden = [name for name in _names_in(where) if name == LABEL or name.startswith(TRUTH_PREFIX)]
    if hidden:
        raise UnusableInputError(
            f"{path}: its patients were chosen by {', '.join(hidden)}, which the limit may not know; "
            "generate them without that condition"
        )


def _names_in(where: str) -> tuple[str, ...]:
    known = pd.Index(where.replace("(", " ").replace(")", " ").replace(".", " ").split())
    truth = [word for word in known if word.startswith(TRUTH_PREFIX)]
    return Condition(where, [*data_dictionary(), *truth]).names


def _preset_of(path: str | Path, schema: dict[str, Any]) -> Preset:
    preset = PRESETS.get(schema.get("preset", ""))
    if preset is None or dict(preset.overrides) != schema.get("overrides", {}):
        raise UnusableInputError(
            f"{path}: generated under preset {schema.get('preset')!r} with coefficients that this version does not "
            "have under that name; give --preset with its TOML file"
        )
    return preset


def refuse_other_patients(table: pd.DataFrame, origin: Origin) -> None:
    """Refuse patients who are not those that the preset and seed give.

    Parameters
    ----------
    table : DataFrame
        Columns of the data dictionary.
    origin : Origin
        How they are said to have been generated.

    Raises
    ------
    UnusableInputError
        No `patient_id`, one that repeats, none of this seed, people whom the preset does not enrol, or other values:
        another preset, seed or version, or an edited file.
    """
    if origin.seed is None:
        return
    who = f"preset {origin.preset.name}, seed {origin.seed}"
    known = _by_identifier(table, who)
    again = _generated_again(known, origin.preset, origin.seed, who)
    known = known.loc[again.index]
    shared = [str(name) for name in again if name in known]
    differs = [name for name in shared if not _same(again[name], known[name])]
    if differs:
        raise UnusableInputError(
            f"these are not the patients of {who}, in this version: {', '.join(differs[:3])} differ; "
            "the limit would be that of others"
        )


def _by_identifier(table: pd.DataFrame, who: str) -> pd.DataFrame:
    """The table by its identifiers, where each tells one patient."""
    cannot = f"so that these patients cannot be compared with those of {who}"
    if ID not in table:
        raise UnusableInputError(
            f"no column {ID}, {cannot}; keep it, or take the file away from its schema and give --preset alone"
        )
    repeated = int(table[ID].dropna().duplicated().sum())
    if repeated:
        raise UnusableInputError(f"{ID} repeats in {repeated} rows, {cannot}; keep one row of each patient")
    return table.set_index(ID)


def _generated_again(known: pd.DataFrame, preset: Preset, seed: int, who: str) -> pd.DataFrame:
    """Some of the patients, from one block of the population, as the preset and seed give them."""
    ids = known.index.to_series().astype("str")
    of_seed = ids[ids.str.fullmatch(rf"P{seed:02d}-\d{{8,15}}", na=False)]
    if of_seed.empty:
        raise UnusableInputError(
            f"none of these patients is one of {who}; give the seed and preset that they were generated with"
        )
    blocks = people_of(of_seed) // BLOCK_SIZE
    compared = of_seed.index[blocks == blocks[0]][:_COMPARED]
    found = enrol(preset_model(preset), seed, [int(blocks[0])], preset, wanted=visible_variables())
    again = pd.DataFrame() if found is None else observed_table(seed, found).set_index(ID)
    absent = len(compared.difference(again.index))
    if absent:
        raise UnusableInputError(
            f"these are not the patients of {who}, in this version: {absent} of {len(compared)} did not enrol; "
            "the limit would be that of others"
        )
    chosen: pd.DataFrame = again.loc[compared]
    return chosen


def _same(mine: pd.Series[Any], theirs: pd.Series[Any]) -> bool:
    gaps = mine.isna().to_numpy()
    if not np.array_equal(gaps, theirs.isna().to_numpy()):
        return False
    if pd.api.types.is_numeric_dtype(mine):
        return np.allclose(mine.to_numpy(dtype=float)[~gaps], theirs.to_numpy(dtype=float)[~gaps], atol=1e-6)
    return bool((mine[~gaps].astype(str).to_numpy() == theirs[~gaps].astype(str).to_numpy()).all())
