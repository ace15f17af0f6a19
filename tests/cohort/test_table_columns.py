"""Tables assembled from parts, and conversion of categories to text."""

from __future__ import annotations

import numpy as np
import pandas as pd

from asthma_ml.cohort.table_columns import GrowingTable
from asthma_ml.files import categories_to_text

PARTS = [
    pd.DataFrame(
        {
            "patient_id": pd.array(["P1", "P2"], dtype="str"),
            "feno_ppb": [5.0, np.nan],
            "sex": pd.Categorical(["male", None], categories=["female", "male"]),
        }
    ),
    pd.DataFrame(
        {
            "patient_id": pd.array(["P3"], dtype="str"),
            "feno_ppb": [7.5],
            "sex": pd.Categorical(["female"], categories=["female", "male"]),
        }
    ),
]


def test_table_is_the_concatenation_of_its_parts():
    table = GrowingTable(3)
    for part in PARTS:
        table.append(part)
    expected = pd.concat([categories_to_text(part) for part in PARTS], ignore_index=True)
    pd.testing.assert_frame_equal(table.frame(), expected)


def test_categories_become_text_and_missing_values_stay():
    text = categories_to_text(PARTS[0])["sex"]
    assert text.dtype == "str"
    assert text[0] == "male"
    assert pd.isna(text[1])
