"""The population with asthma: sex, age, ancestry, site, body weight and age at onset.

The population is adults with asthma, before anyone is referred or selected. Childhood onset
is associated with allergy and 17q21, adult onset with eosinophils and polyps.
"""

import numpy as np

from asthma_ml.cohort.engine.distributions import Bernoulli, Categorical, LogNormal, Normal, TruncatedNormal, expit
from asthma_ml.cohort.engine.structural_equations import Coefficient, structural_equation

ADULT = 18.0
CLINICS = ("site_1", "site_2", "site_3", "site_4", "site_5", "site_6")


@structural_equation
def site():
    """Clinic or laboratory that sees the patient; six of equal size."""
    return Categorical(CLINICS, [1.0] * len(CLINICS))


@structural_equation
def ancestry(
    *,
    european=Coefficient(0.80, "proportion"),
    african=Coefficient(0.08, "proportion"),
    east_asian=Coefficient(0.05, "proportion"),
    other=Coefficient(0.07, "proportion"),
):
    """Genetic ancestry group, as in a European city clinic."""
    return Categorical(("european", "african", "east_asian", "other"), (european, african, east_asian, other))


@structural_equation
def sex(*, female=Coefficient(0.63, "proportion", source="COH007,COH027,COH014", evidence="derived")):
    """Sex: adult asthma is commoner in women, severe asthma as well."""
    return Categorical(("female", "male"), (female, 1 - female))


@structural_equation
def age_years(
    *,
    mean=Coefficient(50.0, "years", source="COH005,COH013,COH025", evidence="derived"),
    sd=Coefficient(16.5, "years", source="COH005,COH013,COH025", evidence="derived"),
    oldest=Coefficient(90.0, "years"),
):
    """Age of adults with asthma [years]."""
    return TruncatedNormal(mean, sd, lower=ADULT, upper=oldest)


@structural_equation
def childhood_onset(
    gsdmb_rs7216389,
    *,
    log_odds=Coefficient(-0.68, "log odds", source="COH006,COH016,COH026", evidence="derived"),
    per_allele=Coefficient(0.34, "log odds per T allele", source="GEN026,GEN029", evidence="derived"),
):
    """Whether asthma began before 18: 17q21 raises early onset and hardly late onset.

    The odds of early against late onset rise with the ratio of the two odds ratios, 1.51 / 1.07.
    """
    return Bernoulli(expit(log_odds + per_allele * (gsdmb_rs7216389 - 1)))


@structural_equation
def age_at_onset_years(
    age_years,
    childhood_onset,
    *,
    child_mean=Coefficient(4.0, "years", source="HET035,HET038", evidence="derived"),
    child_sd=Coefficient(7.0, "years", source="HET035,HET038", evidence="derived"),
    adult_mean=Coefficient(44.0, "years", source="HET041", evidence="derived"),
    adult_sd=Coefficient(15.0, "years", source="HET041", evidence="derived"),
):
    """Age at onset [years]: bimodal, at most the current age."""
    early = childhood_onset == 1
    return TruncatedNormal(
        mean=np.where(early, child_mean, adult_mean),
        sd=np.where(early, child_sd, adult_sd),
        lower=np.where(early, 0.0, ADULT - 0.5),
        upper=np.where(early, ADULT - 0.5, np.maximum(age_years, ADULT)),
    )


@structural_equation
def asthma_duration_years(age_years, age_at_onset_years):
    """Years lived with asthma [years]."""
    return np.maximum(age_years - age_at_onset_years, 0.0)


@structural_equation
def bmi_kg_m2(
    sex,
    age_years,
    *,
    median=Coefficient(28.3, "kg/m2", source="COH070,COH087,COH092", evidence="derived"),
    log_sd=Coefficient(0.225, "ln", source="COH070,COH087,COH092", evidence="derived"),
    women=Coefficient(0.03, "ln"),
    per_decade_from_50=Coefficient(0.01, "ln per decade"),
):
    """Body mass index [kg/m2]: right-skewed, slightly higher in women and with age."""
    shift = women * (sex == "female") + per_decade_from_50 * (np.minimum(age_years, 70) - 50) / 10
    return LogNormal(median * np.exp(shift), log_sd)


@structural_equation
def white_cell_set_point():
    """Personal level of white cells [standard deviations]: a common cause of eosinophils and neutrophils."""
    return Normal(0.0, 1.0)
