"""Worked patients: explanations of the shipped model that a physician would accept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from worked_patients import places_of_stories, stories, worked_patients_page

from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import explain
from asthma_ml.model_files.files import load_model
from asthma_ml.model_files.shipped import example_patients_path, shipped_model_path
from asthma_ml.patients import read_patients

DOCS = Path(__file__).parents[2] / "docs"
ALLERGIC, NEUTROPHILIC, MASKED, NON_ADHERENT = range(4)


@pytest.fixture(scope="module")
def explanation():
    explanation = explain(load_model(shipped_model_path()), read_patients(example_patients_path()))
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


def test_allergic_eosinophilic_asthma_is_classified_by_its_markers(explanation):
    assert explanation.calls.called[ALLERGIC] == "th2_high"
    assert explanation.factors.iloc[ALLERGIC].idxmax() == "immune_profile"
    assert re.search(
        r"supporting findings: .*FeNO 78 ppb.*blood eosinophils 620 cells/uL", explanation.sentence(ALLERGIC, "short")
    )
    assert "is associated with" in explanation.sentence(ALLERGIC, "long")
    assert "oral steroid is associated with fewer" not in explanation.sentence(ALLERGIC)


def test_ex_smoker_with_infections_is_classified_as_neutrophilic(explanation):
    assert explanation.calls.called[NEUTROPHILIC] == "neutrophilic_th2_low"
    assert explanation.factors.iloc[NEUTROPHILIC]["environment"] < 0
    assert "putum neutrophils 81.5 % of non-squamous cells (-" in explanation.sentence(NEUTROPHILIC, "long")
    assert "igh inhaled steroid dose is associated with lower FeNO" in explanation.sentence(NEUTROPHILIC)


def test_patient_masked_by_oral_steroid_is_not_classified_as_neutrophilic(explanation):
    assert explanation.calls.called[MASKED] != "neutrophilic_th2_low"
    features = explanation.features.iloc[MASKED]
    assert features["blood_eosinophils_cells_ul"] < 0 < features["blood_eosinophils_max_cells_ul"]
    assert features["ocs_dose_mg_day"] > 0
    assert "aintenance oral steroid is associated with fewer eosinophils and lower FeNO" in explanation.sentence(MASKED)


def test_poor_adherence_is_discounted_and_checked_first(explanation):
    assert explanation.factors.iloc[NON_ADHERENT]["adherence"] < -0.2
    sentence = explanation.sentence(NON_ADHERENT)
    assert "Poor adherence is associated with higher FeNO and more eosinophils" in sentence
    assert "Check adherence and inhaler technique first: recorded adherence is below 80 %" in sentence


def test_table_without_the_worked_patients_is_refused(explanation):
    with pytest.raises(UnusableInputError, match="no patient 0001, 0002, 0003, 0004"):
        places_of_stories(explain(explanation.game.model, explanation.patients.iloc[4:]))
