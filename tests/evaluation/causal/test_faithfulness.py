"""Contributions of the factors compared with their effects on the same patients."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from attributions import against_background, attributions

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import FACTOR_REFERENCES, generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.causal.faithfulness import (
    agreement,
    agreement_by_factor,
    effects_on_true_log_odds,
    evaluate_faithfulness,
    true_effects,
)
from asthma_ml.evaluation.causal.twins import TwinCohort
from asthma_ml.training import learn_mechanisms
from asthma_ml.variables import FACTORS, TWO_CLASSES

COHORT = TwinCohort(500, seed=2)


@pytest.fixture(scope="module")
def model():
    return PhenotypeClassifier(n_trees=40).fit(*generate_cohort(1_200, seed=1).training_data())


@pytest.fixture(scope="module")
def effects():
    return true_effects(COHORT, limit_patients=40, n_particles=60)


@pytest.fixture(scope="module")
def found(model, effects):
    return evaluate_faithfulness(model, effects)


def row(found, factor, label="all"):
    return next(r for r in found["agreement"] if (r["factor"], r["label"]) == (factor, label))


def test_every_factor_has_a_reference_and_only_the_two_classes_are_compared(effects):
    assert tuple(FACTOR_REFERENCES) == FACTORS
    assert set(effects.rows["phenotype"]) == set(TWO_CLASSES)
    for twin in effects.twins.values():
        assert twin.index.equals(effects.rows.index)


def test_full_adherence_changes_the_markers_and_not_the_endotype(effects):
    assert (effects.endotype["adherence"] == 0).all()
    non_adherent = effects.rows["ics_adherence_fraction"] < 0.4
    fall = (effects.rows["feno_ppb"] - effects.twins["adherence"]["feno_ppb"])[non_adherent]
    assert fall.median() > 0


def test_reference_drives_lower_th2_high_and_raise_neutrophilic_patients(effects):
    by_label = effects.endotype["immune_profile"].groupby(effects.rows["phenotype"]).mean()
    assert by_label["th2_high"] > 0 > by_label["neutrophilic_th2_low"]


def test_smoking_and_bacteria_make_patients_neutrophilic(effects):
    smokers = effects.rows["smoking_status"] == "current"
    assert effects.endotype.loc[smokers, "environment"].mean() < -0.5


def test_the_true_log_odds_follow_the_drives(effects):
    known = effects.log_odds["immune_profile"].dropna()
    assert len(known) == 40
    assert np.corrcoef(known.rank(), effects.endotype.loc[known.index, "immune_profile"].rank())[0, 1] > 0.4


def test_the_immune_profile_agrees_in_rank_and_sign(found):
    of_factor = row(found, "immune_profile")
    assert of_factor["endotype"]["spearman"]["lower"] > 0.5
    assert of_factor["endotype"]["sign_agreement"]["lower"] > 0.6
    assert of_factor["true_log_odds"]["spearman"]["value"] > 0.3


def test_markers_are_proxies_of_adherence(found):
    assert row(found, "adherence")["endotype"]["spearman"] is None
    changes, proxy = found["contribution_changes"]["adherence"], found["adherence_proxy"]
    assert changes["immune_profile"] > 0.1
    assert proxy["immune_profile"] > 0 > proxy["adherence"]
    assert proxy["endotype"] == 0.0


def test_changes_of_contributions_sum_to_the_change_of_the_log_odds(found):
    proxy = found["adherence_proxy"]
    assert sum(proxy[factor] for factor in FACTORS) == pytest.approx(proxy["model_log_odds"], abs=1e-6)


def test_a_model_of_one_factor_has_no_other_contribution(effects):
    X, y = generate_cohort(600, seed=1).training_data()
    alone = PhenotypeClassifier(n_trees=10).fit(X[["smoking_status", "pack_years"]], y)
    changes = evaluate_faithfulness(alone, effects)["contribution_changes"]
    assert all(size == 0 for of_do in changes.values() for name, size in of_do.items() if name != "environment")
    assert changes["environment"]["environment"] > 0
    assert changes["genetics"]["environment"] == 0


@pytest.fixture(scope="module")
def ways():
    everything = {name: value for do in FACTOR_REFERENCES.values() for name, value in do.items()}
    background, reference = (generate_cohort(400, seed=3, do=do).observed for do in ({}, everything))
    return attributions(background, reference)


def test_every_attribution_sums_to_the_log_odds_up_to_a_constant(ways, model, effects):
    log_odds = model.decision_function(model.encode(effects.rows))
    for name in ("sums of features (as shipped)", "Shapley values of factors", "causal order"):
        rest = log_odds - ways[name](model, effects.rows).sum(axis=1)
        assert np.ptp(rest) < 1e-6, name


def test_treatment_contributes_less_against_a_background_of_equal_treatment(ways, model, effects):
    size = {name: attribute(model, effects.rows)["patient_context"].abs().mean() for name, attribute in ways.items()}
    assert size["background: same treatment"] < 0.8 * size["background: all patients"]


def test_reference_patients_have_no_contribution_against_themselves(ways, model):
    reference = generate_cohort(400, seed=3, do=FACTOR_REFERENCES["adherence"]).observed
    found = against_background(model, reference, reference)
    assert found.mean().abs().max() < 0.15


def test_causal_order_attributes_marker_effects_to_the_environment(ways, model, effects):
    smokers = effects.rows["smoking_status"] == "current"
    contributions = {
        name: ways[name](model, effects.rows)["environment"] for name in ("Shapley values of factors", "causal order")
    }
    apart = {name: value[smokers].mean() - value[~smokers].mean() for name, value in contributions.items()}
    assert apart["causal order"] < apart["Shapley values of factors"]
    assert apart["causal order"] < -0.5


def test_opposite_values_have_rank_correlation_minus_one():
    true = np.linspace(-1, 1, 60)
    opposite = agreement(-true, true, least=0.1)
    assert opposite["spearman"]["value"] == pytest.approx(-1)
    assert opposite["sign_agreement"]["value"] == 0


def test_the_truth_agrees_with_itself_in_the_patients_for_whom_it_is_given(effects):
    known = effects.log_odds.assign(
        genetics=effects.log_odds["genetics"].where(effects.log_odds.index != effects.rows.index[3])
    )
    of_immune = row({"agreement": agreement_by_factor(known, effects)}, "immune_profile")
    assert of_immune["n"] == of_immune["true_log_odds"]["n"] == 39
    assert of_immune["true_log_odds"]["spearman"]["value"] == pytest.approx(1.0)
    assert of_immune["true_log_odds"]["sign_agreement"]["value"] == 1.0


def test_the_truth_of_more_patients_can_be_added(effects):
    later = effects.rows.index[40:43]
    added = effects_on_true_log_odds(effects, COHORT, later, n_particles=60)
    assert added.index.equals(later)
    assert tuple(added) == FACTORS
    assert added.notna().all(axis=None)
    again = effects_on_true_log_odds(effects, COHORT, later, n_particles=60, seed=1)
    assert 0 < (again - added).abs().to_numpy().mean() < 2


@pytest.fixture(scope="module")
def of_mechanisms(model, effects):
    """Agreement of a model that has mechanism contributions, and of one that has none."""
    taught = model.__class__(n_trees=40).fit(*generate_cohort(1_200, seed=1).training_data())
    taught.mechanisms_ = learn_mechanisms(taught, n_patients=2_000)
    return evaluate_faithfulness(taught, effects)


def test_mechanism_contributions_are_compared_where_the_model_has_them(found, of_mechanisms):
    assert "mechanisms" not in found
    assert of_mechanisms["agreement"] == found["agreement"]
    mechanisms = of_mechanisms["mechanisms"]
    assert (
        mechanisms["outside"] + row({"agreement": mechanisms["alone"]}, "genetics")["n"] == found["agreement"][0]["n"]
    )


def test_mechanism_contributions_follow_the_endotype_where_shap_does_not(found, of_mechanisms):
    for factor in ("environment", "patient_context"):
        shap = row(found, factor)["endotype"]["spearman"]
        expected = row({"agreement": of_mechanisms["mechanisms"]["endotype"]}, factor)["endotype"]["spearman"]
        assert expected["lower"] > shap["upper"]


def test_intervals_of_mechanism_contributions_cover_the_effects(of_mechanisms):
    for kind, by_factor in of_mechanisms["mechanisms"]["coverage"].items():
        assert tuple(by_factor) == FACTORS, kind
        assert all(0.8 < proportion <= 1.0 for proportion in by_factor.values()), kind
    assert of_mechanisms["mechanisms"]["coverage"]["endotype"]["adherence"] == 1.0


def test_models_of_other_classes_are_refused(effects):
    X, y = generate_cohort(300, seed=1).training_data(("mixed_granulocytic", "paucigranulocytic"))
    other = PhenotypeClassifier(n_trees=5).fit(X[["feno_ppb"]], y)
    with pytest.raises(UnusableInputError, match="th2_high and neutrophilic_th2_low only"):
        evaluate_faithfulness(other, effects)


def test_a_cohort_without_the_two_classes_is_refused():
    with pytest.raises(UnusableInputError, match="no patient is labelled"):
        true_effects(TwinCohort(20, seed=2, where="phenotype == 'mixed_granulocytic'"))


def test_a_mean_of_no_patients_is_none(model, effects):
    of_one = replace(effects, log_odds=effects.log_odds.head(1))
    of_few = evaluate_faithfulness(model, of_one)
    json.dumps(of_few, allow_nan=False)
    means = [r["mean_abs_true_effect"] for r in of_few["agreement"] if "mean_abs_true_effect" in r]
    assert None in means


def test_true_log_odds_are_optional(effects):
    quick = true_effects(TwinCohort(200, seed=2))
    assert quick.log_odds.empty
    pd.testing.assert_index_equal(quick.endotype.columns, effects.endotype.columns)
