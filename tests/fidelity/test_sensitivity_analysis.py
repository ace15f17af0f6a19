"""Which assumptions the headline figures rest on."""

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
    area,
    sensitivity,
    sensitivity_report,
)
from asthma_ml.fidelity.tornado_plot import tornado_figure

VARIED = ["il13_drive.shared", "feno_ppb.within_person", "respiratory_infections_12m.dispersion"]


@pytest.fixture(scope="module")
def table():
    return sensitivity(n_patients=1_000, seed=4, only=VARIED, evidence=("measured", "derived", "assumed"))


def cell(table, coefficient, headline):
    return table.set_index(["coefficient", "headline"]).loc[(coefficient, headline)]


def test_one_row_for_each_number_and_headline(table):
    assert tuple(table) == COLUMNS
    assert set(table["coefficient"]) == set(VARIED)
    assert len(table) == len(VARIED) * len(HEADLINES)
    assert table["swing"].is_monotonic_decreasing
    assert table.groupby("headline")["base"].nunique().eq(1).all()


def test_feno_that_scatters_more_between_days_tells_less(table):
    row = cell(table, "feno_ppb.within_person", "FeNO")
    assert row["low"] > row["base"] > row["high"]
    assert row["swing"] == pytest.approx(max(row["low"] - row["base"], row["base"] - row["high"]))


def test_what_a_headline_never_sees_does_not_move_it_at_all(table):
    """Common random numbers: day-to-day scatter of FeNO leaves IgE bit by bit as it was."""
    for headline in ("total IgE", "blood eosinophils"):
        row = cell(table, "feno_ppb.within_person", headline)
        assert row["low"] == row["base"] == row["high"]


def test_starts_from_the_number_of_the_preset():
    preset = PRESETS["severe_clinic"].derive("ours", "steadier FeNO", {"feno_ppb.within_person": 0.1})
    found = sensitivity(preset, 500, only=["feno_ppb.within_person"], evidence=("assumed", "derived"))
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
def test_shares_stay_below_one(unit, value, expected):
    assert _varied(Coefficient(value, unit), value) == pytest.approx(expected)


def test_refuses_a_pattern_that_fits_nothing():
    with pytest.raises(UnusableInputError, match=r"no number of grade assumed is called moon\.\*"):
        sensitivity(only=["moon.*"])


def test_areas_of_a_clinic_made_up_by_hand():
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


def test_the_phenotype_is_told_without_sputum_and_only_among_the_two_classes():
    headline = HEADLINES["phenotype without sputum"]
    assert not [name for name in headline.columns if "sputum" in name]
    assert headline.among == ("th2_high", "neutrophilic_th2_low")


def test_the_tornado_shows_the_strongest_first(table):
    figure = tornado_figure(table, top=2)
    first, *others = figure.axes
    labels = [label.get_text() for label in first.get_yticklabels()]
    assert len(labels) == 2
    assert labels[0].startswith(table["coefficient"].iloc[0])
    assert len(others) == len(HEADLINES) - 1
    assert first.yaxis_inverted()


def test_the_report_names_the_command_and_the_strongest(table):
    text = sensitivity_report(table, "asthma-ml sensitivity --patients 1000", top=1)
    assert "    asthma-ml sensitivity --patients 1000\n" in text
    assert f"`{table['coefficient'].iloc[0]}`" in text
    assert "respiratory_infections" not in text
