"""The truth is computed when somebody asks for it, and is then the truth of the same people."""

from __future__ import annotations

import pickle

import pandas as pd
import pytest

from asthma_ml.cohort import generate_cohort, hidden_truth, write_cohort
from asthma_ml.cohort.patient_tables import people_of

EVERYBODY = "population_asthma"


def test_a_table_alone_costs_no_truth(monkeypatch, tmp_path):
    def asked(*_, **__):
        raise AssertionError("the truth was computed")

    monkeypatch.setattr(hidden_truth, "truth_table", asked)
    cohort = generate_cohort(50, seed=3)
    cohort.write(tmp_path / "cohort.csv")
    with pytest.raises(AssertionError, match="truth was computed"):
        cohort.truth  # noqa: B018


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"do": {"inhaled_adherence": 1.0}},
        {"do": {"smoking_status": "never"}, "select_anew": True},
        {"where": "true_phenotype == 'th2_high' and smoking_status == 'never'"},
        {"jobs": 2},
    ],
    ids=["as_they_are", "intervention", "selected_anew", "condition", "two_threads"],
)
def test_asked_for_later_it_is_what_is_written_with_the_table(how, tmp_path):
    write_cohort(tmp_path / "cohort.parquet", 80, seed=3, truth=tmp_path / "truth.parquet", **how)
    pd.testing.assert_frame_equal(generate_cohort(80, seed=3, **how).truth, pd.read_parquet(tmp_path / "truth.parquet"))


def test_it_does_not_depend_on_the_parts_it_is_computed_in(monkeypatch):
    at_once = generate_cohort(900, seed=3, preset=EVERYBODY).truth
    monkeypatch.setattr(hidden_truth, "BLOCK_SIZE", 250)
    pd.testing.assert_frame_equal(generate_cohort(900, seed=3, preset=EVERYBODY, jobs=2).truth, at_once)


def test_it_survives_what_is_done_to_the_table_and_to_the_cohort():
    cohort = generate_cohort(30, seed=3)
    untouched = generate_cohort(30, seed=3).truth
    cohort.observed["patient_id"] = "somebody else"
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(cohort)).truth, untouched)  # noqa: S301
    pd.testing.assert_frame_equal(cohort.truth, untouched)
    assert cohort.truth is cohort.truth


def test_an_identifier_leads_back_to_the_person():
    ids = generate_cohort(40, seed=12).observed["patient_id"]
    assert people_of(ids).tolist() == [int(name.removeprefix("P12-")) for name in ids]
