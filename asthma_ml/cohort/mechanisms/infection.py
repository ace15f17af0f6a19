"""Airway bacteria and respiratory infections, which feed neutrophilic inflammation."""

import numpy as np

from asthma_ml.cohort.engine.distributions import NegativeBinomial, Normal
from asthma_ml.cohort.engine.structural_equations import Coefficient, structural_equation


@structural_equation
def airway_bacterial_load(
    age_years,
    tobacco_smoke_burden,
    *,
    per_decade_from_50=Coefficient(0.07, "sd per decade"),
    tobacco=Coefficient(0.30, "sd per unit of burden"),
):
    """Bacterial load of the airway [standard deviations]; the top quarter is dominated by one pathogen.

    One pathogen dominates the sputum in about 23 % of severe asthma (INF001).
    """
    return Normal(per_decade_from_50 * (age_years - 50) / 10 + tobacco * tobacco_smoke_burden, 1.0)


@structural_equation
def respiratory_infections_12m(
    airway_bacterial_load,
    *,
    mean=Coefficient(1.3, "infections/year"),
    per_sd_of_load=Coefficient(0.25, "ln rate per sd"),
    dispersion=Coefficient(2.0, "dimensionless"),
):
    """Respiratory infections in the past 12 months [infections]."""
    return NegativeBinomial(mean * np.exp(per_sd_of_load * airway_bacterial_load), dispersion)
