"""Contributions as arrays: equal in numpy and machine code, in one piece or in parts, and without pandas."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asthma_ml as aml
from asthma_ml.classifier import CompiledClassifier
from asthma_ml.classifier.compiled import pattern_lookup
from asthma_ml.classifier.linear import model as linear_model
from asthma_ml.columns import ColumnTable, Texts
from asthma_ml.explanation import Contributions, contributions_of, explain
from tests.synthetic_patients import fitted_classifier, synthetic_patients

LEVELS = pytest.mark.parametrize("level", ["features", "factors"])


@cache
def compiled(n_classes: int) -> CompiledClassifier:
    return aml.compile_model(fitted_classifier(n_classes))


def encoded(n_patients: int, seed: int, missing: float, n_classes: int = 2) -> np.ndarray:
    """Encoded patients with further missing values."""
    X = compiled(n_classes).encoded_features(synthetic_patients(max(n_patients, 1), seed=seed)[0])[:n_patients].copy()
    X[np.random.default_rng(seed).random(X.shape) < missing] = np.nan
    return X


def arrays(found: Contributions) -> list[np.ndarray]:
    values = [found.factor_values, found.base, found.log_odds, found.calls.probability, found.calls.low]
    return values if found.feature_values is None else [found.feature_values, *values]


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from([2, 4]),
    st.integers(0, 700),
    st.integers(0, 99),
    st.floats(0, 0.9),
    st.sampled_from(["features", "factors"]),
    st.booleans(),
)
def test_machine_code_and_any_parts_give_the_same_bits(n_classes, n_patients, seed, missing, level, per_feature):
    model, X = compiled(n_classes), encoded(n_patients, seed, missing, n_classes)

    def explained(rows: np.ndarray, steps: float) -> list[np.ndarray]:
        with pytest.MonkeyPatch.context() as patch:
            for module in (pattern_lookup, linear_model):
                patch.setattr(module.PATIENCE, "steps", steps)
            return arrays(contributions_of(model, rows, level=level, per_feature=per_feature))

    whole, cut = explained(X, np.inf), n_patients // 3
    parts = zip(explained(np.asfortranarray(X[:cut]), 0), explained(X[cut:], 0), strict=True)
    for expected, in_numba, (first, second) in zip(whole, explained(X, 0), parts, strict=True):
        np.testing.assert_array_equal(in_numba, expected)
        np.testing.assert_array_equal(np.concatenate([first, second]), expected)


@pytest.mark.parametrize("n_classes", [2, 4])
@LEVELS
def test_factors_do_not_depend_on_whether_features_are_requested(n_classes, level):
    X = encoded(300, 1, 0.2, n_classes)
    each, only = (contributions_of(compiled(n_classes), X, level=level, per_feature=known) for known in (True, False))
    assert only.feature_values is None
    np.testing.assert_allclose(only.factor_values, each.factor_values, rtol=0, atol=1e-12)


def test_trees_of_any_depth_have_contributions_of_factors():
    X, y = synthetic_patients(200)
    deep = aml.PhenotypeClassifier(n_trees=5, max_depth=None).fit(X, y)
    found = contributions_of(deep, deep.encoded_features(deep.encode(X)), per_feature=False)
    np.testing.assert_allclose(found.factor_values, explain(deep, X).factors, rtol=0, atol=1e-12)


def test_a_table_of_columns_is_encoded_like_a_data_frame():
    model, patients = compiled(2), synthetic_patients(50, seed=2)[0].drop(columns="feno_ppb")
    patients.loc[:9, ["sex", "age_years"]] = None
    columns = {name: values.to_numpy() for name, values in patients.items() if values.dtype.kind == "f"}
    texts = {
        name: Texts.of(values.astype(object).where(values.notna(), None))
        for name, values in patients.items()
        if name not in columns
    }
    table = ColumnTable(columns | texts, len(patients))
    np.testing.assert_array_equal(model.encoded_features(table), model.encode(patients))
    np.testing.assert_array_equal(model.predict_proba(table), model.predict_proba(patients))


def test_the_shipped_model_explains_without_pandas_scipy_scikit_learn_or_numba():
    code = (
        "import sys, numpy as np; from asthma_ml.model_files import load_model; "
        "from asthma_ml.explanation import contributions_of; model = load_model('shipped', compiled=True); "
        "contributions_of(model, np.full((1, len(model.feature_names_in_)), np.nan, dtype=np.float32)); "
        "print({'pandas', 'scipy', 'sklearn', 'shap', 'numba', 'pyarrow'} & set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "set()"
