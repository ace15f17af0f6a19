"""A model of other patients as a starting point for a small cohort."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss

from asthma_ml.classifier import PhenotypeClassifier, compile_model
from asthma_ml.classifier.starting_point import starting_point
from asthma_ml.classifier.trees import margins_of_trees, sum_of_trees
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import explain
from asthma_ml.model_files.files import load_model, save_model
from tests.classifier.compiled.fitted_trees import margin_contributions
from tests.synthetic_patients import fitted_classifier, synthetic_patients

OTHERS = PhenotypeClassifier(n_trees=40).fit(*synthetic_patients(1500, seed=50))
LACKING = ["fev1_pct_predicted", "adrb2_rs1042713"]


def hospital(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Patients without spirometry and genotypes, with another FeNO analyser, a new column and half of one class."""
    X, y = synthetic_patients(n, seed=seed)
    X = X.assign(feno_ppb=np.round(X["feno_ppb"] * 1.4), pm25_ug_m3=np.random.default_rng(seed).normal(12, 3, n))
    stays = (y == "th2_high") | (np.arange(n) % 2 == 0)
    return X[stays].drop(columns=LACKING), y[stays]


def from_others(**settings: object) -> PhenotypeClassifier:
    return PhenotypeClassifier(n_trees=20, start_from=FrozenEstimator(OTHERS), **settings)


def test_40_patients_with_a_starting_point_give_a_better_model_than_60_without() -> None:
    """On average over cohorts, as single small cohorts may mislead the selection."""
    fresh, truth = hospital(3000, seed=60)
    contenders = (54, from_others()), (54, PhenotypeClassifier(n_trees=20)), (80, PhenotypeClassifier(n_trees=20))
    losses = [
        [log_loss(truth, model.fit(*hospital(n, seed=seed)).predict_proba(fresh)) for n, model in contenders]
        for seed in (1, 2, 3)
    ]
    started, alone, of_more = np.mean(losses, axis=0)
    assert started < alone - 0.02
    assert started < of_more


def test_a_contradicting_starting_point_is_not_used() -> None:
    X, y = hospital(300, seed=4)
    opposite = np.where(y == "th2_high", "neutrophilic_th2_low", "th2_high")
    started, alone = from_others(directions=None), PhenotypeClassifier(n_trees=20, directions=None)
    started.fit(X, opposite)
    assert started.start_penalty_ is None
    np.testing.assert_array_equal(started.predict_proba(X), alone.fit(X, opposite).predict_proba(X))


def test_a_column_that_the_cohort_lacks_is_treated_as_missing() -> None:
    X, _ = synthetic_patients(200, seed=5)
    names = [name for name in X.columns[::-1] if name not in LACKING]
    start = starting_point(OTHERS, np.array(names), OTHERS.classes_)
    encoded = OTHERS.encode(X.drop(columns=LACKING))
    margins = start.linear.margins(encoded[names].to_numpy()) + margins_of_trees(start.trees, encoded[names].to_numpy())
    expected = OTHERS.decision_function(encoded) - OTHERS.calibration_intercept_
    np.testing.assert_allclose(margins[:, 0], expected, atol=1e-10)


@pytest.mark.parametrize("level", ["features", "factors"])
def test_contributions_sum_to_the_log_odds_with_a_starting_point(level: str) -> None:
    model = from_others().fit(*hospital(80, seed=6))
    assert model.start_penalty_ is not None
    X, _ = hospital(100, seed=7)
    explanation = explain(model, X, level=level)
    total = explanation.base + explanation.factors.sum(axis=1)
    np.testing.assert_allclose(total, model.decision_function(X), atol=1e-9)


def test_shapley_values_of_a_sum_of_trees_are_the_sum_of_shapley_values() -> None:
    one, other, X = (
        fitted_classifier().trees_,
        OTHERS.trees_,
        OTHERS.encode(synthetic_patients(100, seed=70)[0]).to_numpy(),
    )
    values, base = margin_contributions(sum_of_trees([(one, 0.3, 1.0), (other, 1.7, 1.0)]), X)
    (of_one, base_of_one), (of_other, base_of_other) = (margin_contributions(trees, X) for trees in (one, other))
    np.testing.assert_allclose(values, 0.3 * of_one + 1.7 * of_other, atol=1e-12)
    np.testing.assert_allclose(base, 0.3 * base_of_one + 1.7 * base_of_other, atol=1e-12)


def test_four_classes_and_the_auxiliary_classifier_use_a_starting_point() -> None:
    X, y = synthetic_patients(160, seed=8, n_classes=4)
    fresh, truth = synthetic_patients(2000, seed=9, n_classes=4)
    start = FrozenEstimator(fitted_classifier(4))
    started, alone = (PhenotypeClassifier(n_trees=5, start_from=of).fit(X, y) for of in (start, None))
    assert log_loss(truth, started.predict_proba(fresh)) < log_loss(truth, alone.predict_proba(fresh))
    explain(started, fresh.head(50))
    two = np.isin(y, OTHERS.classes_)
    known = sklearn.clone(OTHERS).set_params(n_trees=2).fit(X[two], y[two]).fit_auxiliary(X, y)
    own = PhenotypeClassifier(n_trees=2, start_from=FrozenEstimator(known)).fit(X[two], y[two]).fit_auxiliary(X, y)
    assert own.auxiliary_.start_from.estimator is known.auxiliary_


def test_three_patients_of_a_class_leave_the_starting_point_unchanged() -> None:
    X, y = hospital(400, seed=10)
    few = np.r_[np.flatnonzero(y == "th2_high")[:3], np.flatnonzero(y != "th2_high")[:20]]
    model = from_others().fit(X.iloc[few], y[few])
    assert not model.is_calibrated_
    assert model.uncalibrated_classes == tuple(model.classes_)
    margins = model.decision_function(X)
    theirs = OTHERS.decision_function(OTHERS.encode(X))
    assert np.corrcoef(margins, theirs)[0, 1] > 0.97


def test_weighting_a_patient_equals_repeating_the_patient_with_a_starting_point() -> None:
    X, y = hospital(120, seed=11)
    weight = np.random.default_rng(0).integers(1, 3, len(y))
    rows = np.random.default_rng(1).permutation(np.repeat(np.arange(len(y)), weight))
    weighted = from_others().fit(X, y, sample_weight=weight)
    repeated = from_others().fit(X.iloc[rows], y[rows])
    np.testing.assert_array_equal(weighted.predict_proba(X), repeated.predict_proba(X))


def test_the_training_range_includes_that_of_the_starting_point() -> None:
    X, y = hospital(60, seed=12)
    model = from_others().fit(X, y)
    age = X.columns.get_loc("age_years")
    low, high = model.feature_range_
    assert low[age] <= OTHERS.feature_range_[0, 0] < OTHERS.feature_range_[1, 0] <= high[age]
    pm25 = X.columns.get_loc("pm25_ug_m3")
    assert low[pm25] < X["pm25_ug_m3"].quantile(0.1) < X["pm25_ug_m3"].quantile(0.9) < high[pm25]


def test_a_model_with_a_starting_point_can_be_saved(tmp_path) -> None:
    model = from_others().fit(*hospital(60, seed=13))
    save_model(model, tmp_path / "model.aml")
    X, _ = hospital(50, seed=14)
    again = load_model(tmp_path / "model.aml")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.start_from.estimator.n_patients_ == OTHERS.n_patients_


@pytest.mark.parametrize("rearranged", [reversed, sorted, lambda names: [names[-1], *names[:-1]]])
def test_the_order_of_the_columns_does_not_matter(rearranged, tmp_path) -> None:
    """Columns that the starting model lacks may come before or between the others."""
    X, y = hospital(60, seed=18)
    fresh, _ = hospital(100, seed=19)
    names = list(rearranged(list(X.columns)))
    expected, other = from_others().fit(X, y), from_others().fit(X[names], y)
    assert other.start_penalty_ == expected.start_penalty_ is not None
    assert np.all(np.diff(other.linear_.scores.source) >= 0)
    found, wanted = (model.linear_.contributions(model.encode(fresh).to_numpy()) for model in (other, expected))
    np.testing.assert_allclose(found, wanted[:, X.columns.get_indexer(names)], atol=1e-9)
    np.testing.assert_allclose(other.linear_.base, expected.linear_.base, atol=1e-9)
    save_model(other, tmp_path / "model.aml")
    for same in (load_model(tmp_path / "model.aml"), compile_model(other)):
        np.testing.assert_array_equal(same.predict_proba(fresh[names]), other.predict_proba(fresh[names]))


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (FrozenEstimator(PhenotypeClassifier()), "not fitted; give FrozenEstimator"),
        (FrozenEstimator(fitted_classifier(4)), "the classes of the patients are neutrophilic_th2_low, th2_high"),
    ],
)
def test_invalid_starting_points_are_refused(start: FrozenEstimator, message: str) -> None:
    with pytest.raises(UnusableInputError, match=message):
        PhenotypeClassifier(start_from=start).fit(*hospital(60, seed=15))


def test_a_starting_point_needs_common_columns() -> None:
    X, y = hospital(60, seed=16)
    for table in (PhenotypeClassifier(n_trees=2).fit(X, y).encode(X).to_numpy(), X[["pm25_ug_m3"]]):
        with pytest.raises(UnusableInputError, match="needs column names"):
            from_others().fit(table, y)


def test_trees_of_weight_zero_are_omitted_unless_all_are() -> None:
    one, other, X = (
        fitted_classifier().trees_,
        OTHERS.trees_,
        OTHERS.encode(synthetic_patients(20, seed=71)[0]).to_numpy(),
    )
    only_other = sum_of_trees([(one, 0.0, 1.0), (other, 1.0, 1.0)])
    assert len(only_other._predictors) == len(other._predictors)
    np.testing.assert_allclose(only_other.decision_function(X), other.decision_function(X))
    assert not sum_of_trees([(one, 0.0, 1.0), (other, 0.0, 1.0)]).decision_function(X).any()
