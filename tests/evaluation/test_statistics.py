"""The statistics of the literature, on tables small enough to check by hand."""

import numpy as np
import pandas as pd
import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.statistics import auc, compute, odds_ratio, share

EIGHT = pd.DataFrame(
    {
        "feno_ppb": [10, 20, 30, 40, 50, 60, np.nan, 80],
        "eos": [100, 500, 100, 500, 100, 500, 500, 500],
        "sex": ["female"] * 4 + ["male"] * 4,
    }
)


def test_a_share_counts_only_patients_who_were_measured():
    assert share(EIGHT, "feno_ppb >= 50") == pytest.approx(100 * 3 / 7)


def test_where_restricts_the_patients():
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


def test_a_recipe_asks_for_exactly_one_statistic():
    with pytest.raises(UnusableInputError, match="one statistic"):
        compute(EIGHT, {"mean": "eos", "median": "eos"})
