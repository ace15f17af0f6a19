"""Cells of Parquet columns of all types."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from asthma_ml.patients import read_patients
from asthma_ml.patients.text.parquet_tables import table_of_arrow
from asthma_ml.patients.text.text_tables import text_codes
from asthma_ml.prediction import predict_file


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("array", "cells"),
    [
        (pa.array([50, None]), ["50", ""]),
        (pa.array([0.5, 7.0, None]), ["0.5", "7", ""]),
        (pa.array([2**53 + 1, None]), ["9007199254740993", ""]),
        (pa.array([True, None]), ["True", ""]),
        (pa.array(["a", None, ""]), ["a", "", ""]),
        (pa.array(["a", None, ""]).dictionary_encode(), ["a", "", ""]),
        (pa.array([date(2026, 11, 28), None]), ["2026-11-28", ""]),
        (pa.array([timedelta(days=2)]), ["2 days 00:00:00"]),
        (pa.array([Decimal("1.50")]), ["1.50"]),
        (pa.nulls(2), ["", ""]),
    ],
)
def test_cells_of_each_type_as_text(array: Any, cells: list[str], *, compiled: bool) -> None:
    table = table_of_arrow(pa.table({"cell": array}), "clinic.parquet", compiled=compiled)
    assert table.texts("cell") == cells
    coded = text_codes(table.columns[0])
    assert coded.strings().tolist() == cells
    assert len(set(coded.distinct)) == len(coded.distinct)


def test_integers_are_read_as_numbers() -> None:
    [column] = table_of_arrow(pa.table({"age_years": [61, None]}), "clinic.parquet").columns
    np.testing.assert_array_equal(column, [61.0, np.nan])


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(11, 14, name="patient_id"),
        pd.RangeIndex(30, 0, -10, name="patient_id"),
        pd.Index(["007", "008", "009"], name="patient_id"),
    ],
)
def test_an_index_with_a_name_is_a_column(tmp_path: Path, index: pd.Index[Any]) -> None:
    """pandas stores a range as three numbers in the metadata, where the identifiers of patients could be lost."""
    pd.DataFrame({"feno_ppb": [20, 30, 85]}, index=index).to_parquet(tmp_path / "clinic.parquet")
    identifiers = [str(each) for each in index]
    assert read_patients(tmp_path / "clinic.parquet").raw["patient_id"].astype(str).tolist() == identifiers
    predict_file("shipped", tmp_path / "clinic.parquet", tmp_path / "out.csv", explain="none", chunk_rows=2)
    assert pd.read_csv(tmp_path / "out.csv", dtype=str)["patient_id"].tolist() == identifiers


@pytest.mark.parametrize(
    "metadata",
    [
        b"{",
        b"5",
        b'{"index_columns": 5}',
        b'{"index_columns": [{"kind": "range", "name": "patient_id", "start": 0, "stop": 1000000000000, "step": 1}]}',
        b'{"index_columns": [{"kind": "range", "name": "patient_id", "start": 0, "stop": "3", "step": 1}]}',
        b'{"index_columns": [{"kind": "range", "name": "feno_ppb", "start": 0, "stop": 3, "step": 1}]}',
        b'{"index_columns": [{"kind": "range", "name": null, "start": 0, "stop": 3, "step": 1}]}',
    ],
)
def test_metadata_that_do_not_fit_the_file_add_no_column(tmp_path: Path, metadata: bytes) -> None:
    table = pa.table({"feno_ppb": [20, 30, 85]}).replace_schema_metadata({b"pandas": metadata})
    pq.write_table(table, tmp_path / "clinic.parquet")
    assert list(read_patients(tmp_path / "clinic.parquet").raw.columns) == ["feno_ppb"]
