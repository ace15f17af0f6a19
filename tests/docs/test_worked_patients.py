"""Worked patients: explanations of the shipped model that a physician would accept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from worked_patients import places_of_stories, stories, worked_patients_page

from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import ADDITIVITY_TOLERANCE, explain
from asthma_ml.explanation.what_if import without_treatment
from asthma_ml.inference import abduct
from asthma_ml.model_files.files import load_model
from asthma_ml.model_files.shipped import example_patients_path, shipped_model_path
from asthma_ml.patients import read_patients
from asthma_ml.variables import FACTORS

DOCS = Path(__file__).parents[2] / "docs"
ALLERGIC, NEUTROPHILIC, MASKED, NON_ADHERENT = range(4)


@pytest.fixture(scope="module")
def explanation():
    model, patients = load_model(shipped_model_path()), read_patients(example_patients_path())
    explanation = explain(model, patients, method="mechanisms")
    assert list(places_of_stories(explanation).values()) == [ALLERGIC, NEUTROPHILIC, MASKED, NON_ADHERENT]
    return explanation


def test_committed_page_is_up_to_date(explanation):
    committed = (DOCS / "worked_patients.md").read_text(encoding="utf-8")
    figures = {name: f"worked_patients_{name}.svg" for name in stories()}
    assert committed == worked_patients_page(explanation, figures), (
        "the model or the sentences changed: run `make docs`"
    )
    for figure in figures.values():
        assert (DOCS / figure).read_bytes().startswith(b"<?xml")


def mechanism(explanation, i, factor):
    """Expected contribution of a factor in the causal model and its interval."""
    found, k = explanation.mechanisms, FACTORS.index(factor)
    return found.values[i, k], found.low[i, k], found.high[i, k]


def test_both_explanations_add_up_to_the_same_log_odds(explanation):
    found = explanation.mechanisms
    for i in (ALLERGIC, NEUTROPHILIC, MASKED, NON_ADHERENT):
        assert explanation.base[i] + explanation.factor_values[i].sum() == pytest.approx(explanation.log_odds[i])
        total = found.base[i] + found.values[i].sum() + found.remainder[i]
        assert total == pytest.approx(explanation.log_odds[i], abs=ADDITIVITY_TOLERANCE)


def test_allergic_eosinophilic_asthma_is_classified_by_its_markers(explanation):
    assert explanation.calls.called[ALLERGIC] == "th2_high"
    assert explanation.factors.iloc[ALLERGIC].idxmax() == "immune_profile"
    assert re.search(
        r"supporting findings: .*FeNO 78 ppb.*blood eosinophils 620 cells/uL", explanation.sentence(ALLERGIC, "short")
    )
    assert "is associated with" in explanation.sentence(ALLERGIC, "long")
    assert "oral steroid is associated with fewer" not in explanation.sentence(ALLERGIC)
    assert mechanism(explanation, ALLERGIC, "immune_profile")[1] > 0


def test_prescribing_that_moves_the_model_is_no_mechanism(explanation):
    by_shap = explanation.factors.iloc[ALLERGIC]["patient_context"]
    assert by_shap < 3 * mechanism(explanation, ALLERGIC, "patient_context")[0] < 0


def test_ex_smoker_with_infections_is_classified_as_neutrophilic(explanation):
    assert explanation.calls.called[NEUTROPHILIC] == "neutrophilic_th2_low"
    value, _, high = mechanism(explanation, NEUTROPHILIC, "environment")
    assert 2 * explanation.factors.iloc[NEUTROPHILIC]["environment"] > value
    assert high < 0
    assert "exposure with past smoking takes away 1." in explanation.sentence(NEUTROPHILIC)
    assert "putum neutrophils 81.5 % of non-squamous cells (-" in explanation.sentence(NEUTROPHILIC, "long")
    assert "igh inhaled steroid dose is associated with lower FeNO" in explanation.sentence(NEUTROPHILIC)


def test_patient_masked_by_oral_steroid_is_not_classified_as_neutrophilic(explanation):
    assert explanation.calls.called[MASKED] != "neutrophilic_th2_low"
    features = explanation.features.iloc[MASKED]
    assert features["blood_eosinophils_cells_ul"] < 0 < features["blood_eosinophils_max_cells_ul"]
    assert features["ocs_dose_mg_day"] > 0
    assert "aintenance oral steroid is associated with fewer eosinophils and lower FeNO" in explanation.sentence(MASKED)
    value, low, high = mechanism(explanation, MASKED, "immune_profile")
    assert explanation.factors.iloc[MASKED]["immune_profile"] < 2 * value < 0
    assert low < 0 < high


def test_twins_without_the_oral_steroid_have_the_markers_that_it_masks(explanation):
    patient = explanation.patients.iloc[[MASKED]]
    twins = without_treatment(explanation.game.model, patient, abduct(patient))
    assert twins.asked == ("ocs_dose_mg_day",)
    for name, value in twins.markers.items():
        assert value > 1.2 * patient[name].item()


def test_poor_adherence_is_discounted_and_checked_first(explanation):
    assert explanation.factors.iloc[NON_ADHERENT]["adherence"] < -0.2
    assert mechanism(explanation, NON_ADHERENT, "adherence")[0] > 0.2
    immune = mechanism(explanation, NON_ADHERENT, "immune_profile")[0]
    assert immune < explanation.factors.iloc[NON_ADHERENT]["immune_profile"] / 2
    sentence = explanation.sentence(NON_ADHERENT)
    assert "missed doses or poor technique add 0." in sentence
    assert "Poor adherence is associated with higher FeNO and more eosinophils" in sentence
    assert "Check adherence and inhaler technique first: recorded adherence is below 80 %" in sentence


def test_table_without_the_worked_patients_is_refused(explanation):
    with pytest.raises(UnusableInputError, match="no patient 0001, 0002, 0003, 0004"):
        places_of_stories(explain(explanation.game.model, explanation.patients.iloc[4:]))
