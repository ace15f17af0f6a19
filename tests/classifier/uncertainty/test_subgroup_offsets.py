"""Coverage is nominal in every subgroup that is large enough."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.classifier.uncertainty.prediction_sets import conformal_sets, conformal_thresholds
from asthma_ml.classifier.uncertainty.subgroup_offsets import (
    CHARACTERISTICS,
    conformal_log_odds,
    fit_offsets,
    max_subgroups,
    subgroup_numbers,
    thresholds_of_patients,
    total_offsets,
)

SMOKING = CHARACTERISTICS.index("smoking_status")


def test_characteristics_are_numbered_from_their_levels_and_cuts():
    names = ["ocs_dose_mg_day", "feno_ppb", "sex", "age_years"]
    X = np.array([[0.0, 20.0, 1.0, 40.0], [5.0, 20.0, np.nan, 39.9]])
    found = dict(zip(CHARACTERISTICS, subgroup_numbers(X, names).T.tolist(), strict=True))
    assert found == {
        "sex": [2, 0],
        "ancestry": [0, 0],
        "smoking_status": [0, 0],
        "age_years": [2, 1],
        "ocs_dose_mg_day": [1, 2],
    }


def test_columns_without_names_have_no_subgroups():
    assert not subgroup_numbers(np.ones((3, 2)), None).any()


def test_numbers_that_are_no_level_have_a_subgroup():
    X = np.array([[57.0], [-3.0], [np.inf]])
    assert subgroup_numbers(X, ["smoking_status"])[:, SMOKING].tolist() == [max_subgroups() - 1, 1, max_subgroups() - 1]


def smokers(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Conformal scores of the patients of a class; a tenth of them smoke and have larger scores."""
    rng = np.random.default_rng(seed)
    subgroups = np.ones((n, len(CHARACTERISTICS)), dtype=int)
    subgroups[:, SMOKING] = 1 + 2 * (rng.random(n) < 0.1)
    return rng.normal(-2 + 1.5 * (subgroups[:, SMOKING] == 3), 1.0), subgroups


def covered(scores: np.ndarray, subgroups: np.ndarray, seen: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    offsets = fit_offsets(*seen, 0.9, np.ones(len(seen[0])))
    adjusted = 1 / (1 + np.exp(-(seen[0] - total_offsets(offsets, seen[1]))))
    thresholds = thresholds_of_patients(conformal_thresholds([adjusted], 0.9), [offsets], subgroups)
    return conformal_sets(1 / (1 + np.exp(scores))[:, None], thresholds)[:, 0]


def test_coverage_is_nominal_in_smokers():
    scores, subgroups = smokers(40_000, seed=1)
    in_set = covered(scores, subgroups, smokers(6000, seed=0))
    smoke = subgroups[:, SMOKING] == 3
    assert in_set[smoke].mean() == pytest.approx(0.9, abs=0.03)
    assert in_set[~smoke].mean() == pytest.approx(0.9, abs=0.02)


def test_small_subgroups_have_no_offset():
    seen = smokers(1500, seed=0)
    assert fit_offsets(*seen, 0.9, np.ones(len(seen[0])))[SMOKING, 3] == 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.7, 0.9]))
def test_held_out_coverage_is_equal_in_all_subgroups(seed, confidence):
    rng = np.random.default_rng(seed)
    subgroups = rng.integers(1, 3, (2000, len(CHARACTERISTICS)))
    scores = rng.normal(subgroups @ rng.normal(size=len(CHARACTERISTICS)), 1.0)
    residual = scores - total_offsets(fit_offsets(scores, subgroups, confidence, np.ones(len(scores))), subgroups)
    threshold = np.quantile(residual, confidence)
    for column in subgroups.T:
        for number in (1, 2):
            assert np.mean(residual[column == number] <= threshold) == pytest.approx(confidence, abs=0.01)


def test_thresholds_without_offsets_are_unchanged():
    none = np.zeros((len(CHARACTERISTICS), max_subgroups()))
    subgroups = smokers(5, seed=0)[1]
    found = thresholds_of_patients(np.array([0.123456789, np.inf]), [none, none + 1.0], subgroups)
    assert found.tolist() == [[0.123456789, np.inf]] * 5


def test_conformal_log_odds_are_finite_for_probabilities_of_zero_and_one():
    assert np.isfinite(conformal_log_odds(np.array([0.0, 1.0]))).all()


def test_coverage_is_nominal_in_men_and_women():
    """FeNO is less informative in men, so offsets are needed. Mean of four cohorts."""
    coverage = np.mean([coverage_of_a_clinic(seed) for seed in range(4)], axis=0)
    np.testing.assert_allclose(coverage, 0.9, atol=0.05)


def coverage_of_a_clinic(seed: int) -> list[float]:
    """Coverage in the men and the women of each class."""
    rng = np.random.default_rng(seed)

    def patients(n: int) -> tuple[pd.DataFrame, np.ndarray]:
        male = rng.random(n) < 0.4
        th2 = rng.random(n) < 0.5
        feno = np.exp(3.2 + np.where(male, 0.2, 1.2) * (2 * th2 - 1) + 0.7 * rng.normal(size=n))
        table = pd.DataFrame({"feno_ppb": feno.clip(max=400), "sex": np.where(male, "male", "female")})
        return table, np.where(th2, "th2_high", "neutrophilic_th2_low")

    model = PhenotypeClassifier().fit(*patients(2500))
    X, y = patients(20_000)
    in_set = model.predict_set(X)
    groups = [
        (k, (y == name) & (X["sex"] == sex)) for k, name in enumerate(model.classes_) for sex in ("male", "female")
    ]
    return [float(in_set[of_them, k].mean()) for k, of_them in groups]
