"""Stream of patients: independent of threads and blocks at once; conditions; searches without result."""

from __future__ import annotations

import threading

import pandas as pd
import pytest

from asthma_ml.cohort import PRESETS, generate_cohort, patient_stream
from asthma_ml.cohort.patient_stream import PatientStream
from asthma_ml.errors import UnusableInputError

RARE = "phenotype == 'neutrophilic_th2_low' and smoking_status == 'never'"


def text_of(n_patients, preset="severe_clinic", **how):
    observed, truth = zip(*PatientStream(n_patients, 5, PRESETS[preset], **how), strict=True)
    return pd.concat(observed).to_csv(index=False), pd.concat(truth).to_csv(index=False)


@pytest.mark.parametrize("preset", ["severe_clinic", "population_asthma"])
def test_stream_does_not_depend_on_the_number_of_blocks_at_once(preset, monkeypatch):
    n_patients = 20_000 if not PRESETS[preset].selects else 2_500
    usual = text_of(n_patients, preset)
    monkeypatch.setattr(patient_stream, "MOST_BLOCKS_AT_ONCE", 1)
    assert text_of(n_patients, preset) == usual


def test_condition_does_not_depend_on_jobs_or_blocks_at_once(monkeypatch):
    usual = text_of(150, where=RARE)
    assert text_of(150, where=RARE, jobs=3) == usual
    monkeypatch.setattr(patient_stream, "MOST_BLOCKS_AT_ONCE", 2)
    assert text_of(150, where=RARE) == usual


def test_condition_keeps_the_patients_who_meet_it():
    everybody = generate_cohort(1_500, seed=5)
    wanted = generate_cohort(60, seed=5, where=RARE)
    meets = (everybody.observed["phenotype"] == "neutrophilic_th2_low") & (
        everybody.observed["smoking_status"] == "never"
    )
    expected = everybody.observed[meets].head(60).reset_index(drop=True)
    pd.testing.assert_frame_equal(wanted.observed, expected)
    assert wanted.truth["patient_id"].tolist() == expected["patient_id"].tolist()


def test_small_conditional_cohort_is_the_beginning_of_a_large_one():
    small, large = (generate_cohort(n, seed=5, where=RARE) for n in (20, 70))
    pd.testing.assert_frame_equal(small.observed, large.observed.head(20))


@pytest.mark.parametrize("jobs", [1, 2])
def test_acceptance_rate_is_accepted_over_examined(jobs):
    where = "true_type2_drive > 1"
    cohort = generate_cohort(40, seed=5, where=where, jobs=jobs)
    examined = cohort.schema["patients_examined"]
    before = generate_cohort(examined, seed=5)
    assert before.observed["patient_id"].iloc[-1] == cohort.observed["patient_id"].iloc[-1]
    assert (before.truth["true_type2_drive"] > 1).sum() == 40
    assert cohort.schema["acceptance_rate"] == pytest.approx(40 / examined, abs=1e-6)
    assert cohort.schema["where"] == where


def test_all_enrolled_are_accepted_without_a_condition():
    schema = generate_cohort(40, seed=5).schema
    assert (schema["where"], schema["acceptance_rate"], schema["patients_examined"]) == (None, 1.0, 40)


@pytest.mark.parametrize("jobs", [1, 2])
def test_search_without_result_stops(jobs, monkeypatch):
    monkeypatch.setattr(patient_stream, "PATIENCE", 3)
    with pytest.raises(UnusableInputError, match=r"none of [\d,]+ patients .* first 49,152 people searched"):
        generate_cohort(10, where="age_years > 110", jobs=jobs)
    nobody = PRESETS["severe_clinic"].derive("nobody", "", {"enrolled.least_attacks": 5000.0})
    with pytest.raises(UnusableInputError, match="preset nobody: none of the first 49,152 people enrols"):
        generate_cohort(10, preset=nobody, jobs=jobs)


def test_closed_stream_leaves_no_threads():
    before = threading.active_count()
    tables = iter(PatientStream(100_000, 5, PRESETS["severe_clinic"], jobs=2))
    next(tables)
    assert threading.active_count() > before
    tables.close()
    assert threading.active_count() == before


def test_stream_can_be_read_twice():
    stream = PatientStream(30, 5, PRESETS["severe_clinic"], where=RARE)
    once, again = (pd.concat([observed for observed, _ in stream]) for _ in range(2))
    pd.testing.assert_frame_equal(once, again)


@pytest.mark.parametrize("where", [None, "age_years > 50", "true_type2_drive > 0"])
def test_observed_table_does_not_depend_on_whether_the_truth_is_computed(where):
    assert text_of(40, where=where, with_truth=False)[0] == text_of(40, where=where)[0]
