"""How the clinic sees the truth: which tests are done, and how a value is written down.

Whether a test was done is itself an equation, so that the reason for a gap is part of the causal
model: completely at random (MCAR), by something else on record (MAR), or by what the test would
have shown (MNAR). Each equation names its kind.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from asthma_ml.cohort.causal_model import Columns
from asthma_ml.cohort.distributions import Bernoulli, Values
from asthma_ml.cohort.structural_equations import Coefficient, structural_equation
from asthma_ml.variables import DataDictionary, Variable

SHOWN_BY = {
    "sputum_counted": ("sputum_eosinophils_pct", "sputum_neutrophils_pct"),
    "sputum_cytokines_measured": ("sputum_il4_log2", "sputum_il5_log2", "sputum_il13_log2", "sputum_il17a_log2"),
    "ct_scanned": ("ct_wall_area_pct", "ct_mucus_score"),
    "biopsy_taken": ("basement_membrane_um",),
    "genotyped": (
        "glcci1_rs37973",
        "crhr1_rs242941",
        "fcer2_rs28364072",
        "hsd3b1_rs1047303",
        "cyp3a4_rs35599367",
        "adrb2_rs1042713",
        "il4ra_rs1801275",
        "il13_rs20541",
        "gsdmb_rs7216389",
        "tgfb1_rs1800469",
    ),
    "feno_measured": ("feno_ppb",),
    "feno_suppression_tested": ("feno_suppression_pct",),
    "ige_measured": ("total_ige_ku_l", "atopy"),
    "periostin_measured": ("serum_periostin_ng_ml",),
    "il6_measured": ("plasma_il6_pg_ml",),
    "reversibility_tested": (
        "fev1_post_bd_pct_predicted",
        "fev1_fvc_post_bd_ratio",
        "bronchodilator_reversibility_pct",
    ),
    "old_records_found": ("blood_eosinophils_max_cells_ul",),
    "adherence_recorded": ("ics_adherence_fraction",),
    "technique_observed": ("inhaler_technique",),
    "address_linked": ("pm25_ug_m3", "no2_ug_m3"),
}

DETECTION_LIMITS = {
    "feno_ppb": Coefficient(5.0, "ppb"),
    "total_ige_ku_l": Coefficient(2.0, "kU/L"),
    "plasma_il6_pg_ml": Coefficient(0.3, "pg/mL"),
}


@structural_equation
def sputum_counted(
    mucus_plugging,
    *,
    log_odds=Coefficient(-0.36, "log odds", source="COH078", evidence="derived"),
    mucus=Coefficient(0.25, "log odds per sd"),
):
    """MNAR: sputum could be induced and counted (128 of 311), more often where there is mucus."""
    return Bernoulli(expit(log_odds + mucus * mucus_plugging))


@structural_equation
def sputum_cytokines_measured(sputum_counted, *, share=Coefficient(0.35, "share of sputum samples")):
    """MAR: cytokine mRNA was measured in some of the sputum samples."""
    return Bernoulli(share * sputum_counted)


@structural_equation
def ct_scanned(
    fev1_pct_predicted,
    *,
    log_odds=Coefficient(-0.2, "log odds"),
    obstruction=Coefficient(-0.015, "log odds per % predicted"),
):
    """MAR: a CT was done, more often where lung function is low."""
    return Bernoulli(expit(log_odds + obstruction * (fev1_pct_predicted - 65)))


@structural_equation
def biopsy_taken(*, share=Coefficient(0.06, "share")):
    """MCAR: bronchoscopy with biopsy, in a few for research."""
    return Bernoulli(share)


@structural_equation
def genotyped(*, share=Coefficient(0.30, "share")):
    """MCAR: DNA was genotyped."""
    return Bernoulli(share)


@structural_equation
def feno_measured(smoking_status, *, log_odds=Coefficient(2.6, "log odds"), smoker=Coefficient(-0.7, "log odds")):
    """MAR: FeNO was measured, less often in current smokers."""
    return Bernoulli(expit(log_odds + smoker * (smoking_status == "current")))


@structural_equation
def feno_suppression_tested(
    feno_ppb,
    feno_measured,
    *,
    log_odds=Coefficient(-3.5, "log odds"),
    raised=Coefficient(2.3, "log odds"),
    cut=Coefficient(45.0, "ppb", source="ADH007", evidence="derived"),
):
    """MAR: a week of observed steroid was arranged, where FeNO was raised above all."""
    return Bernoulli(feno_measured * expit(log_odds + raised * (feno_ppb > cut)))


@structural_equation
def ige_measured(*, share=Coefficient(0.88, "share")):
    """MCAR: total IgE and allergy tests are on record."""
    return Bernoulli(share)


@structural_equation
def periostin_measured(*, share=Coefficient(0.20, "share")):
    """MCAR: serum periostin was measured."""
    return Bernoulli(share)


@structural_equation
def il6_measured(*, share=Coefficient(0.20, "share")):
    """MCAR: plasma IL-6 was measured."""
    return Bernoulli(share)


@structural_equation
def reversibility_tested(
    fev1_pct_predicted,
    *,
    log_odds=Coefficient(1.2, "log odds"),
    obstruction=Coefficient(-0.02, "log odds per % predicted"),
):
    """MAR: spirometry was repeated after bronchodilator, more often in obstruction."""
    return Bernoulli(expit(log_odds + obstruction * (fev1_pct_predicted - 65)))


@structural_equation
def old_records_found(site, *, share=Coefficient(0.85, "share"), poor_records=Coefficient(0.60, "share at site 6")):
    """MAR: earlier blood counts could be traced; one site has poor records."""
    return Bernoulli(np.where(site == "site_6", poor_records, share))


@structural_equation
def adherence_recorded(
    inhaled_adherence, *, log_odds=Coefficient(0.7, "log odds"), adherent=Coefficient(0.8, "log odds per fraction")
):
    """MNAR: a refill record exists, more often in those who collect their medicine."""
    return Bernoulli(expit(log_odds + adherent * (inhaled_adherence - 0.6)))


@structural_equation
def technique_observed(asthma_education, *, log_odds=Coefficient(0.8, "log odds"), taught=Coefficient(0.6, "log odds")):
    """MAR: somebody watched the inhaler being used, more often where there was education."""
    return Bernoulli(expit(log_odds + taught * asthma_education))


@structural_equation
def address_linked(*, share=Coefficient(0.75, "share")):
    """MCAR: the home address was linked to air-quality maps."""
    return Bernoulli(share)


COARSE_STEPS = {"site_4": {"blood_eosinophils_cells_ul": 100.0, "blood_eosinophils_max_cells_ul": 100.0}}
"""Sites that report in coarser steps: eosinophils as 0.1 x 10^9/L."""


def observed_table(values: Columns, dictionary: DataDictionary) -> pd.DataFrame:
    """The patients as the clinic's table shows them.

    Parameters
    ----------
    values : dict of str to array of shape (n_patients,)
        True values of all variables.
    dictionary : DataDictionary
        Which columns there are, how they are rounded, which limits they have.

    Returns
    -------
    DataFrame
        One column for each observed variable but `patient_id`, texts as categories; NaN where no test was done.
    """
    columns = {name: written_down(values[name], v) for name, v in dictionary.items() if name in values}
    rest = 100 - columns["sputum_eosinophils_pct"]
    columns["sputum_neutrophils_pct"] = np.minimum(columns["sputum_neutrophils_pct"], rest)
    for site, steps in COARSE_STEPS.items():
        there = values["site"] == site
        for name, step in steps.items():
            columns[name] = np.where(there, np.round(columns[name] / step) * step, columns[name])
    for test, names in SHOWN_BY.items():
        columns |= {name: _shown_where(values[test] == 1, columns[name]) for name in names}
    return pd.DataFrame(columns, copy=False)


def _shown_where(done: NDArray[np.bool_], column: Values) -> Values:
    if isinstance(column, pd.Categorical):
        return pd.Categorical.from_codes(np.where(done, column.codes, -1), dtype=column.dtype)
    return np.where(done, column, np.nan)


def written_down(values: Values, variable: Variable) -> Values:
    """Values of one variable as a clinic reports them: within range, in steps, not below detection."""
    if isinstance(values, pd.Categorical):
        return values
    numbers = np.asarray(values, dtype=float)
    if variable.name in DETECTION_LIMITS:
        numbers = np.maximum(numbers, DETECTION_LIMITS[variable.name])
    if variable.resolution:
        numbers = np.round(np.round(numbers / variable.resolution) * variable.resolution, 6)
    return numbers if variable.limits is None else np.clip(numbers, *variable.limits)
