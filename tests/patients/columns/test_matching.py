"""Columns are matched by name, alias, LOINC code and unit; misspelt names give suggestions."""

from __future__ import annotations

from time import process_time

import pandas as pd
import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients import ColumnMap, read_patients
from asthma_ml.patients.columns.header_words import plain_name
from asthma_ml.patients.columns.matching import match_columns, variable_of_name
from asthma_ml.variables import data_dictionary


def test_no_two_variables_share_a_name() -> None:
    names = [*data_dictionary(), *(plain_name(alias) for alias in data_dictionary().by_alias())]
    assert len(names) == len(set(names))


def test_every_name_alias_and_loinc_code_is_found() -> None:
    for name, variable in data_dictionary().items():
        loinc = [variable.loinc] if variable.loinc else []
        for spelling in (name, name.upper(), name.replace("_", " "), *variable.aliases, *loinc):
            assert variable_of_name(spelling) == name


@pytest.mark.parametrize(
    ("header", "name", "cell", "value"),
    [
        ("Eosinophils (10^9/L)", "blood_eosinophils_cells_ul", "0.3", 300.0),
        ("Eosinophils [cells/µL]", "blood_eosinophils_cells_ul", "300", 300.0),
        ("FEV1/FVC (%)", "fev1_fvc_ratio", "66", 0.66),
        ("FeNO (ppb)", "feno_ppb", "25", 25.0),
        ("sputum_eosinophils (%)", "sputum_eosinophils_pct", "3", 3.0),
        ("LOINC:711-2", "blood_eosinophils_cells_ul", "300", 300.0),
        ("26499-4", "blood_neutrophils_cells_ul", "4700", 4700.0),
        ("Total IgE (ng/mL)", "total_ige_ku_l", "240", 100.0),
        ("Total IgE ng/mL", "total_ige_ku_l", "240", 100.0),
        ("EOS_10^9/L", "blood_eosinophils_cells_ul", "0.3", 300.0),
        ("Eos_G_l", "blood_eosinophils_cells_ul", "0.3", 300.0),
        ("Eosinophile (Gpt/l)", "blood_eosinophils_cells_ul", "0.3", 300.0),
        ("Eosinophile /µl", "blood_eosinophils_cells_ul", "300", 300.0),
        ("IgE_ng_mL", "total_ige_ku_l", "240", 100.0),
        ("Gesamt-IgE [IE/ml]", "total_ige_ku_l", "176", 176.0),
        ("Alter (Jahre)", "age_years", "61", 61.0),
        ("FEV1 % Soll", "fev1_pct_predicted", "62", 62.0),
        ("ICS-Dosis mg/Tag", "ics_dose_ug_day", "0.8", 800.0),
    ],
)
def test_a_header_may_state_the_unit_or_a_code(header: str, name: str, cell: str, value: float) -> None:
    patients = read_patients(pd.DataFrame({header: [cell]}))
    assert patients.values[name].tolist() == [value]
    assert [problem.rule for problem in patients.problems] == ["alias"]


def test_the_unit_in_a_name_applies_to_mapped_columns() -> None:
    column_map = ColumnMap.from_mapping({"columns": {"total_ige_ku_l": {"from": "Allergy lab (ng/mL)"}}})
    patients = read_patients(pd.DataFrame({"Allergy lab (ng/mL)": ["240"]}), column_map)
    assert patients.values["total_ige_ku_l"].tolist() == [100.0]


def test_the_unit_of_the_map_takes_precedence_over_the_name() -> None:
    column_map = ColumnMap.from_mapping({"columns": {"total_ige_ku_l": {"from": "IgE (ng/mL)", "unit": "kU/L"}}})
    patients = read_patients(pd.DataFrame({"IgE (ng/mL)": ["240"]}), column_map)
    assert patients.values["total_ige_ku_l"].tolist() == [240.0]


def test_a_mapped_column_named_in_percent_needs_leukocytes() -> None:
    column_map = ColumnMap.from_mapping({"columns": {"blood_eosinophils_cells_ul": {"from": "Differential (%)"}}})
    with pytest.raises(UnusableInputError, match=r'has the unit % in its name: add `with` leukocytes = "COLUMN"'):
        read_patients(pd.DataFrame({"Differential (%)": ["3"]}), column_map)


def test_a_last_word_that_is_not_a_unit_prevents_the_match() -> None:
    table = {"patient_id": ["1"], "IgE peanut": ["25"], "EOS previous": ["300"], "FeNO last visit": ["25"]}
    patients = read_patients(pd.DataFrame(table))
    assert list(patients.values) == ["patient_id"]


def test_very_long_names_are_matched_quickly() -> None:
    began = process_time()
    assert variable_of_name("age" + " " * 100_000 + "(x") is None
    assert process_time() - began < 1


def test_the_reference_value_of_fev1_is_not_read_as_percent() -> None:
    assert variable_of_name("FEV1 Soll") is None  # litres that are predicted, not what was blown


def test_an_unknown_unit_in_a_name_is_not_guessed() -> None:
    patients = read_patients(pd.DataFrame({"patient_id": ["1"], "FeNO (mg)": ["25"]}))
    assert list(patients.values) == ["patient_id"]
    assert "the unit in `FeNO (mg)` is no unit of feno_ppb" in str(patients.problems[0])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("FEV1", "`FEV1` may be another quantity than fev1_pct_predicted"),
        ("FEV1 (L)", '`FEV1 (L)` is in L; convert it in a column map `with` height = "COLUMN"'),
    ],
)
def test_litres_of_fev1_give_a_warning_and_are_not_read(name: str, message: str) -> None:
    patients = read_patients(pd.DataFrame({"patient_id": ["1"], name: ["2.1"]}))
    assert list(patients.values) == ["patient_id"]
    assert message in str(patients.problems[0])


def test_the_label_is_never_suggested_as_a_feature() -> None:
    columns = {"sex": {"from": "phenotype", "levels": {"th2_high": "female"}}}
    with pytest.raises(UnusableInputError, match=r"\[columns.sex\] `phenotype` is the label, which is never a feature"):
        read_patients(
            pd.DataFrame({"age": ["50"], "phenotype": ["th2_high"]}), ColumnMap.from_mapping({"columns": columns})
        )


def test_a_misspelt_name_gives_a_suggestion_and_is_not_read() -> None:
    patients = read_patients(pd.DataFrame({"patient_id": ["1"], "feno_pbb": ["25"], "colour": ["red"]}))
    assert list(patients.values) == ["patient_id"]
    assert [str(problem) for problem in patients.problems] == [
        "feno_ppb: not read; did you mean feno_ppb by `feno_pbb`? Map it in a column map"
    ]


def test_a_table_without_known_names_is_refused_with_suggestions() -> None:
    with pytest.raises(UnusableInputError, match=r"`fen0_ppb` \(did you mean feno_ppb\?\)"):
        read_patients(pd.DataFrame({"fen0_ppb": ["25"], "zzz": ["1"]}))


def test_unknown_columns_are_kept_unchanged() -> None:
    table = pd.DataFrame({"zzz": [" 1 "], "feno_ppb": ["25"], "note": ["=1+1"], "": ["x"]}, dtype="str")
    patients = read_patients(table)
    pd.testing.assert_frame_equal(patients.raw, table)
    assert list(patients.values) == ["feno_ppb"]


def test_a_count_takes_precedence_over_a_percentage_and_an_alias_over_other_words() -> None:
    table = {"eos_pct": ["6"], "Eosinophils (10^9/L)": ["0.43"], "FeNO": ["52"], "FeNO level visit 2": ["14"]}
    patients = read_patients(pd.DataFrame(table))
    assert patients.values["blood_eosinophils_cells_ul"].tolist() == [430.0]
    assert patients.values["feno_ppb"].tolist() == [52.0]


def test_two_visits_are_ambiguous() -> None:
    patients = read_patients(pd.DataFrame({"patient_id": ["1"], "FENO_v1": ["52"], "FENO_v2": ["14"]}))
    assert list(patients.values) == ["patient_id"]
    assert "`FENO_v1` and `FENO_v2` both match; name one of them in a column map" in str(patients.problems[0])


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("IgE (log10(kU/L))", "a logarithm"),
        ("eos_zscore", "a z-score"),
        ("FeNO change", "a change"),
        ("ACQ-5", "another questionnaire"),
        ("ige_date", "a date"),
        ("sputum_il6", "measured in sputum"),
    ],
)
def test_another_quantity_is_named_as_what_it_is(header: str, what: str) -> None:
    patients = read_patients(pd.DataFrame({"patient_id": ["1"], header: ["1"]}))
    assert list(patients.values) == ["patient_id"]
    assert f"`{header}` is {what}, another quantity than" in str(patients.problems[0])


@pytest.mark.parametrize(
    ("headers", "variable", "example"),
    [
        (["sex_male"], "sex", '"1" = "male"'),
        (["smoking_status_never", "smoking_status_current"], "smoking_status", '"1|0" = "never" and "0|1" = "current"'),
        (["Current biologic (choice=None)", "Current biologic (choice=Dupilumab)"], "biologic", '"0|1" = "anti_il4r"'),
        (["mepolizumab", "omalizumab"], "biologic", '"1|0" = "anti_il5" and "0|1" = "anti_ige"'),
        (["biologic___1", "biologic___2"], "biologic", '"1|0" = "LEVEL"'),
    ],
)
def test_one_column_for_each_choice_is_named_with_the_way_out(headers: list[str], variable: str, example: str) -> None:
    patients = read_patients(pd.DataFrame({"patient_id": ["1"], **{header: ["1"] for header in headers}}))
    assert list(patients.values) == ["patient_id"]
    message = str(patients.problems[0])
    assert message.startswith(f"{variable}: not read")
    assert "one column for each choice" in message
    assert all(f"`{header}`" in message for header in headers)
    assert example in message


def test_a_variable_is_pointed_at_among_thousands_of_columns() -> None:
    table = {"patient_id": ["1"], **{f"probe {i}": ["0"] for i in range(20_000)}, "log FeNO": ["1.7"]}
    began = process_time()
    columns, findings = match_columns(list(table), ColumnMap(), "expression.csv")
    assert process_time() - began < 5
    assert list(columns) == ["patient_id"]
    assert [finding.message for finding in findings] == [
        "not read: `log FeNO` is a logarithm, another quantity than feno_ppb"
    ]


def test_invisible_characters_in_a_name_do_not_matter() -> None:
    patients = read_patients(pd.DataFrame({"\ufeffpatient_id": ["1"], "\u200bfeno": ["52"], "ei\u00adgenes": ["x"]}))
    assert list(patients.values) == ["patient_id", "feno_ppb"]
