"""Generate a cohort: blocks of a population, those who enrol, what the clinic saw, and the truth.

A cohort is the first n enrolled people of an endless population, so the first 1,000 patients of
a large cohort are the cohort of 1,000, whatever the number of jobs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from asthma_ml.cohort import clinic, mechanisms, selection
from asthma_ml.cohort.causal_model import BLOCK_SIZE, CausalModel, Columns, Interventions, Noise
from asthma_ml.cohort.presets import DEFAULT_PRESET, Preset, preset_named
from asthma_ml.cohort.structural_equations import equations_in
from asthma_ml.errors import CausalModelError, UnusableInputError
from asthma_ml.patients import write_table, write_text
from asthma_ml.variables import ID, LABEL, TRUTH_PREFIX, TWO_CLASSES, data_dictionary

ENROLLED = "enrolled"

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

STANDARD_ADHERENCE: Interventions = {"inhaled_adherence": 1.0, "inhaler_technique": "correct"}
NO_ORAL_STEROID: Interventions = {"ocs_dose_mg_day": 0.0}
POTENTIAL_OUTCOMES: Mapping[str, tuple[Interventions, tuple[str, ...]]] = {
    "if_taken_well": (STANDARD_ADHERENCE, ("feno_ppb", "fev1_pct_predicted", "acq6_score", "exacerbations_12m")),
    "if_no_oral_steroid": (NO_ORAL_STEROID, ("blood_eosinophils_cells_ul", "feno_ppb", "fev1_pct_predicted")),
}

NOTICE = "Synthetic patients from a causal model. Research software, no medical device."


@dataclass(frozen=True)
class Cohort:
    """A table of synthetic patients with its hidden truth.

    Attributes
    ----------
    observed : DataFrame
        What a clinic would see, one patient a row; numbers, text levels, NaN where not measured.
    truth : DataFrame
        What it cannot see, joined by `patient_id`; every other column begins with ``true_``.
    schema : dict
        The data dictionary and how the cohort was made.
    """

    observed: pd.DataFrame
    truth: pd.DataFrame
    schema: dict[str, Any]

    def training_data(self, classes: tuple[str, ...] = TWO_CLASSES) -> tuple[pd.DataFrame, pd.Series]:
        """Feature columns and label of the patients whose label is one of `classes`.

        Examples
        --------
        >>> X, y = generate_cohort(n_patients=100, seed=1).training_data()
        >>> sorted(y.unique())
        ['neutrophilic_th2_low', 'th2_high']
        """
        rows = self.observed[self.observed[LABEL].isin(classes)]
        return rows[list(data_dictionary().features)].reset_index(drop=True), rows[LABEL].reset_index(drop=True)

    def write(self, path: str | Path, truth: str | Path | None = None) -> None:
        """Write the observed table, its schema beside it and, where asked, the truth."""
        write_table(with_whole_numbers(self.observed), str(path))
        if str(path) != "-":
            write_text(json.dumps(self.schema, indent=2) + "\n", str(schema_path(path)))
        if truth is not None:
            write_table(self.truth, str(truth))


def with_whole_numbers(observed: pd.DataFrame) -> pd.DataFrame:
    """The observed table with counts, flags and whole-step values as integers, as a clinic writes them."""
    dictionary = data_dictionary()
    whole = [name for name, variable in dictionary.items() if variable.is_whole and name in observed]
    return observed.astype(dict.fromkeys(whole, "Int64"))


def schema_path(path: str | Path) -> Path:
    """Where the schema of a cohort file lies: beside it, ``.schema.json``."""
    return Path(path).with_suffix(".schema.json")


@cache
def severe_asthma_model() -> CausalModel:
    """The causal model of the package: all mechanisms, the selection and the clinic.

    Examples
    --------
    >>> "il13_airway_activity" in severe_asthma_model().equations["feno_ppb"].parents
    True
    """
    return _checked_against_dictionary(CausalModel(_equations()))


def generate_cohort(
    n_patients: int = 2000,
    seed: int = 1,
    preset: str | Preset = DEFAULT_PRESET,
    do: Interventions | None = None,
    *,
    select_anew: bool = False,
    jobs: int = 1,
    progress: bool = False,
) -> Cohort:
    """Generate a synthetic cohort of severe asthma.

    Parameters
    ----------
    n_patients : int
        Patients in the cohort.
    seed : int
        Same seed, same patients, whatever `jobs`.
    preset : str or Preset
        Named cohort.
    do : mapping of str to value, optional
        Interventions. The same people as without them, unless `select_anew`.
    select_anew : bool
        Let the intervention change who enrols.
    jobs : int
        Threads.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    Cohort
        Observed table, truth and schema.

    Raises
    ------
    UnusableInputError
        Fewer than one patient, a negative seed, an unknown preset or an impossible intervention.

    Examples
    --------
    >>> cohort = generate_cohort(n_patients=50, seed=1)
    >>> treated = generate_cohort(n_patients=50, seed=1, do={"smoking_status": "never"})
    >>> bool((treated.observed["age_years"] == cohort.observed["age_years"]).all())
    True
    """
    _refuse_unusable(n_patients, seed, jobs)
    preset = preset_named(preset) if isinstance(preset, str) else preset
    blocks = cohort_blocks(seed, preset, do, select_anew=select_anew, jobs=jobs)
    tables: list[tuple[pd.DataFrame, pd.DataFrame]] = []
    with tqdm(total=n_patients, unit="patient", disable=not progress, desc="generate") as bar:
        while sum(len(observed) for observed, _ in tables) < n_patients:
            tables.append(next(blocks))
            bar.update(min(len(tables[-1][0]), n_patients - bar.n))
    observed, truth = (pd.concat(part, ignore_index=True).head(n_patients) for part in zip(*tables, strict=True))
    return Cohort(observed, truth, _schema(n_patients, seed, preset, do, truth, select_anew))


def cohort_blocks(
    seed: int, preset: Preset, do: Interventions | None = None, *, select_anew: bool = False, jobs: int = 1
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Observed and truth of one block of the population after another, without end."""
    model = CausalModel(severe_asthma_model().equations.values(), preset.overrides)
    numbers = count()
    while True:
        batch = islice(numbers, jobs)
        yield from Parallel(n_jobs=jobs, prefer="threads")(
            delayed(_block)(model, seed, block, preset.selects, do or {}, select_anew) for block in batch
        )


def _block(
    model: CausalModel, seed: int, block: int, selects: bool, do: Interventions, select_anew: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    noise = Noise(seed, block)
    rows, values = np.arange(len(noise)), Columns()
    if selects:
        everybody = model.simulate(noise, do=do if select_anew else None, wanted=[ENROLLED])
        rows = np.flatnonzero(everybody[ENROLLED] == 1)
        values = {name: column[rows] for name, column in everybody.items()}
    noise = noise.take(rows)
    values = model.simulate(noise, given=values, do=do if select_anew else None)
    values = model.twin(values, noise, do) if do and not select_anew else values
    ids = pd.Series([f"P{seed:02d}-{block * BLOCK_SIZE + row:08d}" for row in rows], name=ID, dtype="str")
    observed = clinic.observed_table(values, data_dictionary())
    observed.insert(0, ID, ids)
    return observed, _truth(model, values, noise, ids)


def _truth(model: CausalModel, values: Columns, noise: Noise, ids: pd.Series) -> pd.DataFrame:
    columns: dict[str, Any] = {ID: ids}
    for name in TRUTH:
        columns[_true(name)] = _plain(values[name])
    for suffix, (do, outcomes) in POTENTIAL_OUTCOMES.items():
        twin = model.twin(values, noise, do)
        columns |= {f"{_true(outcome)}_{suffix}": _plain(twin[outcome]) for outcome in outcomes}
    return pd.DataFrame(columns)


def _true(name: str) -> str:
    return name if name.startswith(TRUTH_PREFIX) else TRUTH_PREFIX + name


def _plain(column: Any) -> Any:
    return pd.Series(column).astype("str") if isinstance(column, pd.Categorical) else np.round(column, 6)


def _equations() -> Iterator[Any]:
    for module in (mechanisms, selection, clinic):
        yield from equations_in(module)


def _checked_against_dictionary(model: CausalModel) -> CausalModel:
    missing = [name for name in data_dictionary() if name not in model.equations and name != ID]
    if missing:
        raise CausalModelError(f"the data dictionary has columns without an equation: {', '.join(missing)}")
    return model


def _refuse_unusable(n_patients: int, seed: int, jobs: int) -> None:
    for name, number, least in (("patients", n_patients, 1), ("seed", seed, 0), ("jobs", jobs, 1)):
        if number < least:
            raise UnusableInputError(f"{name}: {number} is too small; give a whole number of at least {least}")


def _schema(
    n_patients: int,
    seed: int,
    preset: Preset,
    do: Interventions | None,
    truth: pd.DataFrame,
    select_anew: bool,
) -> dict[str, Any]:
    from asthma_ml import __version__

    return {
        "notice": NOTICE,
        "made_by": f"asthma_ml {__version__}",
        "patients": n_patients,
        "seed": seed,
        "preset": preset.name,
        "preset_description": preset.description,
        "overrides": dict(preset.overrides),
        "do": dict(do or {}),
        "select_anew": select_anew,
        "truth_columns": list(truth.columns),
        **json.loads(data_dictionary().to_json()),
    }
