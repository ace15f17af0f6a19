"""Neutrophilic inflammation: the IL-17 drive, and neutrophils, which correlate with it only weakly.

Th17 and Th2 signatures exclude one another (IMM034), yet neutrophil counts follow neither of them
closely (IMM035): age, bacteria, smoke, steroids and the laboratory raise neutrophils too.
"""

import numpy as np

from asthma_ml.cohort.engine.distributions import LogitNormal, LogNormal, Normal, by_level
from asthma_ml.cohort.engine.structural_equations import Coefficient, structural_equation


@structural_equation
def il17_drive(
    type2_predisposition,
    irritant_exposure,
    airway_bacterial_load,
    bmi_kg_m2,
    *,
    type2=Coefficient(-0.27, "sd per sd"),
    irritants=Coefficient(1.0, "sd per sd"),
    bacteria=Coefficient(0.20, "sd per sd"),
    bmi=Coefficient(0.08, "sd per 6 kg/m2"),
    sd=Coefficient(0.90, "sd"),
):
    """IL-17 and innate drive [standard deviations]: fed by smoke, irritants, bacteria and weight."""
    fed = irritants * irritant_exposure + bacteria * airway_bacterial_load + bmi * (bmi_kg_m2 - 29) / 6
    return Normal(type2 * type2_predisposition + fed - 0.3, sd)


@structural_equation
def sputum_neutrophils_pct(
    il17_drive,
    airway_bacterial_load,
    age_years,
    delivered_ics_ug_day,
    oral_steroid_taken_mg_day,
    site,
    sputum_eosinophils_pct,
    *,
    logit_mean=Coefficient(0.025, "logit", source="COH079", evidence="derived"),
    il17=Coefficient(0.67, "logit per sd"),
    bacteria=Coefficient(0.65, "logit per sd"),
    per_year=Coefficient(0.018, "logit per year", source="IMM080", evidence="derived"),
    high_ics=Coefficient(0.47, "logit", source="IMM056", evidence="derived"),
    half_ics=Coefficient(500.0, "ug/day"),
    oral_steroid=Coefficient(0.85, "logit"),
    dense_laboratory=Coefficient(0.35, "logit"),
    logit_sd=Coefficient(1.05, "logit", source="COH079", evidence="derived"),
):
    """Sputum neutrophils [% of non-squamous cells], a fraction of the cells that are not eosinophils.

    Drawn from the cells that are not eosinophils, so the negative correlation with eosinophils
    and FeNO (IMM089) follows from composition. Laboratories differ (IMM083).
    """
    steroid = high_ics * (delivered_ics_ug_day / (delivered_ics_ug_day + half_ics) - 0.5)
    steroid = steroid + oral_steroid * (oral_steroid_taken_mg_day > 0)
    laboratory = by_level(
        site, site_1=0.0, site_2=0.0, site_3=dense_laboratory, site_4=0.0, site_5=-dense_laboratory, site_6=0.0
    )
    ageing = per_year * (np.minimum(age_years, 60.0) - 50)
    logit = logit_mean + il17 * il17_drive + bacteria * airway_bacterial_load + ageing + steroid + laboratory
    return LogitNormal(logit, logit_sd, whole=100.0 - sputum_eosinophils_pct)


@structural_equation
def blood_neutrophils_cells_ul(
    il17_drive,
    airway_bacterial_load,
    smoking_status,
    bmi_kg_m2,
    oral_steroid_taken_mg_day,
    white_cell_set_point,
    *,
    median=Coefficient(4350.0, "cells/uL", source="COH082", evidence="derived"),
    il17=Coefficient(0.09, "ln per sd"),
    bacteria=Coefficient(0.04, "ln per sd"),
    current_smoker=Coefficient(0.15, "ln"),
    bmi=Coefficient(0.05, "ln per 6 kg/m2"),
    oral_steroid=Coefficient(0.40, "ln at high dose"),
    half_dose=Coefficient(10.0, "mg/day"),
    set_point=Coefficient(0.25, "ln per sd"),
    log_sd=Coefficient(0.25, "ln", source="COH082", evidence="derived"),
):
    """Blood neutrophils [cells/uL]: raised by oral steroid, almost independent of the airway (IMM060)."""
    dose = oral_steroid_taken_mg_day
    shift = il17 * il17_drive + bacteria * airway_bacterial_load + bmi * (bmi_kg_m2 - 29) / 6
    shift = shift + current_smoker * (smoking_status == "current") + oral_steroid * dose / (dose + half_dose)
    return LogNormal(median * np.exp(shift + set_point * white_cell_set_point), log_sd)


@structural_equation
def sputum_il17a_log2(
    il17_drive,
    *,
    mean=Coefficient(8.0, "log2 expression"),
    per_sd=Coefficient(0.80, "log2 per sd"),
    sd=Coefficient(1.4, "log2 expression"),
):
    """Sputum IL-17A mRNA [log2 expression]: correlates with IL-8 and neutrophils (IMM059)."""
    return Normal(mean + per_sd * il17_drive, sd)


@structural_equation
def plasma_il6_pg_ml(
    bmi_kg_m2,
    il17_drive,
    age_years,
    *,
    median=Coefficient(1.75, "pg/mL", source="IMM066", evidence="derived"),
    bmi=Coefficient(0.28, "ln per 6 kg/m2"),
    il17=Coefficient(0.12, "ln per sd"),
    per_decade_from_50=Coefficient(0.08, "ln per decade"),
    log_sd=Coefficient(0.65, "ln"),
):
    """Plasma IL-6 [pg/mL]: driven mainly by body weight; above 3.1 in a quarter of severe asthma."""
    shift = bmi * (bmi_kg_m2 - 29) / 6 + il17 * il17_drive + per_decade_from_50 * (age_years - 50) / 10
    return LogNormal(median * np.exp(shift), log_sd)
