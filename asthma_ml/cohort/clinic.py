"""Measurement in the clinic: which tests are done, and how their values are recorded.

Whether a test is done is itself a structural equation, so the mechanism of missingness is part of the causal
model: completely at random (MCAR), dependent on recorded data (MAR), or dependent on unrecorded data (MNAR).
Each equation names its mechanism.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.cohort.engine.causal_model import Columns
from asthma_ml.cohort.engine.distributions import Bernoulli, Values, expit
from asthma_ml.cohort.engine.structural_equations import Coefficient, structural_equation
from asthma_ml.variables import DataDictionary, Variable

COLUMNS_OF_TEST = {
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
def sputum_cytokines_measured(sputum_counted, *, share=Coefficient(0.35, "proportion of sputum samples")):
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
def biopsy_taken(*, share=Coefficient(0.06, "proportion")):
    """MCAR: a biopsy was taken by bronchoscopy, for research, in few patients."""
    return Bernoulli(share)


@structural_equation
def genotyped(*, share=Coefficient(0.30, "proportion")):
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
    """MAR: a week of observed inhaled steroid was arranged, mostly where FeNO was raised."""
    return Bernoulli(feno_measured * expit(log_odds + raised * (feno_ppb > cut)))


@structural_equation
def ige_measured(*, share=Coefficient(0.88, "proportion")):
    """MCAR: total IgE and allergy tests are on record."""
    return Bernoulli(share)


@structural_equation
def periostin_measured(*, share=Coefficient(0.20, "proportion")):
    """MCAR: serum periostin was measured."""
    return Bernoulli(share)


@structural_equation
def il6_measured(*, share=Coefficient(0.20, "proportion")):
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
def old_records_found(
    site, *, share=Coefficient(0.85, "proportion"), poor_records=Coefficient(0.60, "proportion at site 6")
):
    """MAR: earlier blood counts could be traced; one site has poor records."""
    return Bernoulli(np.where(site == "site_6", poor_records, share))


@structural_equation
def adherence_recorded(
    inhaled_adherence, *, log_odds=Coefficient(0.7, "log odds"), adherent=Coefficient(0.8, "log odds per fraction")
):
    """MNAR: a refill record exists, more often in adherent patients."""
    return Bernoulli(expit(log_odds + adherent * (inhaled_adherence - 0.6)))


@structural_equation
def technique_observed(asthma_education, *, log_odds=Coefficient(0.8, "log odds"), taught=Coefficient(0.6, "log odds")):
    """MAR: inhaler technique was observed, more often in patients with asthma education."""
    return Bernoulli(expit(log_odds + taught * asthma_education))


@structural_equation
def address_linked(*, share=Coefficient(0.75, "proportion")):
    """MCAR: the home address was linked to air-quality maps."""
    return Bernoulli(share)


@structural_equation
def feno_detection_limit_ppb(feno_measured, *, limit=Coefficient(5.0, "ppb")):
    """Lowest FeNO that the analyser reports [ppb]; lower values are reported as this."""
    return np.full(len(feno_measured), float(limit))


@structural_equation
def ige_detection_limit_ku_l(ige_measured, *, limit=Coefficient(2.0, "kU/L")):
    """Lowest total IgE that the laboratory reports [kU/L]."""
    return np.full(len(ige_measured), float(limit))


@structural_equation
def il6_detection_limit_pg_ml(il6_measured, *, limit=Coefficient(0.3, "pg/mL")):
    """Lowest plasma IL-6 that the laboratory reports [pg/mL]."""
    return np.full(len(il6_measured), float(limit))


@structural_equation
def eosinophils_reported_in_hundreds(
    site, *, site_4=Coefficient(1.0, "proportion"), elsewhere=Coefficient(0.0, "proportion")
):
    """Whether blood eosinophils are reported in steps of 0.1 x 10^9/L (100 cells/uL), as at one site."""
    return Bernoulli(np.where(site == "site_4", site_4, elsewhere))


@structural_equation
def remembers_round_numbers(*, share=Coefficient(0.25, "proportion")):
    """Digit preference: whether the patient recalls years in fives, such as onset at 35 or 20 pack-years."""
    return Bernoulli(share)


DETECTION_LIMITS = {
    "feno_ppb": feno_detection_limit_ppb,
    "total_ige_ku_l": ige_detection_limit_ku_l,
    "plasma_il6_pg_ml": il6_detection_limit_pg_ml,
}
EOSINOPHIL_COUNTS = ("blood_eosinophils_cells_ul", "blood_eosinophils_max_cells_ul")
RECALLED_YEARS = ("pack_years", "age_at_onset_years")
DATA_QUALITY = {
    "Label noise": ("phenotype.adjudication_error",),
    "Detection limits": tuple(f"{equation.name}.limit" for equation in DETECTION_LIMITS.values()),
    "Coarse reporting": ("eosinophils_reported_in_hundreds.site_4", "eosinophils_reported_in_hundreds.elsewhere"),
    "Digit preference": ("remembers_round_numbers.share",),
    "Site effects": (
        "feno_ppb.high_analyser",
        "feno_ppb.low_analyser",
        "sputum_neutrophils_pct.dense_laboratory",
        "old_records_found.poor_records",
    ),
    "Within-person variation": (
        "blood_eosinophils_cells_ul.within_person",
        "feno_ppb.within_person",
        "sputum_eosinophils_pct.within_person",
    ),
    "Missing completely at random (MCAR)": (
        "biopsy_taken.share",
        "genotyped.share",
        "ige_measured.share",
        "periostin_measured.share",
        "il6_measured.share",
        "address_linked.share",
    ),
    "Missing at random (MAR)": (
        "sputum_cytokines_measured.share",
        "ct_scanned.log_odds",
        "ct_scanned.obstruction",
        "feno_measured.log_odds",
        "feno_measured.smoker",
        "feno_suppression_tested.log_odds",
        "feno_suppression_tested.raised",
        "reversibility_tested.log_odds",
        "reversibility_tested.obstruction",
        "old_records_found.share",
        "technique_observed.log_odds",
        "technique_observed.taught",
    ),
    "Missing not at random (MNAR)": (
        "sputum_counted.log_odds",
        "sputum_counted.mucus",
        "adherence_recorded.log_odds",
        "adherence_recorded.adherent",
    ),
}
"""Coefficients that determine data quality, for the overrides of a preset."""


def record_table(values: Columns, dictionary: DataDictionary) -> pd.DataFrame:
    """Record the observed variables as a clinic does.

    Parameters
    ----------
    values : dict of str to array of shape (n_patients,)
        True values of all variables.
    dictionary : DataDictionary
        Columns with their resolution and limits.

    Returns
    -------
    DataFrame
        One column for each observed variable except `patient_id`, texts as categories; NaN where the test was not done.
    """
    limits = {name: values[equation.name] for name, equation in DETECTION_LIMITS.items()}
    columns = {
        name: record_values(values[name], v, limits.get(name)) for name, v in dictionary.items() if name in values
    }
    hundreds, fives = values["eosinophils_reported_in_hundreds"] == 1, values["remembers_round_numbers"] == 1
    columns |= {name: np.where(hundreds, _in_steps(columns[name], 100.0), columns[name]) for name in EOSINOPHIL_COUNTS}
    columns |= {
        name: np.where(fives, _in_steps_above_zero(columns[name], 5.0), columns[name]) for name in RECALLED_YEARS
    }
    columns["age_at_onset_years"] = np.minimum(columns["age_at_onset_years"], columns["age_years"])
    rest = 100 - columns["sputum_eosinophils_pct"]
    columns["sputum_neutrophils_pct"] = np.minimum(columns["sputum_neutrophils_pct"], rest)
    for test, names in COLUMNS_OF_TEST.items():
        not_done = values[test] != 1
        for name in names:
            columns[name] = _missing_where(not_done, columns[name])
    return pd.DataFrame(columns, copy=False)


def _in_steps(numbers: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    return np.round(numbers / step) * step


def _in_steps_above_zero(numbers: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Numbers rounded to multiples of a step, except those that would become zero, such as two pack-years."""
    coarse = _in_steps(numbers, step)
    return np.where(coarse > 0, coarse, numbers)


def _missing_where(not_done: NDArray[np.bool_], column: Values) -> Values:
    """Set values to missing; numbers in place, as they are a copy."""
    if isinstance(column, pd.Categorical):
        return pd.Categorical.from_codes(np.where(not_done, -1, column.codes), dtype=column.dtype)
    np.putmask(column, not_done, np.nan)
    return column


def usual_detection_limit(name: str) -> float:
    """Default detection limit of a variable; 0 if it has none.

    Examples
    --------
    >>> usual_detection_limit("feno_ppb"), usual_detection_limit("age_years")
    (5.0, 0.0)
    """
    return float(DETECTION_LIMITS[name].coefficients["limit"]) if name in DETECTION_LIMITS else 0.0


def record_values(values: Values, variable: Variable, detection_limit: float | NDArray[np.float64] | None) -> Values:
    """Apply detection limit, resolution and limits to the values of a variable."""
    if isinstance(values, pd.Categorical):
        return values
    numbers = np.asarray(values, dtype=float)
    if detection_limit is not None:
        numbers = np.maximum(numbers, detection_limit)
    numbers = _rounded_to(numbers, variable.resolution) if variable.resolution else numbers.copy()
    return numbers if variable.limits is None else np.clip(numbers, *variable.limits, out=numbers)


def _rounded_to(numbers: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Numbers rounded to multiples of a step, free of floating-point residues: 0.3, not 0.30000000000000004."""
    if step == 1:
        return np.rint(numbers)
    steps, parts_of_one = numbers / step, round(1 / step)
    np.rint(steps, out=steps)
    if parts_of_one * step == 1:
        steps /= parts_of_one
    else:
        steps *= step
    return steps
