"""Tobacco smoke, air pollution and occupational exposure, which sustain inflammation despite treatment.

The effect of smoking is strong, that of occupational asthmogens matters in adult onset, and that of air
pollution is too weak to be useful to a classifier.
"""

import numpy as np

from asthma_ml.cohort.engine.distributions import Categorical, LogNormal, Normal, by_level
from asthma_ml.cohort.engine.structural_equations import Coefficient, structural_equation


@structural_equation
def urbanicity():
    """How urban the home is [standard deviations]: the common cause of the pollutants."""
    return Normal(0.0, 1.0)


@structural_equation
def pm25_ug_m3(
    urbanicity,
    *,
    median=Coefficient(9.5, "ug/m3"),
    per_sd=Coefficient(0.20, "ln per sd of urbanicity"),
    log_sd=Coefficient(0.25, "ln"),
):
    """Annual mean PM2.5 at home [ug/m3]."""
    return LogNormal(median * np.exp(per_sd * urbanicity), log_sd)


@structural_equation
def no2_ug_m3(
    urbanicity,
    *,
    median=Coefficient(18.0, "ug/m3"),
    per_sd=Coefficient(0.35, "ln per sd of urbanicity"),
    log_sd=Coefficient(0.30, "ln"),
):
    """Annual mean NO2 at home [ug/m3]."""
    return LogNormal(median * np.exp(per_sd * urbanicity), log_sd)


@structural_equation
def smoking_status(
    sex,
    *,
    never=Coefficient(0.69, "proportion", source="ENV001,ENV002,ENV003", evidence="derived"),
    former=Coefficient(0.25, "proportion", source="ENV002", evidence="derived"),
    current=Coefficient(0.07, "proportion", source="ENV001,ENV012", evidence="derived"),
    men=Coefficient(1.3, "ratio of ever to never"),
):
    """Tobacco smoking: never, former or current; men smoke or smoked more often."""
    tilt = np.where(sex == "male", men, 1.0)
    return Categorical(("never", "former", "current"), (never, former * tilt, current * tilt))


@structural_equation
def pack_years(
    smoking_status,
    age_years,
    *,
    former=Coefficient(9.0, "pack-years", source="ENV008", evidence="derived"),
    current=Coefficient(24.0, "pack-years", source="ENV007", evidence="derived"),
    former_log_sd=Coefficient(1.2, "ln", source="ENV008", evidence="derived"),
    current_log_sd=Coefficient(0.6, "ln", source="ENV007", evidence="derived"),
):
    """Lifetime tobacco exposure [pack-years]: none in never-smokers, growing with years of smoking."""
    years = np.clip((age_years - 16) / 36, 0.1, 1.4)
    return LogNormal(
        median=by_level(smoking_status, never=0.0, former=former, current=current) * years,
        log_sd=by_level(smoking_status, never=1.0, former=former_log_sd, current=current_log_sd),
    )


@structural_equation
def occupational_exposure(
    sex,
    *,
    irritant=Coefficient(0.16, "proportion"),
    asthmogen=Coefficient(0.17, "proportion", source="ENV023", evidence="derived"),
    men=Coefficient(0.35, "log odds"),
):
    """Exposure at work: none, irritants, or asthmogens; more often in men."""
    tilt = np.exp(men * (sex == "male"))
    none = 1 - irritant - asthmogen
    return Categorical(("none", "irritant", "asthmogen"), (none, irritant * tilt, asthmogen * tilt))


@structural_equation
def tobacco_smoke_burden(
    smoking_status,
    pack_years,
    *,
    current=Coefficient(1.0, "burden"),
    former=Coefficient(0.25, "burden"),
    half_pack_years=Coefficient(20.0, "pack-years"),
):
    """Current effect of tobacco on the airway [0 none to about 2]: current smoking and cumulative exposure."""
    today = by_level(smoking_status, never=0.0, former=former, current=current)
    return today + pack_years / (pack_years + half_pack_years)


@structural_equation
def irritant_exposure(
    tobacco_smoke_burden,
    pm25_ug_m3,
    no2_ug_m3,
    occupational_exposure,
    *,
    tobacco=Coefficient(0.45, "sd per unit of burden"),
    pm25=Coefficient(0.05, "sd per 10 ug/m3"),
    no2=Coefficient(0.03, "sd per 10 ug/m3"),
    irritant=Coefficient(0.05, "sd"),
    asthmogen=Coefficient(0.10, "sd"),
):
    """Sum of inhaled irritants [standard deviations of the IL-17 drive]; zero in clean air.

    Pollutants are weak: odds ratios of emergency visits are 1.02-1.03 per 10 ug/m3 (ENV016, ENV017).
    """
    air = pm25 * (pm25_ug_m3 - 9.5) / 10 + no2 * (no2_ug_m3 - 18.0) / 10
    work = by_level(occupational_exposure, none=0.0, irritant=irritant, asthmogen=asthmogen)
    return tobacco * tobacco_smoke_burden + air + work


@structural_equation
def smoke_steroid_blunting(
    smoking_status,
    *,
    current=Coefficient(0.80, "fraction lost", source="ENV009,ENV010", evidence="derived"),
    former=Coefficient(0.25, "fraction lost"),
):
    """Fraction of the steroid's effect on lung function that tobacco smoke removes.

    In current smokers prednisolone gained 47 mL where never-smokers gained 237 mL. Smoke acts on
    the arrow from steroid to FEV1 and only partly on the one to eosinophils.
    """
    return by_level(smoking_status, never=0.0, former=former, current=current)
