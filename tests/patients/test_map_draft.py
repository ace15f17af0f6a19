"""Draft column maps load unchanged, read their table and show no values."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients import ColumnMap, draft_map, read_patients

ROOT = Path(__file__).parents[2]


def test_a_draft_map_reads_its_table() -> None:
    table = pd.DataFrame(
        {
            "NR": ["007", "008", "009"],
            "Subject": ["a", "b", "c"],
            "EOS": ["0.3", "0.15", "-9"],
            "WBC": ["6", "7", "8"],
            "FEV1/FVC": ["66", "71", "58"],
            "ics_dose": ["500", "250", "0"],
            "ics drug": ["fluticasone propionate", "fluticasone propionate", ""],
            "fen0_ppb": ["20", "30", "40"],
            'od"d\nname': ["x", "y", "z"],
        }
    )
    draft = draft_map(table)
    column_map = ColumnMap.from_mapping(tomllib.loads(draft))
    patients = read_patients(table, column_map)
    assert patients.values["blood_eosinophils_cells_ul"].tolist()[:2] == [300.0, 150.0]
    assert patients.values["fev1_fvc_ratio"].tolist() == [0.66, 0.71, 0.58]
    assert patients.values["ics_dose_ug_day"].tolist() == [1000.0, 500.0, 0.0]
    assert not patients.invalid.any()
    assert '# [columns.feno_ppb]\n# from = "fen0_ppb"' in draft


def test_unknown_levels_are_listed_only_on_request() -> None:
    table = pd.DataFrame({"sex": ["x-girl", "m", "q-boy"]})
    assert "x-girl" not in draft_map(table)
    assert '"CODE" = "LEVEL"' in draft_map(table)
    levels = tomllib.loads(draft_map(table, show_values=True))["columns"]["sex"]["levels"]
    assert levels == {"x-girl": "", "m": "", "q-boy": ""}  # m is female beside h, and male beside f


def test_a_german_export_needs_no_manual_names_or_units() -> None:
    table = pd.DataFrame(
        {
            "Patientennummer": ["007", "008"],
            "Alter": ["61", "48"],
            "Geschlecht": ["w", "männlich"],
            "Raucherstatus": ["Nichtraucher", "Ex-Raucher"],
            "Packungsjahre": ["0", "20"],
            "Eos_G_l": ["0.31", "1.2"],
            "IgE_IU_ml": ["176", "90"],
            "FEV1 (% Soll)": ["62", "71"],
            "ICS_Dosis_ug_Tag": ["800", "1600"],
            "OCS-Dosis (mg/d)": ["0", "5"],
        }
    )
    draft = draft_map(table)
    assert tomllib.loads(draft) == {}
    for line in (
        '# sex: "Geschlecht"',
        '# ics_dose_ug_day: "ICS_Dosis_ug_Tag" in ug/day',
        '# blood_eosinophils_cells_ul: "Eos_G_l" in 10^9/L',
        '# fev1_pct_predicted: "FEV1 (% Soll)" in % predicted',
    ):
        assert line in draft.splitlines()
    patients = read_patients(table)
    assert patients.values["blood_eosinophils_cells_ul"].tolist() == [310.0, 1200.0]
    assert patients.values["sex"].tolist() == ["female", "male"]
    assert patients.values["smoking_status"].tolist() == ["never", "former"]
    assert {problem.rule for problem in patients.problems} == {"alias"}


@pytest.mark.parametrize("eosinophils", [("blood_eosinophils_x10_3_uL", "0.43"), ("eos", "0.43"), ("eos", "430")])
def test_a_table_is_read_with_its_draft_as_without_or_better(eosinophils: tuple[str, str]) -> None:
    name, cell = eosinophils
    cells = [cell, "0.2" if "." in cell else "200", cell]
    table = pd.DataFrame({"nr": ["1", "2", "3"], "age": ["44", "61", "38"], name: cells})
    drafted = ColumnMap.from_mapping(tomllib.loads(draft_map(table)))
    values = read_patients(table, drafted).values
    assert values["blood_eosinophils_cells_ul"].tolist() == [430.0, 200.0, 430.0]
    assert values["age_years"].tolist() == [44.0, 61.0, 38.0]


def test_a_column_that_is_read_rightly_is_offered_for_nothing_else() -> None:
    draft = draft_map(pd.DataFrame({"patient_id": ["1", "2"], "blood_eosinophils_x10_3_uL": ["0.43", "0.2"]}))
    assert not [line for line in draft.splitlines() if "from" in line and "blood_eosinophils_x10_3_uL" in line]


def test_percentages_of_leukocytes_name_the_leukocyte_column() -> None:
    table = pd.DataFrame({"eos": ["3.1", "6.3", "2"], "WBC": ["6", "7", "8"], "FEV1_pp (L)": ["2", "3", "1"]})
    drafted = tomllib.loads(draft_map(table))["columns"]
    assert drafted["blood_eosinophils_cells_ul"] == {"from": "eos", "unit": "%", "with": {"leukocytes": "WBC"}}
    assert "fev1_pct_predicted" not in drafted  # no height in the table
    assert '# with = { height = "COLUMN" }' in draft_map(table)


@pytest.mark.parametrize("table", [pd.DataFrame({"zzz": ["1"]}), pd.DataFrame({"true_phenotype": ["x"]})])
def test_a_table_without_known_names_gives_an_empty_map(table: pd.DataFrame) -> None:
    assert tomllib.loads(draft_map(table)) == {}


@pytest.mark.parametrize("path", ["examples/omop_export.csv", "data/synthetic/example_patients.csv"])
def test_draft_maps_of_shipped_tables_load(path: str) -> None:
    ColumnMap.from_mapping(tomllib.loads(draft_map(ROOT / path)))


def test_a_leukocyte_count_is_not_suggested_as_eosinophils() -> None:
    draft = draft_map(pd.DataFrame({"patient_id": ["1"], "WBC": ["7"], "IgE ng/mL": ["240"]}))
    assert "WBC" not in draft
    assert '# total_ige_ku_l: "IgE ng/mL" in ng/mL' in draft


def test_short_unknown_codes_are_stubs_to_be_filled_in() -> None:
    table = pd.DataFrame({"nasal_polyps": ["1", "2", "1"], "smoking_status": ["1", "2", "3"], "sex": ["F", "M", "F"]})
    drafted = tomllib.loads(draft_map(table))["columns"]
    assert drafted["nasal_polyps"]["levels"] == {"1": "", "2": ""}
    assert drafted["smoking_status"]["levels"] == {"1": "", "2": "", "3": ""}
    assert "sex" not in drafted


def test_the_unit_beside_a_value_is_drafted() -> None:
    table = pd.DataFrame({"ige": ["240", "96"], "ige_unit": ["ng/mL", "ng/mL"]})
    assert '# total_ige_ku_l: "ige" in ng/mL' in draft_map(table)


@pytest.mark.parametrize(
    ("table", "guess"),
    [
        ({"code": ["17", "4", "5"]}, '# [columns.patient_id]\n# from = "code"'),
        ({"class": ["T2-high", "T2-low", "T2-low"]}, '# [columns.phenotype]\n# from = "class"'),
        ({"dob": ["1961-02-03", "1977-01-01", ""]}, "# `dob`: compute the age in years from the date of birth"),
        ({"age": ["1961-02-03", "1977-01-01", ""]}, "# The column holds dates and not years: compute the values"),
        ({"FeNO v1": ["20"] * 3, "FeNO v2": ["30"] * 3}, '# from = "FeNO v1"  # or "FeNO v2"'),
        ({"on mepolizumab": ["1", "0", "1"]}, '# [columns.biologic]\n# from = ["on mepolizumab"]'),
        ({"Medication_Adherence": ["0.4", "0.9", "1"]}, "# `Medication_Adherence` may be ics_adherence_fraction or"),
    ],
)
def test_values_and_words_of_other_columns_give_guesses(table: dict[str, list[str]], guess: str) -> None:
    assert guess in draft_map(pd.DataFrame(table))


@pytest.mark.parametrize("header", ["log10 IgE", "ACT score", "eos z-score", "FEV1 predicted (L)", "feno_date"])
def test_another_quantity_is_not_drafted(header: str) -> None:
    draft = draft_map(pd.DataFrame({"patient_id": ["1", "1"], header: ["2.4", "1.9"]}))
    assert header not in draft


ODD_NAMES = st.text(st.characters(codec="utf-8"), max_size=12)
STEMS = st.sampled_from(
    ["", "eos", "FeNO ", "ige_unit", "sex_male", "FEV1 (L)", "biologic (choice=", "phenotype", "id"]
)
CELLS = st.sampled_from(["", "0", "1", "2", "-9", "0.31", "m", 'a "quoted" cell', "2024-01-31", "th2", "\\N", "%"])


@settings(deadline=None)
@given(st.lists(st.tuples(STEMS, ODD_NAMES, CELLS, CELLS), min_size=1, max_size=6), st.booleans())
def test_a_draft_is_always_a_valid_column_map(columns: list[tuple[str, str, str, str]], show_values: bool) -> None:
    table = pd.DataFrame({stem + name: [first, second] for stem, name, first, second in columns})
    try:
        draft = draft_map(table, show_values=show_values)
    except UnusableInputError as refused:
        # A first line of numbers may be a patient.
        if "the first line must name the columns" not in str(refused):
            raise
    else:
        ColumnMap.from_mapping(tomllib.loads(draft))
