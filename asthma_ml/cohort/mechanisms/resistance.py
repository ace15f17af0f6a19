"""The label: the dominant drive under standard treatment; and true against apparent steroid resistance.

Standard treatment is the prescribed inhaled steroid taken well and no oral steroid. The label
describes the patient, not the current markers, which treatment masks. There are four classes; the default
two-class task uses two of them.
"""

import numpy as np

from asthma_ml.cohort.engine.distributions import Categorical, levels_from_codes
from asthma_ml.cohort.engine.structural_equations import Coefficient, structural_equation
from asthma_ml.variables import FOUR_CLASSES

RESISTANCE = ("controlled", "apparent", "resistant")
HISTORY = ("non_eosinophilic", "intermediate", "eosinophilic")


def _granulocyte_class(eosinophilic, neutrophilic):
    """One of the four classes, in the order of FOUR_CLASSES, from two indicators."""
    places = np.array([3, 1, 0, 2], dtype=np.int8)  # neither, neutrophilic, eosinophilic, both
    return levels_from_codes(places.take(2 * eosinophilic + neutrophilic), FOUR_CLASSES)


@structural_equation
def type2_drive(untreated_il5_activity, untreated_il13_activity, full_inhaled_suppression):
    """Type-2 activity that standard treatment would leave [ln of the median untreated patient]."""
    untreated = (np.log(untreated_il5_activity) + np.log(untreated_il13_activity)) / 2
    return untreated + np.log1p(-full_inhaled_suppression)


@structural_equation
def neutrophilic_drive(
    il17_drive,
    airway_bacterial_load,
    *,
    il17=Coefficient(0.60, "sd per sd"),
    bacteria=Coefficient(0.55, "sd per sd"),
):
    """Neutrophilic drive under standard treatment [standard deviations], in which IL-17 predominates."""
    return il17 * il17_drive + bacteria * airway_bacterial_load


@structural_equation
def true_phenotype(
    type2_drive,
    neutrophilic_drive,
    *,
    type2_cut=Coefficient(-0.40, "ln", source="HET002,HET029", evidence="derived"),
    neutrophilic_cut=Coefficient(0.65, "sd", source="HET003", evidence="derived"),
):
    """Endotype of the patient, before label noise."""
    return _granulocyte_class(type2_drive >= type2_cut, neutrophilic_drive >= neutrophilic_cut)


@structural_equation
def phenotype(true_phenotype, *, adjudication_error=Coefficient(0.03, "proportion")):
    """Endotype as adjudicated by experts, with label noise."""
    names = true_phenotype.categories
    weights = [np.where(true_phenotype == name, 1 - adjudication_error, adjudication_error / 3) for name in names]
    return Categorical(tuple(names), weights)


@structural_equation
def true_sputum_class(
    sputum_eosinophils_pct,
    sputum_neutrophils_pct,
    *,
    eosinophilic=Coefficient(3.0, "%", source="HET002", evidence="derived"),
    neutrophilic=Coefficient(76.0, "%", source="HET003", evidence="derived"),
):
    """Granulocyte class of the sputum at the visit, as treated."""
    return _granulocyte_class(sputum_eosinophils_pct >= eosinophilic, sputum_neutrophils_pct >= neutrophilic)


@structural_equation
def true_historic_class(
    blood_eosinophils_max_cells_ul,
    *,
    eosinophilic=Coefficient(300.0, "cells/uL", source="HET005", evidence="derived"),
    intermediate=Coefficient(150.0, "cells/uL", source="COH084", evidence="measured"),
):
    """Eosinophilic class by the highest count on record."""
    count = blood_eosinophils_max_cells_ul
    return levels_from_codes((count >= intermediate).astype(int) + (count >= eosinophilic), HISTORY)


@structural_equation
def true_resistance(
    acq6_score,
    exacerbations_12m,
    delivered_ics_ug_day,
    ics_dose_ug_day,
    oral_steroid_taken_mg_day,
    ocs_dose_mg_day,
    *,
    badly_controlled=Coefficient(1.5, "score", source="COH096"),
    attacks=Coefficient(2.0, "exacerbations/year", source="COH097"),
    arrived=Coefficient(0.64, "fraction of the prescribed dose", source="ADH006", evidence="derived"),
    least_dose=Coefficient(800.0, "ug/day"),
):
    """True resistance, apparent resistance, or controlled asthma.

    Apparent: too low a dose was prescribed, or the inhaled or oral steroid was not taken. Four fifths of
    the doses with acceptable technique deliver 0.8 x 0.8 of the prescription.
    """
    uncontrolled = (acq6_score >= badly_controlled) | (exacerbations_12m >= attacks)
    inhaled = (ics_dose_ug_day >= least_dose) & (delivered_ics_ug_day >= arrived * ics_dose_ug_day)
    well_taken = inhaled & (oral_steroid_taken_mg_day >= arrived * ocs_dose_mg_day)
    return levels_from_codes(np.select([~uncontrolled, uncontrolled & ~well_taken], [0, 1], 2), RESISTANCE)
