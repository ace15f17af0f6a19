"""Categories are encoded as level numbers, numbers as 32-bit floats, and labels are refused as features."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import asthma_ml as aml
from asthma_ml.classifier.features.encoding import (
    align_features,
    encode_features,
    encode_patients,
    refuse_forbidden_features,
)
from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import data_dictionary
from tests.synthetic_patients import synthetic_patients

CATEGORIES = [variable for variable in data_dictionary().values() if variable.kind == "category"]


@pytest.mark.parametrize("variable", CATEGORIES, ids=lambda variable: variable.name)
@pytest.mark.parametrize("dtype", ["str", object, "category"])
def test_a_level_is_encoded_as_its_number_whatever_the_dtype(variable, dtype):
    backwards = list(reversed(variable.levels))
    column = pd.Series([*backwards, None], dtype=dtype, name=variable.name)
    codes = encode_features(column.to_frame())[variable.name].to_numpy()
    np.testing.assert_array_equal(codes, [*reversed(range(len(backwards))), np.nan])
    assert codes.dtype == np.float32


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("sex", ["M", "F", "male"], "sex: unknown level 'F', 'M', allowed: female, male"),
        ("sex", [2, 1], r"sex: 2 is not a valid code; allowed: 0 \(female\), 1 \(male\)"),
        ("smoking_status", [0.5], "smoking_status: 0.5 is not a valid code"),
        ("nasal_polyps", [1, 2], "nasal_polyps: 2 is neither 0 nor 1"),
        ("age_years", [44, 1962], "age_years: 1962 is outside 0 to 110 years"),
        ("feno_ppb", [-9.0], "feno_ppb: -9 is outside 0 to 400 ppb"),
        (
            "blood_eosinophils_cells_ul",
            [0.31, 0.15, 0.62, 2.04],
            "blood_eosinophils_cells_ul: most values, such as 0.31, are too small for cells/uL",
        ),
        ("feno_ppb", [True, False], "feno_ppb: True or False instead of numbers"),
        ("feno_ppb", pd.Series([True, 12.0], dtype=object), "feno_ppb: True or False instead of numbers"),
        ("feno_ppb", ["<5", "12", "12,5"], "feno_ppb: '<5', '12,5' instead of numbers; read the table with"),
        ("feno_ppb", [[1], [2]], r"feno_ppb: '\[1\]', '\[2\]' instead of numbers"),
        ("nasal_polyps", ["yes", "no"], "nasal_polyps: 'yes', 'no' instead of numbers"),
        ("sex", [True, False], "sex: True or False instead of female, male"),
        ("feno_ppb", [1e300], "feno_ppb: inf is outside"),
        ("age_years", pd.to_datetime(["1962-03-01"]), "age_years: cells of type datetime64"),
        ("age_years", pd.period_range("1962", periods=1, freq="D"), "age_years: cells of type period"),
        ("age_years", pd.to_datetime(["1962-03-01"]).tz_localize("UTC"), "age_years: cells of type datetime64"),
        ("bmi_kg_m2", ["38,5"], "bmi_kg_m2: '38,5' instead of numbers"),
    ],
)
def test_what_a_hospital_writes_otherwise_is_refused_and_not_half_understood(column, values, message):
    with pytest.raises(UnusableInputError, match=f"^{message}"):
        encode_features(pd.DataFrame({column: values}))


def test_other_scales_are_warned_of():
    patients = pd.DataFrame({"feno_ppb": [0.038, 0.022, 0.055, 0.015, 0.041], "age_years": [51, 38, 62, 44, 70]})
    with pytest.warns(UserWarning, match="another scale: feno_ppb like ppm; read the table with"):
        encode_features(patients)


def test_all_columns_with_impossible_values_are_named_with_the_way_out():
    patients = pd.DataFrame({"age_years": [440.0], "feno_ppb": [20.0], "sex": ["F"]})
    with pytest.raises(UnusableInputError, match=r"^sex: .*; age_years: 440 is outside .*; read the table with"):
        encode_features(patients)


@pytest.mark.parametrize("preset", ["severe_clinic", "smokers_clinic", "population_asthma"])
def test_no_synthetic_patient_is_refused(preset):
    patients = aml.generate_cohort(2000, seed=5, preset=preset).observed[list(data_dictionary().features)]
    assert encode_features(patients).shape == patients.shape


@pytest.mark.parametrize(
    "convert", [pl.from_pandas, pa.Table.from_pandas, pa.RecordBatch.from_pandas], ids=["polars", "Arrow", "batch"]
)
def test_tables_of_other_libraries_are_encoded_like_those_of_pandas(convert):
    patients, _ = synthetic_patients(30)
    features = list(patients)
    pd.testing.assert_frame_equal(encode_patients(convert(patients), features), encode_patients(patients, features))


def test_a_feature_under_another_name_is_not_taken_for_unmeasured():
    with pytest.raises(UnusableInputError, match=r"^eos \(for blood_eosinophils_cells_ul\): not the name"):
        encode_patients(pd.DataFrame({"eos": [300], "age_years": [50]}), ["blood_eosinophils_cells_ul", "age_years"])
    both = pd.DataFrame({"eos": [300], "blood_eosinophils_cells_ul": [310]})
    assert encode_patients(both, ["blood_eosinophils_cells_ul"]).iloc[0, 0] == 310


def test_a_feature_in_the_index_and_a_table_without_names_are_refused():
    patients = pd.DataFrame({"sex": ["male"], "feno_ppb": [30]})
    with pytest.raises(UnusableInputError, match=r"^sex: in the index of the table"):
        encode_patients(patients.set_index("sex"), ["sex", "feno_ppb"])
    with pytest.raises(UnusableInputError, match=r"^ndarray: give a data frame"):
        encode_patients(patients[["feno_ppb"]].to_numpy(), ["sex", "feno_ppb"])


def test_a_table_without_any_feature_is_refused():
    with pytest.raises(UnusableInputError, match="no column is one of the 1 features"):
        encode_patients(pd.DataFrame({"colour": [300]}), ["feno_ppb"])


@given(st.lists(st.floats(width=32, allow_infinity=False), min_size=1))
def test_encoding_of_numbers_is_idempotent(values):
    patients = pd.DataFrame({"home_made_index": values})
    once = encode_features(patients)
    np.testing.assert_array_equal(once["home_made_index"], np.array(values, dtype=np.float32))
    pd.testing.assert_frame_equal(encode_features(once), once)


def test_integers_booleans_and_nullable_columns_are_encoded_as_numbers():
    patients = pd.DataFrame(
        {
            "ct_mucus_score": pd.array([3, None], dtype="Int64"),
            "atopy": [True, False],
            "acq6_score": pd.Series([1.5, None], dtype=object),
        }
    )
    np.testing.assert_array_equal(encode_features(patients).to_numpy(), [[3, 1, 1.5], [np.nan, 0, np.nan]])


def test_all_columns_of_text_are_named():
    patients = pd.DataFrame({"feno_ppb": ["<5"], "sex": ["male"], "acq6_score": ["high"]})
    with pytest.raises(UnusableInputError, match=r"^feno_ppb: '<5' instead .*; acq6_score: 'high' instead of numbers"):
        encode_features(patients)


def test_cells_of_columns_that_may_hold_names_of_patients_are_not_shown():
    with pytest.raises(UnusableInputError, match=r"^surname: text or dates instead of numbers") as refused:
        encode_features(pd.DataFrame({"surname": ["Curie"]}))
    assert "Curie" not in str(refused.value)


def test_levels_given_as_numbers_are_warned_of_unless_they_are_encoded():
    with pytest.warns(UserWarning, match="numbers are read as levels: sex: 0 as female, 1 as male"):
        encoded = encode_features(pd.DataFrame({"sex": [0, 1], "age_years": [50.0, 60.0]}))
    pd.testing.assert_frame_equal(encode_features(encoded), encoded)


@pytest.mark.parametrize("name", ["feno_pbb", "feno_ppb_x", "log_feno"])
def test_a_name_like_that_of_a_missing_feature_is_warned_of(name):
    patients = pd.DataFrame({name: [20.0], "age_years": [50.0]})
    with pytest.warns(UserWarning, match=f"^not read.*{name}"):
        encode_patients(patients, ["feno_ppb", "age_years"])
    assert encode_patients(patients.assign(feno_ppb=30.0), ["feno_ppb"]).iloc[0, 0] == 30


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame([[1.0, 2.0]], columns=["feno_ppb", "feno_ppb"]), "must be unique; repeated: `feno_ppb`"),
        (pa.table([[1.0], [2.0]], names=["feno_ppb", "feno_ppb"]), "must be unique; repeated: `feno_ppb`"),
        (pd.DataFrame([[1.0]], columns=[["lab"], ["feno_ppb"]]), "2 levels of names"),
        (pl.LazyFrame({"feno_ppb": [1.0]}), "not `LazyFrame`; collect it first"),
        ({"feno_ppb": [1.0]}, "not `dict`; make one with pandas.DataFrame"),
        (np.array([(1.0,)], dtype=[("feno_ppb", float)]), "not `ndarray`; make one with pandas.DataFrame"),
        ("patients.csv", "not `str`; read the file with asthma_ml.read_patients"),
        (None, "not `NoneType`"),
    ],
    ids=["column twice", "Arrow column twice", "two levels", "lazy", "dict", "structured", "path", "nothing"],
)
def test_tables_of_other_kinds_are_refused_with_the_way_out(table, message):
    with pytest.raises(UnusableInputError, match=message):
        encode_patients(table, ["feno_ppb"])


def test_a_table_that_was_read_is_refused_and_its_values_are_taken():
    table = aml.read_patients(pd.DataFrame({"FeNO": ["20", "30"]}))
    with pytest.raises(UnusableInputError, match="not `PatientTable`; give its attribute `values`"):
        encode_patients(table, ["feno_ppb"])
    assert encode_patients(table.values, ["feno_ppb"])["feno_ppb"].tolist() == [20, 30]


def test_alignment_selects_and_orders_the_features():
    patients = pd.DataFrame({"site": ["A"], "feno_ppb": [20.0], "age_years": [50.0]}, index=["p7"])
    aligned = align_features(patients, ["age_years", "biologic", "feno_ppb"])
    assert aligned.columns.tolist() == ["age_years", "biologic", "feno_ppb"]
    assert aligned.loc["p7", ["age_years", "feno_ppb"]].tolist() == [50.0, 20.0]
    assert encode_features(aligned)["biologic"].isna().all()


@pytest.mark.parametrize("column", ["patient_id", "site", "phenotype", "true_phenotype", "aml_p_th2_high"])
def test_labels_and_identifiers_are_refused_as_features(column):
    with pytest.raises(UnusableInputError, match=f"^{column}: identifiers, labels"):
        refuse_forbidden_features(pd.DataFrame({"feno_ppb": [20.0], column: [1.0]}))
