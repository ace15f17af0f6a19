"""Nested cross-validation predicts patients by models that did not see them, from fits that several uses share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.classifier.features.distinct_patients import DistinctPatients
from asthma_ml.classifier.fitting import HeldOut, fit_parts
from asthma_ml.classifier.fold_fits import FitSettings, fit_folds
from asthma_ml.classifier.starting_point import StartingPoint, starting_point
from tests.synthetic_patients import synthetic_patients

N_FOLDS = 3
TREES = {"max_iter": 5, "learning_rate": None, "max_depth": 2, "min_samples_leaf": 5, "random_state": 0}
SETTINGS = FitSettings(
    TREES,
    linear_penalty=None,
    is_category=np.zeros(4, dtype=bool),
    direction=None,
    feature_names=None,
    n_folds=N_FOLDS,
    confidence=0.9,
)
NAMES = np.array(["feno_ppb", "blood_eosinophils_cells_ul", "age_years", "fev1_pct_predicted"], dtype=object)


def patients(n_patients: int = 150, seed: int = 0) -> DistinctPatients:
    """Three classes; a fifth of the values is missing."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n_patients) // N_FOLDS % 3
    X = (rng.normal(size=(n_patients, 4)) + codes[:, None] * [1.0, 0.5, 0.0, -1.0]).astype(np.float32)
    X[rng.random(X.shape) < 0.2] = np.nan
    return DistinctPatients(X, codes, rng.integers(1, 3, n_patients).astype(float), None, np.arange(n_patients))


@pytest.fixture
def fold_of_patient(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Folds that depend on the number of the patient only."""
    folds = np.arange(150) % N_FOLDS
    monkeypatch.setattr(DistinctPatients, "folds", lambda *_: folds)
    return folds


@pytest.fixture(scope="module")
def start() -> StartingPoint:
    X, y = synthetic_patients(300, n_classes=4)
    three = y != np.unique(y)[0]
    model = PhenotypeClassifier(n_trees=5).fit(X.loc[three, list(NAMES)], y[three])
    found = starting_point(FrozenEstimator(model), NAMES, model.classes_)
    assert found is not None
    return found


def nested(given: DistinctPatients, start: StartingPoint | None = None, n_jobs: int | None = None) -> HeldOut:
    held_out = fit_parts(given, 150, start, replace(SETTINGS, n_jobs=n_jobs), nested=True).held_out
    assert held_out is not None
    return held_out


@pytest.mark.parametrize("with_start", [False, True])
@pytest.mark.parametrize("fold", range(N_FOLDS))
def test_a_prediction_depends_on_no_held_out_patient(
    fold: int, with_start: bool, fold_of_patient: np.ndarray, start: StartingPoint
) -> None:
    """The classes of a fold and the features of all but one of its patients do not change the prediction of this one:
    not through the normal scores, the trees, the choice of the penalty, nor the calibration."""
    given, held_out = patients(), np.flatnonzero(fold_of_patient == fold)
    other = replace(given, X=given.X.copy(), codes=given.codes.copy())
    other.X[held_out[1:]] = 100.0 + other.X[held_out[1:]][:, ::-1]
    other.codes[held_out] = (other.codes[held_out] + 1) % 3
    before, after = (nested(each, start if with_start else None) for each in (given, other))
    for one, another in [(before.probability, after.probability), (before.without_start, after.without_start)]:
        np.testing.assert_array_equal(one[held_out[0]], another[held_out[0]])
    assert (before.without_start is not before.probability) == with_start
    assert not np.array_equal(before.probability[held_out[1:]], after.probability[held_out[1:]])


def test_a_prediction_depends_on_the_patients_of_the_other_folds(fold_of_patient: np.ndarray) -> None:
    given = patients()
    other = replace(given, codes=np.where(fold_of_patient == 1, (given.codes + 1) % 3, given.codes))
    own = fold_of_patient == 0
    assert not np.array_equal(nested(given).probability[own], nested(other).probability[own])


def test_the_classifier_is_the_same_with_and_without_nested_cross_validation() -> None:
    X, y = synthetic_patients(200)
    model = PhenotypeClassifier(n_trees=10)
    alone = model.fit(X, y).predict_proba(X)
    held_out = model.fit_with_held_out(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), alone)
    assert held_out is not None
    assert held_out.n_folds == 5
    assert not np.array_equal(held_out.probability, alone)


def test_no_trees_are_fitted_twice() -> None:
    """Five folds need the trees of all patients, 5 without a fold, and 10 without a pair of folds."""
    fits = fit_folds(patients(), None, replace(SETTINGS, n_folds=5), nested=True)
    assert sorted(map(len, fits.trees)) == [0] + [1] * 5 + [2] * 10
    assert sorted(map(len, fits.linear)) == [0] + [1] * 5


def test_a_class_that_only_two_folds_have_leaves_the_held_out_classifier_uncalibrated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without both folds, no model knows the class; the mean of both models then predicts the patients of either."""
    given = patients()
    codes = np.where((np.arange(150) % N_FOLDS == 2) & (given.codes == 2), 1, given.codes)
    monkeypatch.setattr(DistinctPatients, "folds", lambda *_: np.arange(150) % N_FOLDS)
    fits = fit_folds(replace(given, codes=codes), None, SETTINGS, nested=True)
    assert [fits.margins(frozenset({fold})) is None for fold in range(N_FOLDS)] == [True, True, False]
    probability = nested(replace(given, codes=codes)).probability
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)


def test_two_processes_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asthma_ml.classifier.fold_fits._WORK_FOR_PROCESSES", 0)
    given = patients()
    one, two = nested(given), nested(given, n_jobs=2)
    np.testing.assert_array_equal(one.probability, two.probability)


@pytest.mark.parametrize(("n_patients", "max_iter", "jobs"), [(100, 3000, 1), (120, 3000, 2), (120, 2000, 1)])
def test_processes_are_used_for_enough_work_only(
    n_patients: int, max_iter: int, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three classes have three trees for each iteration."""
    asked = []

    def run_tasks(tasks: list[tuple[object, ...]], n_jobs: int | None, **_: object) -> list[object]:
        asked.append(n_jobs)
        return list(tasks)

    monkeypatch.setattr("asthma_ml.classifier.fold_fits.run_tasks", run_tasks)
    settings = replace(SETTINGS, trees={**TREES, "max_iter": max_iter}, n_jobs=2)
    fit_folds(patients(n_patients), None, settings, nested=True)
    assert asked == [jobs]


def test_rows_of_a_group_are_held_out_together() -> None:
    """Copies of a patient have the same held-out probability, and only with groups are they known to be copies."""
    X, y = synthetic_patients(100)
    twice, labels = pd.concat([X, X], ignore_index=True), np.tile(y, 2)
    held_out = PhenotypeClassifier(n_trees=5).fit_with_held_out(twice, labels, groups=np.tile(np.arange(100), 2))
    assert held_out is not None
    np.testing.assert_array_equal(held_out.probability[:100], held_out.probability[100:])
    assert PhenotypeClassifier(n_trees=5).fit_with_held_out(twice, labels) is None


def test_nothing_is_held_out_with_too_few_patients_or_weights_that_depend_on_all_patients() -> None:
    X, y = synthetic_patients(100)
    few = np.r_[np.flatnonzero(y == "th2_high")[:4], np.flatnonzero(y != "th2_high")]
    model = PhenotypeClassifier(n_trees=5)
    assert model.fit_with_held_out(X.take(few), y[few]) is None
    assert not model.is_calibrated_
    assert PhenotypeClassifier(n_trees=5, class_weight="balanced").fit_with_held_out(X, y) is None
