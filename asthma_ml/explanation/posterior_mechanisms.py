"""Causal contributions of the documented factors to the log-odds of one patient, by counterfactual twins.

The causal model gives a posterior sample of the true states of the patient. Each state has 64 counterfactual twins, one
for each coalition of factors that keep their values while the others are at their reference. The worth of a coalition
is the model's log-odds of its twin, and the contribution of a factor is the expectation of its Shapley value over the
states. It holds for patients of the causal model: research software, not a medical device.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.classifier import (
    compiled_where_possible,
    explained_classes,
    log_odds_of_decision,
    probability_of_margins,
    without_scale_checks,
)
from asthma_ml.cohort import (
    DEFAULT_PRESET,
    DRIVES,
    Preset,
    drive_changes,
    preset_model,
    preset_named,
    record_table,
    reference_interventions,
    twins_of_coalitions,
    variables_of_observed_table,
)
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation.coalitions import effects_alone, shapley_values
from asthma_ml.explanation.mechanisms import MechanismContributions
from asthma_ml.inference import abduct, simulated_patients
from asthma_ml.variables import FACTORS, data_dictionary

if TYPE_CHECKING:
    from asthma_ml.classifier import Classifier
    from asthma_ml.inference import TrueStates

N_STATES = 400
INTERVAL = (0.05, 0.95)
"""Quantiles over the states that bound the posterior interval."""

_SHAPES: dict[str, tuple[int, ...]] = dict.fromkeys(("base", "remainder", "log_odds"), ())
"""Numbers of a patient that do not belong to a factor."""


@dataclass(frozen=True, eq=False)
class PosteriorMechanisms:
    """Effects of the factors in one patient, as expectations given the row.

    ``base + values.sum() + remainder`` is the log-odds. The 90 % intervals hold the true effect of the patient, which
    the row does not determine; the standard errors are those of the expectation, and fall with more states.

    Attributes
    ----------
    preset : str
        Name of the preset.
    explained_class : object
        Class whose log-odds are explained.
    effective : float
        Effective sample size of the particles.
    base : float
        Mean log-odds of the reference patients, in whom every factor is at its reference.
    values, low, high, standard_errors : ndarray of shape (6,)
        Causal Shapley value of each factor, in the order of `FACTORS`, with its interval and Monte Carlo error.
    alone, alone_low, alone_high, alone_standard_errors : ndarray of shape (6,)
        Effect of each factor alone: the log-odds of the patient minus those of the twin in whom only this factor is at
        its reference.
    endotype, endotype_low, endotype_high, endotype_standard_errors : ndarray of shape (6,)
        The same for the endotype: the type-2 drive minus the neutrophilic drive, each in standard deviations.
    remainder : float
        What belongs to no factor: measurement and chance.
    log_odds : float
        Log-odds of the reported probability of the explained class.
    """

    preset: str
    explained_class: object
    effective: float
    base: float
    values: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    standard_errors: NDArray[np.float64]
    alone: NDArray[np.float64]
    alone_low: NDArray[np.float64]
    alone_high: NDArray[np.float64]
    alone_standard_errors: NDArray[np.float64]
    endotype: NDArray[np.float64]
    endotype_low: NDArray[np.float64]
    endotype_high: NDArray[np.float64]
    endotype_standard_errors: NDArray[np.float64]
    remainder: float
    log_odds: float


def mechanisms_of_posterior(
    model: Classifier,
    patient: pd.DataFrame,
    preset: str | Preset = DEFAULT_PRESET,
    *,
    base: NDArray[np.float64] | None = None,
    n_particles: int = 2000,
    n_states: int = N_STATES,
    seed: int = 0,
) -> PosteriorMechanisms:
    """Causal contributions of the factors in one patient, as expectations given the row.

    Parameters
    ----------
    model : PhenotypeClassifier or CompiledClassifier
        Fitted on a table with column names.
    patient : DataFrame of one row
        Columns of the data dictionary; a missing value means that a test was not done, an absent column is no evidence.
    preset : str or Preset
        Clinic of the patient.
    base : ndarray of shape (n_explained,), optional
        Mean log-odds of the reference patients; `reference_log_odds` of the preset by default.
    n_particles, n_states, seed : int
        As in `abduct`.

    Returns
    -------
    PosteriorMechanisms
        Contributions to the log-odds of the class that `explain` explains.

    Raises
    ------
    UnusableInputError
        As `abduct`: the patient is too improbable under the causal model, the preset is unknown, or the table has not
        one row.

    References
    ----------
    Heskes T, Sijben E, Bucur IG, Claassen T, Causal Shapley values, NeurIPS 2020.

    Examples
    --------
    >>> from asthma_ml import load_model
    >>> from asthma_ml.cohort import generate_cohort
    >>> patient = generate_cohort(3, seed=4).observed.iloc[[0]]
    >>> found = mechanisms_of_posterior(load_model("shipped"), patient, n_particles=300, n_states=20)
    >>> bool(np.isclose(found.base + found.values.sum() + found.remainder, found.log_odds))
    True
    """
    preset = preset_named(preset) if isinstance(preset, str) else preset
    model = compiled_where_possible(model)
    margins = _margins(model, patient)
    states = abduct(patient, preset, n_particles=n_particles, n_states=n_states, seed=seed)
    explained = int(explained_classes(model.classes_, probability_of_margins(margins))[0])
    bases = reference_log_odds(model, preset) if base is None else base
    worth = _worth_of_coalitions(model, states, patient, explained)
    effects = {
        **_expectation("", shapley_values(worth), states.effective),
        **_expectation("alone", effects_alone(worth), states.effective),
        **_expectation("endotype", _effects_on_endotype(states, preset), states.effective),
    }
    start, log_odds = float(bases[explained if len(bases) > 1 else 0]), float(_log_odds(margins, explained)[0])
    return PosteriorMechanisms(
        preset=preset.name,
        explained_class=model.classes_[explained],
        effective=states.effective,
        base=start,
        remainder=log_odds - start - float(effects["values"].sum()),
        log_odds=log_odds,
        **effects,
    )


def posterior_contributions(
    model: Classifier, patients: pd.DataFrame, preset: str | Preset = DEFAULT_PRESET, **how: int
) -> MechanismContributions:
    """Mechanism contributions of several patients, each by posterior twins of its own.

    Parameters
    ----------
    model : PhenotypeClassifier or CompiledClassifier
        Fitted on a table with column names.
    patients : DataFrame of n_patients rows
        Columns of the data dictionary.
    preset : str or Preset
        Clinic of the patients.
    **how : int
        `n_particles`, `n_states` and `seed`, as in `abduct`.

    Returns
    -------
    MechanismContributions
        In the form of those from a mechanism regression.

    Raises
    ------
    UnusableInputError
        As `mechanisms_of_posterior`, with the place of the patient.
    """
    preset = preset_named(preset) if isinstance(preset, str) else preset
    base = _base_of(model, preset)
    found = []
    for place in range(len(patients)):
        try:
            found.append(mechanisms_of_posterior(model, patients.iloc[[place]], preset, base=base, **how))
        except UnusableInputError as error:
            raise UnusableInputError(f"row {place + 1} of {len(patients)}: {error}") from error
    numbers = {
        name: np.array([getattr(each, name) for each in found]).reshape(len(found), *_SHAPES.get(name, (len(FACTORS),)))
        for name in (field.name for field in fields(MechanismContributions))
        if name not in ("preset", "outside", "feature_range")
    }
    no_range = np.full((2, len(model.feature_names_in_)), np.nan)
    return MechanismContributions(
        preset=preset.name, **numbers, outside=np.full(len(found), -1), feature_range=no_range
    )


def _base_of(model: Classifier, preset: Preset) -> NDArray[np.float64]:
    """Base of a mechanism regression of this preset, so that both methods start from the same patient."""
    stored = model.mechanisms_
    return stored.base if stored is not None and stored.preset == preset.name else reference_log_odds(model, preset)


def reference_log_odds(model: Classifier, preset: str | Preset = DEFAULT_PRESET) -> NDArray[np.float64]:
    """Mean log-odds of the patients of a preset in whom every factor is at its reference.

    Parameters
    ----------
    model : PhenotypeClassifier or CompiledClassifier
        Fitted on a table with column names.
    preset : str or Preset
        Clinic of the patients.

    Returns
    -------
    ndarray of shape (n_explained,)
        Of each class that can be explained: one of two classes, else all.
    """
    preset = preset_named(preset) if isinstance(preset, str) else preset
    values, noise = simulated_patients(preset)
    twins = preset_model(preset).twin(values, noise, reference_interventions(0), variables_of_observed_table())
    margins = _margins_of_twins(model, record_table(twins, data_dictionary()))
    of_two = explained_classes(model.classes_, np.zeros((1, 2))).tolist()
    explained = of_two if margins.ndim == 1 else range(len(model.classes_))
    return np.array([_log_odds(margins, each).mean() for each in explained])


def _worth_of_coalitions(
    model: Classifier, states: TrueStates, patient: pd.DataFrame, explained: int
) -> NDArray[np.float64]:
    """Log-odds of the twins of each coalition, of shape (64, n_states); what the record lacks, the twins lack too."""
    absent = set(data_dictionary().features).difference(patient.columns)
    lacking = dict.fromkeys([*states.unrecorded, *absent], np.nan)
    tables = list(twins_of_coalitions(states.model, states.values, states.noise))
    twins = pd.concat(tables, ignore_index=True).assign(**lacking)
    return _log_odds(_margins_of_twins(model, twins), explained).reshape(len(tables), -1)


def _effects_on_endotype(states: TrueStates, preset: Preset) -> NDArray[np.float64]:
    """Effect of each factor on the endotype [standard deviations], of shape (6, n_states)."""
    spread = [simulated_patients(preset)[0][drive].std() for drive in DRIVES]
    type2, neutrophilic = drive_changes(states.model, states.values, states.noise) / np.reshape(spread, (2, 1, 1))
    return np.asarray(type2 - neutrophilic)


def _expectation(kind: str, effects: NDArray[np.float64], effective: float) -> dict[str, NDArray[np.float64]]:
    """Mean over the states of effects of shape (6, n_states), its interval, and its standard error, by name.

    The particles and the resampling of the states from them both have a Monte Carlo error.
    """
    of, (low, high) = f"{kind}_" if kind else "", np.quantile(effects, INTERVAL, axis=1)
    error = effects.std(axis=1) * np.sqrt(1 / effective + 1 / effects.shape[1])
    mean = {kind or "values": effects.mean(axis=1)}
    return mean | {f"{of}low": low, f"{of}high": high, f"{of}standard_errors": error}


def _margins(model: Classifier, table: pd.DataFrame) -> NDArray[np.float64]:
    """Calibrated margins, of shape (n_patients,) or (n_patients, n_classes)."""
    return np.asarray(model.decision_function(model.encode(table)))


def _margins_of_twins(model: Classifier, twins: pd.DataFrame) -> NDArray[np.float64]:
    """Margins of generated rows, whose scales are right by construction."""
    with without_scale_checks():
        return _margins(model, twins)


def _log_odds(margins: NDArray[np.float64], explained: int) -> NDArray[np.float64]:
    """Log-odds of one class, of shape (n_patients,)."""
    return log_odds_of_decision(margins, np.full(len(margins), explained))
