"""Biologics: indication, and exacerbations prevented.

Only some patients respond. The effect on the exacerbation rate grows with the marker of the blocked pathway;
that of anti-TSLP is smaller in low type 2 but remains (BIO005, BIO008). Effects on markers are part of type-2
inflammation. There is no anti-IL-17, because brodalumab had no effect (BIO010).
"""

import numpy as np

from asthma_ml.cohort.engine.distributions import Categorical, by_level, expit
from asthma_ml.cohort.engine.structural_equations import Coefficient, structural_equation


@structural_equation
def biologic(
    treatment_step,
    peak_blood_eosinophils,
    atopy,
    nasal_polyps,
    on_oral_steroid,
    *,
    any_odds=Coefficient(0.28, "odds on step 5", source="COH031", evidence="derived"),
    oral_steroid=Coefficient(1.6, "odds ratio"),
    eosinophilic=Coefficient(2.2, "odds ratio"),
    anti_ige=Coefficient(0.25, "proportion"),
    anti_il5=Coefficient(0.50, "proportion"),
    anti_il4r=Coefficient(0.20, "proportion"),
    anti_tslp=Coefficient(0.05, "proportion"),
):
    """Biologic in use, by indication: anti-IL-5 needs eosinophils on record, anti-IgE needs atopy."""
    eligible, eosinophils = treatment_step == "step_5", peak_blood_eosinophils >= 300
    odds = any_odds * np.where(on_oral_steroid == 1, oral_steroid, 1.0) * np.where(eosinophils, eosinophilic, 0.6)
    odds = np.where(eligible, odds, 0.0)
    weights = (
        anti_ige * odds * (atopy == 1),
        anti_il5 * odds * eosinophils,
        anti_il4r * odds * np.where(nasal_polyps == 1, 1.5, 0.8),
        anti_tslp * odds,
    )
    return Categorical(("none", "anti_ige", "anti_il5", "anti_il4r", "anti_tslp"), (np.ones_like(odds), *weights))


@structural_equation
def attacks_prevented_by_biologic(
    biologic,
    usual_blood_eosinophils,
    il13_activity_on_steroid,
    atopy,
    *,
    anti_il5=Coefficient(-0.85, "logit at 300 cells/uL", source="BIO012,BIO013,BIO014", evidence="derived"),
    anti_il5_eosinophils=Coefficient(1.6, "logit per ln", source="BIO013,BIO014,BIO015,BIO016", evidence="derived"),
    anti_il4r=Coefficient(-0.75, "logit at 300 cells/uL", source="BIO001", evidence="derived"),
    anti_il4r_eosinophils=Coefficient(0.90, "logit per ln", source="BIO001,BIO002", evidence="derived"),
    anti_il4r_il13=Coefficient(0.90, "logit per ln", source="BIO004", evidence="derived"),
    anti_tslp=Coefficient(0.05, "logit at 300 cells/uL", source="BIO005", evidence="derived"),
    anti_tslp_eosinophils=Coefficient(0.80, "logit per ln", source="BIO005,BIO008", evidence="derived"),
    anti_ige=Coefficient(-1.7, "logit", source="BIO026,BIO027,BIO028", evidence="derived"),
    anti_ige_il13=Coefficient(1.1, "logit per ln", source="BIO026,BIO027", evidence="derived"),
    anti_ige_atopy=Coefficient(0.40, "logit"),
):
    """Fraction of severe exacerbations that the biologic in use prevents [0-1]; 0 without a biologic."""
    usual = {"anti_ige": anti_ige, "anti_il5": anti_il5, "anti_il4r": anti_il4r, "anti_tslp": anti_tslp}
    eosinophils = by_level(
        biologic,
        none=0.0,
        anti_ige=0.0,
        anti_il5=anti_il5_eosinophils,
        anti_il4r=anti_il4r_eosinophils,
        anti_tslp=anti_tslp_eosinophils,
    )
    il13 = by_level(biologic, none=0.0, anti_ige=anti_ige_il13, anti_il5=0.0, anti_il4r=anti_il4r_il13, anti_tslp=0.0)
    return expit(
        by_level(biologic, none=-np.inf, **usual)
        + eosinophils * np.log(usual_blood_eosinophils / 300)
        + il13 * (np.log(il13_activity_on_steroid) + 0.5)
        + np.where(biologic == "anti_ige", anti_ige_atopy * atopy, 0.0)
    )
