"""The lookup gives equal results in numpy and machine code, for one patient and for many."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numba
import numpy as np
import pytest

from asthma_ml.classifier.compiled import pattern_kernel, pattern_lookup
from asthma_ml.classifier.compiled.pattern_lookup import frequencies_of_patients, look_up, lookup_tables
from asthma_ml.classifier.compiled.pattern_tables import (
    branches_of,
    contributions_to_margins,
    frequencies_of_training_patients,
    shapley_contributions,
)
from tests.classifier.compiled.fitted_trees import N_FEATURES, fitted_trees, numbers


def tables(n_classes=2):
    branches = branches_of(fitted_trees(n_classes=n_classes, n_trees=30)[0])
    of_features = shapley_contributions(
        branches, frequencies_of_training_patients(branches), np.arange(N_FEATURES), N_FEATURES
    )
    return lookup_tables(branches, [contributions_to_margins(branches), of_features])


def looked_up(given, X):
    return look_up(given, X).T


@pytest.fixture
def kernel_calls(monkeypatch):
    calls, sum_contributions = [], pattern_kernel.sum_contributions
    monkeypatch.setattr(
        pattern_kernel, "sum_contributions", lambda *given: calls.append(0) or sum_contributions(*given)
    )
    return calls


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("n_patients", [0, 1, 513, 9_000])
def test_machine_code_equals_numpy_to_the_last_bit(n_classes, n_patients, monkeypatch, kernel_calls):
    X = numbers(5, n_patients, missing=0.4)
    monkeypatch.setattr(pattern_lookup.PATIENCE, "steps", np.inf)
    in_numpy = looked_up(tables(n_classes), X)
    assert not kernel_calls
    monkeypatch.setattr(pattern_lookup.PATIENCE, "steps", 0)
    np.testing.assert_array_equal(looked_up(tables(n_classes), X), in_numpy)
    assert len(kernel_calls) == 1


def test_results_do_not_depend_on_other_patients():
    X = numbers(5, 9_000)
    together = looked_up(tables(), X)
    for i in (0, 8_191, 8_192, 8_999):
        np.testing.assert_array_equal(looked_up(tables(), X[i : i + 1])[0], together[i])


def test_memory_layout_and_precision_do_not_matter():
    X = numbers(5)
    np.testing.assert_array_equal(looked_up(tables(), np.asfortranarray(X)), looked_up(tables(), X.astype(np.float64)))


def test_machine_code_is_compiled_without_a_cache_folder(monkeypatch):
    njit = numba.njit

    def njit_without_folder(*, cache=False, **how):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**how)

    monkeypatch.setattr(numba, "njit", njit_without_folder)
    fresh = importlib.util.module_from_spec(importlib.util.spec_from_file_location("fresh", pattern_kernel.__file__))
    fresh.__spec__.loader.exec_module(fresh)
    X = numbers(5)
    monkeypatch.setattr(pattern_lookup.PATIENCE, "steps", np.inf)
    expected = looked_up(tables(), X)
    monkeypatch.setattr(pattern_kernel, "sum_contributions", fresh.sum_contributions)
    monkeypatch.setattr(pattern_lookup.PATIENCE, "steps", 0)
    np.testing.assert_array_equal(looked_up(tables(), X), expected)


def test_frequencies_equal_those_in_the_patients():
    trees, X = fitted_trees()
    branches = branches_of(trees)
    frequency = frequencies_of_patients(branches, X)
    np.testing.assert_allclose(frequency.sum(axis=1), 1)
    went_right = frequency[:, 1::2].sum(axis=1)
    np.testing.assert_allclose(went_right, branches.right_share[:, 0], atol=1e-12)


def test_shap_and_numba_are_not_imported_for_few_patients():
    code = "import sys; from asthma_ml.explanation import explain; "
    code += "from tests.synthetic_patients import fitted_classifier, synthetic_patients; "
    code += "explain(fitted_classifier(), synthetic_patients(20)[0]); print({'shap', 'numba'} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "set()"
