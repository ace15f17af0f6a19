"""True states of a patient show the patient's record, and their twins move as the mechanisms say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.causal.twins_of_patient import calls_of_twins, twins_sentence
from asthma_ml.inference.true_states import abduct

FEATURES = ["feno_ppb", "blood_eosinophils_cells_ul", "ocs_dose_mg_day", "ics_adherence_fraction", "smoking_status"]


@pytest.fixture(scope="module")
def cohort():
    return generate_cohort(300, seed=8)


@pytest.fixture(scope="module")
def masked(cohort):
    """A patient on oral steroid who is known to take it or not, and her true states."""
    place = int(np.flatnonzero(cohort.observed["ocs_dose_mg_day"] >= 10)[0])
    return cohort.observed.iloc[[place]], abduct(cohort.observed.iloc[[place]], n_particles=500, n_states=60)


def test_every_true_state_shows_the_record_to_the_last_digit(masked):
    patient, states = masked
    seen = states.observed()
    for name in patient.columns.drop(["patient_id", "phenotype"]):
        value = patient[name].item()
        column = seen[name]
        assert column.isna().all() if pd.isna(value) else (column == value).all(), name


def test_nothing_done_moves_nothing_and_the_noise_gives_the_states_back(masked):
    _, states = masked
    again = states.model.simulate(states.noise)
    for name in ("feno_ppb", "type2_drive", "inhaled_adherence", "acq6_score"):
        np.testing.assert_allclose(again[name], states.values[name], rtol=1e-6)
    same = {"ocs_dose_mg_day": states.values["ocs_dose_mg_day"]}
    pd.testing.assert_frame_equal(states.observed(same), states.observed())


def test_without_oral_steroid_eosinophils_rise_in_each_state_and_the_endotype_stays(masked):
    _, states = masked
    do = {"ocs_dose_mg_day": 0.0}
    twin = states.model.twin(states.values, states.noise, do)
    assert (twin["blood_eosinophils_cells_ul"] > states.values["blood_eosinophils_cells_ul"]).all()
    np.testing.assert_array_equal(twin["type2_drive"], states.values["type2_drive"])


def test_true_states_surround_the_truth(cohort):
    inside = []
    for place in range(6):
        states = abduct(cohort.observed.iloc[[place]], n_particles=1500, n_states=100, seed=place)
        low, high = np.quantile(states.values["type2_drive"], [0.01, 0.99])
        inside.append(low <= cohort.truth["true_type2_drive"].iloc[place] <= high)
    assert np.mean(inside) >= 0.8


def test_the_calls_of_all_twins_are_counted(masked):
    X, y = generate_cohort(800, seed=1).training_data()
    model = PhenotypeClassifier(n_trees=10).fit(X[FEATURES], y)
    change = {"ics_adherence_fraction": 1.0}
    found = calls_of_twins(model, masked[1], change)
    assert sum(found["called"].values()) == found["n"] == 60
    assert found["probability"] == sorted(found["probability"])
    assert "of 60 possible true states of this patient" in twins_sentence(found, change)


def test_a_record_may_lack_what_the_clinic_always_fills(cohort):
    patient = cohort.observed.iloc[[0]].drop(columns=["sex"]).assign(acq6_score=np.nan)
    seen = abduct(patient, n_particles=300, n_states=20).observed()
    assert seen["acq6_score"].isna().all()
    assert seen["sex"].isna().all()


def test_a_patient_whom_the_clinic_never_sees_cannot_be_abducted(cohort):
    impossible = cohort.observed.iloc[[0]].assign(smoking_status="never", pack_years=40.0)
    with pytest.raises(UnusableInputError, match="hardly ever makes such a patient"):
        abduct(impossible, n_particles=300)
    with pytest.raises(UnusableInputError, match="2 rows"):
        abduct(cohort.observed.iloc[:2])
