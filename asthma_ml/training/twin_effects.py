"""Generated patients with the effects of the documented factors on a classifier, from their counterfactual twins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.classifier import (
    compiled_where_possible,
    log_odds_of_decision,
    row_features,
    without_scale_checks,
)
from asthma_ml.cohort import COLUMNS_OF_TEST, DRIVES, Preset, drive_changes, enrol, preset_model, twins_of_coalitions
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import contributions_of, effects_alone, shapley_values
from asthma_ml.jobs import run_tasks

if TYPE_CHECKING:
    from asthma_ml.classifier import Classifier

    Floats = NDArray[np.float64]
    Measured = NDArray[np.bool_]

_BLOCKS_AT_ONCE, _MOST_BLOCKS = 4, 4_096
_WITH_GAPS = 0.5
"""Proportion of the patients whose records get gaps, if asked for."""
_AXES = {"effects": 2, "drives": 1, "drive_changes": 2}
"""Axis of the patients in the arrays of `TwinEffects`, where it is not the first."""


@dataclass(frozen=True, eq=False)
class TwinEffects:
    """Generated patients with the effects of the factors on the log-odds of a classifier.

    Attributes
    ----------
    X : ndarray of shape (n_patients, n_features)
        Encoded features.
    row : ndarray of shape (n_patients, n_features + 7)
        What the regression knows of each patient.
    explained : ndarray of int of shape (n_patients,)
        Index of the explained class.
    effects : ndarray of shape (2, 6, n_patients)
        Causal Shapley value of each factor, and its effect alone [log-odds of the explained class].
    drives : ndarray of shape (2, n_patients)
        Type-2 and neutrophilic drive.
    drive_changes : ndarray of shape (2, 6, n_patients)
        Effect of each factor alone on the drives.
    reference : ndarray of shape (n_patients,)
        Log-odds of the twin in whom every factor is at its reference.
    """

    X: NDArray[np.float32]
    row: NDArray[np.float32]
    explained: NDArray[np.intp]
    effects: Floats
    drives: Floats
    drive_changes: Floats
    reference: Floats

    def __len__(self) -> int:
        return len(self.X)

    def take(self, rows: Any) -> TwinEffects:
        """Some of the patients."""
        return TwinEffects(
            **{
                each.name: np.take(getattr(self, each.name), rows, axis=_AXES.get(each.name, 0))
                for each in fields(self)
            }
        )

    def all_effects(self, spread: Floats) -> Floats:
        """Effects of each of `KINDS`, of shape (3, 6, n_patients), given the standard deviation of both drives."""
        type2, neutrophilic = self.drive_changes / spread[:, None, None]
        return np.concatenate([self.effects, (type2 - neutrophilic)[None]])


def twin_effects(
    model: Classifier,
    preset: Preset,
    measured: Measured | None = None,
    *,
    gaps: float = 0.0,
    n_patients: int,
    seed: int,
    jobs: int = 1,
    progress: bool = False,
) -> TwinEffects:
    """Generate patients and their twins, and predict all of them.

    Parameters
    ----------
    model, preset, n_patients, seed, jobs, progress
        As in `learn_mechanisms`.
    measured : ndarray of bool of shape (n_rows, n_features), optional
        Features that are measured in patients like those to be explained. By default generated patients have the
        tests that the clinic of the preset does.
    gaps : float, default=0.0
        Proportion of the values that half of the patients lack in addition, if `measured` is not given.

    Returns
    -------
    TwinEffects
        Of `n_patients` patients.

    Raises
    ------
    UnusableInputError
        If the preset enrols too few.
    """
    compiled = compiled_where_possible(model)
    first = _effects_of_blocks(compiled, preset, measured, gaps, seed, 0)
    if first is None or (needed := ceil(n_patients / len(first))) * _BLOCKS_AT_ONCE > _MOST_BLOCKS:
        n_found = 0 if first is None else len(first)
        raise UnusableInputError(
            f"preset {preset.name}: {n_found} patients of {_BLOCKS_AT_ONCE} blocks of the population enrol, too few to "
            "learn mechanisms; give a preset that enrols more"
        )
    parts = [first]
    while sum(map(len, parts)) < n_patients:
        tasks = [
            (_effects_of_blocks, compiled, preset, measured, gaps, seed, start * _BLOCKS_AT_ONCE)
            for start in range(len(parts), max(needed, len(parts) + 1))
        ]
        parts += filter(None, run_tasks(tasks, jobs, progress="twins" if progress else None))
    return _joined(parts).take(np.arange(n_patients))


def _joined(parts: Sequence[TwinEffects]) -> TwinEffects:
    return TwinEffects(
        **{
            each.name: np.concatenate([getattr(part, each.name) for part in parts], axis=_AXES.get(each.name, 0))
            for each in fields(TwinEffects)
        }
    )


def _effects_of_blocks(
    model: Classifier, preset: Preset, measured: Measured | None, gaps: float, seed: int, first: int
) -> TwinEffects | None:
    """Effects of the factors in the patients of some blocks of the population; None if nobody enrols."""
    scm = preset_model(preset)
    found = enrol(scm, seed, range(first, first + _BLOCKS_AT_ONCE), preset)
    if found is None:
        return None
    do = None if measured is None else dict.fromkeys(COLUMNS_OF_TEST, 1)
    tables = list(twins_of_coalitions(scm, found.values, found.noise, do))
    with without_scale_checks():
        encoded = [model.encode(table).to_numpy() for table in tables]
    kept = _kept_values(encoded[-1].shape, measured, gaps, np.random.default_rng([seed, first]))
    encoded = [np.where(kept, X, np.float32(np.nan)) for X in encoded]
    own = contributions_of(model, encoded[-1], per_feature=False)
    worth = np.stack([log_odds_of_decision(model.decision_function(X), own.explained) for X in encoded])
    effects = np.stack([shapley_values(worth), effects_alone(worth)])
    row = row_features(own.X, own.factor_values, own.log_odds)
    drives = np.stack([found.values[drive] for drive in DRIVES])
    changes = drive_changes(scm, found.values, found.noise, do)
    return TwinEffects(own.X, row, own.explained, effects, drives, changes, worth[0])


def _kept_values(shape: tuple[int, int], measured: Measured | None, gaps: float, rng: np.random.Generator) -> Measured:
    """Values that the record of each patient keeps, in the twins too."""
    if measured is not None:
        return np.asarray(measured[rng.integers(len(measured), size=shape[0])])
    whole = rng.random((shape[0], 1)) >= _WITH_GAPS
    return np.asarray(whole | (rng.random(shape) >= gaps))
