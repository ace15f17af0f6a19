"""No number in a model file is the value of fewer than ten patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from model_privacy import FEWEST, n_found, numbers_of_file, values_of_few

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.errors import UnusableInputError
from asthma_ml.model_files import save_model
from tests.synthetic_patients import fitted_classifier, synthetic_patients

NUMBERS = ["age_years", "blood_eosinophils_cells_ul", "feno_ppb", "sputum_neutrophils_pct", "fev1_pct_predicted"]


def with_own_digits(X: pd.DataFrame) -> pd.DataFrame:
    """Numbers with so many digits that each tells its patient."""
    rng = np.random.default_rng(5)
    return X.assign(**{name: X[name] * rng.uniform(0.9, 1.0, len(X)) for name in NUMBERS})


def values_in_file(model: PhenotypeClassifier, X: pd.DataFrame, folder: Path) -> tuple[int, int]:
    """Values of single patients, midpoints of neighbours included, that are in a model file, and their number."""
    save_model(model, folder / "model.aml", background=X)
    numbers = numbers_of_file(folder / "model.aml")
    # A value on a row of its own: the visits of a patient have the same values.
    columns = [X[name].drop_duplicates().to_numpy(np.float32) for name in NUMBERS]
    values = np.concatenate([values_of_few(column) for column in columns])
    return n_found(values, numbers), len(values)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("n_patients", [60, 200, 1000])
def test_no_value_of_a_training_patient_is_in_the_file(tmp_path, n_patients, n_classes):
    X, y = synthetic_patients(n_patients, n_classes=n_classes)
    X = with_own_digits(X)
    found, n = values_in_file(PhenotypeClassifier(n_trees=20, min_samples_leaf=3).fit(X, y), X, tmp_path)
    assert n > 5 * n_patients
    assert found <= 0.002 * n  # by chance


def test_visits_of_a_patient_are_one_patient(tmp_path):
    """Twelve visits with the same values, but different adherence, are not twelve patients."""
    X, y = synthetic_patients(60)
    visits = with_own_digits(X).loc[X.index.repeat(12)].reset_index(drop=True)
    visits["ics_adherence_fraction"] = np.random.default_rng(1).uniform(size=len(visits))
    model = PhenotypeClassifier(n_trees=5).fit(visits, y.repeat(12), groups=np.arange(60).repeat(12))
    found, n = values_in_file(model, visits, tmp_path)
    assert found <= 0.002 * n


def test_a_recalibration_adds_no_value_of_its_patients():
    """In a hospital where one patient has a FeNO, its mean score would be the score of that patient."""
    X, y = synthetic_patients(200)
    model = PhenotypeClassifier(n_trees=5).fit(X, y)
    there, labels = synthetic_patients(100, seed=7)
    there["feno_ppb"] = np.where(np.arange(100) == 3, 64.0, np.nan)
    model.recalibrate(there, labels)
    [score] = np.flatnonzero(model.linear_.scores.source == list(X).index("feno_ppb"))
    assert model.mean_scores_[score] == model.linear_.joint.mean[score]


def test_held_out_probabilities_are_on_a_grid_that_is_the_same_for_all_models():
    model = fitted_classifier()
    scores, points = np.concatenate(model.conformal_scores_), model.venn_abers_grids_[0][0, 1:-1]
    for p in (scores, points):
        tenths = 10 * np.log(p / (1 - p))
        np.testing.assert_allclose(tenths, np.round(tenths), atol=1e-6)


def test_no_node_counts_fewer_than_ten_patients():
    X, y = synthetic_patients(200)
    model = PhenotypeClassifier(n_trees=5, min_samples_leaf=1).fit(X, y)
    for stage in model.trees_._predictors:
        for nodes in (tree.nodes for tree in stage):
            inner = nodes[nodes["is_leaf"] == 0]
            assert nodes["count"].min() >= FEWEST
            below = nodes["count"][inner["left"]] + nodes["count"][inner["right"]]
            np.testing.assert_array_equal(inner["count"], below)


def test_a_background_of_few_patients_is_refused(tmp_path):
    X, _ = synthetic_patients()
    with pytest.raises(UnusableInputError, match=r"^background: 9 patients, whose values could be found in the file"):
        save_model(fitted_classifier(), tmp_path / "model.aml", background=X.head(9))
    assert list(tmp_path.iterdir()) == []
