"""Headers as registries, REDCap, CDISC, LOINC and German, Spanish and French exports write them."""

from __future__ import annotations

import pandas as pd
import pytest

from asthma_ml.patients import read_patients
from asthma_ml.patients.columns.hints import hint_of, suggested_variable

POINTED_AT = None

# Header, cell, variable, value read. `POINTED_AT` means a warning that names the header and the variable.
HEADERS = [
    ("Blood eosinophil count (cells/µL) at baseline", "430", "blood_eosinophils_cells_ul", 430.0),
    ("eos_blood_v0", "430", "blood_eosinophils_cells_ul", 430.0),
    ("bl_feno", "52", "feno_ppb", 52.0),
    ("feno_ppb_visit1", "52", "feno_ppb", 52.0),
    ("FeNO 50 mL/s (ppb)", "52", "feno_ppb", 52.0),
    ("exhaled_nitric_oxide_ppb", "52", "feno_ppb", 52.0),
    ("ige_total_iu_ml", "310", "total_ige_ku_l", 310.0),
    ("Total serum IgE level (kU/L)", "310", "total_ige_ku_l", 310.0),
    ("Serum IgE, total", "310", "total_ige_ku_l", 310.0),
    ("lab_eos_abs_x10e9_l", "0.43", "blood_eosinophils_cells_ul", 430.0),
    ("WBC differential eosinophils (%)", "6", "blood_eosinophils_cells_ul", POINTED_AT),
    ("neutrophils_abs_10_9_L", "4.1", "blood_neutrophils_cells_ul", 4100.0),
    ("ANC (K/uL)", "4.1", "blood_neutrophils_cells_ul", 4100.0),
    ("pre_bd_fev1_pct_pred", "71", "fev1_pct_predicted", 71.0),
    ("FEV1 %pred (pre-BD)", "71", "fev1_pct_predicted", 71.0),
    ("PostBD FEV1 % predicted", "82", "fev1_post_bd_pct_predicted", 82.0),
    ("FEV1_L_prebd", "2.3", "fev1_pct_predicted", POINTED_AT),
    ("FEV1/FVC post-bronchodilator (%)", "66", "fev1_fvc_post_bd_ratio", 0.66),
    ("fev1_fvc_pre", "0.66", "fev1_fvc_ratio", 0.66),
    ("BDR (% change FEV1)", "15", "bronchodilator_reversibility_pct", POINTED_AT),
    ("Reversibility of FEV1 (%)", "15", "bronchodilator_reversibility_pct", 15.0),
    ("Sputum eosinophils (% of non-squamous cells)", "14.5", "sputum_eosinophils_pct", 14.5),
    ("sput_neut_perc", "31", "sputum_neutrophils_pct", 31.0),
    ("induced_sputum_eos_pct", "14.5", "sputum_eosinophils_pct", 14.5),
    ("ACQ-6 total score", "2.2", "acq6_score", 2.2),
    ("acq6_mean_score", "2.2", "acq6_score", 2.2),
    ("ICS daily dose (mcg BDP equivalent)", "1000", "ics_dose_ug_day", 1000.0),
    ("OCS maintenance dose (mg/day)", "5", "ocs_dose_mg_day", 5.0),
    ("prednisolone_equivalent_mg", "5", "ocs_dose_mg_day", 5.0),
    ("severe_exacerbations_past_12_months", "3", "exacerbations_12m", 3.0),
    ("No. of exacerbations in previous year", "3", "exacerbations_12m", 3.0),
    ("exac_12mo", "3", "exacerbations_12m", 3.0),
    ("ageAtOnset", "6", "age_at_onset_years", 6.0),
    ("age_onset_asthma_yrs", "6", "age_at_onset_years", 6.0),
    ("Age at enrolment (years)", "44", "age_years", 44.0),
    ("ptAge", "44", "age_years", 44.0),
    ("Gender of patient", "female", "sex", "female"),
    ("SEXO", "female", "sex", "female"),
    ("Edad (años)", "44", "age_years", 44.0),
    ("Eosinófilos en sangre (células/µL)", "430", "blood_eosinophils_cells_ul", 430.0),
    ("IgE total (UI/mL)", "310", "total_ige_ku_l", 310.0),
    ("Tabaquismo", "never", "smoking_status", "never"),
    ("Âge", "44", "age_years", 44.0),
    ("Sexe", "female", "sex", "female"),
    ("Éosinophiles sanguins (G/L)", "0.43", "blood_eosinophils_cells_ul", 430.0),
    ("Polypose nasale", "1", "nasal_polyps", 1.0),
    ("IMC (kg/m²)", "27.1", "bmi_kg_m2", 27.1),
    ("VEMS (% théorique)", "71", "fev1_pct_predicted", 71.0),
    ("Tabagisme (paquets-années)", "20", "pack_years", 20.0),
    ("Körpermassenindex", "27.1", "bmi_kg_m2", 27.1),
    ("Eosinophile abs. [/µl]", "430", "blood_eosinophils_cells_ul", 430.0),
    ("Neutrophile Granulozyten (absolut) [10^9/l]", "4.1", "blood_neutrophils_cells_ul", 4100.0),
    ("Nasenpolypen", "1", "nasal_polyps", 1.0),
    ("Packungsjahre (py)", "20", "pack_years", 20.0),
    ("FEV1 (% v. Soll)", "71", "fev1_pct_predicted", 71.0),
    ("Tiffeneau-Index", "0.66", "fev1_fvc_ratio", 0.66),
    ("Eosinofielen (10^9/L)", "0.43", "blood_eosinophils_cells_ul", 430.0),
    ("Eozynofile (%)", "6", "blood_eosinophils_cells_ul", POINTED_AT),
    ("Płeć", "female", "sex", "female"),
    ("Wiek", "44", "age_years", 44.0),
    ("Rookstatus", "never", "smoking_status", "never"),
    ("好酸球数", "430", "blood_eosinophils_cells_ul", 430.0),
    ("総IgE (IU/mL)", "310", "total_ige_ku_l", 310.0),
    ("呼気NO", "52", "feno_ppb", 52.0),
    ("年齢", "44", "age_years", 44.0),
    ("exac_per_year", "3", "exacerbations_12m", 3.0),
    ("Exazerbationen/Jahr", "3", "exacerbations_12m", 3.0),
    ("age_dx", "6", "age_at_onset_years", POINTED_AT),
    ("Alter bei Diagnose", "6", "age_at_onset_years", POINTED_AT),
    ("EOS.LBSTRESN", "0.43", "blood_eosinophils_cells_ul", POINTED_AT),
    ("LBSTRESN_IGE", "310", "total_ige_ku_l", POINTED_AT),
    ("Eosinophils [#/volume] in Blood by Automated count", "430", "blood_eosinophils_cells_ul", 430.0),
    ("IgE [Units/volume] in Serum or Plasma", "310", "total_ige_ku_l", 310.0),
    ("Eosinophils/100 leukocytes in Blood by Automated count", "6", "blood_eosinophils_cells_ul", POINTED_AT),
    ("Tobacco smoking status", "never", "smoking_status", "never"),
]

OTHER_QUANTITIES = [
    "ln_IgE",
    "FeNO_zscore",
    "log10_eos",
    "IgE Aspergillus fumigatus (kUA/L)",
    "FEV1_LLN",
    "delta_FeNO",
    "Asthma Control Test (ACT) score",
    "ACQ5",
    "feno_date",
    "BAL eosinophils (%)",
    "nasal_no_ppb",
    "max_feno",
    "eos_high_flag",
    "FVC_pct_pred",
    "mother_age",
    "FEV1 predicted (L)",
    "eosinophil cationic protein (ug/L)",
    "IgE_quartile",
    "biologic_start_date",
    "Sputum_eos_absolute",
    "FEV1/FVC % predicted",
    "FeNO Kategorie",
    "sqrt_eos",
    "normalised_feno",
    "ΔFEV1 %",
    "∆FeNO (ppb)",
    "√eos",
    "eos/neut ratio",
]

# What is counted or has a number is no patient; a diagnosis is no age; another time is no misspelling.
NOT_POINTED_AT = [
    ("No. rescue steroid courses", "patient_id"),
    ("Nombre d'hospitalisations", "patient_id"),
    ("n_icu_admissions", "patient_id"),
    ("sample_id", "patient_id"),
    ("physician_id", "patient_id"),
    ("diagnosis", "age_at_onset_years"),
    ("years since diagnosis", "age_at_onset_years"),
    ("age_dx", "age_years"),
]


@pytest.mark.parametrize(("header", "cell", "variable", "value"), HEADERS)
def test_a_header_is_read_in_its_unit_or_pointed_at(
    header: str, cell: str, variable: str, value: float | str | None
) -> None:
    patients = read_patients(pd.DataFrame({"patient_id": ["1"], header: [cell]}))
    read = {name: patients.values[name].tolist() for name in patients.values if name != "patient_id"}
    if value is not POINTED_AT:
        assert read == {variable: [value]}
    else:
        assert not read
        assert any(header[:40] in str(problem) and variable in str(problem) for problem in patients.problems)


@pytest.mark.parametrize(("header", "variable"), NOT_POINTED_AT)
def test_a_header_is_not_taken_for_a_misspelt_name_of_another_thing(header: str, variable: str) -> None:
    hint = hint_of(header)
    assert hint is None or hint.target != variable


@pytest.mark.parametrize(
    ("header", "kind"),
    [("feno_cat", "a category"), ("IgE cat", "specific IgE"), ("FEV1/FVC % predicted", "a percentage of predicted")],
)
def test_a_hint_says_which_other_quantity_a_header_names(header: str, kind: str) -> None:
    hint = hint_of(header)
    assert hint is not None
    assert hint.what == kind


def test_another_period_is_no_misspelling() -> None:
    assert suggested_variable("exac_24m") == ""


@pytest.mark.parametrize("header", OTHER_QUANTITIES)
def test_another_quantity_is_neither_read_nor_proposed(header: str) -> None:
    patients = read_patients(pd.DataFrame({"patient_id": ["1"], header: ["1"]}))
    assert list(patients.values) == ["patient_id"]
    about = [str(problem) for problem in patients.problems if header in str(problem)]
    assert all("another quantity" in message for message in about)
