"""The linear model gives equal results in numpy and machine code, and follows its equations."""

from __future__ import annotations

import numpy as np
import pytest

from asthma_ml.classifier.linear import model as linear_model
from asthma_ml.classifier.linear.joint_normal import JointNormal
from asthma_ml.classifier.linear.model import LinearModel
from asthma_ml.classifier.linear.normal_scores import NormalScores

N_SCORES, N_FEATURES = 7, 6


def linear(n_margins: int = 1, seed: int = 0) -> LinearModel:
    """Seven scores of five of six features, one of which is a category of three levels."""
    rng = np.random.default_rng(seed)
    loadings = rng.normal(size=(N_SCORES, 3))
    covariance = loadings @ loadings.T + np.eye(N_SCORES)
    knots = [np.sort(rng.normal(size=n)) for n in (2, 5, 3, 3, 64, 2, 9)]
    scores = NormalScores(
        source=np.array([0, 1, 2, 2, 2, 4, 5]),
        starts=np.cumsum([0, *map(len, knots)]),
        knots=np.concatenate(knots),
        values=np.concatenate([rng.normal(size=len(each)) for each in knots]),
    )
    return LinearModel(
        scores=scores,
        joint=JointNormal(rng.normal(scale=0.1, size=N_SCORES), covariance),
        direction=rng.integers(-1, 2, N_SCORES) if n_margins == 1 else np.zeros(N_SCORES, dtype=np.int64),
        coefficients=rng.normal(size=(N_SCORES, n_margins)),
        base=rng.normal(size=n_margins),
    )


def patients(n: int, missing: float = 0.4) -> np.ndarray:
    rng = np.random.default_rng(9)
    X = rng.normal(size=(n, N_FEATURES)).astype(np.float32)
    X[rng.random(X.shape) < missing] = np.nan
    return X


def margins_and_contributions(given: LinearModel, X: np.ndarray, offset: np.ndarray | None = None):
    """Margins, base and contributions, both by feature and as a single sum."""
    n_margins = len(given.base)
    each = np.arange(n_margins * N_FEATURES).reshape(n_margins, N_FEATURES)
    everything = np.full_like(each, n_margins * N_FEATURES) + np.arange(n_margins)[:, None]
    rows = np.zeros((n_margins * (N_FEATURES + 1), len(X)))
    margins, base = given.add_contributions(X, (rows, np.stack([each, everything])), 0.7, offset)
    return margins, base, rows


@pytest.mark.parametrize("n_margins", [1, 3])
@pytest.mark.parametrize("offset", [None, np.linspace(-1, 1, N_SCORES)], ids=["mean patient", "background"])
def test_machine_code_equals_numpy_to_the_last_bit(n_margins, offset, monkeypatch):
    monkeypatch.setattr(linear_model, "_BLOCK", 700)
    monkeypatch.setattr(linear_model.PATIENCE, "steps", np.inf)
    given, X = linear(n_margins), patients(1500)
    in_numpy = margins_and_contributions(given, X, offset)
    monkeypatch.setattr(linear_model.PATIENCE, "steps", 0)
    for found, expected in zip(margins_and_contributions(given, X, offset), in_numpy, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("offset", [None, np.linspace(-1, 1, N_SCORES)], ids=["mean patient", "background"])
def test_contributions_and_base_sum_to_the_margins(offset):
    given, X = linear(3), patients(200)
    margins, base, rows = margins_and_contributions(given, X, offset)
    by_feature, in_one = rows[:-3].reshape(3, N_FEATURES, -1), rows[-3:]
    np.testing.assert_allclose(by_feature.sum(axis=1), in_one, atol=1e-12)
    np.testing.assert_allclose(base + in_one / 0.7, margins, atol=1e-12)
    assert not by_feature.transpose(2, 1, 0)[np.isnan(X)].any()


def test_coefficients_of_measured_scores_equal_the_sum_over_imputed_ones():
    given, X = linear(3), patients(300)
    scores = given.scores.transform(X)
    measured = ~np.isnan(scores)
    coefficients = given.measured_coefficients(measured)
    assert not coefficients[:, ~measured].any()
    centred = np.nan_to_num(scores - given.joint.mean)
    np.testing.assert_allclose(
        np.einsum("np,knp->nk", centred, coefficients), given.imputed_scores(X) @ given.coefficients, atol=1e-10
    )


def test_no_coefficient_contradicts_a_known_direction():
    given = linear()
    measured = np.random.default_rng(1).random((60, N_SCORES)) < 0.6
    found, free = given.measured_coefficients(measured)[0], linear(3).measured_coefficients(measured)
    assert (found * given.direction >= 0).all()
    assert (free < 0).any()
    np.testing.assert_array_equal(given.measured_coefficients(measured, compiled=True)[0], found)


def test_margins_without_patients_and_without_measurements():
    given = linear()
    assert given.margins(patients(0)).shape == (0, 1)
    np.testing.assert_array_equal(given.margins(np.full((2, N_FEATURES), np.nan)), given.base[None].repeat(2, 0))


@pytest.mark.parametrize("n_features", [1, 64, 65])
def test_patterns_of_few_and_of_many_features_are_those_of_the_patients(n_features):
    rng = np.random.default_rng(n_features)
    columns = rng.normal(size=(n_features, 700)).astype(np.float32)
    columns[(rng.random(columns.shape) < 0.5) & (rng.random(n_features) < 0.1)[:, None]] = np.nan
    for compiled in (False, True):
        distinct, number = linear_model._measured_patterns(columns, 100, 650, compiled)
        np.testing.assert_array_equal(distinct[number], ~np.isnan(columns[:, 100:650].T))
        assert len(np.unique(distinct, axis=0)) == len(distinct)
