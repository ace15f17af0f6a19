"""The index of a data frame: named levels are columns, and a file keeps what pandas wrote into it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.model_files import load_model
from asthma_ml.patients import read_patients
from asthma_ml.prediction import predict_table

FRAME = pd.DataFrame({"patient_id": ["a", "b"], "age_years": [44.0, 63.0], "sex": ["female", "male"]})


def test_named_levels_of_an_index_are_columns() -> None:
    plain = read_patients(FRAME).values
    pd.testing.assert_frame_equal(read_patients(FRAME.set_index(["patient_id", "age_years"])).values, plain)
    one_named = FRAME.set_index([pd.Index([7, 8]), "patient_id"])
    pd.testing.assert_frame_equal(read_patients(one_named).values, plain)


def test_a_level_named_like_a_column_is_no_second_column() -> None:
    frame = FRAME.set_index("patient_id", drop=False)
    pd.testing.assert_frame_equal(read_patients(frame).values, read_patients(FRAME).values)


def test_predictions_keep_an_index_of_several_levels() -> None:
    indexed = FRAME.set_index(["patient_id", "age_years"])
    predicted = predict_table(load_model("shipped", compiled=True), indexed, "none")
    pd.testing.assert_index_equal(predicted.index, indexed.index)
    assert [*predicted.columns[:2]] == ["sex", "aml_status"]


def test_an_unnamed_index_in_a_parquet_file_is_copied(tmp_path: Path) -> None:
    FRAME.set_axis(["x", "y"]).to_parquet(tmp_path / "clinic.parquet")
    assert read_patients(tmp_path / "clinic.parquet").raw["__index_level_0__"].tolist() == ["x", "y"]


def test_a_summary_row_that_pandas_added_is_no_patient(tmp_path: Path) -> None:
    frame = FRAME.copy()
    frame.loc["Mean"] = [None, 53.5, None]
    frame.index = frame.index.map(str)
    frame.to_parquet(tmp_path / "clinic.parquet")
    for source in (frame, tmp_path / "clinic.parquet"):
        assert read_patients(source).invalid.tolist() == [False, False, True]
    assert read_patients(FRAME.drop(columns="patient_id").describe()).invalid.all()
    assert not read_patients(FRAME.set_axis(["TOTAL-1", "Mean2"])).invalid.any()


def test_columns_with_two_levels_of_names_are_refused() -> None:
    columns = pd.MultiIndex.from_tuples([("visit 1", "feno"), ("visit 1", "age")])
    with pytest.raises(UnusableInputError, match="the columns have 2 levels of names; keep one"):
        read_patients(pd.DataFrame([[52, 44]], columns=columns))
