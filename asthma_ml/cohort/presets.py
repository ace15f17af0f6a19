"""Named cohorts: each is the one causal model with some coefficients of its own.

A preset names the population it stands for. To derive one, copy a preset with other overrides:
``replace(PRESETS["severe_clinic"], name="ours", overrides={"smoking_status.current": 0.3})``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from asthma_ml.errors import UnusableInputError

DEFAULT_PRESET = "severe_clinic"


@dataclass(frozen=True)
class Preset:
    """A named cohort.

    Attributes
    ----------
    name : str
        Name on the command line.
    description : str
        The population it stands for.
    selects : bool
        Whether people enter through the `enrolled` equation, or everybody is in.
    overrides : Mapping of str to float
        Coefficients that differ from the mechanisms' own.
    """

    name: str
    description: str
    selects: bool = True
    overrides: Mapping[str, float] = field(default_factory=dict)


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("severe_clinic", "adults referred to severe-asthma clinics in Europe"),
        Preset(
            "sputum_study",
            "the severe clinic with sputum, cytokines, CT and genotype in everybody",
            overrides={
                "sputum_counted.log_odds": 30.0,
                "sputum_cytokines_measured.share": 1.0,
                "ct_scanned.log_odds": 30.0,
                "genotyped.share": 1.0,
            },
        ),
        Preset(
            "population_asthma", "adults with asthma in the population, mostly mild, nobody selected", selects=False
        ),
    )
}


def preset_named(name: str) -> Preset:
    """The preset of a name, or an error that lists the names there are."""
    if name not in PRESETS:
        raise UnusableInputError(f"no preset {name!r}; presets are {', '.join(PRESETS)}")
    return PRESETS[name]
