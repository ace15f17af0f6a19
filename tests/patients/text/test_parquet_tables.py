"""Cells of Parquet columns of all types."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from asthma_ml.patients.text.parquet_tables import table_of_arrow
from asthma_ml.patients.text.text_tables import text_codes


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
