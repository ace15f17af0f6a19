"""The two tables of a cohort: observed data, and the truth (latent variables and potential outcomes)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from asthma_ml.cohort import clinic
from asthma_ml.cohort.engine.causal_model import CausalModel, Columns, Interventions
from asthma_ml.cohort.engine.distributions import Floats
from asthma_ml.cohort.enrolment import Enrolled
from asthma_ml.variables import ID, TRUTH_PREFIX, data_dictionary

TRUTH = (
    "true_phenotype",
    "true_sputum_class",
    "true_historic_class",
    "true_resistance",
    "type2_drive",
    "neutrophilic_drive",
    "il4_drive",
    "il5_drive",
    "il13_drive",
    "il17_drive",
    "airway_bacterial_load",
    "airway_remodeling",
    "mucus_plugging",
    "inhaled_adherence",
    "delivered_ics_ug_day",
    "oral_steroid_taken_mg_day",
    "steroid_sensitivity",
    "full_inhaled_suppression",
    "inhaled_steroid_suppression",
    "exacerbation_proneness",
    "attack_rate_per_year",
)
AFTER_THE_VISIT = ("_next_12m", "_visit_2", "_visit_3")
"""Suffixes of variables that are known only after the visit; they belong to the truth table only."""

STANDARD_ADHERENCE: Interventions = {"inhaled_adherence": 1.0, "inhaler_technique": "correct"}
NO_ORAL_STEROID: Interventions = {"ocs_dose_mg_day": 0.0}
NEXT_YEAR = ("exacerbations_next_12m",)
POTENTIAL_OUTCOMES: Mapping[str, tuple[Interventions, tuple[str, ...]]] = {
    "if_taken_well": (STANDARD_ADHERENCE, ("feno_ppb", "fev1_pct_predicted", "acq6_score", "exacerbations_12m")),
    "if_no_oral_steroid": (NO_ORAL_STEROID, ("blood_eosinophils_cells_ul", "feno_ppb", "fev1_pct_predicted")),
    "if_no_biologic": ({"biologic": "none"}, NEXT_YEAR),
    "if_anti_ige": ({"biologic": "anti_ige"}, NEXT_YEAR),
    "if_anti_il5": ({"biologic": "anti_il5"}, NEXT_YEAR),
    "if_anti_il4r": ({"biologic": "anti_il4r"}, NEXT_YEAR),
    "if_anti_tslp": ({"biologic": "anti_tslp"}, NEXT_YEAR),
}


def truth_variables(model: CausalModel) -> tuple[str, ...]:
    """Names of the model's variables in the truth table, in its order."""
    later = [name for name in sorted(model.equations) if name.endswith(AFTER_THE_VISIT)]
    return (*TRUTH, *later)


def truth_columns(model: CausalModel) -> tuple[str, ...]:
    """Columns of the truth table, `patient_id` first."""
    twins = (f"{_true(name)}_{suffix}" for suffix, (_, names) in POTENTIAL_OUTCOMES.items() for name in names)
    return (ID, *map(_true, truth_variables(model)), *twins)


def observed_table(seed: int, patients: Enrolled) -> pd.DataFrame:
    """Observed table of some patients, `patient_id` first, texts as categories."""
    observed = clinic.record_table(patients.values, data_dictionary())
    observed.insert(0, ID, _patient_ids(seed, patients.numbers))
    return observed


def truth_table(model: CausalModel, ids: pd.Series[str], patients: Enrolled) -> pd.DataFrame:
    """Truth table of some patients: `patient_id`, latent variables, potential outcomes; texts as categories."""
    columns: dict[str, Any] = {ID: ids}
    for name in truth_variables(model):
        columns[_true(name)] = _plain(patients.values[name])
    for suffix, (do, outcomes) in POTENTIAL_OUTCOMES.items():
        twin = _twin(model, patients, do, outcomes)
        columns |= {f"{_true(outcome)}_{suffix}": _plain(twin[outcome]) for outcome in outcomes}
    return pd.DataFrame(columns, copy=False)


def whole_columns() -> frozenset[str]:
    """Observed columns that hold whole numbers."""
    return frozenset(name for name, variable in data_dictionary().items() if variable.is_whole)


def _twin(model: CausalModel, patients: Enrolled, do: Interventions, outcomes: tuple[str, ...]) -> Columns:
    """Potential outcomes of the patients under an intervention, computed only for patients whom it changes."""
    values, noise, do_all = patients.values, patients.noise, {**patients.do, **do}
    changed = np.flatnonzero(np.any([values[name] != value for name, value in do.items()], axis=0))
    if 2 * len(changed) > len(patients.numbers):
        return model.twin(values, noise, do_all, outcomes)
    few = {name: column[changed] for name, column in values.items()}
    twin = model.twin(few, noise.take(changed), do_all, outcomes)
    return {name: _with_rows(values[name], changed, twin[name]) for name in outcomes}


def _with_rows(column: Floats, rows: NDArray[np.int64], moved: Floats) -> Floats:
    column = column.copy()
    column[rows] = moved
    return column


def person_numbers(ids: pd.Series[str]) -> NDArray[np.int64]:
    """Positions of patients in the population, from their identifiers.

    Examples
    --------
    >>> person_numbers(pd.Series(["P01-00000007", "P01-00000012"]))
    array([ 7, 12])
    """
    digits = pc.list_element(pc.split_pattern(pa.array(ids).cast(pa.string()), "-"), 1)
    return np.asarray(pc.cast(digits, pa.int64()))


def _patient_ids(seed: int, numbers: NDArray[np.int64]) -> pd.Series[str]:
    eight_digits = 10**8
    with_leading_one = pc.cast(pa.array(numbers % eight_digits + eight_digits), pa.large_string())
    ids = pc.utf8_replace_slice(with_leading_one, 0, 1, f"P{seed:02d}-")
    longer = numbers >= eight_digits
    if longer.any():
        ids = pc.replace_with_mask(ids, longer, pa.array([f"P{seed:02d}-{n}" for n in numbers[longer]], ids.type))
    return pd.Series(pd.array(ids, dtype="str"), name=ID)


def _true(name: str) -> str:
    return name if name.startswith(TRUTH_PREFIX) else TRUTH_PREFIX + name


def _plain(column: Any) -> Any:
    return column if isinstance(column, pd.Categorical) else np.round(column, 6)
