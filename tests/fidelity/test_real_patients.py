"""Comparison of generated with real patients, on small generated tables."""

import numpy as np
import pandas as pd
import pytest

from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.fidelity.real_patients import (
    COLUMNS,
    MARKERS,
    compare_with_real,
    weighted_quantile,
    weighted_rank_correlation,
)
from asthma_ml.patients import read_patients


@pytest.fixture(scope="module")
def twins():
    """A table of the preset itself, drawn with another seed."""
    return generate_cohort(1_500, seed=9, preset="population_asthma").observed


@pytest.fixture(scope="module")
def comparison(twins):
    return compare_with_real(read_patients(twins), n_patients=3_000)


def figures(table, figure):
    return table[table["figure"] == figure].set_index(["column", "detail"])


def test_table_of_the_same_preset_meets_every_target(comparison):
    compared = comparison[comparison["within"].notna()]
    assert tuple(comparison) == COLUMNS
    assert len(compared) == 3 * len(MARKERS) + len(MARKERS) * (len(MARKERS) - 1) // 2 + 1
    # Total IgE spans two orders of magnitude: 1,500 patients do not estimate its quartiles within 15 %.
    assert compared.loc[compared["column"] != "total_ige_ku_l", "within"].all()
    assert figures(comparison, "auc").loc[("all columns", "real or generated"), "generated"] < 0.58


def test_intervals_contain_the_real_value(comparison):
    seen = comparison[comparison["figure"] != "auc"]
    assert (seen["lower"] <= seen["real"]).all()
    assert (seen["real"] <= seen["upper"]).all()


def test_doubled_and_shuffled_feno_is_detected(twins):
    stranger = twins.assign(feno_ppb=2 * twins["feno_ppb"].sample(frac=1, random_state=0).to_numpy())
    table = compare_with_real(read_patients(stranger), n_patients=3_000)
    assert not figures(table, "quartile").loc["feno_ppb", "within"].any()
    assert figures(table, "quartile").loc[("feno_ppb", "50%"), "difference"] == pytest.approx(-0.5, abs=0.1)
    assert not figures(table, "correlation").loc[("blood_eosinophils_cells_ul", "feno_ppb"), "within"]
    areas = figures(table, "auc")["generated"].droplevel("detail")
    assert areas["all columns"] > 0.7
    assert areas.drop("all columns").idxmax() == "feno_ppb"


def test_detection_limits_apply_to_real_values(twins, comparison):
    """A survey that stores 3.5 ppb for "below 5" cannot be identified by it."""
    coded = twins.assign(feno_ppb=twins["feno_ppb"].mask(twins["feno_ppb"] <= 5, 3.5))
    table = compare_with_real(read_patients(coded), n_patients=3_000)
    pd.testing.assert_frame_equal(table, comparison)


def test_weight_3_equals_three_copies_of_a_patient(twins):
    """Only the ratios of weights matter."""
    weighted = twins.assign(w=np.where(twins["sex"] == "female", 30_000.0, 10_000.0))
    table = compare_with_real(read_patients(weighted), weights="w", n_patients=1_000)
    women = twins[twins["sex"] == "female"]
    repeated = pd.concat([twins, women, women], ignore_index=True)["bmi_kg_m2"]
    found = figures(table, "quartile").loc["bmi_kg_m2", "real"].to_numpy()
    assert found == pytest.approx(repeated.quantile([0.25, 0.5, 0.75]).to_numpy(), abs=0.06)


def test_patients_without_a_weight_are_excluded(twins):
    weighted = twins.assign(w=np.where(twins.index < 500, "1", ""))
    table = compare_with_real(read_patients(weighted), weights="w", n_patients=1_000)
    assert figures(table, "quartile").loc[("age_years", "50%"), "n_real"] == 500


def test_column_with_few_values_is_excluded(twins):
    table = compare_with_real(read_patients(twins.assign(total_ige_ku_l=np.nan)), n_patients=1_000)
    assert "total_ige_ku_l" not in set(table["column"]) | set(table["detail"])


@pytest.mark.parametrize(
    ("weights", "message"),
    [("nobody", "no column nobody"), ("bad", r"numbers of 0 or more \(lines 2, 4\)"), ("few", "10 patients have")],
)
def test_unusable_weights_are_refused(twins, weights, message):
    table = twins.assign(bad="1", few=np.where(twins.index < 10, 1.0, 0.0))
    table.loc[[0, 2], "bad"] = ["-1", "heavy"]
    with pytest.raises(UnusableInputError, match=message):
        compare_with_real(read_patients(table), weights=weights, n_patients=1_000)


def test_table_without_complete_cases_is_refused(twins):
    half = twins.assign(feno_ppb=twins["feno_ppb"].where(twins.index < 750))
    half["fev1_pct_predicted"] = half["fev1_pct_predicted"].where(half.index >= 750)
    with pytest.raises(UnusableInputError, match="0 real patients have all of"):
        compare_with_real(read_patients(half), n_patients=1_000)


def test_unweighted_quantiles_and_ranks_agree_with_pandas():
    rng = np.random.default_rng(4)
    a = rng.normal(size=400).round(1)
    b = (a + rng.normal(size=400)).round(1)
    ones = np.ones(400)
    assert weighted_quantile(a, ones, 0.3).item() == pytest.approx(np.quantile(a, 0.3), abs=0.05)
    expected = pd.Series(a).corr(pd.Series(b), method="spearman")
    assert weighted_rank_correlation(a, b, ones) == pytest.approx(expected, abs=1e-12)
