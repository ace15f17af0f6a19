"""Presets: named cohorts, each defined by coefficients that override those of the causal model.

A preset represents a population, whose published figures the fidelity report compares with the cohort. Derive
another preset in Python with `Preset.derive`, or on the command line with a TOML file as ``--preset``::

    name = "our_clinic"
    base = "severe_clinic"
    description = "our clinic, which treats many smokers"
    [overrides]
    "smoking_status.current" = 0.30
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from asthma_ml.errors import UnusableInputError
from asthma_ml.files import read_toml
from asthma_ml.spelling import with_suggestion

DEFAULT_PRESET = "severe_clinic"
ALWAYS, NEVER = 30.0, -30.0
"""Log-odds with a probability of practically 1 or 0."""

_KEYS = {"name", "base", "description", "overrides"}
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Preset:
    """A named cohort.

    Attributes
    ----------
    name : str
        Name on the command line.
    description : str
        The population that it represents.
    selects : bool
        Whether people are selected by the equation `enrolled`; otherwise everybody enters.
    overrides : Mapping of str to float
        Coefficients that replace those of the mechanisms.

    Examples
    --------
    >>> ours = PRESETS["severe_clinic"].derive("ours", "many smokers", {"smoking_status.current": 0.3})
    >>> ours.overrides["smoking_status.current"]
    0.3
    """

    name: str
    description: str
    selects: bool = True
    overrides: Mapping[str, float] = field(default_factory=dict)

    def derive(self, name: str, description: str, overrides: Mapping[str, float]) -> Preset:
        """Derive a preset with another name and further overrides."""
        return replace(self, name=name, description=description, overrides={**self.overrides, **overrides})


_SEVERE_CLINIC = Preset(DEFAULT_PRESET, "adults referred to severe-asthma clinics in Europe")

_EVERY_TEST = {
    "sputum_counted.log_odds": ALWAYS,
    "sputum_cytokines_measured.share": 1.0,
    "ct_scanned.log_odds": ALWAYS,
    "genotyped.share": 1.0,
    "feno_measured.log_odds": ALWAYS,
    "ige_measured.share": 1.0,
    "periostin_measured.share": 1.0,
}

_LIKE_ISAR = {
    "age_years.mean": 52.5,
    "bmi_kg_m2.median": 27.4,
    "bmi_kg_m2.log_sd": 0.25,
    "childhood_onset.log_odds": -0.58,
    "smoking_status.never": 0.80,
    "on_oral_steroid.log_odds": 0.25,
    "biologic.any_odds": 0.31,
    "old_records_found.share": 0.97,
    "peak_blood_eosinophils.peak_ratio": 1.0,
    "type2_predisposition.mean": -1.07,
    "enrolled.log_odds": -0.9,
    "acq6_score.mean": 1.35,
    "attack_rate_per_year.rate": 1.17,
}

_NO_BIOLOGIC = {"biologic.any_odds": 0.0}

_LIKE_NHANES = {
    "age_years.mean": 43.0,
    "age_years.sd": 19.5,
    "sex.female": 0.64,
    "ancestry.european": 0.72,
    "ancestry.african": 0.14,
    "ancestry.east_asian": 0.03,
    "ancestry.other": 0.11,
    "bmi_kg_m2.median": 29.0,
    "smoking_status.never": 0.53,
    "smoking_status.former": 0.23,
    "smoking_status.current": 0.24,
    "type2_predisposition.mean": -0.45,
    "expected_feno_ppb.constitutive": 6.2,
    "expected_feno_ppb.per_activity": 14.5,
    "expected_feno_ppb.bmi": 0.0,
    "total_ige_ku_l.median": 82.0,
    "total_ige_ku_l.log_sd": 0.95,
    "blood_neutrophils_cells_ul.median": 3950.0,
    "treatment_step.above_1": 0.75,
    "treatment_step.above_2": 1.0,
    "treatment_step.above_3": 1.35,
    "treatment_step.above_4": 2.1,
    "fev1_post_bd_pct_predicted.mean": 95.0,
    "fev1_post_bd_pct_predicted.remodeling": -7.0,
    "fev1_post_bd_pct_predicted.advanced_remodeling": 0.0,
    "fev1_post_bd_pct_predicted.mucus": -2.0,
    "fev1_fvc_post_bd_ratio.mucus": -0.10,
    "reversible_obstruction_pct.median": 8.0,
    "fev1_fvc_post_bd_ratio.logit_mean": 0.60,
    "usual_blood_eosinophils.above_floor": 178.0,
    "il5_drive.shared": 0.64,
    "il5_drive.sd": 0.77,
    "il13_drive.shared": 0.64,
    "il13_drive.sd": 0.77,
    "il4_drive.shared": 0.90,
    "il4_drive.sd": 0.45,
    "airway_remodeling.lifetime_type2": 0.10,
    "acq6_score.mean": 1.0,
    "attack_rate_per_year.rate": 0.45,
    **_NO_BIOLOGIC,
}

PRESETS = {
    preset.name: preset
    for preset in (
        _SEVERE_CLINIC,
        _SEVERE_CLINIC.derive("severe_registry", "severe asthma in an international registry, like ISAR", _LIKE_ISAR),
        _SEVERE_CLINIC.derive(
            "sputum_study",
            "severe asthma studied with sputum, CT and genotype in everybody, few biologics, like U-BIOPRED",
            {
                **_EVERY_TEST,
                "biologic.any_odds": 0.05,
                "nasal_polyps.log_odds": -1.1,
                "on_oral_steroid.log_odds": 0.0,
                "usual_blood_eosinophils.above_floor": 120.0,
                "fev1_fvc_post_bd_ratio.logit_mean": 0.25,
            },
        ),
        Preset(
            "population_asthma", "adults with asthma in the population, mostly mild, like NHANES", False, _LIKE_NHANES
        ),
        _SEVERE_CLINIC.derive(
            "asthma_network",
            "asthma of all severities in a research network, half of it severe, mostly of early onset, like SARP",
            {
                "reversibility_tested.log_odds": ALWAYS,
                "childhood_onset.log_odds": 1.25,
                "age_at_onset_years.child_mean": 1.97,
                "age_at_onset_years.child_sd": 10.0,
                "age_at_onset_years.adult_mean": 68.8,
                "age_at_onset_years.adult_sd": 11.9,
                "airway_remodeling.adult_onset": 1.22,
                "reversible_obstruction_pct.median": 10.7,
                "reversible_obstruction_pct.obstruction": -0.005,
                "reversible_obstruction_pct.log_sd": 0.777,
                "fev1_post_bd_pct_predicted.mean": 82.5,
                "fev1_post_bd_pct_predicted.remodeling": -12.6,
                "fev1_post_bd_pct_predicted.sd": 7.0,
                "fev1_post_bd_pct_predicted.per_year": -0.234,
                "reversible_obstruction_pct.early_onset": 1.38,
                "fev1_post_bd_pct_predicted.advanced_remodeling": -11.0,
                "reversible_obstruction_pct.remodeling": -0.156,
                "fev1_post_bd_pct_predicted.mucus": -6.58,
                "fev1_post_bd_pct_predicted.bmi": -1.93,
                "enrolled.log_odds": -1.1,
                "enrolled.step_1": -0.832,
                "enrolled.step_2": -0.684,
                "enrolled.step_3": -1.36,
                "enrolled.step_4": -0.858,
                "enrolled.lung_function": -0.010,
                **_NO_BIOLOGIC,
            },
        ),
        _SEVERE_CLINIC.derive(
            "smokers_clinic",
            "severe asthma in smokers and ex-smokers",
            {"smoking_status.never": 0.0, "smoking_status.former": 0.55, "smoking_status.current": 0.45},
        ),
        _SEVERE_CLINIC.derive(
            "low_adherence_clinic",
            "difficult asthma before anybody has looked at adherence",
            {
                "erratic_adherence.log_odds": 0.25,
                "enrolled.step_4": -1.0,
                "feno_suppression_tested.log_odds": -1.5,
                **_NO_BIOLOGIC,
            },
        ),
        _SEVERE_CLINIC.derive(
            "trial_eligible",
            "uncontrolled severe asthma in a drug trial: exacerbations, ACQ and FEV1 as trials ask, no biologic",
            {
                **_NO_BIOLOGIC,
                "type2_predisposition.mean": -2.03,
                "bmi_kg_m2.median": 25.8,
                "atopy.log_odds": 0.80,
                "usual_blood_eosinophils.above_floor": 188.0,
                "total_ige_ku_l.median": 143.0,
                "attack_rate_per_year.rate": 0.63,
                "exacerbations_next_12m.closer_care": 0.52,
                "enrolled.least_attacks": 2.0,
                "enrolled.least_acq": 1.5,
                "enrolled.most_fev1": 84.0,
                "enrolled.step_4": -3.2,
                "on_oral_steroid.log_odds": -2.2,
                "erratic_adherence.log_odds": -1.2,
                "smoking_status.current": 0.0,
            },
        ),
    )
}


def preset_named(name: str) -> Preset:
    """Preset with a name, or derived by a TOML file.

    Parameters
    ----------
    name : str
        One of `PRESETS`, or the path of a ``.toml`` file.

    Returns
    -------
    Preset
        Ready for `generate_cohort`.

    Raises
    ------
    UnusableInputError
        No such preset or file, or a file that is not a preset.
    """
    if name.endswith(".toml"):
        return _preset_from(Path(name), ())
    if name not in PRESETS:
        raise UnusableInputError(
            f"no preset {with_suggestion(name, PRESETS)}; presets are {', '.join(PRESETS)}, or a .toml file"
        )
    return PRESETS[name]


def _preset_from(path: Path, derived: tuple[Path, ...]) -> Preset:
    """Preset of a file; `derived` are the files that are based on it."""
    if path.resolve() in derived:
        raise UnusableInputError(f"{path}: its base is the file itself, directly or by way of another file")
    content = read_toml(path)
    if unknown := sorted(set(content) - _KEYS):
        raise UnusableInputError(f"{path}: unknown keys {', '.join(unknown)}; allowed are {', '.join(sorted(_KEYS))}")
    of, overrides = str(content.get("base", DEFAULT_PRESET)), content.get("overrides", {})
    if not isinstance(overrides, dict):
        raise UnusableInputError(f"{path}: overrides must be a table of coefficients and numbers")
    base = _preset_from(Path(of), (*derived, path.resolve())) if of.endswith(".toml") else preset_named(of)
    name = str(content.get("name", path.stem))
    derived_preset = base.derive(name, str(content.get("description", base.description)), overrides)
    _refuse_name(derived_preset, path)
    return derived_preset


def _refuse_name(preset: Preset, path: Path) -> None:
    """Refuse a name that stands for another preset, or that messages and model files cannot show."""
    if len(preset.name) > _LONGEST_NAME or not preset.name.isprintable():
        raise UnusableInputError(f"{path}: name: give at most {_LONGEST_NAME} printable characters")
    known = PRESETS.get(preset.name)
    if known is not None and (known.selects, known.overrides) != (preset.selects, preset.overrides):
        raise UnusableInputError(f"{path}: the preset {preset.name} has other coefficients; choose another name")
