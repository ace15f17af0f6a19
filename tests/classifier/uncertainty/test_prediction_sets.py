"""Conformal sets have nominal coverage in each class; Venn-Abers intervals equal those by isotonic regression."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from asthma_ml.classifier.uncertainty.prediction_sets import (
    conformal_sets,
    conformal_thresholds,
    venn_abers_grid,
    venn_abers_interval,
)


def test_a_threshold_at_90_percent_needs_nine_patients():
    nine = np.linspace(0.1, 0.9, 9)
    assert conformal_thresholds([nine, nine[:8]], confidence=0.9).tolist() == [0.9, np.inf]


def test_a_class_with_infinite_threshold_is_in_every_set():
    sets = conformal_sets(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0.5, np.inf]))
    assert sets.tolist() == [[True, True], [False, True]]


def test_coverage_is_nominal_in_both_classes_though_one_is_rare():
    rng = np.random.default_rng(0)

    def patients(n: int) -> tuple[np.ndarray, np.ndarray]:
        codes = (rng.random(n) < 0.1).astype(int)
        p = 1 / (1 + np.exp(2.2 - 2 * rng.normal(codes, 1.0)))
        return np.column_stack([1 - p, p]), codes

    seen, codes = patients(5000)
    thresholds = conformal_thresholds([1 - seen[codes == k, k] for k in (0, 1)], confidence=0.9)
    fresh, codes = patients(50_000)
    sets = conformal_sets(fresh, thresholds)
    for k in (0, 1):
        assert sets[codes == k, k].mean() == pytest.approx(0.9, abs=0.03)


def interval_by_isotonic_regression(p: np.ndarray, is_class: np.ndarray, at: float) -> tuple[float, float]:
    ends = [IsotonicRegression().fit(np.r_[p, at], np.r_[is_class, label]).predict([at])[0] for label in (0.0, 1.0)]
    return min(ends[0], at), max(ends[1], at)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_grid_contains_the_interval_of_every_patient(seed):
    rng = np.random.default_rng(seed)
    p = np.round(rng.random(60), 2)
    is_class = rng.random(60) < p
    low, high = venn_abers_interval(p, venn_abers_grid(p, is_class, np.ones(60)))
    np.testing.assert_allclose(
        np.column_stack([low, high]), [interval_by_isotonic_regression(p, is_class, at) for at in p], atol=1e-9
    )


@pytest.fixture(scope="module")
def oracle() -> dict:
    """Answers of the libraries venn-abers and crepes, made by benchmarks/prediction_sets_reference.py."""
    return json.loads(Path(__file__).with_name("prediction_sets_reference.json").read_text(encoding="utf-8"))


def test_intervals_equal_those_of_the_library_venn_abers(oracle):
    """Intervals that do not contain the reported probability are widened to it."""
    seen, codes, fresh = (np.array(oracle[name]) for name in ("seen", "codes", "fresh"))
    low, high = venn_abers_interval(fresh, venn_abers_grid(seen, codes == 1, np.ones(len(seen))))
    theirs = np.array(oracle["venn_abers"])
    as_seen = np.isin(fresh, seen)
    assert as_seen.sum() >= 20
    np.testing.assert_allclose(low[as_seen], np.minimum(theirs[:, 0], fresh)[as_seen], atol=1e-6)
    np.testing.assert_allclose(high[as_seen], np.maximum(theirs[:, 1], fresh)[as_seen], atol=1e-6)
    between = np.column_stack([low, high])[~as_seen]
    widened = np.column_stack([np.minimum(theirs[:, 0], fresh), np.maximum(theirs[:, 1], fresh)])[~as_seen]
    assert np.abs(between - widened).mean() < 0.02, "intervals between patients are interpolated"


@pytest.mark.parametrize("confidence", ["0.6", "0.8", "0.9"])
def test_sets_equal_those_of_the_library_crepes(oracle, confidence):
    seen, codes, fresh = (np.array(oracle[name]) for name in ("seen", "codes", "fresh"))
    own = [seen[codes == 0], 1 - seen[codes == 1]]
    sets = conformal_sets(np.column_stack([1 - fresh, fresh]), conformal_thresholds(own, float(confidence)) + 1e-9)
    np.testing.assert_array_equal(sets, np.array(oracle["sets"][confidence], dtype=bool))


def test_intervals_contain_the_probability_and_narrow_with_more_patients():
    rng = np.random.default_rng(0)
    at, widths = np.linspace(0, 1, 101), []
    for n in (50, 5000):
        p = rng.random(n)
        low, high = venn_abers_interval(at, venn_abers_grid(p, rng.random(n) < p, np.ones(n)))
        assert np.all((low <= at) & (at <= high))
        widths.append((high - low).mean())
    assert widths[1] < widths[0] / 3


def test_the_size_of_the_grid_is_limited():
    rng = np.random.default_rng(0)
    p = rng.random(3000)
    assert venn_abers_grid(p, rng.random(3000) < p, np.ones(3000)).shape == (3, 256)


def test_only_ratios_of_weights_matter():
    rng = np.random.default_rng(0)
    p = rng.random(100)
    is_class = rng.random(100) < p
    np.testing.assert_allclose(
        venn_abers_grid(p, is_class, np.full(100, 0.001)), venn_abers_grid(p, is_class, np.ones(100))
    )


def test_without_patients_the_interval_is_nan():
    low, high = venn_abers_interval(np.array([0.3]), np.empty((3, 0)))
    assert np.isnan([low, high]).all()
