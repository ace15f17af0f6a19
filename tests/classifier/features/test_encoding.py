"""Categories are encoded as level numbers, numbers as 32-bit floats, and labels are refused as features."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asthma_ml.classifier.features.encoding import (
    align_features,
    encode_features,
    refuse_forbidden_features,
    unknown_levels,
)
from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import data_dictionary

CATEGORIES = [variable for variable in data_dictionary().values() if variable.kind == "category"]


@pytest.mark.parametrize("variable", CATEGORIES, ids=lambda variable: variable.name)
@pytest.mark.parametrize("dtype", ["str", object, "category"])
def test_a_level_is_encoded_as_its_number_whatever_the_dtype(variable, dtype):
    backwards = list(reversed(variable.levels))
    column = pd.Series([*backwards, None], dtype=dtype, name=variable.name)
    codes = encode_features(column.to_frame())[variable.name].to_numpy()
    np.testing.assert_array_equal(codes, [*reversed(range(len(backwards))), np.nan])
    assert codes.dtype == np.float32


def test_an_unknown_level_is_encoded_as_missing():
    patients = pd.DataFrame({"smoking_status": ["never", "vaping", None], "feno_ppb": [12.0, 30.0, np.nan]})
    np.testing.assert_array_equal(encode_features(patients)["smoking_status"], [0.0, np.nan, np.nan])
    assert unknown_levels(patients) == {"smoking_status": ["vaping"]}


@given(st.lists(st.floats(width=32, allow_infinity=False), min_size=1))
def test_encoding_of_numbers_is_idempotent(values):
    patients = pd.DataFrame({"feno_ppb": values, "home_made_index": values})
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
    with pytest.raises(UnusableInputError, match=r"^feno_ppb, acq6_score: text"):
        encode_features(patients)


def test_a_number_too_large_for_32_bits_becomes_infinite():
    assert np.isinf(encode_features(pd.DataFrame({"feno_ppb": [1e300]})).iloc[0, 0])


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


def test_an_unknown_level_is_refused_in_training():
    with pytest.raises(UnusableInputError, match="sex: unknown level 'F', allowed: female, male"):
        refuse_forbidden_features(pd.DataFrame({"sex": ["F", "male"]}))
