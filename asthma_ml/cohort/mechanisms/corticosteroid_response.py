"""Corticosteroids: delivered dose, steroid sensitivity, and suppression of type-2 markers.

The delivered dose suppresses type-2 inflammation in proportion to sensitivity, and with it FeNO and
eosinophils: it *masks* them. Smoking, IL-17, body weight and, slightly, genes lower sensitivity.
"""

import numpy as np

from asthma_ml.cohort.engine.distributions import Bernoulli, LogitNormal, LogNormal, by_level
from asthma_ml.cohort.engine.structural_equations import Coefficient, structural_equation


@structural_equation
def steroid_sensitivity(
    il17_drive,
    tobacco_smoke_burden,
    bmi_kg_m2,
    glcci1_rs37973,
    crhr1_rs242941,
    fcer2_rs28364072,
    cyp3a4_rs35599367,
    *,
    logit_mean=Coefficient(1.39, "logit", source="GEN021", evidence="derived"),
    il17=Coefficient(-0.30, "logit per sd"),
    tobacco=Coefficient(-0.30, "logit per unit of burden"),
    bmi=Coefficient(-0.15, "logit per 6 kg/m2"),
    glcci1=Coefficient(-0.055, "logit per G allele", source="GEN001,GEN005,GEN007", evidence="derived"),
    crhr1=Coefficient(0.0, "logit per T allele", source="GEN031", evidence="measured"),
    fcer2=Coefficient(-0.08, "logit per C allele", source="GEN012", evidence="derived"),
    cyp3a4=Coefficient(0.10, "logit per A allele"),
    sd=Coefficient(1.05, "logit"),
):
    """Fraction of type-2 activity that an unlimited inhaled dose would suppress [0-1]."""
    genes = glcci1 * (glcci1_rs37973 - 0.84) + crhr1 * (crhr1_rs242941 - 0.6)
    genes = genes + fcer2 * (fcer2_rs28364072 - 0.59) + cyp3a4 * cyp3a4_rs35599367
    context = il17 * il17_drive + tobacco * tobacco_smoke_burden + bmi * (bmi_kg_m2 - 29) / 6
    return LogitNormal(logit_mean + context + genes, sd)


@structural_equation
def delivered_ics_ug_day(
    ics_dose_ug_day,
    inhaled_adherence,
    inhaler_technique,
    *,
    correct=Coefficient(1.0, "fraction"),
    acceptable=Coefficient(0.8, "fraction"),
    poor=Coefficient(0.55, "fraction"),
):
    """Inhaled steroid that reaches the airway [ug/day BDP-equivalent]: dose x adherence x technique."""
    technique = by_level(inhaler_technique, correct=correct, acceptable=acceptable, poor=poor)
    return ics_dose_ug_day * inhaled_adherence * technique


@structural_equation
def half_effective_ics_ug_day(*, median=Coefficient(549.0, "ug/day"), log_sd=Coefficient(0.30, "ln")):
    """Delivered dose with half of the maximum effect [ug/day]; deposition differs between people."""
    return LogNormal(median, log_sd)


@structural_equation
def inhaled_steroid_suppression(delivered_ics_ug_day, half_effective_ics_ug_day, steroid_sensitivity):
    """Fraction of type-2 activity that the delivered inhaled steroid suppresses [0-1]."""
    return steroid_sensitivity * delivered_ics_ug_day / (delivered_ics_ug_day + half_effective_ics_ug_day)


@structural_equation
def full_inhaled_suppression(ics_dose_ug_day, half_effective_ics_ug_day, steroid_sensitivity):
    """Fraction of type-2 activity that the prescribed inhaled dose would suppress if fully delivered [0-1]."""
    return steroid_sensitivity * ics_dose_ug_day / (ics_dose_ug_day + half_effective_ics_ug_day)


@structural_equation
def takes_oral_steroid(*, adherent=Coefficient(0.55, "proportion", source="ADH004,ADH023", evidence="derived")):
    """Whether a prescribed oral steroid is taken: about half do not (ADH004, ADH023)."""
    return Bernoulli(adherent)


@structural_equation
def oral_steroid_taken_mg_day(
    ocs_dose_mg_day,
    takes_oral_steroid,
    *,
    missed=Coefficient(0.35, "fraction of dose taken by those who miss doses"),
):
    """Oral steroid taken [mg/day prednisolone]."""
    return ocs_dose_mg_day * np.where(takes_oral_steroid == 1, 1.0, missed)


@structural_equation
def oral_steroid_suppression(
    oral_steroid_taken_mg_day,
    *,
    most=Coefficient(0.44, "fraction", source="IMM067", evidence="measured"),
    half_dose=Coefficient(12.0, "mg/day", source="IMM068", evidence="measured"),
):
    """Fraction of blood eosinophils that oral steroid removes in addition to inhaled steroid [0-1]."""
    return most * oral_steroid_taken_mg_day / (oral_steroid_taken_mg_day + half_dose)


@structural_equation
def oral_steroid_airway_suppression(
    oral_steroid_taken_mg_day,
    *,
    most=Coefficient(0.99, "fraction", source="IMM032", evidence="derived"),
    half_dose=Coefficient(12.0, "mg/day", source="IMM068", evidence="measured"),
):
    """Fraction of airway type-2 activity that oral steroid removes in addition to inhaled [0-1].

    A depot dose removes nearly all sputum eosinophils (12.6 to 0.2 %, IMM032).
    """
    return most * oral_steroid_taken_mg_day / (oral_steroid_taken_mg_day + half_dose)
