"""Tables that are filled a part at a time, and categories that become text."""

from __future__ import annotations

import numpy as np
import pandas as pd

from asthma_ml.cohort.table_columns import GrowingTable
from asthma_ml.files.table_files import with_text

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


def test_a_table_of_parts_is_the_parts_one_after_the_other():
    table = GrowingTable(3)
    for part in PARTS:
        table.append(part)
    expected = pd.concat([with_text(part) for part in PARTS], ignore_index=True)
    pd.testing.assert_frame_equal(table.frame(), expected)


def test_categories_become_text_and_gaps_stay():
    text = with_text(PARTS[0])["sex"]
    assert text.dtype == "str"
    assert text[0] == "male"
    assert pd.isna(text[1])
