"""Tables are read in the columns and units of the data dictionary, with all problems and their lines."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings

from asthma_ml.errors import AsthmaMLError, UnusableInputError
from asthma_ml.files import write_table
from asthma_ml.patients import ColumnMap, MappedColumn, PatientFile, PatientTable, read_patients, summarise_problems
from asthma_ml.variables import OUTPUT_PREFIX, TRUTH_PREFIX, data_dictionary
from tests.text_files import parse_text_table

ROOT = Path(__file__).parents[2]
SURVEY = ROOT.parent / "shared" / "data" / "nhanes" / "asthma_adults_2005_2010.csv"

PLAIN = """patient_id,sex,biologic,blood_eosinophils_cells_ul,fev1_fvc_ratio,feno_ppb,atopy,ics_adherence_fraction
007,female,none,350,0.62,38.5,1,0.8
7,male,anti_il5,90,0.71,,0,0.95
x-1,female,,1220,0.57,104,yes,
"""


def read_text(text: str, tmp_path: Path, columns: ColumnMap | None = None) -> PatientTable:
    path = tmp_path / "patients.csv"
    path.write_bytes(text.encode())
    return read_patients(path, columns)


def one_column(name: str, *cells: object) -> PatientTable:
    return read_patients(pd.DataFrame({name: pd.Series(cells, dtype=object)}))


def rules(patients: PatientTable) -> list[tuple[int | None, str, str]]:
    return [(problem.line, problem.column, problem.rule) for problem in patients.problems]


def test_worked_table(tmp_path: Path) -> None:
    patients = read_text(PLAIN, tmp_path)
    assert patients.values["patient_id"].tolist() == ["007", "7", "x-1"]
    assert patients.values["feno_ppb"].tolist()[::2] == [38.5, 104.0]
    assert patients.values["atopy"].tolist() == [1.0, 0.0, 1.0]
    assert patients.values["biologic"].tolist()[:2] == ["none", "anti_il5"]
    assert patients.values.isna().sum().sum() == 3
    assert patients.lines.tolist() == [2, 3, 4]
    assert patients.problems == []
    assert patients.raw["atopy"].tolist() == ["1", "0", "yes"]
    assert len(patients) == 3


@settings(deadline=None, max_examples=60)
@given(
    delimiter=st.sampled_from(",;\t|"),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    mark=st.sampled_from(["", "\ufeff"]),
    quoted=st.booleans(),
    order=st.permutations(range(8)),
    spell=st.sampled_from([str.lower, str.upper, str.title]),
)
def test_encoding_and_delimiter_do_not_change_the_values(
    tmp_path_factory: pytest.TempPathFactory,
    delimiter: str,
    newline: str,
    mark: str,
    quoted: bool,
    order: list[int],
    spell: Callable[[str], str],
) -> None:
    """Other order of columns, byte order marks, delimiters, decimal commas, line ends, units and spellings."""
    tmp_path = tmp_path_factory.getbasetemp()
    plain = read_text(PLAIN, tmp_path)
    other = plain.raw.assign(
        blood_eosinophils_cells_ul=["0.35", "0.09", "1.22"],
        fev1_fvc_ratio=["62", "71", "57"],
        ics_adherence_fraction=["80", "95", "NA"],
        sex=["F", "M", "Female"],
    ).iloc[:, order]
    header = [spell(name.replace("_", " ")) for name in other.columns]
    decimal = "," if delimiter == ";" else "."
    rows = [header, *other.apply(lambda column: column.str.replace(".", decimal)).to_numpy().tolist()]
    quote = '"' if quoted else ""
    text = mark + "".join(delimiter.join(f"{quote}{cell}{quote}" for cell in row) + newline for row in rows)
    units = {"blood_eosinophils_cells_ul": "10^9/L", "fev1_fvc_ratio": "%", "ics_adherence_fraction": "%"}
    column_map = ColumnMap({name: MappedColumn(name, unit=unit) for name, unit in units.items()})
    pd.testing.assert_frame_equal(read_text(text, tmp_path, column_map).values, plain.values)


def test_twelve_problems_are_reported_with_their_lines() -> None:
    table = pd.DataFrame(
        {
            "patient_id": ["a", "b", "b", "", "e", "f", "g"],
            "age_years": ["50", "fifty", "200", "40", "40", "40", "40"],
            "age_at_onset_years": ["60", "", "", "", "", "", ""],
            "sex": ["femal", "", "", "", "", "", ""],
            "feno_ppb": ["<5", "45%", "inf", "401", "250", ">300", "1,5"],
            "exacerbations_12m": ["1.5", "", "", "", "", "", ""],
            "smoking_status": ["", "Current", "", "", "", "", ""],
            "pack_years": ["", "0", "", "", "", "", ""],
            "atopy": ["maybe", "TRUE", "n", "", "0.0", "", ""],
            "sputum_eosinophils_pct": ["60", "", "", "", "", "", ""],
            "sputum_neutrophils_pct": ["55", "", "", "", "", "", ""],
            "fev1_pct_predicted": ["", "80", "", "", "", "", ""],
            "fev1_post_bd_pct_predicted": ["", "60", "", "", "", "", ""],
        }
    )
    patients = read_patients(table)
    assert set(rules(patients)) == {
        (2, "age_at_onset_years", "onset_after_age"),
        (2, "sex", "unknown_level"),
        (None, "feno_ppb", "scale"),
        (2, "feno_ppb", "censored"),
        (2, "exacerbations_12m", "whole_number"),
        (2, "atopy", "flag"),
        (2, "sputum_eosinophils_pct", "sputum_total"),
        (3, "age_years", "number"),
        (3, "feno_ppb", "text_beside"),
        (3, "pack_years", "smoker_without_pack_years"),
        (3, "fev1_post_bd_pct_predicted", "falls_after_bronchodilator"),
        (3, "patient_id", "identifier_repeated"),
        (4, "patient_id", "identifier_repeated"),
        (4, "age_years", "limits"),
        (4, "feno_ppb", "number"),
        (5, "patient_id", "identifier"),
        (5, "feno_ppb", "limits"),
        (6, "feno_ppb", "usual"),
        (7, "feno_ppb", "censored"),
        (7, "feno_ppb", "usual"),
        (8, "feno_ppb", "number"),
    }
    assert patients.invalid.tolist() == [True, True, True, True, False, False, True]
    assert np.isnan(patients.values["age_years"]).tolist() == [False, True, True, False, False, False, False]
    assert patients.values["feno_ppb"].tolist()[4:6] == [250.0, 300.0]
    summary = summarise_problems(patients.problems)
    assert "sex: 1 value not among female, male (did you mean female?); state what a code means" in summary
    assert "femal " not in summary


def test_values_outside_limits_are_one_message() -> None:
    feno = [20.0] * 100
    for line in (4, 17, 90):
        feno[line - 2] = 900.0
    summary = summarise_problems(one_column("feno_ppb", *feno).problems)
    assert summary == "feno_ppb: 3 values outside 0-400 ppb (lines 4, 17, 90)"


def test_values_at_the_limits_are_allowed() -> None:
    assert one_column("acq6_score", 0, 6).problems == []


def test_a_doubly_censored_value_is_not_a_number() -> None:
    patients = one_column("feno_ppb", "<" * 9999 + "5", "<45%", "< 5")
    assert [problem.rule for problem in patients.problems] == ["number", "number", "censored"]


@pytest.mark.parametrize("token", ["", " ", "NA", "n/a", "NaN", "null", ".", None, np.nan])
def test_missing_tokens(token: object) -> None:
    patients = one_column("biologic", token, "none")
    assert patients.values["biologic"].isna().tolist() == [True, False]
    assert patients.problems == []


def test_an_identifier_equal_to_a_missing_token_is_kept() -> None:
    assert one_column("patient_id", "NA", "NULL").values["patient_id"].tolist() == ["NA", "NULL"]


def test_an_unknown_label_does_not_make_a_row_invalid() -> None:
    patients = one_column("phenotype", "Th2-high", "eosinophilic")
    assert patients.values["phenotype"].tolist()[0] == "th2_high"
    assert [problem.severity for problem in patients.problems] == ["warning"]
    assert not patients.invalid.any()


def test_simulated_truth_and_predictions_are_never_read() -> None:
    table = pd.DataFrame({"patient_id": ["1"], "true_phenotype": ["th2_high"], "aml_p_th2_high": ["0.9"]})
    patients = read_patients(table)
    assert list(patients.values) == ["patient_id"]
    assert list(patients.raw) == list(table)
    names = [*data_dictionary(), *data_dictionary().by_alias()]
    assert not [name for name in names if name.startswith((TRUTH_PREFIX, OUTPUT_PREFIX))]


def test_a_full_name_takes_precedence_and_ambiguous_names_are_not_read() -> None:
    both = pd.DataFrame(
        {"eos": ["100"], "blood_eosinophils_cells_ul": ["300"], "bmi": ["30"], "body_mass_index": ["31"]}
    )
    patients = read_patients(both)
    assert patients.values["blood_eosinophils_cells_ul"].tolist() == [300.0]
    assert "bmi_kg_m2" not in patients.values
    assert rules(patients) == [
        (None, "bmi_kg_m2", "ambiguous_name"),
        (None, "blood_eosinophils_cells_ul", "second_column"),
    ]


@pytest.mark.parametrize("second", ["eos.1", "Blood eosinophils (10^9/L)"])
def test_a_second_column_of_a_variable_is_named_with_the_one_that_is_read(second: str) -> None:
    patients = read_patients(pd.DataFrame({"eos": ["100"], second: ["0.3"]}))
    [message] = [str(problem) for problem in patients.problems if problem.rule == "second_column"]
    assert f"not read: `{second}`, because `eos` is read" in message


def test_columns_that_a_decision_was_made_about_are_not_listed_as_unread() -> None:
    table = {
        "Unnamed: 0": ["0"],
        "eos": ["100"],
        "eos_unit": ["cells/uL"],
        "ward": ["3"],
        "aml_status": ["ok"],
        "z": [""],
    }
    patients = read_patients(pd.DataFrame(table), ColumnMap(ignore=("ward",)))
    assert patients.not_read == ["z"]


def test_a_table_without_rows_is_read_with_one_warning(tmp_path: Path) -> None:
    path = tmp_path / "clinic.csv"
    path.write_text("patient_id,age_years,feno_ppb\n", encoding="utf-8")
    assert [str(problem) for problem in read_patients(path).problems] == [
        "no patients: the table has a header and no rows below it"
    ]
    with PatientFile(path, chunk_rows=10) as patients:
        assert [each.rule for each in patients.findings] == ["no_rows"]


def test_aliases_give_a_warning() -> None:
    assert str(one_column("eos", 300).problems[0]) == (
        "blood_eosinophils_cells_ul: read `eos` as blood_eosinophils_cells_ul"
    )


@pytest.mark.parametrize(
    ("name", "cells", "unit"),
    [
        ("blood_eosinophils_cells_ul", (0.3, 0.0, 0.12, 1.1), "10^9/L"),
        ("blood_neutrophils_cells_ul", (4.2, 6.1), "10^9/L"),
        ("fev1_fvc_ratio", (62, 71, 0.7), "%"),
        ("ics_adherence_fraction", (80, 95, 40), "%"),
        ("ics_dose_ug_day", (1, 2, 0, 0.8), "mg/day"),
    ],
)
def test_a_column_in_another_unit_is_refused_with_the_conversion(
    name: str, cells: tuple[float, ...], unit: str
) -> None:
    with pytest.raises(UnusableInputError) as refusal:
        one_column(name, *cells)
    message = str(refusal.value)
    assert f"values look like {unit}" in message
    assert f", not {data_dictionary()[name].unit}" in message
    assert f'`unit = "{unit}"`' in message
    assert "--columns MAP.toml" in message
    table = pd.DataFrame({name: cells})
    stated = ColumnMap({name: MappedColumn(name, unit=unit)})
    converted = read_patients(table.head(2), stated).values[name].tolist()
    assert converted == pytest.approx([cell * data_dictionary()[name].units[unit] for cell in cells[:2]])


def test_columns_in_the_right_unit_are_not_refused() -> None:
    for name, cells in {
        "blood_eosinophils_cells_ul": (0, 0, 10, 20),
        "fev1_fvc_ratio": (0.4, 0.99),
        "ics_adherence_fraction": (0.0, 1.3),
        "ics_dose_ug_day": (0, 0, 0),
        "total_ige_ku_l": (0.2, 0.3),
    }.items():
        assert not one_column(name, *cells).invalid.any()


def test_a_table_without_a_known_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match=r"no column is a known variable \(found a number, a number\)"):
        read_text("1,2\n3,4\n", tmp_path)


def test_a_table_of_no_patients_is_read(tmp_path: Path) -> None:
    patients = read_text("patient_id,feno_ppb,sex\n", tmp_path)
    assert len(patients) == 0
    assert patients.values.dtypes.astype(str).to_dict() == {"patient_id": "str", "sex": "str", "feno_ppb": "float64"}
    assert patients.values.index.equals(pd.RangeIndex(0))


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(PLAIN.encode())))
    patients = read_patients("-")
    assert patients.source == "standard input"
    assert len(patients) == 3


@pytest.mark.parametrize("convert", [pd.DataFrame, pa.Table.from_pandas])
def test_frames_of_several_libraries_are_read(tmp_path: Path, convert: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    plain = read_text(PLAIN, tmp_path)
    pd.testing.assert_frame_equal(read_patients(convert(plain.raw)).values, plain.values)


def test_numbers_in_a_frame_are_read_as_they_are(tmp_path: Path) -> None:
    plain = read_text(PLAIN, tmp_path)
    typed = plain.values.set_index("patient_id")
    pd.testing.assert_frame_equal(read_patients(typed).values, plain.values)
    write_table(plain.values, tmp_path / "patients.parquet")
    pd.testing.assert_frame_equal(read_patients(tmp_path / "patients.parquet").values, plain.values)


def test_sources_without_a_table_are_refused() -> None:
    with pytest.raises(UnusableInputError, match="not `int`"):
        read_patients(3)  # type: ignore[arg-type]
    with pytest.raises(UnusableInputError, match="patient_id: a cell contains text that is not Unicode"):
        one_column("patient_id", "\ud800")


CELLS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        ["", "NA", "<5", ">= 2000", "1,5", "45%", "-9", "1e400", "nan", "inf", "yes", "none", "Female", "٣", "1_0"]
    ),
    st.floats().map(repr),
    st.integers().map(str),
)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_random_cells_give_problems_or_a_refusal(data: st.DataObject) -> None:
    names = data.draw(
        st.lists(st.sampled_from([*data_dictionary(), "eos", "Sex", "other"]), min_size=1, max_size=8, unique=True)
    )
    rows = data.draw(st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names)), max_size=5))
    table = pd.DataFrame(rows, columns=names, dtype=object)
    try:
        patients = read_patients(table)
    except AsthmaMLError:
        return
    assert len(patients.values) == len(rows)
    for name, column in patients.values.items():
        variable = data_dictionary()[str(name)]
        if variable.limits:
            assert column.dropna().between(*variable.limits).all()
        if variable.levels:
            assert set(column.dropna()) <= set(variable.levels)
    flagged = {problem.line for problem in patients.problems if problem.severity == "error"}
    assert flagged == set(patients.lines[patients.invalid].tolist())


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=200).map(lambda noise: b"patient_id,feno_ppb\n" + noise) | st.binary(max_size=200))
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        table = parse_text_table(data, "noise.csv")
    except AsthmaMLError:
        return
    assert len(table.frame) == len(table.lines)


@pytest.mark.skipif(not SURVEY.exists(), reason="the survey is not part of the project")
def test_a_real_survey_is_read_completely() -> None:
    patients = read_patients(SURVEY, ROOT / "examples" / "nhanes.toml")
    assert len(patients) == 1425
    known = patients.values.notna().sum()
    assert known["ancestry"] == 1425
    assert known["blood_eosinophils_cells_ul"] == 1288
    assert known["feno_ppb"] == 714
    assert patients.values["smoking_status"].value_counts().to_dict() == {"never": 591, "current": 399, "former": 363}
    assert patients.invalid.sum() == 1  # 327 pack-years
    real = pd.read_csv(SURVEY)
    np.testing.assert_array_equal(patients.values["feno_ppb"], real["feno_ppb"])
    allergens = real["n_allergen_specific_ige_pos"]
    np.testing.assert_array_equal(patients.values["atopy"], allergens.gt(0).astype(float).where(allergens.notna()))
