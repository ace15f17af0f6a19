"""Outcomes: lung function, asthma control and exacerbations.

Lung function before and after bronchodilator is drawn jointly, and reversibility is calculated
from the two. Remodeling lowers what bronchodilators and steroids can give back.
"""

import numpy as np

from asthma_ml.cohort.engine.distributions import LogitNormal, LogNormal, NegativeBinomial, TruncatedNormal
from asthma_ml.cohort.engine.structural_equations import Coefficient, structural_equation

YEARLY_LUCK = Coefficient(1.5, "dimensionless", source="COH029", evidence="derived")


@structural_equation
def fev1_post_bd_pct_predicted(
    airway_remodeling,
    mucus_plugging,
    il13_airway_activity,
    tobacco_smoke_burden,
    bmi_kg_m2,
    untreated_il5_activity,
    inhaled_steroid_suppression,
    oral_steroid_taken_mg_day,
    smoke_steroid_blunting,
    hsd3b1_rs1047303,
    age_years,
    *,
    mean=Coefficient(87.0, "% predicted", source="COH088,COH057", evidence="derived"),
    remodeling=Coefficient(-10.0, "% predicted per sd"),
    advanced_remodeling=Coefficient(-2.0, "% predicted per sd beyond 1"),
    mucus=Coefficient(-5.75, "% predicted per sd"),
    type2=Coefficient(-0.5, "% predicted per ln"),
    tobacco=Coefficient(-4.0, "% predicted per unit of burden"),
    bmi=Coefficient(-2.0, "% predicted per 6 kg/m2"),
    steroid=Coefficient(14.0, "% predicted at full suppression", source="GEN003", evidence="derived"),
    oral_steroid=Coefficient(24.0, "% predicted at high dose", source="ENV009,REM009", evidence="derived"),
    hsd3b1=Coefficient(-5.0, "% predicted per A allele on oral steroid", source="GEN008,GEN010", evidence="derived"),
    per_year=Coefficient(-0.18, "% predicted per year"),
    remodeling_blunting=Coefficient(0.15, "fraction of the steroid gain lost per sd"),
    sd=Coefficient(11.0, "% predicted"),
):
    """FEV1 after bronchodilator [% predicted].

    The steroid's gain shrinks with smoke and with remodeling. Oral steroid gains most where inhaled
    steroid has left eosinophils (REM009) and little elsewhere. HSD3B1 acts under oral steroid only.
    """
    inflamed = mucus * mucus_plugging + type2 * np.log(il13_airway_activity)
    worn = remodeling * airway_remodeling + tobacco * tobacco_smoke_burden + bmi * (bmi_kg_m2 - 29) / 6
    worn = worn + advanced_remodeling * np.maximum(airway_remodeling - 1, 0) + per_year * (age_years - 50)
    responsive = (1 - smoke_steroid_blunting) * np.clip(1 - remodeling_blunting * airway_remodeling, 0.2, 1.4)
    high = oral_steroid_taken_mg_day / (oral_steroid_taken_mg_day + 10)
    left = np.square(untreated_il5_activity * (1 - inhaled_steroid_suppression))
    oral = oral_steroid * high * 2 * left / (1 + left)
    gain = responsive * (steroid * inhaled_steroid_suppression + oral) + hsd3b1 * hsd3b1_rs1047303 * high
    return TruncatedNormal(mean + inflamed + worn + gain, sd, lower=12.0, upper=150.0)


@structural_equation
def reversible_obstruction_pct(
    airway_remodeling,
    il13_airway_activity,
    fev1_post_bd_pct_predicted,
    age_at_onset_years,
    *,
    median=Coefficient(12.5, "%", source="REM002,REM005", evidence="derived"),
    early_onset=Coefficient(0.55, "ln from birth to late onset", source="HET011,HET012", evidence="derived"),
    early_years=Coefficient(10.0, "years"),
    remodeling=Coefficient(-0.12, "ln per sd"),
    type2=Coefficient(0.15, "ln per ln"),
    obstruction=Coefficient(-0.010, "ln per % predicted"),
    log_sd=Coefficient(0.75, "ln", source="REM002,REM005", evidence="derived"),
):
    """Airway tone that a bronchodilator releases [% of pre-bronchodilator FEV1], right-skewed.

    Obstruction of early onset is reversible, more so the earlier it began; that of late onset is fixed (HET011,
    HET012).
    """
    shift = remodeling * airway_remodeling + type2 * np.log(il13_airway_activity)
    shift = shift + early_onset * (np.exp(-age_at_onset_years / early_years) - 0.28)
    return LogNormal(median * np.exp(shift + obstruction * (fev1_post_bd_pct_predicted - 75)), log_sd)


@structural_equation
def fev1_pct_predicted(
    fev1_post_bd_pct_predicted,
    reversible_obstruction_pct,
    *,
    variation=Coefficient(3.5, "% of FEV1"),
    most_reversible=Coefficient(90.0, "% of FEV1"),
):
    """FEV1 before bronchodilator [% predicted]; day variation lets a few fall after the drug."""
    gain = np.minimum(reversible_obstruction_pct, most_reversible) - variation
    return fev1_post_bd_pct_predicted / (1 + gain / 100)


@structural_equation
def bronchodilator_reversibility_pct(fev1_pct_predicted, fev1_post_bd_pct_predicted):
    """FEV1 gain after bronchodilator [% of the value before]."""
    return 100 * (fev1_post_bd_pct_predicted - fev1_pct_predicted) / fev1_pct_predicted


@structural_equation
def fev1_fvc_post_bd_ratio(
    fev1_post_bd_pct_predicted,
    age_years,
    bmi_kg_m2,
    mucus_plugging,
    *,
    logit_mean=Coefficient(0.73, "logit", source="REM001,REM004,REM006", evidence="derived"),
    per_pct_predicted=Coefficient(0.023, "logit per % predicted"),
    per_year=Coefficient(-0.013, "logit per year"),
    bmi=Coefficient(0.14, "logit per 6 kg/m2"),
    mucus=Coefficient(-0.52, "logit per sd", source="REM016", evidence="derived"),
    logit_sd=Coefficient(0.43, "logit", source="REM004", evidence="derived"),
):
    """FEV1/FVC after bronchodilator [ratio]: falls with obstruction and age; weight lowers FVC more."""
    logit = logit_mean + per_pct_predicted * (fev1_post_bd_pct_predicted - 75) + per_year * (age_years - 50)
    logit = logit + bmi * (bmi_kg_m2 - 29) / 6 + mucus * mucus_plugging
    return LogitNormal(logit, logit_sd, whole=0.98, lower=0.22)


@structural_equation
def fev1_fvc_ratio(
    fev1_fvc_post_bd_ratio,
    fev1_pct_predicted,
    fev1_post_bd_pct_predicted,
    *,
    fev1_share=Coefficient(0.5, "power"),
):
    """FEV1/FVC before bronchodilator [ratio]: the drug raises FEV1 more than FVC."""
    relative = (fev1_pct_predicted / fev1_post_bd_pct_predicted) ** fev1_share
    return np.clip(fev1_fvc_post_bd_ratio * relative, 0.21, 0.99)


@structural_equation
def acq6_score(
    fev1_pct_predicted,
    il5_airway_activity,
    il17_drive,
    airway_bacterial_load,
    delivered_ics_ug_day,
    oral_steroid_taken_mg_day,
    smoke_steroid_blunting,
    bmi_kg_m2,
    mucus_plugging,
    *,
    mean=Coefficient(1.95, "score", source="COH008", evidence="derived"),
    fev1=Coefficient(-0.018, "score per % predicted"),
    eosinophils=Coefficient(0.22, "score per ln"),
    neutrophilic=Coefficient(0.18, "score per sd"),
    untreated=Coefficient(0.8, "score without steroid"),
    oral_steroid=Coefficient(-0.7, "score at high dose", source="ENV011", evidence="derived"),
    oral_half_dose=Coefficient(10.0, "mg/day"),
    half_dose=Coefficient(400.0, "ug/day"),
    bmi=Coefficient(0.15, "score per 6 kg/m2"),
    mucus=Coefficient(0.12, "score per sd"),
    sd=Coefficient(1.60, "score", source="COH008", evidence="derived"),
):
    """Asthma control questionnaire [0-6]; above 1.5 is badly controlled (COH096)."""
    inflamed = eosinophils * np.log(il5_airway_activity) + neutrophilic * (il17_drive + airway_bacterial_load) / 2
    missing_steroid = untreated * half_dose / (half_dose + delivered_ics_ug_day)
    load = fev1 * (fev1_pct_predicted - 75) + bmi * (bmi_kg_m2 - 29) / 6 + mucus * mucus_plugging
    dose = oral_steroid_taken_mg_day / (oral_steroid_taken_mg_day + oral_half_dose)
    relief = oral_steroid * dose * (1 - smoke_steroid_blunting)
    return TruncatedNormal(mean + inflamed + missing_steroid + load + relief, sd, lower=0.0, upper=6.0)


@structural_equation
def attack_rate_per_year(
    il5_activity_on_steroid,
    il13_activity_on_steroid,
    attacks_prevented_by_biologic,
    fev1_pct_predicted,
    acq6_score,
    airway_bacterial_load,
    exacerbation_proneness,
    fcer2_rs28364072,
    adrb2_rs1042713,
    *,
    rate=Coefficient(1.1, "exacerbations/year", source="COH029,COH001", evidence="derived"),
    eosinophils=Coefficient(0.215, "ln per ln", source="IMM046,IMM049", evidence="derived"),
    feno=Coefficient(0.15, "ln per ln", source="IMM046,IMM050", evidence="derived"),
    both=Coefficient(0.20, "ln per ln2", source="IMM044,IMM045,IMM046", evidence="derived"),
    fev1=Coefficient(-0.0104, "ln per % predicted", source="COH075", evidence="derived"),
    acq=Coefficient(0.191, "ln per point", source="COH076", evidence="derived"),
    bacteria=Coefficient(0.15, "ln per sd"),
    fcer2=Coefficient(0.08, "ln per C allele", source="GEN012", evidence="derived"),
    adrb2=Coefficient(0.06, "ln per A allele", source="GEN019", evidence="derived"),
    most=Coefficient(20.0, "exacerbations/year"),
):
    """Expected rate of severe exacerbations [exacerbations/year].

    The effects of eosinophils and FeNO multiply (IMM046).
    """
    il5, il13 = np.log(il5_activity_on_steroid), np.log(il13_activity_on_steroid)
    type2 = eosinophils * il5 + feno * il13 + both * np.maximum(il5 + 0.5, 0) * np.maximum(il13 + 0.5, 0)
    state = fev1 * (fev1_pct_predicted - 70) + acq * (acq6_score - 2.5) + bacteria * airway_bacterial_load
    genes = fcer2 * (fcer2_rs28364072 - 0.6) + adrb2 * (adrb2_rs1042713 - 0.8)
    expected = rate * np.exp(type2 + state + genes) * exacerbation_proneness
    return np.minimum(expected * (1 - attacks_prevented_by_biologic), most)


@structural_equation
def exacerbations_12m(attack_rate_per_year, *, dispersion=YEARLY_LUCK):
    """Severe exacerbations in the past 12 months: negative binomial, because rates vary between years."""
    return NegativeBinomial(attack_rate_per_year, dispersion)


@structural_equation
def exacerbations_next_12m(attack_rate_per_year, *, dispersion=YEARLY_LUCK, closer_care=Coefficient(1.0, "ratio")):
    """Severe exacerbations in the 12 months after the visit, on the same treatment.

    Patients selected for a year with many exacerbations have fewer in the next: regression to the mean. In trials
    closer care lowers the rate in all arms (COH072).
    """
    return NegativeBinomial(attack_rate_per_year * closer_care, dispersion)
