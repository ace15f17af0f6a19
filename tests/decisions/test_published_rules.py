"""Published rules on patients whose class can be checked by hand."""

import pandas as pd
import pytest

from asthma_ml.decisions.published_rules import isar_grade, sarp_group, sputum_type2_high

PLAIN = {
    "blood_eosinophils_max_cells_ul": 200,
    "biologic": "none",
    "ocs_dose_mg_day": 0,
    "feno_ppb": 10,
    "nasal_polyps": 0,
    "age_at_onset_years": 5,
}


@pytest.mark.parametrize(
    ("change", "grade"),
    [
        ({"blood_eosinophils_max_cells_ul": 300}, 3),
        ({"blood_eosinophils_max_cells_ul": 20, "biologic": "anti_il5"}, 3),
        ({"ocs_dose_mg_day": 5}, 3),
        ({"feno_ppb": 25, "nasal_polyps": 1}, 3),
        ({"age_at_onset_years": 18}, 2),
        ({}, 1),
        ({"blood_eosinophils_max_cells_ul": 149, "feno_ppb": 25}, 1),
        ({"blood_eosinophils_max_cells_ul": 149}, 0),
    ],
)
def test_isar_gradient(change, grade):
    assert isar_grade(pd.DataFrame([PLAIN | change])).tolist() == [grade]


def test_isar_grade_needs_blood_eosinophils_but_not_feno():
    patients = pd.DataFrame([PLAIN, PLAIN]).astype({"blood_eosinophils_max_cells_ul": float, "feno_ppb": float})
    patients.loc[0, "blood_eosinophils_max_cells_ul"] = None
    patients.loc[1, "feno_ppb"] = None
    assert isar_grade(patients).isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("before", "best", "onset", "group"),
    [(100, 110, 8, 1), (90, 100, 8, 2), (90, 110, 40, 3), (60, 65, 40, 4), (60, 64, 8, 5)],
)
def test_sarp_tree(before, best, onset, group):
    patient = {"fev1_pct_predicted": before, "fev1_post_bd_pct_predicted": best, "age_at_onset_years": onset}
    assert sarp_group(pd.DataFrame([patient])).tolist() == [group]


def test_upper_seventy_percent_are_type_2_high():
    genes = [float(i) for i in range(10)]
    table = pd.DataFrame({"sputum_il4_log2": genes, "sputum_il5_log2": genes, "sputum_il13_log2": genes})
    assert sputum_type2_high(table).tolist() == [0.0] * 3 + [1.0] * 7
