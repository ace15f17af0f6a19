"""Calls of the counterfactual twins of one patient."""

import numpy as np

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import generate_cohort
from asthma_ml.evaluation.causal.twins_of_patient import calls_of_twins
from asthma_ml.inference import abduct
from asthma_ml.wording import twins_sentence

FEATURES = ["feno_ppb", "blood_eosinophils_cells_ul", "ocs_dose_mg_day", "ics_adherence_fraction", "smoking_status"]


def test_the_calls_of_all_twins_are_counted():
    observed = generate_cohort(300, seed=8).observed
    row = int(np.flatnonzero(observed["ocs_dose_mg_day"] >= 10)[0])
    X, y = generate_cohort(800, seed=1).training_data()
    model = PhenotypeClassifier(n_trees=10).fit(X[FEATURES], y)
    change = {"ics_adherence_fraction": 1.0}
    found = calls_of_twins(model, abduct(observed.iloc[[row]], n_particles=500, n_states=60), change)
    assert sum(found["called"].values()) == found["n"] == 60
    assert found["probability"] == sorted(found["probability"])
    assert "60" in twins_sentence(change, found["called"])
