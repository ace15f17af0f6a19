"""Sensitivity of the headline AUCs to the coefficients."""

import numpy as np
import pandas as pd
import pytest

from asthma_ml.cohort import PRESETS, Coefficient
from asthma_ml.errors import UnusableInputError
from asthma_ml.fidelity.sensitivity_analysis import (
    COLUMNS,
    HEADLINES,
    SIX_VARIABLES,
    _varied,
    analyse_sensitivity,
    area,
    sensitivity_report,
)
from asthma_ml.fidelity.tornado_plot import tornado_figure

VARIED = ["il13_drive.shared", "feno_ppb.within_person", "respiratory_infections_12m.dispersion"]


@pytest.fixture(scope="module")
def table():
    return analyse_sensitivity(n_patients=1_000, seed=4, only=VARIED, evidence=("measured", "derived", "assumed"))


def cell(table, coefficient, headline):
    return table.set_index(["coefficient", "headline"]).loc[(coefficient, headline)]


def test_one_row_per_coefficient_and_headline(table):
    assert tuple(table) == COLUMNS
    assert set(table["coefficient"]) == set(VARIED)
    assert len(table) == len(VARIED) * len(HEADLINES)
    assert table["swing"].is_monotonic_decreasing
    assert table.groupby("headline")["base"].nunique().eq(1).all()


def test_larger_within_person_variation_of_feno_lowers_its_auc(table):
    row = cell(table, "feno_ppb.within_person", "FeNO")
    assert row["low"] > row["base"] > row["high"]
    assert row["swing"] == pytest.approx(max(row["low"] - row["base"], row["base"] - row["high"]))


def test_headline_without_the_coefficient_is_bit_identical(table):
    """Common random numbers: the day-to-day variation of FeNO leaves IgE unchanged."""
    for headline in ("total IgE", "blood eosinophils"):
        row = cell(table, "feno_ppb.within_person", headline)
        assert row["low"] == row["base"] == row["high"]


def test_variation_starts_from_the_value_of_the_preset():
    preset = PRESETS["severe_clinic"].derive("ours", "steadier FeNO", {"feno_ppb.within_person": 0.1})
    found = analyse_sensitivity(preset, 500, only=["feno_ppb.within_person"], evidence=("assumed", "derived"))
    assert found[["low_value", "value", "high_value"]].drop_duplicates().to_numpy().tolist() == [
        pytest.approx([0.05, 0.1, 0.15])
    ]


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        ("share", 0.8, (0.4, 0.8, 1.0)),
        ("fraction left", 0.9, (0.45, 0.9, 1.0)),
        ("frequency", 0.4, (0.2, 0.4, 0.6)),
        ("ratio", 0.8, (0.4, 0.8, 1.2)),
        ("log odds", -2.0, (-1.0, -2.0, -3.0)),
        ("", 2.0, (1.0, 2.0, 3.0)),
    ],
)
def test_proportions_stay_at_or_below_one(unit, value, expected):
    assert _varied(Coefficient(value, unit), value) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("moon.*", r"no coefficient of grade assumed matches moon\.\*$"),
        ("feno_pbb.*", r"feno_pbb\.\* \(did you mean feno_ppb\.\*\?\)"),
        ("feno_ppb.within_persons", r"\(did you mean feno_ppb\.within_person\?\)"),
    ],
)
def test_pattern_without_match_is_refused_with_a_suggestion(pattern, message):
    with pytest.raises(UnusableInputError, match=message):
        analyse_sensitivity(only=[pattern])


def test_auc_of_a_hand_made_table():
    rng = np.random.default_rng(3)
    sputum = rng.choice([0.5, 8.0], 400)
    clinic = pd.DataFrame(dict.fromkeys(SIX_VARIABLES, 1.0) | {"sputum_eosinophils_pct": sputum}, index=range(400))
    clinic["sex"] = "female"
    clinic["total_ige_ku_l"] = np.where(sputum > 3, 10.0, 20.0)
    clinic["feno_ppb"] = np.where(sputum > 3, 60.0, 20.0)
    assert area(clinic, HEADLINES["total IgE"]) == 0.0
    assert area(clinic, HEADLINES["blood eosinophils"]) == 0.5
    assert area(clinic, HEADLINES["six variables"]) == 1.0
    clinic.loc[:199, "sputum_eosinophils_pct"] = np.nan
    clinic.loc[:199, "feno_ppb"] = 1.0
    assert area(clinic, HEADLINES["FeNO"]) == 1.0


def test_phenotype_headline_excludes_sputum_and_other_classes():
    headline = HEADLINES["phenotype without sputum"]
    assert not [name for name in headline.columns if "sputum" in name]
    assert headline.among == ("th2_high", "neutrophilic_th2_low")


def test_tornado_plot_shows_the_largest_swing_first(table):
    figure = tornado_figure(table, top=2)
    first, *others = figure.axes
    labels = [label.get_text() for label in first.get_yticklabels()]
    assert len(labels) == 2
    assert labels[0].startswith(table["coefficient"].iloc[0])
    assert len(others) == len(HEADLINES) - 1
    assert first.yaxis_inverted()


def test_report_contains_the_command_and_the_largest_swing(table):
    text = sensitivity_report(table, "asthma-ml sensitivity --patients 1000", top=1)
    assert "    asthma-ml sensitivity --patients 1000\n" in text
    assert f"`{table['coefficient'].iloc[0]}`" in text
    assert "respiratory_infections" not in text
