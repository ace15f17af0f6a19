"""What the explanation credits to a factor, beside what the factor does to the same patients."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from attributions import against_background, attributions

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.causal.faithfulness import REFERENCES, agreement, evaluate_faithfulness, true_effects
from asthma_ml.evaluation.causal.twins import TwinCohort
from asthma_ml.variables import FACTORS, TWO_CLASSES


@pytest.fixture(scope="module")
def model():
    return PhenotypeClassifier(n_trees=40).fit(*generate_cohort(1_200, seed=1).training_data())


@pytest.fixture(scope="module")
def effects():
    return true_effects(TwinCohort(500, seed=2), limit_patients=40, n_particles=60)


@pytest.fixture(scope="module")
def judged(model, effects):
    return evaluate_faithfulness(model, effects)


def row(judged, factor, label="all"):
    return next(r for r in judged["agreement"] if (r["factor"], r["label"]) == (factor, label))


def test_every_factor_has_a_reference_and_only_patients_of_both_classes_are_asked(effects):
    assert tuple(REFERENCES) == FACTORS
    assert set(effects.rows["phenotype"]) == set(TWO_CLASSES)
    for twin in effects.twins.values():
        assert twin.index.equals(effects.rows.index)


def test_taking_the_doses_moves_the_markers_and_never_the_endotype(effects):
    assert (effects.endotype["adherence"] == 0).all()
    untaken = effects.rows["ics_adherence_fraction"] < 0.4
    fall = (effects.rows["feno_ppb"] - effects.twins["adherence"]["feno_ppb"])[untaken]
    assert fall.median() > 0


def test_typical_drives_make_th2_high_patients_less_so_and_neutrophilic_ones_more(effects):
    by_label = effects.endotype["immune_profile"].groupby(effects.rows["phenotype"]).mean()
    assert by_label["th2_high"] > 0 > by_label["neutrophilic_th2_low"]


def test_smoking_and_bacteria_make_patients_neutrophilic(effects):
    smokers = effects.rows["smoking_status"] == "current"
    assert effects.endotype.loc[smokers, "environment"].mean() < -0.5


def test_the_true_log_odds_follow_the_drives(effects):
    asked = effects.log_odds["immune_profile"].dropna()
    assert len(asked) == 40
    assert np.corrcoef(asked.rank(), effects.endotype.loc[asked.index, "immune_profile"].rank())[0, 1] > 0.4


def test_the_immune_profile_agrees_in_rank_and_sign(judged):
    found = row(judged, "immune_profile")
    assert found["endotype"]["spearman"]["lower"] > 0.5
    assert found["endotype"]["sign"]["lower"] > 0.6
    assert found["log_odds"]["spearman"]["value"] > 0.3


def test_markers_stand_in_for_adherence_and_that_is_said(judged):
    assert row(judged, "adherence")["endotype"]["spearman"] is None
    credit, proxy = judged["credit"]["adherence"], judged["adherence_proxy"]
    assert credit["immune_profile"] > 0.1
    assert proxy["immune_profile"] > 0 > proxy["adherence"]
    assert proxy["endotype"] == 0.0


def test_what_moves_a_value_adds_up_to_what_moves_the_log_odds(judged):
    proxy = judged["adherence_proxy"]
    assert sum(proxy[factor] for factor in FACTORS) == pytest.approx(proxy["log_odds"], abs=1e-6)


def test_a_model_of_one_factor_credits_no_other(effects):
    X, y = generate_cohort(600, seed=1).training_data()
    alone = PhenotypeClassifier(n_trees=10).fit(X[["smoking_status", "pack_years"]], y)
    credit = evaluate_faithfulness(alone, effects)["credit"]
    assert all(size == 0 for moved in credit.values() for name, size in moved.items() if name != "environment")
    assert credit["environment"]["environment"] > 0
    assert credit["genetics"]["environment"] == 0


@pytest.fixture(scope="module")
def ways():
    everything = {name: value for do in REFERENCES.values() for name, value in do.items()}
    background, reference = (generate_cohort(400, seed=3, do=do).observed for do in ({}, everything))
    return attributions(background, reference)


def test_every_way_credits_all_but_a_constant(ways, model, effects):
    log_odds = model.decision_function(model.encode(effects.rows))
    for name in ("sums of features (as shipped)", "factors as players", "causal order"):
        rest = log_odds - ways[name](model, effects.rows).sum(axis=1)
        assert np.ptp(rest) < 1e-6, name


def test_among_patients_of_the_same_treatment_the_treatment_has_less_to_say(ways, model, effects):
    size = {name: attribute(model, effects.rows)["patient_context"].abs().mean() for name, attribute in ways.items()}
    assert size["background: same treatment"] < 0.8 * size["background: all patients"]


def test_reference_patients_have_no_value_of_their_own_against_themselves(ways, model):
    reference = generate_cohort(400, seed=3, do=REFERENCES["adherence"]).observed
    found = against_background(model, reference, reference)
    assert found.mean().abs().max() < 0.15


def test_in_causal_order_the_environment_answers_for_what_it_does_to_the_markers(ways, model, effects):
    smokers = effects.rows["smoking_status"] == "current"
    credited = {name: ways[name](model, effects.rows)["environment"] for name in ("factors as players", "causal order")}
    apart = {name: value[smokers].mean() - value[~smokers].mean() for name, value in credited.items()}
    assert apart["causal order"] < apart["factors as players"]
    assert apart["causal order"] < -0.5


def test_agreement_knows_its_opposite():
    true = np.linspace(-1, 1, 60)
    opposite = agreement(-true, true, least=0.1)
    assert opposite["spearman"]["value"] == pytest.approx(-1)
    assert opposite["sign"]["value"] == 0


def test_models_of_other_classes_are_refused(effects):
    X, y = generate_cohort(300, seed=1).training_data(("mixed_granulocytic", "paucigranulocytic"))
    other = PhenotypeClassifier(n_trees=5).fit(X[["feno_ppb"]], y)
    with pytest.raises(UnusableInputError, match="th2_high and neutrophilic_th2_low only"):
        evaluate_faithfulness(other, effects)


def test_without_a_patient_of_the_two_classes_nothing_is_compared():
    with pytest.raises(UnusableInputError, match="none of these patients"):
        true_effects(TwinCohort(20, seed=2, where="phenotype == 'mixed_granulocytic'"))


def test_what_nobody_shows_is_none_and_no_number(model, effects):
    of_one = replace(effects, log_odds=effects.log_odds.head(1))
    judged = evaluate_faithfulness(model, of_one)
    json.dumps(judged, allow_nan=False)
    assert any(found["mean_true"] is None for found in judged["agreement"] if "mean_true" in found)


def test_effects_without_true_log_odds_cost_nothing(effects):
    quick = true_effects(TwinCohort(200, seed=2))
    assert quick.log_odds.empty
    pd.testing.assert_index_equal(quick.endotype.columns, effects.endotype.columns)
