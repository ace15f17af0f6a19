"""Origin of a generated file: preset, seed and condition, checked against its patients."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from asthma_ml.cohort import (
    BLOCK_SIZE,
    PRESETS,
    Condition,
    Preset,
    enrol,
    observed_table,
    person_numbers,
    preset_model,
    preset_named,
    schema_path,
    variables_of_observed_table,
)
from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import ID, LABEL, TRUTH_PREFIX, data_dictionary

_COMPARED = 64
"""Patients generated again to check a file against its schema."""


@dataclass(frozen=True)
class Origin:
    """How the patients of a file were generated.

    Attributes
    ----------
    preset : Preset
        Preset of the cohort.
    seed : int or None
        Seed of the population; None where unknown.
    where : str or None
        Condition on the patients.
    n_patients : int or None
        Size of the generated cohort; None where unknown.
    """

    preset: Preset
    seed: int | None = None
    where: str | None = None
    n_patients: int | None = None


def cohort_origin(path: str | Path, preset: str | None = None, seed: int | None = None) -> Origin:
    """Origin of a file of patients, from its schema or from the user.

    Parameters
    ----------
    path : path
        The file; its schema is in the same folder.
    preset, seed : optional
        They override the schema.

    Returns
    -------
    Origin
        Of the patients.

    Raises
    ------
    UnusableInputError
        No schema and no preset; interventions; a condition on the truth or the label; a preset that is
        unknown or whose coefficients have changed.
    """
    schema = _schema(path)
    if preset is None and schema is None:
        raise UnusableInputError(
            f"{path}: Bayes limit, twins and faithfulness need a generated cohort; its schema {schema_path(path).name} "
            "was not found; give --preset if the file was generated"
        )
    schema = schema or {}
    if schema.get("do"):
        raise UnusableInputError(f"{path}: generated with interventions (do); give a cohort generated without them")
    where = schema.get("where")
    _refuse_hidden_condition(path, where)
    seed = seed if seed is not None else schema.get("seed")
    named = preset_named(preset) if preset else _preset_of(path, schema)
    return Origin(named, seed, where, schema.get("patients"))


def _schema(path: str | Path) -> dict[str, Any] | None:
    schema_file = schema_path(path)
    if str(path) == "-" or not schema_file.is_file():
        return None
    try:
        schema: dict[str, Any] = json.loads(schema_file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnusableInputError(f"{schema_file}: {error}") from error
    return schema


def _refuse_hidden_condition(path: str | Path, where: str | None) -> None:
    if where is None:
        return
    hidden = [name for name in _names_in(where) if name == LABEL or name.startswith(TRUTH_PREFIX)]
    if hidden:
        raise UnusableInputError(
            f"{path}: its patients were selected by {', '.join(hidden)}, which is not observed; "
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
            f"{path}: generated with preset {schema.get('preset')!r}, whose coefficients differ in this version; "
            "give --preset with its TOML file"
        )
    return preset


def refuse_other_patients(table: pd.DataFrame, origin: Origin) -> None:
    """Refuse patients that differ from those of the preset and seed.

    Parameters
    ----------
    table : DataFrame
        Columns of the data dictionary.
    origin : Origin
        Stated origin of the table.

    Raises
    ------
    UnusableInputError
        `patient_id` is missing, not unique or not of this seed; the preset does not enrol a patient; or values differ
        (another preset, seed or version, or an edited file).
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
            "give the preset and seed of the file"
        )


def _by_identifier(table: pd.DataFrame, who: str) -> pd.DataFrame:
    """The table by identifier, refused where an identifier is missing or repeated."""
    cannot = f"these patients cannot be compared with those of {who}"
    if ID not in table:
        raise UnusableInputError(
            f"no column {ID}: {cannot}; keep the column, or remove the schema and give --preset alone"
        )
    repeated = int(table[ID].dropna().duplicated().sum())
    if repeated:
        raise UnusableInputError(f"{ID} repeats in {repeated} rows: {cannot}; keep one row per patient")
    return table.set_index(ID)


def _generated_again(known: pd.DataFrame, preset: Preset, seed: int, who: str) -> pd.DataFrame:
    """Some of the patients, from one block of the population, generated again from preset and seed."""
    ids = known.index.to_series().astype("str")
    of_seed = ids[ids.str.fullmatch(rf"P{seed:02d}-\d{{8,15}}", na=False)]
    if of_seed.empty:
        raise UnusableInputError(f"none of these patients is of {who}; give the seed and preset of the file")
    blocks = person_numbers(of_seed) // BLOCK_SIZE
    compared = of_seed.index[blocks == blocks[0]][:_COMPARED]
    found = enrol(preset_model(preset), seed, [int(blocks[0])], preset, wanted=variables_of_observed_table())
    again = pd.DataFrame() if found is None else observed_table(seed, found).set_index(ID)
    absent = len(compared.difference(again.index))
    if absent:
        raise UnusableInputError(
            f"these are not the patients of {who}, in this version: {absent} of {len(compared)} did not enrol; "
            "give the preset and seed of the file"
        )
    chosen: pd.DataFrame = again.loc[compared]
    return chosen


def _same(first: pd.Series[Any], second: pd.Series[Any]) -> bool:
    missing = first.isna().to_numpy()
    if not np.array_equal(missing, second.isna().to_numpy()):
        return False
    if pd.api.types.is_numeric_dtype(first):
        return np.allclose(first.to_numpy(dtype=float)[~missing], second.to_numpy(dtype=float)[~missing], atol=1e-6)
    return bool((first[~missing].astype(str).to_numpy() == second[~missing].astype(str).to_numpy()).all())
