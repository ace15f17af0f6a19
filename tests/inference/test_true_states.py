"""Abducted states reproduce the row of the patient, and their twins follow the mechanisms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.inference.true_states import abduct


@pytest.fixture(scope="module")
def cohort():
    return generate_cohort(300, seed=8)


@pytest.fixture(scope="module")
def masked(cohort):
    """A patient on oral steroid and a posterior sample of her true states."""
    place = int(np.flatnonzero(cohort.observed["ocs_dose_mg_day"] >= 10)[0])
    return cohort.observed.iloc[[place]], abduct(cohort.observed.iloc[[place]], n_particles=500, n_states=60)


def test_every_state_reproduces_the_row_exactly(masked):
    patient, states = masked
    observed = states.observed()
    for name in patient.columns.drop(["patient_id", "phenotype"]):
        value = patient[name].item()
        column = observed[name]
        assert column.isna().all() if pd.isna(value) else (column == value).all(), name


def test_the_noise_reproduces_the_states_without_an_intervention(masked):
    _, states = masked
    again = states.model.simulate(states.noise)
    for name in ("feno_ppb", "type2_drive", "inhaled_adherence", "acq6_score"):
        np.testing.assert_allclose(again[name], states.values[name], rtol=1e-6)
    same = {"ocs_dose_mg_day": states.values["ocs_dose_mg_day"]}
    pd.testing.assert_frame_equal(states.observed(same), states.observed())


def test_without_oral_steroid_eosinophils_rise_and_the_endotype_is_unchanged(masked):
    _, states = masked
    do = {"ocs_dose_mg_day": 0.0}
    twin = states.model.twin(states.values, states.noise, do)
    assert (twin["blood_eosinophils_cells_ul"] > states.values["blood_eosinophils_cells_ul"]).all()
    np.testing.assert_array_equal(twin["type2_drive"], states.values["type2_drive"])


def test_the_posterior_covers_the_truth(cohort):
    inside = []
    for place in range(6):
        states = abduct(cohort.observed.iloc[[place]], n_particles=1500, n_states=100, seed=place)
        low, high = np.quantile(states.values["type2_drive"], [0.01, 0.99])
        inside.append(low <= cohort.truth["true_type2_drive"].iloc[place] <= high)
    assert np.mean(inside) >= 0.8


def test_columns_that_the_clinic_always_fills_may_be_missing(cohort):
    patient = cohort.observed.iloc[[0]].drop(columns=["sex"]).assign(acq6_score=np.nan)
    observed = abduct(patient, n_particles=300, n_states=20).observed()
    assert observed["acq6_score"].isna().all()
    assert observed["sex"].isna().all()


def test_improbable_patients_are_refused(cohort):
    impossible = cohort.observed.iloc[[0]].assign(smoking_status="never", pack_years=40.0)
    with pytest.raises(UnusableInputError, match="too improbable under the causal model"):
        abduct(impossible, n_particles=300)
    with pytest.raises(UnusableInputError, match="2 rows"):
        abduct(cohort.observed.iloc[:2])
