"""Checks of contradictory and impossible values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.columns import ColumnTable
from asthma_ml.patients.checks import check_identifiers, check_limits, check_relations


def broken(**patient: object) -> list[tuple[str, str, str]]:
    found = check_relations(pd.DataFrame({name: [value] for name, value in patient.items()}))
    return [(finding.column, finding.rule, finding.severity) for finding in found]


def test_onset_after_the_present_age_is_an_error() -> None:
    assert broken(age_years=40.0, age_at_onset_years=41.0) == [("age_at_onset_years", "onset_after_age", "error")]
    assert broken(age_years=40.0, age_at_onset_years=40.0) == []


def test_sputum_percentages_above_100_are_an_error() -> None:
    assert broken(sputum_eosinophils_pct=60.0, sputum_neutrophils_pct=41.5) == [
        ("sputum_eosinophils_pct", "sputum_total", "error")
    ]
    assert broken(sputum_eosinophils_pct=60.0, sputum_neutrophils_pct=41.0) == []


def test_a_highest_count_below_the_latest_is_a_warning() -> None:
    assert broken(blood_eosinophils_cells_ul=500.0, blood_eosinophils_max_cells_ul=490.0) == [
        ("blood_eosinophils_max_cells_ul", "highest_below_latest", "warning")
    ]
    assert broken(blood_eosinophils_cells_ul=500.0, blood_eosinophils_max_cells_ul=500.0) == []


@pytest.mark.parametrize(("status", "n_broken"), [("current", 1), ("former", 0), ("never", 0), (np.nan, 0)])
def test_a_current_smoker_without_pack_years_is_a_warning(status: object, n_broken: int) -> None:
    assert len(broken(smoking_status=status, pack_years=0.0)) == n_broken


def test_a_fall_after_a_bronchodilator_is_a_warning() -> None:
    assert broken(fev1_pct_predicted=80.0, fev1_post_bd_pct_predicted=71.0) == [
        ("fev1_post_bd_pct_predicted", "falls_after_bronchodilator", "warning")
    ]
    assert broken(fev1_pct_predicted=80.0, fev1_post_bd_pct_predicted=73.0) == []
    assert broken(fev1_fvc_ratio=0.7, fev1_fvc_post_bd_ratio=0.6) == [
        ("fev1_fvc_post_bd_ratio", "falls_after_bronchodilator", "warning")
    ]


def test_reversibility_that_contradicts_the_two_values_is_a_warning() -> None:
    """From 50 to 60 % predicted is a gain of 20 %."""
    spirometry = {"fev1_pct_predicted": 50.0, "fev1_post_bd_pct_predicted": 60.0}
    assert broken(**spirometry, bronchodilator_reversibility_pct=12.0) == []
    assert broken(**spirometry, bronchodilator_reversibility_pct=35.0) == [
        ("bronchodilator_reversibility_pct", "reversibility", "warning")
    ]


def test_missing_values_violate_no_rule() -> None:
    assert broken(age_years=np.nan, age_at_onset_years=41.0) == []
    assert broken(sputum_eosinophils_pct=60.0) == []
    assert check_limits(pd.DataFrame({"feno_ppb": [np.nan]})) == []
    assert check_identifiers(ColumnTable({"feno_ppb": np.array([1.0])}, 1), np.array([False])) == []


def test_an_impossible_value_is_not_also_unusual() -> None:
    found = check_limits(pd.DataFrame({"feno_suppression_pct": [-300.0, -100.0, 50.0]}))
    assert [
        (finding.rule, finding.message, finding.rows.tolist()) for finding in found if finding.rows is not None
    ] == [
        ("limits", "outside -200 to 100 % of baseline", [0]),
        ("usual", "unusual, outside -60 to 95 % of baseline", [1]),
    ]
