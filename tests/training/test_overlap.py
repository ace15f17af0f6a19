"""A model notices its own training patients in a table, shuffled or among others, and raises no false alarm."""

from __future__ import annotations

import json
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from asthma_ml.cohort import generate_cohort
from asthma_ml.training.overlap import CARD_ENTRY, _digests, _encoded, hashes_of_patients, overlap, overlap_warning


@cache
def cohorts() -> list[pd.DataFrame]:
    """Thirty disjoint groups of 100 patients."""
    X, _ = generate_cohort(5500, seed=3).training_data()
    return [X[100 * k : 100 * (k + 1)] for k in range(30)]


@cache
def entries() -> list[dict[str, Any]]:
    return [hashes_of_patients(X, f"salt {k}") for k, X in enumerate(cohorts()[:15])]


def test_disjoint_tables_give_no_alarm() -> None:
    pairs = list(product(entries(), cohorts()[15:]))
    assert len(pairs) == 225
    assert [found for entry, X in pairs if (found := overlap(entry, X))] == []


@pytest.mark.parametrize("n", [10, 30, 100])
def test_an_overlap_is_said_with_its_size(n: int) -> None:
    for entry, X, others in zip(entries(), cohorts(), cohorts()[15:], strict=False):
        table = pd.concat([others, X[:n]]).sample(frac=1, random_state=1)
        assert overlap(entry, table) == pytest.approx(n, abs=2)
    assert f"about {n} of these patients are training patients" in overlap_warning({CARD_ENTRY: [entry]}, table)


def test_repeated_rows_are_one_patient() -> None:
    assert overlap(entries()[0], pd.concat([cohorts()[0][:20]] * 9)) == 20


def test_other_values_are_those_of_another_patient() -> None:
    changed = cohorts()[0].assign(age_years=lambda X: 100 - X["age_years"])
    assert overlap(entries()[0], changed) == 0


def test_the_hashes_do_not_tell_a_missing_value_to_those_who_know_the_others() -> None:
    """All FeNO values of the cohort tried in turn: about twenty of them fit the hash of a patient."""
    X, names = cohorts()[0], entries()[0]["features"]
    tried = pd.Series(pd.concat(cohorts())["feno_ppb"].dropna().unique())
    digests = [
        len(np.unique(_digests(_encoded(X.iloc[[row] * len(tried)].assign(feno_ppb=tried.array), names), "s"), axis=0))
        for row in range(5)
    ]
    assert max(digests) <= 7
    assert len(tried) > 100


def test_patients_with_few_coarse_values_are_not_taken_for_each_other() -> None:
    coarse = [X[["sex", "smoking_status", "atopy"]] for X in cohorts()]
    assert overlap(hashes_of_patients(coarse[0], "salt"), coarse[1]) == 0


def test_of_many_patients_a_share_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asthma_ml.training.overlap._MOST_STORED", 500)
    X = pd.concat(cohorts()[:20])
    entry = hashes_of_patients(X, "salt")
    assert entry["share"] == 0.25
    assert len(json.dumps(entry)) < 4000
    assert overlap(entry, pd.concat([X[:400], cohorts()[25]])) == pytest.approx(400, rel=0.25)
    assert overlap(entry, cohorts()[25]) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"bits": "x"},
        {"bits": 0},
        {"bits": 10**9},
        {"hashes": "?"},
        {"share": 0},
        {"share": [[1]]},
        {"features": 5},
        {"salt": None},
    ],
)
def test_an_entry_of_another_program_says_nothing(change: dict[str, Any]) -> None:
    assert overlap_warning({CARD_ENTRY: [entries()[0] | change]}, cohorts()[1]) == ""
    assert overlap_warning({CARD_ENTRY: [{}]}, cohorts()[1]) == ""
