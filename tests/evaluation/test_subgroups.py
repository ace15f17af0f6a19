"""Miscalibration of one subgroup is detected in that subgroup only."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from asthma_ml.evaluation.subgroups import (
    FEWEST_OF_EACH_CLASS,
    SMALL_SITES,
    calibration,
    evaluate_subgroups,
    subgroups_of,
)

CLASSES = ["neutrophilic_th2_low", "th2_high"]


@pytest.fixture(scope="module")
def clinic():
    """4,000 patients, their true log-odds, and whether they are Th2-high."""
    rng = np.random.default_rng(0)
    log_odds = rng.normal(0.3, 1.5, 4_000)
    table = pd.DataFrame(
        {
            "sex": rng.choice(["female", "male"], 4_000),
            "smoking_status": rng.choice(["never", "former", "current"], 4_000, p=[0.6, 0.3, 0.1]),
            "ancestry": np.where(np.arange(4_000) < 30, "east_asian", "european"),
        }
    )
    return table, log_odds, rng.random(4_000) < expit(log_odds)


def evaluated(table, log_odds, positive):
    p = expit(log_odds)
    probability = np.column_stack([1 - p, p])
    rows = evaluate_subgroups(table, positive.astype(int), probability, probability > 0.2, CLASSES, of_class=1)
    return {row["subgroup"]: row for row in rows}


def test_true_probabilities_are_calibrated_where_there_are_enough_patients(clinic):
    found = evaluated(*clinic)
    for name in ("all", "female", "male", "never", "current"):
        fit = found[name]["calibration"]
        assert fit["slope"]["lower"] < 1.03
        assert fit["slope"]["upper"] > 0.97
        assert abs(fit["in_the_large"]["value"]) < 0.25
    fit = found["all"]["calibration"]
    assert fit["observed"] == pytest.approx(fit["predicted"], abs=0.02)


def test_a_shift_in_smokers_is_found_in_smokers_alone(clinic):
    table, log_odds, positive = clinic
    smokers = (table["smoking_status"] == "current").to_numpy()
    found = evaluated(table, log_odds - 1.0 * smokers, positive)
    assert found["current"]["calibration"]["in_the_large"]["value"] == pytest.approx(1.0, abs=0.3)
    assert found["current"]["calibration"]["in_the_large"]["lower"] > 0.5
    assert found["never"]["calibration"]["in_the_large"]["upper"] < 0.2


def test_log_odds_of_double_size_have_slope_one_half(clinic):
    _, log_odds, positive = clinic
    found = calibration(positive, expit(2 * log_odds))
    assert found["slope"]["value"] == pytest.approx(0.5, abs=0.04)
    assert found["slope"]["upper"] < 0.6


def test_the_interval_of_the_slope_has_nominal_coverage():
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(200):
        log_odds = rng.normal(0, 1.2, 150)
        slope = calibration(rng.random(150) < expit(log_odds), expit(log_odds))["slope"]
        covered += slope["lower"] <= 1.0 <= slope["upper"]
    assert 0.90 <= covered / 200 <= 0.99


def test_small_subgroups_are_counted_without_calibration(clinic):
    few = evaluated(*clinic)["east_asian"]
    assert few["n"] == 30
    assert few["calibration"] is None
    assert few["coverage"]["th2_high"]["n"] + few["coverage"]["neutrophilic_th2_low"]["n"] == 30


def test_coverage_of_a_subgroup_is_counted_over_its_own_patients(clinic):
    table, log_odds, positive = clinic
    p, men = expit(log_odds), (table["sex"] == "male").to_numpy()
    found = evaluated(*clinic)["male"]["coverage"]["th2_high"]
    assert found["value"] == pytest.approx(np.mean(p[men & positive] > 0.2))
    assert found["n"] == np.sum(men & positive) >= FEWEST_OF_EACH_CLASS


def test_every_patient_is_in_one_subgroup_of_each_characteristic(clinic):
    rows = evaluate_subgroups(clinic[0].assign(sex=None), np.ones(4_000, dtype=int), *perfect(4_000), CLASSES, 1)
    totals = pd.DataFrame(rows).groupby("characteristic")["n"].sum()
    assert set(totals) == {4_000}
    assert {row["subgroup"] for row in rows if row["characteristic"] == "sex"} == {"not recorded"}


def perfect(n):
    probability = np.column_stack([np.zeros(n), np.ones(n)])
    return probability, probability > 0.5


def test_small_sites_are_pooled():
    sites = subgroups_of(pd.DataFrame({"site": ["north"] * 12 + ["Dr Private"] * 3}))["site"]
    assert sites.value_counts().to_dict() == {"north": 12, SMALL_SITES: 3}


def test_probabilities_of_zero_and_one_have_a_finite_slope():
    positive = np.repeat([True, False], 50)
    found = calibration(positive, np.where(np.arange(100) % 10 == 0, 0.5, positive.astype(float)))
    assert np.isfinite(found["slope"]["value"])
    assert logit(found["observed"]) == 0.0
