"""Airway remodeling: thickening, smooth muscle and fibrosis of the airway wall, which accumulate irreversibly.

`airway_remodeling` is constant in the time-frame of the model: no treatment lowers it. Mucus is
separate: current type-2 inflammation causes it, and treatment partly clears it.
"""

import numpy as np

from asthma_ml.cohort.engine.distributions import Binomial, LogNormal, Normal, by_level
from asthma_ml.cohort.engine.structural_equations import Coefficient, structural_equation


@structural_equation
def airway_remodeling(
    asthma_duration_years,
    il5_drive,
    il13_drive,
    tobacco_smoke_burden,
    occupational_exposure,
    childhood_onset,
    tgfb1_rs1800469,
    *,
    per_decade=Coefficient(0.10, "sd per decade"),
    lifetime_type2=Coefficient(0.50, "sd per sd", source="REM016", evidence="derived"),
    tobacco=Coefficient(0.25, "sd per unit of burden"),
    asthmogen=Coefficient(0.30, "sd", source="ENV022", evidence="derived"),
    adult_onset=Coefficient(0.20, "sd"),
    tgfb1=Coefficient(0.08, "sd per T allele"),
    sd=Coefficient(0.88, "sd"),
):
    """Smooth muscle and fibrosis of the airway wall [standard deviations]."""
    years = per_decade * (np.minimum(asthma_duration_years, 50) - 22) / 10
    built = lifetime_type2 * (il5_drive + il13_drive) / 2 + tobacco * (tobacco_smoke_burden - 0.3)
    work = by_level(occupational_exposure, none=0.0, irritant=0.0, asthmogen=asthmogen)
    onset = adult_onset * (0.5 - childhood_onset)
    return Normal(years + built + work + onset + tgfb1 * (tgfb1_rs1800469 - 0.62), sd)


@structural_equation
def mucus_plugging(
    il5_airway_activity,
    il13_airway_activity,
    airway_remodeling,
    *,
    eosinophils=Coefficient(0.30, "sd per ln"),
    il13=Coefficient(0.35, "sd per ln"),
    remodeling=Coefficient(0.20, "sd per sd"),
    sd=Coefficient(0.85, "sd"),
):
    """Current mucus in the airway [standard deviations]: caused by type-2 activity, partly reversible."""
    today = eosinophils * np.log(il5_airway_activity) + il13 * np.log(il13_airway_activity)
    return Normal(today + 0.45 + remodeling * airway_remodeling, sd)


@structural_equation
def ct_mucus_score(
    mucus_plugging,
    *,
    logit_mean=Coefficient(-4.3, "logit", source="REM019", evidence="derived"),
    per_sd=Coefficient(2.2, "logit per sd"),
):
    """Bronchial segments plugged with mucus on CT [0-20]; none in about four of ten (REM019)."""
    return Binomial(20, 1 / (1 + np.exp(-(logit_mean + per_sd * mucus_plugging))))


@structural_equation
def ct_wall_area_pct(
    airway_remodeling,
    *,
    mean=Coefficient(56.0, "%", source="REM011", evidence="derived"),
    per_sd=Coefficient(1.0, "% per sd", source="REM011,REM012", evidence="derived"),
    sd=Coefficient(2.6, "%", source="REM011", evidence="derived"),
):
    """CT wall area of segment RB1 [%]: a small effect with a large spread, equal in all endotypes."""
    return Normal(mean + per_sd * airway_remodeling, sd)


@structural_equation
def basement_membrane_um(
    il13_drive,
    il5_drive,
    *,
    median=Coefficient(6.6, "um", source="REM007,REM008", evidence="derived"),
    per_sd=Coefficient(0.42, "ln per sd", source="REM007,REM008", evidence="derived"),
    log_sd=Coefficient(0.18, "ln"),
):
    """Basement membrane thickness [um]: it reflects lifetime type-2 activity, not severity."""
    return LogNormal(median * np.exp(per_sd * (il13_drive + il5_drive) / 2), log_sd)
