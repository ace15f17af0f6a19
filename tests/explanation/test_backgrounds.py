"""Interventional Shapley values against a background of patients."""

from __future__ import annotations

import sys
from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asthma_ml as aml
from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import ADDITIVITY_TOLERANCE, explain, tree_shap
from asthma_ml.variables import FACTORS, data_dictionary
from tests.synthetic_patients import fitted_classifier, synthetic_patients


def factor_columns(columns):
    """Columns of each factor."""
    factor_of = data_dictionary().factor_of
    return [np.flatnonzero([factor_of(name) == factor for name in columns]) for factor in FACTORS]


def worth_of_factors(model, patient, background):
    """Log-odds by known factors: trees on mixed patients, linear part on mixed scores, given the patient's tests."""
    of_factor = factor_columns(model.feature_names_in_)
    linear = model.linear_
    measured = ~np.isnan(linear.scores.transform(patient[None]))
    slopes = linear.measured_coefficients(measured)[0, 0]
    own = np.nan_to_num(linear.scores.transform(patient[None])[0] - linear.joint.mean)
    others = linear.imputed_scores(background)

    def worth(known):
        columns = np.concatenate([np.empty(0, dtype=int), *(of_factor[factor] for factor in known)]).astype(int)
        mixed = background.copy()
        mixed[:, columns] = patient[columns]
        scores = np.where(np.isin(linear.scores.source, columns), own, others)
        of_parts = [linear.base[0] + (scores @ slopes).mean(), model.trees_.decision_function(mixed).mean()]
        return model.calibration_slope_ @ of_parts + model.calibration_intercept_[0]

    return worth


def test_factors_are_shapley_values_by_definition():
    model, (X, _) = fitted_classifier(), synthetic_patients(40, seed=7)
    background, encoded = X.head(25), model.encode(X).to_numpy()
    explanation = explain(model, X, level="factors", background=background)
    for i in (30, 33, 39):
        worth = worth_of_factors(model, encoded[i], encoded[:25])
        assert explanation.base[i] == pytest.approx(worth(()), abs=1e-10)
        for factor, name in enumerate(FACTORS):
            value, others = 0.0, [other for other in range(len(FACTORS)) if other != factor]
            for size in range(len(FACTORS)):
                weight = factorial(size) * factorial(len(others) - size) / factorial(len(FACTORS))
                for known in combinations(others, size):
                    value += weight * (worth((*known, factor)) - worth(known))
            assert explanation.factors[name].iloc[i] == pytest.approx(value, abs=1e-10)


class FactorMasker:
    """Masker of shap with six groups of columns; hidden ones take the values of background patients."""

    def __init__(self, background, groups):
        self.background, self.groups = background, groups

    def shape(self, patient):
        return len(self.background), len(self.groups)

    def mask_shapes(self, patient):
        return [(len(self.groups),)]

    def __call__(self, known, patient):
        mixed = self.background.copy()
        for factor in np.flatnonzero(np.broadcast_to(known, len(self.groups))):
            mixed[:, self.groups[factor]] = patient[self.groups[factor]]
        return (mixed,)


@pytest.fixture
def exact_explainer(monkeypatch):
    """The explainer of shap without machine code, which takes twenty seconds to compile."""
    shap = tree_shap._shap()
    for module in (sys.modules["shap.explainers._exact"], sys.modules["shap.utils._masked_model"]):
        for name, function in list(vars(module).items()):
            if hasattr(function, "py_func"):
                monkeypatch.setattr(module, name, function.py_func)
    return shap.explainers.Exact


@pytest.mark.parametrize("n_classes", [2, 4])
def test_exact_explainer_of_shap_finds_the_same_factors_for_complete_records(n_classes, exact_explainer):
    """On calibrated margins of the whole model, with the factors as groups of a masker."""
    model = fitted_classifier(n_classes)
    X = synthetic_patients(300, seed=8)[0].dropna().reset_index(drop=True)
    compiled, encoded = aml.compile_model(model), model.encode(X).to_numpy()
    background, patients = encoded[:40], encoded[40:44]
    masker = FactorMasker(background, factor_columns(model.feature_names_in_))
    exact = exact_explainer(compiled.decision_function, masker)(patients)
    found = compiled.attribute(patients, ["factors"], compiled.background_of(background))
    theirs = exact.values.reshape(len(patients), len(FACTORS), -1)
    np.testing.assert_allclose(found.values["factors"].transpose(2, 1, 0), theirs, atol=1e-9)
    np.testing.assert_allclose(found.base, exact.base_values.reshape(len(patients), -1), atol=1e-9)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([2, 4]), st.integers(1, 60), st.sampled_from([0.0, 0.3, 1.0]))
def test_contributions_add_up_for_any_model_background_and_missing_values(seed, n_classes, n_background, missing):
    X, y = synthetic_patients(150, seed, n_classes)
    model = PhenotypeClassifier(n_trees=4, min_samples_leaf=5).fit(X, y)
    patients = X.mask(np.random.default_rng(seed).random(X.shape) < missing)
    for level in ("features", "factors"):
        explanation = explain(model, patients, level=level, background=X.tail(n_background))
        for values in (explanation.features, explanation.factors):
            total = explanation.base + values.sum(axis=1)
            np.testing.assert_allclose(total, explanation.log_odds, atol=ADDITIVITY_TOLERANCE)
        interactions = explanation.interactions()
        assert interactions.shape == (150, 6, 6)


def test_mean_contribution_over_the_background_is_zero():
    """Complete records only, so that background and explained patients have the same tests."""
    X = synthetic_patients(400, seed=3)[0].dropna()
    explanation = explain(fitted_classifier(), X, background=X)
    np.testing.assert_allclose(explanation.features.mean(), 0, atol=1e-10)
    np.testing.assert_allclose(explanation.base, explanation.log_odds.mean(), atol=1e-10)


def test_stored_background_equals_its_table_and_survives_the_file(tmp_path):
    X, _ = synthetic_patients(200, seed=2)
    aml.save_model(fitted_classifier(), tmp_path / "model.aml", background=X)
    loaded = aml.load_model(tmp_path / "model.aml", compiled=True)
    assert loaded.background.n_patients == aml.read_card(tmp_path / "model.aml")["background"]["n_patients"] == 200
    stored, given_again = (explain(loaded, X.head(20), background=each) for each in ("stored", X))
    np.testing.assert_array_equal(stored.features, given_again.features)
    path_dependent = explain(loaded, X.head(20))
    np.testing.assert_array_equal(path_dependent.log_odds, stored.log_odds)
    assert (path_dependent.features - stored.features).abs().to_numpy().max() > 1e-3


def test_missing_or_invalid_background_is_refused():
    X, _ = synthetic_patients(10)
    for model in (fitted_classifier(), aml.compile_model(fitted_classifier())):
        with pytest.raises(
            UnusableInputError, match=r"no stored background; .* store one: aml\.compile_model\(model, X\)"
        ):
            explain(model, X, background="stored")
        stored = explain(aml.compile_model(model, X), X, background="stored")
        np.testing.assert_array_equal(stored.features, explain(model, X, background=X).features)
    with pytest.raises(UnusableInputError, match="background='everybody': allowed are a table"):
        explain(fitted_classifier(), X, background="everybody")
    with pytest.raises(UnusableInputError, match="a background needs at least one patient"):
        explain(fitted_classifier(), X, background=X.iloc[:0])
