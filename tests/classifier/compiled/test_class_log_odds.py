"""Contributions to the log-odds of one class sum exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import logit, softmax

from asthma_ml.classifier.compiled.class_log_odds import class_log_odds, margin_weights


def moves(seed: int, n_classes: int, size: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Base margins, margins of ten patients, and the class that is explained in each."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=n_classes)
    return base, base + size * rng.normal(size=(10, n_classes)), rng.integers(0, n_classes, 10)


@given(st.integers(0, 10_000), st.integers(2, 5), st.floats(0.01, 3))
def test_log_odds_equal_those_of_the_softmax(seed, n_classes, size):
    _, margins, explained = moves(seed, n_classes, size)
    p = softmax(margins, axis=1)[np.arange(10), explained]
    np.testing.assert_allclose(class_log_odds(margins, explained), logit(p), atol=1e-9)


@given(st.integers(0, 10_000), st.integers(2, 5), st.floats(0.0, 6))
def test_weighted_contributions_sum_from_base_to_patient(seed, n_classes, size):
    base, margins, explained = moves(seed, n_classes, size)
    start = class_log_odds(np.repeat(base[None], 10, axis=0), explained)
    moved = (margin_weights(base, margins, explained) * (margins - base)).sum(axis=1)
    np.testing.assert_allclose(start + moved, class_log_odds(margins, explained), atol=1e-9)


@given(st.integers(0, 10_000), st.integers(2, 5))
def test_weights_sum_to_zero(seed, n_classes):
    weights = margin_weights(*moves(seed, n_classes, 1.0))
    np.testing.assert_allclose(weights.sum(axis=1), 0, atol=1e-12)


def test_weights_of_two_classes_are_plus_and_minus_one():
    weights = margin_weights(np.zeros(2), np.array([[0.0, 3.0], [0.0, -9.0]]), np.array([1, 0]))
    np.testing.assert_allclose(weights, [[-1, 1], [1, -1]], atol=1e-14)


def test_the_weight_of_another_class_is_its_mean_softmax_along_the_path():
    base, patient = np.array([0.0, 0.5, -1.0]), np.array([[2.0, -3.0, 4.0]])

    def softmax_of_last(t: float) -> float:
        return float(softmax((base + t * (patient[0] - base))[1:])[1])

    weights = margin_weights(base, patient, np.array([0]))[0]
    assert weights[0] == 1
    assert weights[2] == pytest.approx(-quad(softmax_of_last, 0, 1)[0], abs=1e-10)
