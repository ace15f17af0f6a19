"""Type-2 inflammation: three axes, their suppression by steroids, and their markers.

IL-5 drives eosinophils, IL-13 the epithelium (FeNO, periostin, mucus, basement membrane), IL-4 IgE and
allergy. The axes share a cause but differ. A `drive` is the untreated tendency of
the patient [standard deviations]; an `activity` is its current level under the delivered steroid and
biologic [1 = the median untreated patient]. Markers vary between visits around their expectation, so labels
derived from markers vary too.
"""

import numpy as np

from asthma_ml.cohort.engine.distributions import Bernoulli, LogitNormal, LogNormal, Normal, by_level, expit
from asthma_ml.cohort.engine.structural_equations import Coefficient, structural_equation

EOSINOPHIL_VARIATION = Coefficient(0.36, "ln within person")
FENO_VARIATION = Coefficient(0.43, "ln within person")
SPUTUM_VARIATION = Coefficient(1.30, "logit within person", source="HET022,HET023,HET024", evidence="derived")


@structural_equation
def type2_predisposition(
    childhood_onset,
    il13_rs20541,
    il4ra_rs1801275,
    sex,
    occupational_exposure,
    *,
    adult_onset=Coefficient(0.13, "sd"),
    men=Coefficient(0.22, "sd", source="COH100", evidence="derived"),
    mean=Coefficient(-0.9, "sd", source="HET013,HET014,IMM027", evidence="derived"),
    asthmogen=Coefficient(0.25, "sd"),
    il13_allele=Coefficient(0.08, "sd per allele"),
    il4ra_allele=Coefficient(0.05, "sd per allele"),
):
    """Common cause of the three type-2 axes [standard deviations]; a little higher in late onset.

    Sensitisers at work raise it: occupational asthma is mostly eosinophilic.
    """
    genes = il13_allele * (il13_rs20541 - 0.4) + il4ra_allele * (il4ra_rs1801275 - 0.5)
    host = men * ((sex == "male") - 0.4) + asthmogen * (occupational_exposure == "asthmogen")
    return Normal(mean + adult_onset * (0.5 - childhood_onset) + genes + host, 1.0)


@structural_equation
def il5_drive(
    type2_predisposition,
    childhood_onset,
    *,
    shared=Coefficient(0.85, "sd per sd"),
    adult_onset=Coefficient(0.20, "sd"),
    sd=Coefficient(0.52, "sd"),
):
    """IL-5 axis: eosinophils, without treatment [standard deviations]."""
    return Normal(shared * type2_predisposition + adult_onset * (0.5 - childhood_onset), sd)


@structural_equation
def il13_drive(
    type2_predisposition,
    *,
    shared=Coefficient(0.85, "sd per sd"),
    sd=Coefficient(0.52, "sd"),
):
    """IL-13 axis: the airway epithelium, without treatment [standard deviations]."""
    return Normal(shared * type2_predisposition, sd)


@structural_equation
def il4_drive(
    type2_predisposition,
    childhood_onset,
    *,
    shared=Coefficient(0.50, "sd per sd"),
    childhood=Coefficient(0.70, "sd"),
    sd=Coefficient(0.85, "sd"),
):
    """IL-4 axis: allergy and IgE, without treatment [standard deviations]; higher in early onset."""
    return Normal(shared * type2_predisposition + childhood * (childhood_onset - 0.5), sd)


@structural_equation
def atopy(
    il4_drive,
    *,
    log_odds=Coefficient(0.85, "log odds", source="COH015,COH040,COH051,COH059", evidence="derived"),
    per_sd=Coefficient(1.1, "log odds per sd"),
):
    """Atopy: 58-75 % of severe cohorts."""
    return Bernoulli(expit(log_odds + per_sd * il4_drive))


@structural_equation
def nasal_polyps(
    il5_drive,
    il13_drive,
    childhood_onset,
    *,
    log_odds=Coefficient(-1.75, "log odds", source="COH022,COH041,COH053,COH054", evidence="derived"),
    per_sd=Coefficient(0.55, "log odds per sd"),
    adult_onset=Coefficient(0.70, "log odds"),
):
    """Nasal polyps: 14-43 % of severe cohorts, in late-onset eosinophilic disease above all."""
    return Bernoulli(expit(log_odds + per_sd * (il5_drive + il13_drive) / 2 + adult_onset * (0.5 - childhood_onset)))


@structural_equation
def untreated_il5_activity(
    il5_drive, *, log_spread=Coefficient(0.85, "ln per sd", source="COH062", evidence="derived")
):
    """IL-5 activity without any treatment [1 = median patient]."""
    return np.exp(log_spread * il5_drive)


@structural_equation
def untreated_il13_activity(
    il13_drive, *, log_spread=Coefficient(0.86, "ln per sd", source="COH067", evidence="derived")
):
    """IL-13 activity without any treatment [1 = median patient]."""
    return np.exp(log_spread * il13_drive)


@structural_equation
def il5_activity_on_steroid(untreated_il5_activity, inhaled_steroid_suppression, oral_steroid_airway_suppression):
    """Eosinophilic airway activity under steroids [1 = median untreated]."""
    return untreated_il5_activity * (1 - inhaled_steroid_suppression) * (1 - oral_steroid_airway_suppression)


@structural_equation
def il13_activity_on_steroid(
    untreated_il13_activity,
    inhaled_steroid_suppression,
    oral_steroid_airway_suppression,
    *,
    oral_share=Coefficient(0.5, "fraction of the effect on eosinophils"),
):
    """IL-13 airway activity under steroids [1 = median untreated]."""
    oral = oral_share * oral_steroid_airway_suppression
    return untreated_il13_activity * (1 - inhaled_steroid_suppression) * (1 - oral)


@structural_equation
def il5_airway_activity(
    il5_activity_on_steroid,
    biologic,
    *,
    anti_ige=Coefficient(0.80, "fraction left"),
    anti_il5=Coefficient(0.20, "fraction left"),
    anti_il4r=Coefficient(0.80, "fraction left"),
    anti_tslp=Coefficient(0.40, "fraction left"),
):
    """Current eosinophilic airway activity, under steroids and biologic [1 = median untreated]."""
    return il5_activity_on_steroid * by_level(
        biologic, none=1.0, anti_ige=anti_ige, anti_il5=anti_il5, anti_il4r=anti_il4r, anti_tslp=anti_tslp
    )


@structural_equation
def il13_airway_activity(
    il13_activity_on_steroid,
    biologic,
    *,
    anti_ige=Coefficient(0.80, "fraction left"),
    anti_il5=Coefficient(0.90, "fraction left"),
    anti_il4r=Coefficient(0.35, "fraction left"),
    anti_tslp=Coefficient(0.55, "fraction left"),
):
    """Current IL-13 airway activity, under steroids and biologic [1 = median untreated]."""
    return il13_activity_on_steroid * by_level(
        biologic, none=1.0, anti_ige=anti_ige, anti_il5=anti_il5, anti_il4r=anti_il4r, anti_tslp=anti_tslp
    )


@structural_equation
def usual_blood_eosinophils(
    untreated_il5_activity,
    white_cell_set_point,
    bmi_kg_m2,
    *,
    floor=Coefficient(50.0, "cells/uL"),
    above_floor=Coefficient(199.0, "cells/uL", source="COH062", evidence="derived"),
    set_point=Coefficient(0.20, "ln per sd"),
    bmi=Coefficient(0.05, "ln per 6 kg/m2"),
):
    """Usual blood eosinophils without steroid or biologic [cells/uL].

    Body weight raises them a little, as it does all white cells.
    """
    host = np.exp(set_point * white_cell_set_point + bmi * (bmi_kg_m2 - 29) / 6)
    return (floor + above_floor * untreated_il5_activity) * host


@structural_equation
def peak_blood_eosinophils(
    usual_blood_eosinophils,
    treatment_step,
    *,
    peak_ratio=Coefficient(1.52, "ratio on steps 4 and 5", source="IMM003", evidence="derived"),
    few_counts=Coefficient(1.12, "ratio on lower steps", source="HET006", evidence="derived"),
    log_sd=Coefficient(0.40, "ln"),
):
    """Highest count of the years before this visit [cells/uL]: several visits, some off steroid.

    The more often blood is drawn, the higher the highest count: of seven counts it lies about 1.35
    within-person standard deviations above the usual one, of the one or two of mild asthma hardly above.
    """
    often = (treatment_step == "step_4") | (treatment_step == "step_5")
    return LogNormal(np.where(often, peak_ratio, few_counts) * usual_blood_eosinophils, log_sd)


@structural_equation
def expected_blood_eosinophils(
    usual_blood_eosinophils,
    inhaled_steroid_suppression,
    oral_steroid_suppression,
    biologic,
    *,
    inhaled_share=Coefficient(0.35, "fraction of the effect in the airway"),
    anti_ige=Coefficient(0.80, "fraction left"),
    anti_il5=Coefficient(0.15, "fraction left"),
    anti_il4r=Coefficient(1.15, "fraction left"),
    anti_tslp=Coefficient(0.60, "fraction left"),
):
    """Expected blood eosinophils under current treatment [cells/uL].

    Oral steroid suppresses strongly, inhaled steroid weakly.
    """
    left = by_level(biologic, none=1.0, anti_ige=anti_ige, anti_il5=anti_il5, anti_il4r=anti_il4r, anti_tslp=anti_tslp)
    steroid = (1 - inhaled_share * inhaled_steroid_suppression) * (1 - oral_steroid_suppression)
    return usual_blood_eosinophils * steroid * left


@structural_equation
def blood_eosinophils_cells_ul(expected_blood_eosinophils, *, within_person=EOSINOPHIL_VARIATION):
    """Blood eosinophils at the visit [cells/uL]: they vary between visits around their expectation."""
    return LogNormal(expected_blood_eosinophils, within_person)


@structural_equation
def blood_eosinophils_visit_2(expected_blood_eosinophils, *, within_person=EOSINOPHIL_VARIATION):
    """Blood eosinophils at a second visit on the same treatment [cells/uL]."""
    return LogNormal(expected_blood_eosinophils, within_person)


@structural_equation
def blood_eosinophils_visit_3(expected_blood_eosinophils, *, within_person=EOSINOPHIL_VARIATION):
    """Blood eosinophils at a third visit on the same treatment [cells/uL]."""
    return LogNormal(expected_blood_eosinophils, within_person)


@structural_equation
def blood_eosinophils_max_cells_ul(peak_blood_eosinophils, blood_eosinophils_cells_ul):
    """Highest blood eosinophils on record [cells/uL], including the current count."""
    return np.maximum(peak_blood_eosinophils, blood_eosinophils_cells_ul)


@structural_equation
def expected_feno_ppb(
    il13_airway_activity,
    smoking_status,
    sex,
    bmi_kg_m2,
    fcer2_rs28364072,
    *,
    constitutive=Coefficient(5.88, "ppb"),
    per_activity=Coefficient(31.4, "ppb", source="COH067,COH077,IMM028", evidence="derived"),
    former=Coefficient(0.85, "ratio", source="ENV004", evidence="derived"),
    current=Coefficient(0.45, "ratio", source="ENV005,ENV006", evidence="derived"),
    men=Coefficient(1.12, "ratio"),
    fcer2=Coefficient(-0.09, "ln per C allele", source="GEN014", evidence="derived"),
    bmi=Coefficient(-0.08, "ln per 6 kg/m2", source="COH011,COH012", evidence="derived"),
):
    """Expected exhaled nitric oxide [ppb]: a constitutive part, and a part driven by IL-13.

    Steroid suppresses the part driven by IL-13 only; in non-eosinophilic asthma it changes little
    (IMM091). Current smoking lowers it to about 0.4.
    """
    smoke = by_level(smoking_status, never=1.0, former=former, current=current)
    body = np.where(sex == "male", men, 1.0) * np.exp(bmi * (bmi_kg_m2 - 29) / 6)
    genes = np.exp(fcer2 * (fcer2_rs28364072 - 0.56))
    return (constitutive + per_activity * il13_airway_activity) * smoke * body * genes


@structural_equation
def feno_ppb(
    expected_feno_ppb,
    site,
    *,
    within_person=FENO_VARIATION,
    high_analyser=Coefficient(1.08, "ratio at site 2"),
    low_analyser=Coefficient(0.92, "ratio at site 5"),
):
    """Exhaled nitric oxide at 50 mL/s at the visit [ppb]; analysers of two sites are biased."""
    analyser = by_level(site, site_1=1.0, site_2=high_analyser, site_3=1.0, site_4=1.0, site_5=low_analyser, site_6=1.0)
    return LogNormal(expected_feno_ppb * analyser, within_person)


@structural_equation
def feno_visit_2(expected_feno_ppb, *, within_person=FENO_VARIATION):
    """Exhaled nitric oxide at a second visit on the same treatment [ppb]."""
    return LogNormal(expected_feno_ppb, within_person)


@structural_equation
def feno_visit_3(expected_feno_ppb, *, within_person=FENO_VARIATION):
    """Exhaled nitric oxide at a third visit on the same treatment [ppb]."""
    return LogNormal(expected_feno_ppb, within_person)


@structural_equation
def feno_suppression_pct(
    il13_drive,
    il13_airway_activity,
    inhaled_steroid_suppression,
    full_inhaled_suppression,
    *,
    constitutive_share=Coefficient(0.33, "activity", source="IMM028", evidence="derived"),
    regression_to_mean=Coefficient(20.6, "%", source="ADH008", evidence="derived"),
    sd=Coefficient(23.0, "%", source="ADH007,ADH008", evidence="derived"),
):
    """Fall of FeNO after a week of observed inhaled steroid [% of baseline].

    Large where the prescribed steroid was not taken (47 % of baseline left) and small where it was (79 %):
    the only good observable sign of poor adherence.
    """
    reached = (1 - full_inhaled_suppression) / (1 - inhaled_steroid_suppression)
    before = constitutive_share + il13_airway_activity
    after = constitutive_share + il13_airway_activity * reached
    return Normal(100 * (1 - after / before) + regression_to_mean, sd)


@structural_equation
def total_ige_ku_l(
    il4_drive,
    atopy,
    smoking_status,
    age_years,
    bmi_kg_m2,
    biologic,
    *,
    median=Coefficient(85.0, "kU/L", source="IMM026", evidence="derived"),
    per_sd=Coefficient(1.05, "ln per sd"),
    atopic=Coefficient(0.70, "ln"),
    smoker=Coefficient(0.15, "ln"),
    per_decade=Coefficient(-0.08, "ln per decade"),
    bmi=Coefficient(0.08, "ln per 6 kg/m2"),
    anti_ige=Coefficient(3.5, "ratio"),
    anti_il4r=Coefficient(0.6, "ratio"),
    log_sd=Coefficient(0.80, "ln", source="IMM026", evidence="derived"),
):
    """Total serum IgE [kU/L]; free and bound together, so anti-IgE raises it."""
    change = by_level(biologic, none=1.0, anti_ige=anti_ige, anti_il5=1.0, anti_il4r=anti_il4r, anti_tslp=0.9)
    lift = per_sd * il4_drive + atopic * atopy + smoker * (smoking_status == "current")
    lift = lift + per_decade * (age_years - 50) / 10 + bmi * (bmi_kg_m2 - 29) / 6
    return LogNormal(median * np.exp(lift) * change, log_sd)


@structural_equation
def serum_periostin_ng_ml(
    il13_airway_activity,
    *,
    median=Coefficient(50.0, "ng/mL", source="COH033,COH035", evidence="derived"),
    per_log_activity=Coefficient(0.145, "ln per ln"),
    log_sd=Coefficient(0.26, "ln", source="COH035", evidence="derived"),
):
    """Serum periostin, Elecsys scale [ng/mL]: a poor marker of the IL-13 axis."""
    return LogNormal(median * np.exp(per_log_activity * (np.log(il13_airway_activity) + 0.5)), log_sd)


@structural_equation
def expected_sputum_eosinophils_logit(
    il5_airway_activity,
    il13_airway_activity,
    il4_drive,
    *,
    at_one=Coefficient(-2.13, "logit", source="COH078", evidence="derived"),
    per_il5=Coefficient(2.1, "logit per ln"),
    per_il13=Coefficient(1.02, "logit per ln"),
    per_il4=Coefficient(0.44, "logit per sd"),
):
    """Expected sputum eosinophils [logit of the proportion of cells]; IL-4 helps them into the airway."""
    activity = per_il5 * np.log(il5_airway_activity) + per_il13 * np.log(il13_airway_activity)
    return at_one + activity + per_il4 * il4_drive


@structural_equation
def sputum_eosinophils_pct(expected_sputum_eosinophils_logit, *, within_person=SPUTUM_VARIATION):
    """Sputum eosinophils [% of non-squamous cells], very skewed: median 2.75, quartiles 0 and 19."""
    return LogitNormal(expected_sputum_eosinophils_logit, within_person, whole=100.0)


@structural_equation
def sputum_eosinophils_visit_2(expected_sputum_eosinophils_logit, *, within_person=SPUTUM_VARIATION):
    """Sputum eosinophils at a second visit on the same treatment [%]; classes vary between visits (HET022-HET024)."""
    return LogitNormal(expected_sputum_eosinophils_logit, within_person, whole=100.0)


@structural_equation
def sputum_eosinophils_visit_3(expected_sputum_eosinophils_logit, *, within_person=SPUTUM_VARIATION):
    """Sputum eosinophils at a third visit on the same treatment [%]."""
    return LogitNormal(expected_sputum_eosinophils_logit, within_person, whole=100.0)


@structural_equation
def sputum_il4_log2(
    il4_drive,
    il13_airway_activity,
    *,
    mean=Coefficient(7.0, "log2 expression"),
    per_sd=Coefficient(0.5, "log2 per sd"),
    per_log_activity=Coefficient(0.35, "log2 per ln"),
    sd=Coefficient(1.3, "log2 expression"),
):
    """Sputum IL-4 mRNA [log2 expression]: near the detection limit, so mostly noise."""
    return Normal(mean + per_sd * il4_drive + per_log_activity * np.log(il13_airway_activity), sd)


@structural_equation
def sputum_il5_log2(
    il5_airway_activity,
    *,
    mean=Coefficient(8.0, "log2 expression"),
    per_log_activity=Coefficient(0.95, "log2 per ln"),
    sd=Coefficient(1.3, "log2 expression"),
):
    """Sputum IL-5 mRNA [log2 expression]."""
    return Normal(mean + per_log_activity * np.log(il5_airway_activity), sd)


@structural_equation
def sputum_il13_log2(
    il13_airway_activity,
    *,
    mean=Coefficient(7.5, "log2 expression"),
    per_log_activity=Coefficient(0.95, "log2 per ln"),
    sd=Coefficient(1.3, "log2 expression"),
):
    """Sputum IL-13 mRNA [log2 expression]."""
    return Normal(mean + per_log_activity * np.log(il13_airway_activity), sd)
