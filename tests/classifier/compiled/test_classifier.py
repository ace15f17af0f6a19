"""A compiled classifier predicts and explains like the fitted one, without scikit-learn or shap."""

from __future__ import annotations

import pickle
import subprocess
import sys
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

import asthma_ml as aml
from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import ADDITIVITY_TOLERANCE, explain
from asthma_ml.prediction import predict_table
from asthma_ml.variables import FACTORS
from tests.synthetic_patients import fitted_classifier, synthetic_patients


@cache
def with_auxiliary() -> PhenotypeClassifier:
    X, y = synthetic_patients(n_classes=4)
    two = np.isin(y, ["th2_high", "neutrophilic_th2_low"])
    return PhenotypeClassifier(n_trees=15).fit(X[two], y[two]).fit_auxiliary(X, y)


MODELS = pytest.mark.parametrize(
    "model", [fitted_classifier(), fitted_classifier(4), with_auxiliary()], ids=["two", "four", "with auxiliary"]
)


@MODELS
def test_predictions_are_equal_to_the_last_bit(model):
    X, _ = synthetic_patients(300, seed=4, n_classes=4)
    compiled = aml.compile_model(model)
    for method in ("decision_function", "predict_proba", "predict", "predict_unmodelled"):
        np.testing.assert_array_equal(getattr(compiled, method)(X), getattr(model, method)(X))
    for found, expected in zip(compiled.predict_with_uncertainty(X), model.predict_with_uncertainty(X), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert compiled.uncalibrated_classes == model.uncalibrated_classes
    np.testing.assert_array_equal(compiled.predict_proba(model.encode(X).to_numpy()), model.predict_proba(X))


@MODELS
def test_explanations_and_tables_are_equal(model):
    X, _ = synthetic_patients(120, seed=5)
    compiled = aml.compile_model(model)
    pd.testing.assert_frame_equal(predict_table(compiled, X, "features"), predict_table(model, X, "features"))
    by_factor = explain(model, X, level="factors")
    values, base = compiled.shapley_values(X, level="factors")
    np.testing.assert_array_equal(values, by_factor.factors)
    np.testing.assert_array_equal(base, by_factor.base)
    np.testing.assert_array_equal(compiled.shapley_values(X)[0], by_factor.features)


def test_columns_may_be_reordered_and_missing():
    X, _ = synthetic_patients(50)
    compiled = aml.compile_model(fitted_classifier())
    expected = compiled.predict_proba(X.assign(feno_ppb=np.nan))
    np.testing.assert_array_equal(
        compiled.predict_proba(X.drop(columns="feno_ppb")[X.columns[::-1].drop("feno_ppb")]), expected
    )


def test_models_that_cannot_be_compiled_are_refused():
    X, y = synthetic_patients(200)
    deep = PhenotypeClassifier(n_trees=5, max_depth=None).fit(X, y)
    with pytest.raises(UnusableInputError, match=r"deeper than three levels cannot be compiled; fit with max_depth=3"):
        aml.compile_model(deep)
    with pytest.raises(UnusableInputError, match="fitted without column names"):
        aml.compile_model(
            PhenotypeClassifier(n_trees=2).fit(np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2)
        )
    with pytest.raises(NotFittedError):
        aml.compile_model(PhenotypeClassifier())
    with pytest.raises(UnusableInputError, match="has 13 features; give a table"):
        aml.compile_model(fitted_classifier()).predict_proba(np.zeros((3, 5)))
    with pytest.raises(UnusableInputError, match="at least one patient"):
        aml.compile_model(fitted_classifier(), background=X.iloc[:0])


def test_deeper_trees_are_explained_by_shap_without_factors_and_background():
    X, y = synthetic_patients(200)
    deep = PhenotypeClassifier(n_trees=5, max_depth=None).fit(X, y)
    explanation = explain(deep, X)
    total = explanation.base + explanation.features.sum(axis=1)
    np.testing.assert_allclose(total, deep.decision_function(X), atol=ADDITIVITY_TOLERANCE)
    assert len(predict_table(deep, X)) == 200
    for refused in (
        lambda: explain(deep, X, level="factors"),
        lambda: explain(deep, X, background=X),
        explanation.interactions,
    ):
        with pytest.raises(UnusableInputError, match="fit with max_depth=3"):
            refused()


def test_a_compiled_classifier_is_small_and_can_be_pickled():
    compiled = aml.compile_model(aml.load_model("shipped"))
    packed = pickle.dumps(compiled)
    assert len(packed) < 2_000_000
    X, _ = synthetic_patients(20)
    np.testing.assert_array_equal(pickle.loads(packed).predict_proba(X), compiled.predict_proba(X))  # noqa: S301


def test_neither_scikit_learn_nor_shap_is_needed(tmp_path):
    """In a process that cannot import them: load, predict, explain with both backgrounds, interactions, a table."""
    X, _ = synthetic_patients()
    aml.save_model(with_auxiliary(), tmp_path / "model.aml", background=X)
    X.head(30).to_csv(tmp_path / "patients.csv", index=False)
    code = """
import sys
for name in ("sklearn", "shap", "skops", "matplotlib"):
    sys.modules[name] = None  # importing it raises ImportError
import asthma_ml as aml
model, patients = aml.load_model(sys.argv[1], compiled=True), aml.read_patients(sys.argv[2])
model.predict_proba(patients.values)
explanation = aml.explain(model, patients, level="factors", background="stored")
explanation.interactions(), explanation.sentence(0), aml.explain(model, patients, background=patients.values)
aml.predict_file(sys.argv[1], sys.argv[2], sys.argv[3])
"""
    files = [tmp_path / name for name in ("model.aml", "patients.csv", "predictions.csv")]
    subprocess.run([sys.executable, "-c", code, *files], check=True)
    expected = predict_table(with_auxiliary(), aml.read_patients(files[1]))
    found = pd.read_csv(files[2])
    np.testing.assert_allclose(found["aml_base"], expected["aml_base"], rtol=1e-12)
    assert found["aml_reasons"].tolist() == expected["aml_reasons"].tolist()


def test_feature_contributions_equal_those_of_shap():
    """The shipped model and 5,000 patients with missing values; path-dependent values of the trees."""
    from asthma_ml.explanation.tree_shap import contributions_by_shap

    model = aml.load_model("shipped")
    rng = np.random.default_rng(0)
    low, high = model.feature_range_
    X = rng.uniform(low, high, size=(5000, len(low))).astype(np.float32)
    X[rng.random(X.shape) < 0.3] = np.nan
    compiled = aml.compile_model(model)
    of_trees, base = contributions_by_shap(model.trees_, X)
    slope = model.calibration_slope_
    expected = slope[0] * model.linear_.contributions(X)[:, :, 0] + slope[1] * of_trees[:, :, 0]
    values, found_base = compiled.shapley_values(X)
    np.testing.assert_allclose(values, expected, atol=1e-6)
    np.testing.assert_allclose(found_base + values.sum(axis=1), compiled.decision_function(X), atol=1e-9)
    expected_base = slope @ [model.linear_.base[0], base[0]] + model.calibration_intercept_[0]
    np.testing.assert_allclose(found_base, expected_base, atol=1e-9)


@MODELS
def test_interactions_sum_to_the_factors(model):
    X, _ = synthetic_patients(80, seed=6)
    for background in (None, X.head(30)):
        explanation = explain(model, X, level="factors", background=background)
        found = explanation.interactions()
        assert found.shape == (80, len(FACTORS), len(FACTORS))
        np.testing.assert_allclose(found, found.transpose(0, 2, 1))
        np.testing.assert_allclose(found.sum(axis=2), explanation.factors, atol=1e-12)
        assert np.abs(found[:, 0, 1:]).max() > 1e-3


def test_trees_of_depth_one_have_no_interactions():
    X, y = synthetic_patients(300)
    found = explain(PhenotypeClassifier(n_trees=20, max_depth=1).fit(X, y), X).interactions()
    assert not found[:, ~np.eye(len(FACTORS), dtype=bool)].any()
