"""Reference rules on patients with known answers, and compared with a model."""

import io

import numpy as np
import pandas as pd
import pytest

from asthma_ml.decisions.published_rules import oracle_rate_ratio
from asthma_ml.evaluation.plots import STRATEGIES, decision_curve_figure
from asthma_ml.evaluation.reference_rules import (
    REFERENCE_RULES,
    THRESHOLDS,
    compare_with_reference_rules,
    decision_curves,
)
from asthma_ml.variables import data_dictionary

RULES = {rule.name: rule for rule in REFERENCE_RULES}
QUIET = {"blood_eosinophils_cells_ul": 149.0, "feno_ppb": 19.0, "sputum_eosinophils_pct": None}


def answer(name, patient):
    """True, False, or None where the inputs of the rule are missing."""
    table = pd.DataFrame([patient]).reindex(columns=list(data_dictionary())).astype({"feno_ppb": float})
    score = RULES[name].score(table).iloc[0]
    return None if np.isnan(score) else bool(score >= RULES[name].cutoff)


@pytest.mark.parametrize(
    ("rule", "change", "expected"),
    [
        ("gina_type2", {}, False),
        ("gina_type2", {"feno_ppb": 20.0}, True),
        ("gina_type2", {"blood_eosinophils_cells_ul": 150.0}, True),
        ("gina_type2", {"sputum_eosinophils_pct": 2.0}, True),
        ("gina_type2", {"feno_ppb": np.nan}, None),
        ("uksar_not_t2_low", {"feno_ppb": 24.0}, False),
        ("uksar_not_t2_low", {"feno_ppb": 25.0}, True),
        ("blood_eosinophils_150", {}, False),
        ("blood_eosinophils_150", {"blood_eosinophils_cells_ul": 150.0}, True),
        ("oracle_grid", {"blood_eosinophils_cells_ul": 150.0, "feno_ppb": 50.0}, True),
        ("oracle_grid", {"blood_eosinophils_cells_ul": 150.0, "feno_ppb": 49.0}, False),
        ("isar_gradient", {"blood_eosinophils_max_cells_ul": 300.0}, True),
        ("isar_gradient", {}, None),
        ("sarp_tree", {}, None),
    ],
)
def test_a_rule_answers_as_published(rule, change, expected):
    assert answer(rule, QUIET | change) is expected


def test_every_cell_of_the_oracle_grid():
    patients = pd.DataFrame(
        [(eosinophils, feno) for eosinophils in (149, 150, 300) for feno in (24, 25, 50)],
        columns=["blood_eosinophils_cells_ul", "feno_ppb"],
    )
    expected = [0.65, 0.66, 0.86, 0.81, 0.88, 1.16, 1.12, 1.12, 2.29]
    assert oracle_rate_ratio(patients).tolist() == expected


@pytest.fixture(scope="module")
def compared():
    """100 patients in whom FeNO follows the phenotype and the blood count is known for half."""
    rng = np.random.default_rng(3)
    positive = np.repeat([True, False], 50)
    table = pd.DataFrame(
        {
            "feno_ppb": np.where(positive, 60.0, 10.0),
            "blood_eosinophils_cells_ul": np.where(rng.random(100) < 0.5, rng.uniform(20, 900, 100), np.nan),
        }
    )
    return table, positive, compare_with_reference_rules(table, positive, np.where(positive, 0.8, 0.3))


def row(found, name):
    return next(row for row in found["rules"] if row["rule"] == name)


def test_a_perfect_marker_is_as_good_as_a_perfect_model(compared):
    feno = row(compared[2], "feno_25")
    assert feno["auc"]["value"] == feno["model_auc"]["value"] == feno["sensitivity"]["value"] == 1.0
    assert feno["auc_difference"] == {"value": 0.0, "lower": 0.0, "upper": 0.0}


def test_a_random_marker_has_auc_one_half_and_the_model_gains(compared):
    eosinophils = row(compared[2], "blood_eosinophils_300")
    assert eosinophils["auc"]["lower"] < 0.5 < eosinophils["auc"]["upper"]
    assert eosinophils["auc_difference"]["lower"] > 0.2


def test_patients_with_missing_inputs_are_counted(compared):
    table, _, found = compared
    measured = int(table["blood_eosinophils_cells_ul"].notna().sum())
    for name in ("blood_eosinophils_300", "gina_type2", "oracle_grid"):
        assert (row(found, name)["n"], row(found, name)["n_missing"]) == (measured, 100 - measured)


def test_a_rule_without_any_inputs_has_no_estimates(compared):
    sarp = row(compared[2], "sarp_tree")
    assert sarp["n"] == 0
    assert sarp["auc"] is None
    for curves in ("decision_curves", "decision_curves_complete_cases"):
        assert "sarp_tree" not in compared[2][curves]["net_benefit"]


def test_without_markers_only_model_all_and_none_have_curves():
    positive = np.repeat([True, False], 20)
    found = compare_with_reference_rules(pd.DataFrame({"age_years": np.full(40, 50.0)}), positive, positive * 0.9)
    assert set(found["decision_curves"]["net_benefit"]) == {"model", "treat_all", "treat_none"}
    assert found["decision_curves_complete_cases"] is None
    assert len(decision_curve_figure(found).axes) == 1


def test_net_benefit_by_hand():
    """Four of ten are positive; the rule treats three of them and one other. At 0.2 a false positive costs 0.25."""
    positive = np.repeat([True, False], [4, 6])
    treated = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0], dtype=bool)
    found = decision_curves(positive, np.where(positive, 1.0, 0.0), {"rule": treated})
    at = list(THRESHOLDS).index(0.2)
    benefit = {name: curve[at] for name, curve in found["net_benefit"].items()}
    expected = {"model": 0.4, "rule": 0.3 - 0.1 / 4, "treat_all": 0.4 - 0.6 / 4, "treat_none": 0.0}
    assert benefit == pytest.approx(expected)
    above = found["net_benefit_difference"]["rule"]
    assert above["value"][at] == pytest.approx(0.4 - 0.275)
    assert above["lower"][at] < above["value"][at] < above["upper"][at]


def test_treating_all_has_no_net_benefit_at_the_prevalence():
    positive = np.repeat([True, False], [30, 70])
    found = decision_curves(positive, np.full(100, 0.3), {})
    at = list(THRESHOLDS).index(0.3)
    assert found["net_benefit"]["treat_all"][at] == pytest.approx(0.0, abs=1e-12)


def test_strategies_differ_in_more_than_colour(compared):
    looks = [(style.get("linestyle", "-"), style.get("marker", "")) for style in STRATEGIES.values()]
    assert len(set(looks)) == len(looks)
    figure = decision_curve_figure(compared[2])
    all_patients, where_all = figure.axes
    assert all_patients.get_title(loc="left").startswith("All 100 patients")
    assert where_all.get_title(loc="left").startswith(f"The {compared[0].notna().all(axis=1).sum()} patients")
    assert len(all_patients.lines) == len(STRATEGIES) - len({"isar_gradient", "sarp_tree"})
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    assert drawn.getvalue().startswith(b"\x89PNG")


def test_every_strategy_of_the_figure_exists():
    assert set(STRATEGIES) <= {"model", "treat_all", "treat_none", *RULES}
