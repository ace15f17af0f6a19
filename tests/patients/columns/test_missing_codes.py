"""Repeated 999.9 and zeros that no patient has look like codes for missing."""

from __future__ import annotations

import numpy as np
import pytest

from asthma_ml.patients.columns.missing_codes import RareValues
from asthma_ml.variables import data_dictionary

IGE = (87, 310, 55, 640, 120, 33, 208, 95, 410)
FEV1 = (71, 62, 85, 54, 90, 66, 77, 48, 81)


@pytest.mark.parametrize(
    ("name", "values", "codes"),
    [
        ("total_ige_ku_l", (*IGE, 999.9, 999.9, 999.9), (999.9,)),
        ("total_ige_ku_l", (*IGE, 888.8, 888.8, 888.8), (888.8,)),
        ("total_ige_ku_l", (*IGE, 0, 0), (0.0,)),
        ("feno_ppb", (*FEV1, 0, 0), (0.0,)),
        ("fev1_pct_predicted", (*FEV1, 99.9, 99.9, 99.9), (99.9,)),
        ("fev1_pct_predicted", (*FEV1, 999.9, 999.9), (999.9,)),
        ("bmi_kg_m2", (24.1, 31.5, 27.3, 99.9, 99.9), (99.9,)),
        # One patient may have such a value, and none of the eosinophils is left under benralizumab.
        ("total_ige_ku_l", (*IGE, 999.9), ()),
        ("fev1_pct_predicted", (*FEV1 * 20, 99.9, 99.9, 99.9), ()),
        ("blood_eosinophils_cells_ul", (0, 0, 0, 150, 320, 90), ()),
        ("feno_suppression_pct", (0, 0, 0, 40, -20), ()),
    ],
)
def test_repeated_values_that_no_patient_has_are_suspected(
    name: str, values: tuple[float, ...], codes: tuple[float, ...]
) -> None:
    assert RareValues.of(data_dictionary()[name], np.array(values, dtype=float)).suspected() == codes
