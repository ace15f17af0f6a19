"""Adherence, inhaler technique and education: the causes of apparent steroid resistance.

Poor adherence leaves the airway untreated, so it looks Th2-high, badly controlled and
"steroid-resistant". It must be excluded before asthma is called truly resistant.
"""

import numpy as np

from asthma_ml.cohort.engine.distributions import Bernoulli, Categorical, LogitNormal, TruncatedNormal, expit
from asthma_ml.cohort.engine.structural_equations import Coefficient, structural_equation


@structural_equation
def asthma_education(*, taught=Coefficient(0.55, "proportion")):
    """Whether the patient received structured asthma education."""
    return Bernoulli(taught)


@structural_equation
def erratic_adherence(
    asthma_education,
    *,
    log_odds=Coefficient(-0.15, "log odds", source="ADH003", evidence="derived"),
    education=Coefficient(-0.75, "log odds"),
):
    """Whether the patient takes inhaled steroid erratically (about 4 in 10)."""
    return Bernoulli(expit(log_odds + education * asthma_education))


@structural_equation
def inhaled_adherence(
    erratic_adherence,
    *,
    erratic=Coefficient(-0.75, "logit", source="ADH003", evidence="derived"),
    erratic_sd=Coefficient(0.95, "logit"),
    regular=Coefficient(1.8, "logit", source="ADH003,ADH006", evidence="derived"),
    regular_sd=Coefficient(0.85, "logit"),
):
    """Fraction of the prescribed inhaled doses that is taken [fraction].

    The mixture puts about a third of patients at or below one half, as refills show (ADH003).
    """
    misses = erratic_adherence == 1
    return LogitNormal(np.where(misses, erratic, regular), np.where(misses, erratic_sd, regular_sd))


@structural_equation
def ics_adherence_fraction(
    inhaled_adherence,
    *,
    collected_unused=Coefficient(0.06, "fraction"),
    sd=Coefficient(0.10, "fraction"),
):
    """Adherence on record [fraction of prescribed doses]: refills slightly exceed the doses taken."""
    return TruncatedNormal(inhaled_adherence + collected_unused, sd, lower=0.0, upper=1.5)


@structural_equation
def inhaler_technique(
    asthma_education,
    *,
    correct=Coefficient(0.31, "proportion", source="ADH013", evidence="measured"),
    poor=Coefficient(0.31, "proportion", source="ADH014", evidence="measured"),
    education=Coefficient(1.0, "log odds of correct against poor"),
):
    """Inhaler technique as observed: correct, acceptable or poor."""
    tilt = np.exp(education * (asthma_education - 0.55) / 2)
    return Categorical(("correct", "acceptable", "poor"), (correct * tilt, 1 - correct - poor, poor / tilt))
