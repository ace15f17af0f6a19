"""Order, spelling and filler of a header do not matter; a word that changes the quantity always does."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from asthma_ml.patients.columns.header_forms import recognise
from asthma_ml.patients.columns.header_words import changes, split_header
from asthma_ml.patients.columns.matching import unit_in_name, variable_of_name
from asthma_ml.variables import data_dictionary

FEATURES = [variable for variable in data_dictionary().values() if variable.is_feature]
# `cat__` and `categorical__` are also steps of scikit-learn.
NAMES = [(name, each.name) for each in FEATURES for name in (each.name, *each.aliases) if not re.search(r"[^\w]", name)]
# Words of names themselves: the highest eosinophils, genotypes, expression as a logarithm.
OWN_WORDS = {word for each in FEATURES for name in (each.name, *each.aliases) for word in split_header(name).words}

# The score is a mean of items, polyps are nasal, FEV1 is in % predicted, and flags are yes or no.
NO_CHANGE = {("acq6_score", "mean"), ("nasal_polyps", "nasal")}
NO_CHANGE |= {("fev1_pct_predicted", "predicted"), ("fev1_post_bd_pct_predicted", "predicted")}
NO_CHANGE |= {(each.name, "yesno") for each in FEATURES if each.kind == "flag"}

named = st.sampled_from([(name, target) for name, target in NAMES if "_" in name])
between = st.sampled_from([" ", "_", ".", "-", "  ", "__", " / "])
styles = st.sampled_from([str.lower, str.upper, str.title, str])
ends = st.sampled_from(
    ["", "_v1", "_V2", " Visit 2", "_baseline", "_bl", ".x", ".y", " (baseline)", "_t0", " at visit"]
)
begins = st.sampled_from(["", "num__", "cat__", "remainder__", "Baseline ", "current_", "\ufeff", "\u200b"])


@given(named, between, styles, ends, begins)
def test_separators_case_and_visits_do_not_matter(named, between, style, end, begin) -> None:  # type: ignore[no-untyped-def]
    name, target = named
    words = style(between.join(name.split("_")))
    if target != "smoking_status":  # a current smoker is a level, not a visit
        assert variable_of_name(f"{begin}{words}{end}") == target


@given(named, st.randoms(use_true_random=False), st.sampled_from(["value", "result", "level", "measurement", "of the"]))
def test_order_and_filler_do_not_matter(named, random, filler) -> None:  # type: ignore[no-untyped-def]
    name, target = named
    words = [*split_header(name).words, filler]
    random.shuffle(words)
    found = recognise(" ".join(words))
    if not split_header(name).unit and target != "asthma_education":
        assert found is not None
        assert found.target == target


@given(
    st.sampled_from(NAMES),
    st.sampled_from(sorted(changes().keys() - OWN_WORDS - {"cat", "categorical"})),
    between,
    st.booleans(),
)
def test_a_word_that_changes_the_quantity_prevents_the_match(named, word, between, before) -> None:  # type: ignore[no-untyped-def]
    name, target = named
    assume((target, *split_header(word).words) not in NO_CHANGE)
    header = f"{word}{between}{name}" if before else f"{name}{between}{word}"
    assert variable_of_name(header) != target


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("blood_eosinophils_x10_3_uL", "10^3/uL"),
        ("Eos.10.9.L", "10^9/L"),
        ("EOS (x10⁹/L)", "10^9/L"),
        ("eos_10e9_l", "10^9/L"),
        ("eosinophils G/L at baseline", "10^9/L"),
        ("AEC cells per uL", "cells/uL"),
        ("ANC_k_ul_v1", "10^3/uL"),
        ("IgE..kU.L.", "kU/L"),
        ("total_ige_iu_ml_bl", "IU/mL"),
        ("FEV1 (% pred)", "% predicted"),
        ("fev1_percent_pred_v2", "% predicted"),
        ("OCS dose mg per day", "mg/day"),
        ("PM2.5 (µg/m³)", "ug/m3"),
        ("Age (yrs)", "years"),
        ("BMI..kg.m2.", "kg/m2"),
    ],
)
def test_units_are_found_in_any_place_and_spelling(header: str, unit: str) -> None:
    assert unit_in_name(header) == unit


@pytest.mark.parametrize(
    ("variable", "headers"),
    [
        ("age_years", "Alter bei Einschluss|AGE_YRS|leeftijd|idade (anos)|age_in_years|baseline_age|dem_age"),
        ("sex", "Sesso|Geschlecht (m/w)|sex at birth|geslacht|gender_baseline|Sex (male/female)"),
        ("bmi_kg_m2", "IMC|Body Mass Index (BMI)|Índice de masa corporal|KMI|BMI (kg/m2) at visit 1"),
        ("feno_ppb", "FENO_v1|NO exhalado|FeNO-Wert|Fractional exhaled NO|óxido nítrico exhalado|Niveau FeNO"),
        ("blood_eosinophils_cells_ul", "Eos abs G/l|Eos. absolut /nl|Blut-Eosinophile|PNE|eosabs|EOS_ABS_X10E9"),
        ("blood_neutrophils_cells_ul", "neut#|polynucléaires neutrophiles|Neutrófilos|neutro_abs|ANC (K/uL)"),
        ("total_ige_ku_l", "IgE totale (kUI/L)|IgE sérica total|tIgE|Immunglobulin E gesamt|serum IgE (total)"),
        ("fev1_pct_predicted", "FEV 1 (% pred.)|VEF1 % predicho|% predicted FEV1|FEV1 in % vom Soll|fev1pctpred"),
        ("fev1_fvc_ratio", "FEV1:FVC|VEMS/CVF|FEV1toFVC|ratio FEV1/FVC|Tiffeneau-Index (%)"),
        (
            "exacerbations_12m",
            "Exacerbations last year|Exazerbationen (12 Monate)|n_exac_12m|exacerbaciones último año",
        ),
        ("smoking_status", "current smoking status|cigarette smoking|Raucherstatus|tabaco|smoking_status.factor"),
        ("ocs_dose_mg_day", "daily OCS dose (mg)|Prednisolon-Äquivalent (mg/Tag)|prednisone dose (mg/d)"),
        ("ics_dose_ug_day", "ICS (µg/day)|ICS Dosis (µg/d BDP-Äquivalent)|inhaled steroid dose (mcg)"),
        ("nasal_polyps", "nasal_polyps_yn|nasal polyposis (Y/N)|poliposis nasal|hx_nasal_polyps|NasalPolyps"),
        ("sputum_eosinophils_pct", "% eosinophils in sputum|eosinófilos en esputo (%)|spEos|eos_sputum_pct"),
        ("patient_id", "Pat.-Nr.|Fallnummer|Study No.|N° patient|USUBJID|patient_id_bl"),
    ],
)
def test_headers_of_many_countries_name_their_variable(variable: str, headers: str) -> None:
    assert {header: variable_of_name(header) for header in headers.split("|")} == dict.fromkeys(
        headers.split("|"), variable
    )


@pytest.mark.parametrize(
    "headers",
    [
        "FEV1/FVC LLN|FEV1 z|FEV1 change (%)|FEV1 best|FVC % predicted|FEV1 percentile|DLCO % pred|FEV1",
        "IgE specific|IgE d1|IgE_t3|IgE RAST|IgE/IgG ratio|IgG|IgE fold change",
        "eosinophil neutrophil ratio|nasal eosinophils|bone marrow eosinophils|eos_per_hpf|eos_300|eosinophils > 300",
        "sputum_eosinophil_count|sputum eosinophils (10^6/g)|sputum macrophages %|eosinophil progenitors|sqrt_eos",
        "FeNO 270|FeNO predicted|FeNO > 25|alveolar NO|nasal nitric oxide|feno quality|feno flow",
        "age at death|age group|gestational age|smoking start age|sex hormone|passive smoking|smoking cessation",
        "exacerbations next 12 months|exacerbations 24 months|mild exacerbations|exacerbation (Y/N)",
        "dose|Dose (mg)|ICS|OCS|OCS courses|ICS dose per puff|ICS molecule|ocs_dose_cumulative|prednisolone",
        "visit date|patient weight|patient name|device id|encounter id|number of patients|study arm|site of pain",
        "atopic dermatitis|colon polyps|nasal polyp score|polyps removed|biologic naive|diet adherence",
    ],
)
def test_names_of_other_things_name_no_variable(headers: str) -> None:
    assert {header: variable_of_name(header) for header in headers.split("|")} == dict.fromkeys(headers.split("|"))
