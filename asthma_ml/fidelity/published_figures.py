"""Recipes of the published figures, and the reasons why some are not computed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from asthma_ml.cohort import DEFAULT_PRESET, PRESETS, Interventions, Preset

Recipe: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class PublishedStudy:
    """A study whose population differs from that of a preset.

    Attributes
    ----------
    preset : str
        Preset that is nearest to its population.
    selects : bool or None
        Whether people are selected for enrolment; None means as in the preset.
    overrides : mapping of str to float
        Coefficients of enrolment.
    baseline : Interventions
        Interventions in every arm.
    arms : mapping of str to interventions
        Interventions in each arm.
    """

    preset: str
    selects: bool | None = None
    overrides: Mapping[str, float] = field(default_factory=dict)
    baseline: Interventions = field(default_factory=dict)
    arms: Mapping[str, Interventions] = field(default_factory=dict)

    def population(self, preset: Preset) -> Preset:
        """The preset with the enrolment criteria of the study."""
        chosen = preset.derive(preset.name, preset.description, self.overrides)
        return chosen if self.selects is None else replace(chosen, selects=self.selects)


@cache
def published_recipes() -> Mapping[str, Recipe]:
    """Recipe of each computed figure, by its id in the evidence table."""
    return _read("published_figures.toml")


@cache
def published_studies() -> Mapping[str, PublishedStudy]:
    """Studies of ``published_studies.toml``, and one for each preset."""
    studies = {name: PublishedStudy(**text) for name, text in _read("published_studies.toml").items()}
    return {name: PublishedStudy(name) for name in PRESETS} | studies


@cache
def not_expressed() -> Mapping[str, str]:
    """Reason why a figure is not computed, by its id in the evidence table."""
    reasons = _read("figures_not_expressed.toml")["reasons"]
    return {figure: reason for reason, figures in reasons.items() for figure in figures}


def study_of(recipe: Recipe) -> str:
    """Name of the study or preset in which a figure is computed.

    Examples
    --------
    >>> study_of(published_recipes()["HET005"])
    'severe_registry'
    """
    return str(recipe.get("study", recipe.get("preset", DEFAULT_PRESET)))


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("asthma_ml.fidelity").joinpath(name).read_text(encoding="utf-8"))
