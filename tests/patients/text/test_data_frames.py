"""The index of a data frame: named levels are columns, and a file keeps what pandas wrote into it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
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


def test_what_was_read_from_a_data_frame_can_be_pickled() -> None:
    table = read_patients(FRAME)
    copy = pickle.loads(pickle.dumps(table))  # noqa: S301
    pd.testing.assert_frame_equal(copy.raw, table.raw)


@pytest.mark.parametrize(
    ("table", "way"),
    [
        (FRAME.to_dict("list"), "make one with pandas.DataFrame"),
        (FRAME.to_dict("records"), "make one with pandas.DataFrame"),
        (FRAME.to_records(), "make one with pandas.DataFrame"),
        (FRAME.iloc[0], r"one row of a table is `table.iloc\[\[0\]\]`"),
        (pl.LazyFrame(FRAME), "collect it first"),
    ],
    ids=["dict", "records", "structured array", "one row", "lazy frame"],
)
def test_other_tables_are_refused_with_the_way_to_a_data_frame(table: Any, way: str) -> None:
    with pytest.raises(UnusableInputError, match=f"^patients must be a path, `-` or a data frame, not `.*`; {way}$"):
        read_patients(table)


def test_a_record_batch_is_read_like_its_table() -> None:
    pd.testing.assert_frame_equal(read_patients(pa.RecordBatch.from_pandas(FRAME)).values, read_patients(FRAME).values)
