"""Learn the mechanism regression of a classifier from counterfactual twins of generated patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil, floor
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.classifier import (
    KINDS,
    N_OUTPUTS,
    Branches,
    MechanismRegression,
    branches_of,
    joined_branches,
)
from asthma_ml.cohort import DEFAULT_PRESET, Preset, preset_named
from asthma_ml.errors import UnusableInputError
from asthma_ml.jobs import run_tasks
from asthma_ml.training.train import TrainedClassifier
from asthma_ml.training.twin_effects import TwinEffects, twin_effects
from asthma_ml.variables import FACTORS

if TYPE_CHECKING:
    from asthma_ml.classifier import Classifier

    Floats = NDArray[np.float64]
    Measured = NDArray[np.bool_]

N_PATIENTS = 50_000
"""Generated patients; 20,000 explain about 0.01 less of the variance of a contribution."""
FEWEST_PATIENTS = 1_000

_GAPS = 0.25
"""Proportion of further missing values, so that the regression also serves tables that lack columns."""
_HELD_OUT_FRACTION, _QUANTILES = 0.2, (0.05, 0.95)
_FEWEST_OF_CLASS = 200
_TREES: Mapping[str, Any] = {
    "max_iter": 100,
    "learning_rate": 0.2,
    "max_depth": 3,
    "max_bins": 63,
    "min_samples_leaf": 50,
    "early_stopping": False,
}
_OF_ERRORS: Mapping[str, Any] = {"loss": "gamma", "max_iter": 25}
_LEAST_ERROR = 1e-3
"""Added to absolute errors, which must be positive [log-odds or standard deviations]."""


def learn_mechanisms(
    model: Classifier,
    preset: str | Preset = DEFAULT_PRESET,
    patients: pd.DataFrame | None = None,
    *,
    n_patients: int = N_PATIENTS,
    seed: int = 0,
    jobs: int = 1,
    progress: bool = False,
) -> MechanismRegression:
    """Learn what the documented factors are expected to do to the predictions of a classifier.

    Patients of a preset are generated together with their counterfactual twins, one for each of the 64 coalitions of
    factors. The effects of the factors on the classifier are then known exactly, and boosted trees predict them from
    the row.

    Parameters
    ----------
    model : PhenotypeClassifier or CompiledClassifier
        Fitted on a table with column names.
    preset : str or Preset, default="severe_clinic"
        The simulated world: a named preset, or the path of a TOML file that derives one.
    patients : DataFrame of shape (n_rows, n_columns), default=None
        Patients like those to be explained, such as the training patients. Generated patients then have the tests of
        these patients, each those of a random one. By default they have the tests that the clinic of the preset does;
        half of them lack a quarter of the other values too, so that tables without some columns can be explained.
    n_patients : int, default=50_000
        Generated patients.
    seed : int, default=0
        Seed of the patients.
    jobs : int, default=1
        Number of processes; it does not change the result.
    progress : bool, default=False
        Show progress on stderr.

    Returns
    -------
    MechanismRegression
        To be set as ``model.mechanisms_``; `save_model` stores it.

    Raises
    ------
    UnusableInputError
        If the preset is unknown or enrols too few, there are fewer than 1,000 patients, `patients` has no row or none
        of the features, or the model was fitted without column names.

    References
    ----------
    Heskes T et al., Causal Shapley values, NeurIPS 2020. arXiv:2011.01625

    Examples
    --------
    >>> import asthma_ml as aml
    >>> X, y = aml.generate_cohort(n_patients=400, seed=1).training_data()
    >>> model = aml.PhenotypeClassifier(n_trees=10).fit(X, y)
    >>> model.mechanisms_ = learn_mechanisms(model, n_patients=1_000)
    >>> aml.explain_mechanisms(model, X.head(2)).values.shape
    (2, 6)
    """
    if n_patients < FEWEST_PATIENTS:
        raise UnusableInputError(f"n_patients={n_patients}: a mechanism regression needs {FEWEST_PATIENTS} or more")
    world = preset_named(preset) if isinstance(preset, str) else preset
    measured = None if patients is None else _measured(model, patients)
    twins = twin_effects(
        model, world, measured, gaps=_GAPS, n_patients=n_patients, seed=seed, jobs=jobs, progress=progress
    )
    n_held_out = int(_HELD_OUT_FRACTION * n_patients)
    held_out, training = np.split(np.arange(n_patients), [n_held_out])
    spread = twins.drives.std(axis=1)
    classes = range(len(model.classes_)) if len(model.classes_) > 2 else [None]
    branches = _fit_branches(twins.take(training), classes, spread, jobs)
    base = [_mean_reference(twins, which) for which in classes]
    found = _without_errors(world.name, np.array(base), feature_range(twins.X), branches)
    return _with_errors(found, twins.take(held_out), classes, spread)


def add_mechanisms(
    trained: TrainedClassifier, preset: str | Preset, *, seed: int = 0, jobs: int = 1, progress: bool = False
) -> TrainedClassifier:
    """Learn the mechanism regression of a trained classifier, for patients with the tests of its training patients.

    Parameters
    ----------
    trained : TrainedClassifier
        From `train_classifier` or `recalibrate_classifier`; its model is changed.
    preset, seed, jobs, progress
        As in `learn_mechanisms`.

    Returns
    -------
    TrainedClassifier
        With the entry ``mechanisms`` of its card: the simulated world, and how much of the effect of each factor the
        expectation explains.

    Raises
    ------
    UnusableInputError
        As `learn_mechanisms` does.
    """
    world = preset_named(preset) if isinstance(preset, str) else preset
    features = trained.patients.features
    found = learn_mechanisms(trained.model, world, features, seed=seed, jobs=jobs, progress=progress)
    trained.model.mechanisms_ = found
    return replace(trained, card={**trained.card, "mechanisms": mechanisms_entry(found, world)})


def mechanisms_entry(found: MechanismRegression, world: Preset) -> dict[str, Any]:
    """Entry of the model card on a mechanism regression."""
    by_class = found.explained_variance.reshape(-1, len(KINDS), len(FACTORS)).mean(axis=0)
    return {
        "preset": world.name,
        "overrides": dict(world.overrides),
        "reference_log_odds": found.base.tolist(),
        "explained_variance": {
            kind: dict(zip(FACTORS, (round(float(each), 3) for each in of_kind), strict=True))
            for kind, of_kind in zip(KINDS, by_class, strict=True)
        },
    }


def _measured(model: Classifier, patients: pd.DataFrame) -> Measured:
    if not len(patients):
        raise UnusableInputError("patients: the table has no rows, so nothing tells which tests are done")
    return np.asarray(~np.isnan(model.encode(patients).to_numpy()))


def feature_range(X: NDArray[np.float32]) -> NDArray[np.float32]:
    """Smallest and largest value of each feature, of shape (2, n_features); NaN where none is measured.

    Examples
    --------
    >>> feature_range(np.array([[1.0, np.nan], [3.0, np.nan]], dtype=np.float32))
    array([[ 1., nan],
           [ 3., nan]], dtype=float32)
    """
    unknown = np.isnan(X).all(axis=0)
    ends = np.stack([np.fmin.reduce(X, axis=0), np.fmax.reduce(X, axis=0)])
    return np.where(unknown, np.float32(np.nan), ends)


def _of_class(twins: TwinEffects, which: int | None) -> TwinEffects:
    """The patients of whom one class is explained; all where it is the same for everybody."""
    return twins if which is None else twins.take(np.flatnonzero(twins.explained == which))


def _mean_reference(twins: TwinEffects, which: int | None) -> float:
    chosen = _of_class(twins, which)
    return float(chosen.reference.mean()) if len(chosen) else 0.0


def _fit_branches(training: TwinEffects, classes: Sequence[int | None], spread: Floats, jobs: int) -> Branches:
    """Trees of each class, kind and factor."""
    chosen = [_of_class(training, which) for which in classes]
    tasks = [
        (_fit_effect, each.row, effect) for each in chosen for effect in each.all_effects(spread).reshape(N_OUTPUTS, -1)
    ]
    return joined_branches(run_tasks(tasks, jobs))


def _fit_effect(row: NDArray[np.float32], effect: Floats) -> Branches:
    """Trees of one effect and of the size of their error; constants where it is known of few patients."""
    if len(effect) < _FEWEST_OF_CLASS:
        row, effect = np.zeros((2, row.shape[1]), dtype=np.float32), np.full(2, effect.mean() if len(effect) else 0.0)
    row = np.where(np.isnan(row).all(axis=0), np.float32(0), row)  # scikit-learn needs a value in every column
    value, expected = _fit_trees(row, effect, _TREES)
    size, _ = _fit_trees(row, np.abs(effect - expected) + _LEAST_ERROR, {**_TREES, **_OF_ERRORS})
    return joined_branches([value, size])


def _fit_trees(row: NDArray[np.float32], y: Floats, settings: Mapping[str, Any]) -> tuple[Branches, Floats]:
    """Branches of boosted trees, and their predictions of the training patients."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="openmp"):
        trees = HistGradientBoostingRegressor(**settings).fit(row, y)
        found = branches_of(trees)
    if found is None:
        raise UnusableInputError("trees of depth three were expected")
    return found, np.asarray(trees.predict(row))


def _without_errors(preset: str, base: Floats, ends: NDArray[np.float32], branches: Branches) -> MechanismRegression:
    n_outputs = len(base) * N_OUTPUTS
    errors = np.tile([-1.0, 1.0], (n_outputs, 1))
    return MechanismRegression(preset, base, ends, branches, errors, np.zeros(n_outputs))


def _with_errors(
    found: MechanismRegression, held_out: TwinEffects, classes: Sequence[int | None], spread: Floats
) -> MechanismRegression:
    """The regression with the quantiles of its errors in held-out patients, as multiples of their expected size."""
    errors, explained = found.errors.copy(), found.explained_variance.copy()
    for number, which in enumerate(classes):
        chosen = _of_class(held_out, which)
        predicted = found.expected(chosen.row, chosen.explained)
        expected, upper = (each.reshape(N_OUTPUTS, -1) for each in (predicted.values, predicted.high))
        true = chosen.all_effects(spread).reshape(N_OUTPUTS, -1)
        for output in range(N_OUTPUTS if len(chosen) else 0):
            place, size = number * N_OUTPUTS + output, upper[output] - expected[output]
            errors[place] = _ends(np.sort((true[output] - expected[output]) / size))
            explained[place] = _explained_variance(expected[output], true[output])
    return replace(found, errors=errors, explained_variance=explained)


def _explained_variance(expected: Floats, true: Floats) -> float:
    variance = true.var()
    return float(1.0 - np.mean((true - expected) ** 2) / variance) if variance > 0 else 0.0


def _ends(errors: Floats) -> list[float]:
    """Ends of the interval that holds 90 % of further errors, as in split conformal prediction."""
    low, high = (np.array(_QUANTILES) * (len(errors) + 1)).tolist()
    last = len(errors) - 1
    return [float(errors[max(floor(low) - 1, 0)]), float(errors[min(ceil(high) - 1, last)])]
