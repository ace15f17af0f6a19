"""Prescribing by indication: treatment chosen from findings before this visit.

Steps follow perceived severity, and poor adherence raises it, so non-adherent patients are
stepped up. Oral steroid and biologics are prescribed by indication, so differences between groups are not effects.
"""

import numpy as np

from asthma_ml.cohort.engine.distributions import Bernoulli, LogNormal, Normal, OrderedProbit, by_level, expit
from asthma_ml.cohort.engine.structural_equations import Coefficient, structural_equation

STEPS = ("step_1", "step_2", "step_3", "step_4", "step_5")


@structural_equation
def exacerbation_proneness(*, log_sd=Coefficient(0.62, "ln", source="COH029", evidence="derived")):
    """Lasting tendency to exacerbations [mean 1]; it causes overdispersion and regression to the mean."""
    return LogNormal(np.exp(-(log_sd**2) / 2), log_sd)


@structural_equation
def perceived_severity(
    il5_drive,
    il13_drive,
    il17_drive,
    airway_bacterial_load,
    airway_remodeling,
    exacerbation_proneness,
    erratic_adherence,
    *,
    type2=Coefficient(0.71, "sd per sd"),
    neutrophilic=Coefficient(0.29, "sd per sd"),
    remodeling=Coefficient(0.21, "sd per sd"),
    proneness=Coefficient(0.18, "sd per unit"),
    erratic=Coefficient(0.15, "sd"),
    sd=Coefficient(0.75, "sd"),
):
    """Severity of the asthma as perceived by physicians [standard deviations].

    It depends on past years, hence on habitual and not on current adherence: an intervention on current
    adherence does not change the prescription.
    """
    inflammation = type2 * (il5_drive + il13_drive) / 2
    inflammation = inflammation + neutrophilic * (il17_drive + airway_bacterial_load) / 2
    look = proneness * (np.minimum(exacerbation_proneness, 4) - 1) + erratic * (erratic_adherence - 0.4)
    return Normal(inflammation + remodeling * airway_remodeling + look, sd)


@structural_equation
def treatment_step(
    perceived_severity,
    *,
    above_1=Coefficient(-1.1, "sd"),
    above_2=Coefficient(-0.25, "sd"),
    above_3=Coefficient(0.61, "sd"),
    above_4=Coefficient(1.35, "sd", source="ADH002,COH089,COH091", evidence="derived"),
):
    """GINA treatment step; about one adult in six is on step 4 or 5."""
    return OrderedProbit(STEPS, perceived_severity, 0.3, (above_1, above_2, above_3, above_4))


@structural_equation
def ics_dose_ug_day(
    treatment_step,
    *,
    step_2=Coefficient(400.0, "ug/day"),
    step_3=Coefficient(600.0, "ug/day"),
    step_4=Coefficient(1200.0, "ug/day"),
    step_5=Coefficient(1950.0, "ug/day", source="COH045,COH061", evidence="derived"),
    log_sd=Coefficient(0.22, "ln"),
):
    """Prescribed inhaled steroid [ug/day BDP-equivalent], by step."""
    return LogNormal(
        by_level(treatment_step, step_1=0.0, step_2=step_2, step_3=step_3, step_4=step_4, step_5=step_5), log_sd
    )


@structural_equation
def on_oral_steroid(
    treatment_step,
    perceived_severity,
    exacerbation_proneness,
    *,
    log_odds=Coefficient(-0.10, "log odds on step 5", source="COH010,COH017,COH024,COH036", evidence="derived"),
    severity=Coefficient(0.80, "log odds per sd"),
    proneness=Coefficient(0.30, "log odds per unit"),
):
    """Whether oral steroid is prescribed for maintenance: 21-52 % of severe cohorts, step 5 only."""
    need = severity * (perceived_severity - 1.5) + proneness * (np.minimum(exacerbation_proneness, 5) - 1)
    return Bernoulli(np.where(treatment_step == "step_5", expit(log_odds + need), 0.0))


@structural_equation
def ocs_dose_mg_day(
    on_oral_steroid,
    *,
    median=Coefficient(10.0, "mg/day"),
    log_sd=Coefficient(0.45, "ln"),
):
    """Maintenance oral steroid as prescribed [mg/day prednisolone]."""
    return LogNormal(np.where(on_oral_steroid == 1, median, 0.0), log_sd)
