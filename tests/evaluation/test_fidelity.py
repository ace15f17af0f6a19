"""The generated cohort against the literature."""

import numpy as np
import pandas as pd
import pytest

from asthma_ml.cohort import generate_cohort
from asthma_ml.evaluation.fidelity import COLUMNS, fidelity, published_recipes, tolerance
from asthma_ml.evaluation.statistics import auc, columns_of
from asthma_ml.evidence import evidence_table
from asthma_ml.variables import LABEL, TWO_CLASSES, data_dictionary

EOSINOPHILIC = "sputum_eosinophils_pct >= 3"


@pytest.fixture(scope="module")
def severe():
    """50,000 patients of the default preset."""
    return generate_cohort(n_patients=50_000, seed=11).observed


@pytest.fixture(scope="module")
def table():
    return fidelity(n_patients=20_000, seed=11)


@pytest.mark.parametrize(
    ("marker", "low", "high"),
    [("blood_eosinophils_cells_ul", 0.75, 0.87), ("feno_ppb", 0.72, 0.84), ("total_ige_ku_l", 0.60, 0.72)],
)
def test_single_markers_find_sputum_eosinophilia_as_in_clinics(severe, marker, low, high):
    """Westerhof 2015 and Korevaar 2015 (IMM005-IMM007, IMM019-IMM021)."""
    assert low <= auc(severe, marker, EOSINOPHILIC) <= high


def test_six_routine_variables_reach_the_published_ceiling(severe):
    """0.89 in Westerhof 2015 (IMM009)."""
    six = published_recipes()["IMM009"]["auc"]
    assert 0.85 <= auc(severe, six, EOSINOPHILIC) <= 0.93


def test_no_model_without_sputum_is_too_good_to_be_true(severe):
    features = [name for name in data_dictionary().features if not name.startswith("sputum")]
    assert auc(severe, features, EOSINOPHILIC) < 0.95
    two = severe[severe[LABEL].isin(TWO_CLASSES)]
    assert auc(two, features, f"{LABEL} == 'th2_high'") < 0.95


def test_oral_steroid_users_look_less_type_2_than_they_are(severe):
    low = (severe["feno_ppb"] < 25) & (severe["blood_eosinophils_cells_ul"] < 150)
    high = (severe["feno_ppb"] >= 25) & (severe["blood_eosinophils_cells_ul"] >= 150)
    on_steroid = severe["ocs_dose_mg_day"] > 0
    assert on_steroid[low].mean() > on_steroid[high].mean() + 0.1


def test_every_row_of_the_evidence_is_answered(table):
    assert tuple(table.columns) == COLUMNS
    assert table["id"].tolist() == evidence_table().index.tolist()
    silent = table[table["within"].isna()]
    assert (silent["reason"] != "").all()


def test_most_figures_lie_within_their_tolerance(table):
    judged = table[table["within"].notna()]
    assert len(judged) >= 90
    assert judged["within"].astype(bool).mean() >= 0.85
    assert judged.groupby("mechanism")["within"].agg(lambda w: w.astype(bool).mean()).min() >= 0.70


def test_recipes_name_rows_and_columns_that_exist():
    known = set(data_dictionary())
    for figure, recipe in published_recipes().items():
        assert figure in evidence_table().index
        texts = [t for k in ("share", "where", "of") if (t := recipe.get(k))] + list(recipe.get("odds_ratio", ()))
        assert {name for text in texts for name in columns_of(text)} <= known, figure


def test_a_published_confidence_interval_is_the_tolerance():
    assert tolerance("IMM009") == (0.85, 0.93)


def test_without_an_interval_the_sampling_error_of_the_published_patients_counts():
    """FeNO < 25 ppb in 43.8 % of 665: 1.96 standard errors are 3.8 points."""
    lower, upper = tolerance("COH065")
    assert (upper - lower) / 2 == pytest.approx(1.96 * np.sqrt(43.8 * 56.2 / 665), abs=0.05)


def test_cohorts_that_report_the_same_thing_span_the_tolerance():
    """57 % women of 350 to 62.4 % of 2,225."""
    lower, upper = tolerance("COH014")
    assert lower < 57
    assert upper > 62.4
    assert tolerance("COH007") == (lower, upper)


def test_a_standard_deviation_is_no_confidence_interval():
    """Age 49.6 with bounds of one SD, 14.3, in 2,225 patients is known to half a year or so."""
    alone = {name: recipe for name, recipe in published_recipes().items() if recipe.get("group") == "age"}
    assert "COH005" in alone
    lower, upper = tolerance("COH005")
    assert 48 < lower < 49.6
    assert upper < 60


def test_figures_published_without_any_error_are_not_judged(table):
    row = table.set_index("id").loc["GEN036"]
    assert pd.isna(row["within"])
    assert "without an interval" in row["reason"]
    assert row["generated"] == pytest.approx(0.42, abs=0.02)
