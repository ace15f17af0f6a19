"""Compare generated cohorts with published figures.

Each figure is computed in its own population, on the preset that represents it. Treatment effects are computed on
counterfactual twins. `asthma_ml.fidelity.tolerance` states the tolerance of a figure.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from asthma_ml.cohort import DEFAULT_PRESET, PRESETS, Preset, generate_cohort, preset_named, trial_arms
from asthma_ml.decisions import PUBLISHED_TOOLS
from asthma_ml.evidence import evidence_table
from asthma_ml.fidelity.published_figures import (
    Recipe,
    not_expressed,
    published_recipes,
    published_studies,
    study_of,
)
from asthma_ml.fidelity.statistics import columns_of, compute, expressions_of
from asthma_ml.fidelity.tolerance import published_tolerance

COLUMNS = (
    "id",
    "mechanism",
    "preset",
    "quantity",
    "published",
    "lower",
    "upper",
    "generated",
    "within",
    "reason",
)
WITHOUT_ERROR = "not compared: published without an interval or a number of patients"
BASELINE, IN_ARM = "baseline", "_if_"


def compare_with_literature(preset: str | None = None, n_patients: int = 20_000, seed: int = 1) -> pd.DataFrame:
    """Generated and published value of every row of the evidence table.

    Parameters
    ----------
    preset : str, optional
        Compute only the figures of the population that this preset represents. A user-defined preset (a TOML
        file) is compared with the figures of severe clinics. By default every figure is computed, each on the
        preset of its own population.
    n_patients : int
        Patients in each cohort.
    seed : int
        Seed of the cohorts.

    Returns
    -------
    DataFrame
        Columns id, mechanism, preset, quantity, published, lower, upper, generated, within, reason.
        `within` is True or False. It is missing where the figure is not expressed; `reason` then gives the
        cause, and otherwise the source of the tolerance.

    Examples
    --------
    >>> table = compare_with_literature("severe_clinic", n_patients=2_000).set_index("id")
    >>> bool(table.loc["COH007", "within"])
    True
    """
    cohorts = _Cohorts(n_patients, seed, None if preset is None else preset_named(preset))
    rows = [_row(figure, cohorts) for figure in evidence_table().itertuples()]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(figure: Any, cohorts: _Cohorts) -> tuple[Any, ...]:
    start = (figure.Index, figure.mechanism)
    recipe = published_recipes().get(figure.Index)
    absent = not_expressed()[figure.Index] if recipe is None else cohorts.reason_to_skip(recipe)
    if recipe is None or absent:
        return (*start, "", figure.quantity, figure.value, np.nan, np.nan, np.nan, None, absent)
    allowed = published_tolerance(figure.Index)
    generated = compute(cohorts.table(recipe), recipe)
    end = (allowed.lower, allowed.upper, generated)
    if not allowed.has_width:
        return (*start, cohorts.preset(recipe).name, figure.quantity, figure.value, *end, None, WITHOUT_ERROR)
    within = allowed.contains(generated)
    reason = allowed.source if within else "; ".join(filter(None, (allowed.source, recipe.get("if_missed"))))
    return (*start, cohorts.preset(recipe).name, figure.quantity, figure.value, *end, within, reason)


class _Cohorts:
    """Cohorts that the recipes need, each generated once."""

    def __init__(self, n_patients: int, seed: int, only: Preset | None) -> None:
        self.n_patients, self.seed, self.only = n_patients, seed, only
        self._tables: dict[tuple[str, bool], pd.DataFrame] = {}

    def reason_to_skip(self, recipe: Recipe) -> str:
        """Reason to skip a figure where one preset is requested; empty otherwise."""
        preset = published_studies()[study_of(recipe)].preset
        if self.only is None or preset == self._population:
            return ""
        return f"figure of another population, which preset {preset} represents"

    @property
    def _population(self) -> str:
        return self.only.name if self.only and self.only.name in PRESETS else DEFAULT_PRESET

    def preset(self, recipe: Recipe) -> Preset:
        """Preset on which the figure is computed."""
        return self.only or preset_named(published_studies()[study_of(recipe)].preset)

    def table(self, recipe: Recipe) -> pd.DataFrame:
        """Patients on whom the figure is computed, with the columns of the published rules."""
        name = study_of(recipe)
        study = published_studies()[name]
        complete = bool(recipe.get("complete") or study.arms or study.baseline)
        if (name, complete) not in self._tables:
            population = study.population(self.preset(recipe))
            table = self._arms(name, population) if complete else self._observed(population)
            tools = {tool: sort(table) for tool, sort in PUBLISHED_TOOLS.items()}
            self._tables[name, complete] = table.assign(**tools)
        return self._tables[name, complete]

    def _observed(self, population: Preset) -> pd.DataFrame:
        return generate_cohort(self.n_patients, self.seed, population).observed

    def _arms(self, name: str, population: Preset) -> pd.DataFrame:
        """Patients at baseline, with the columns of each arm, such as ``feno_ppb_if_prednisolone``."""
        study = published_studies()[name]
        arms = trial_arms({BASELINE: {}, **study.arms}, self.n_patients, self.seed, population, study.baseline)
        split = {column: column.rpartition(IN_ARM) for column in _columns_in_arms(name)}
        return arms[BASELINE].assign(**{column: arms[arm][value] for column, (value, _, arm) in split.items()})


def _columns_in_arms(name: str) -> set[str]:
    recipes = [recipe for recipe in published_recipes().values() if study_of(recipe) == name]
    named = {column for recipe in recipes for text in expressions_of(recipe) for column in columns_of(text)}
    return {column for column in named if IN_ARM in column}
