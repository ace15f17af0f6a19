"""Statistics of the published figures, checked by hand on small tables."""

import numpy as np
import pandas as pd
import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.fidelity.statistics import (
    auc,
    columns_of,
    compute,
    correlation,
    difference,
    difference_of_medians,
    odds,
    odds_ratio,
    odds_ratio_per,
    percentage,
    rank_correlation,
    rate_ratio_per,
    ratio_of_groups,
    ratio_of_means,
    reduction,
    relative_mean,
    sensitivity,
    slope,
    variance_explained,
)

EIGHT = pd.DataFrame(
    {
        "feno_ppb": [10, 20, 30, 40, 50, 60, np.nan, 80],
        "eos": [100, 500, 100, 500, 100, 500, 500, 500],
        "sex": ["female"] * 4 + ["male"] * 4,
    }
)


def test_percentage_excludes_missing_values():
    assert percentage(EIGHT, "feno_ppb >= 50") == pytest.approx(100 * 3 / 7)


def test_where_selects_patients():
    assert compute(EIGHT, {"median": "feno_ppb", "where": "sex == 'female'"}) == 25


def test_an_odds_ratio_by_hand():
    """Of 7 measured: both 3, eosinophils only 1, FeNO only 2, neither 1."""
    assert odds_ratio(EIGHT, ["eos >= 300", "feno_ppb >= 25"]) == pytest.approx(3 * 1 / (1 * 2))


def test_an_auc_by_hand():
    """High FeNO against eosinophils: of 4 x 3 pairs 9 are in order."""
    assert auc(EIGHT, "feno_ppb", "eos >= 300") == pytest.approx(9 / 12)


def test_the_auc_of_several_columns_is_cross_validated():
    rng = np.random.default_rng(0)
    noise = pd.DataFrame(rng.standard_normal((600, 3)), columns=["a", "b", "y"])
    assert auc(noise, ["a", "b"], "y > 0") == pytest.approx(0.5, abs=0.08)


def test_recipe_needs_exactly_one_statistic():
    with pytest.raises(UnusableInputError, match="exactly one statistic"):
        compute(EIGHT, {"mean": "eos", "median": "eos"})


FOUR = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "y": [1.0, 3.0, 5.0, 7.0], "z": [1.0, 2.0, 4.0, 8.0]})


def test_a_slope_is_in_the_units_of_its_columns():
    assert slope(FOUR, "x", "y") == pytest.approx(2)
    assert slope(FOUR, "x / 10", "y") == pytest.approx(20)


def test_rate_ratio_of_a_doubling_count_is_2():
    assert rate_ratio_per(FOUR, "x", "z") == pytest.approx(2, abs=1e-3)


def test_adjustment_removes_confounding():
    rng = np.random.default_rng(1)
    confounder = rng.standard_normal(20_000)
    exposure = confounder + rng.standard_normal(20_000)
    table = pd.DataFrame(
        {"c": confounder, "e": exposure, "count": rng.poisson(np.exp(0.3 * exposure + 0.5 * confounder))}
    )
    assert rate_ratio_per(table, "e", "count", ["c"]) == pytest.approx(np.exp(0.3), abs=0.02)
    assert rate_ratio_per(table, "e", "count") > np.exp(0.45)


def test_odds_ratio_per_allele():
    """Odds 1/3, 1 and 3 with 0, 1 and 2 alleles: three times as high with each."""
    table = pd.DataFrame({"alleles": np.repeat([0, 1, 2], 4), "ill": [1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0]})
    assert odds_ratio_per(table, "alleles", "ill == 1") == pytest.approx(3, abs=0.01)


def test_differences_and_ratios_between_groups():
    """x is 2 and 3 where z is above 2, 0 and 1 elsewhere; 1.5 in all."""
    assert difference(FOUR, "x", "z > 2") == 2
    assert ratio_of_groups(FOUR, "x", "z > 2") == 5
    assert relative_mean(FOUR, "x", "z > 2") == pytest.approx(2.5 / 1.5)


def test_differences_and_ratios_between_columns():
    """Means 1.5 and 4; medians 1.5 and 4."""
    assert ratio_of_means(FOUR, ["x", "y"]) == pytest.approx(0.375)
    assert reduction(FOUR, ["x", "y"]) == pytest.approx(62.5)
    assert difference_of_medians(FOUR, ["y", "x"]) == 2.5


def test_the_sensitivity_at_a_specificity():
    """Controls 1, 2, 3, 4 and cases 3, 5, 6, 7: a threshold above 4 finds no control and 3 of 4 cases."""
    table = pd.DataFrame({"marker": [1, 2, 3, 4, 3.5, 5, 6, 7], "ill": [0, 0, 0, 0, 1, 1, 1, 1]})
    assert sensitivity(table, "marker", "ill == 1", specificity=1.0) == 0.75


def test_correlations_and_variance_explained():
    assert correlation(FOUR, ["x", "y"]) == pytest.approx(1)
    assert rank_correlation(FOUR, ["x", "log(z)"]) == pytest.approx(1)
    assert variance_explained(FOUR, ["x", "z"]) == pytest.approx(100 * np.corrcoef(FOUR["x"], FOUR["z"])[0, 1] ** 2)


def test_odds_by_hand():
    assert odds(FOUR, "x > 0") == pytest.approx(3)


def test_function_names_are_not_columns():
    assert columns_of("log10(x) + y > 2") == ["x", "y"]
