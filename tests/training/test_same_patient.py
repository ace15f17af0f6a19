"""Rows of one patient are found by identifier and by content, and others are not taken for copies."""

from __future__ import annotations

import pandas as pd
import pytest

from asthma_ml.cohort import generate_cohort
from asthma_ml.training import patient_numbers


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    return generate_cohort(n_patients=100, seed=3).observed.drop(columns=["patient_id", "site", "phenotype"])


def n_patients(features: pd.DataFrame, ids: list[str] | None = None) -> int:
    return len(set(patient_numbers(features, None if ids is None else pd.Series(ids, index=features.index))))


def test_each_row_of_a_cohort_is_a_patient(features: pd.DataFrame) -> None:
    assert n_patients(features) == 100


@pytest.mark.parametrize("ids", [None, [""] * 300, [f"{i}" for i in range(300)]], ids=["none", "empty", "new"])
def test_copies_are_one_patient_whatever_their_identifiers(features: pd.DataFrame, ids: list[str] | None) -> None:
    assert n_patients(pd.concat([features] * 3, ignore_index=True), ids) == 100


def test_visits_with_one_identifier_are_one_patient(features: pd.DataFrame) -> None:
    assert n_patients(features, [f" {i // 4} " for i in range(100)]) == 25


def test_patients_without_measurements_are_not_copies_of_each_other(features: pd.DataFrame) -> None:
    """Twenty patients in whom nothing but sex and smoking was recorded."""
    sparse = features.copy()
    sparse.loc[:19, sparse.columns.difference(["sex", "smoking_status"])] = None
    assert n_patients(sparse) == 100
