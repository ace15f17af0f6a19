"""Four patients whose reasons a physician would accept, told by the shipped model as it is today."""

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
ALLERGIC, NEUTROPHILIC, MASKED, UNTAKEN = range(4)


@pytest.fixture(scope="module")
def told():
    explanation = explain(load_model(shipped_model_path()), read_patients(example_patients_path()))
    assert list(places_of_stories(explanation).values()) == [ALLERGIC, NEUTROPHILIC, MASKED, UNTAKEN]
    return explanation


def test_the_document_is_what_the_model_says_today(told):
    committed = (DOCS / "worked_patients.md").read_text(encoding="utf-8")
    figures = {name: f"worked_patients_{name}.svg" for name in stories()}
    assert committed == worked_patients_page(told, figures), "the model or the words changed: run `make docs`"
    for figure in figures.values():
        assert (DOCS / figure).read_bytes().startswith(b"<?xml")


def test_allergic_eosinophilic_asthma_is_called_for_its_markers(told):
    assert told.calls.called[ALLERGIC] == "th2_high"
    assert told.factors.iloc[ALLERGIC].idxmax() == "immune_profile"
    assert re.search(r"for it .*FeNO 78 ppb.*blood eosinophils 620 cells/uL", told.sentence(ALLERGIC, "short"))
    assert "goes with" in told.sentence(ALLERGIC, "long")
    assert "oral steroid goes with fewer" not in told.sentence(ALLERGIC)


def test_an_ex_smoker_with_infections_is_called_neutrophilic_and_his_exposure_points_the_same_way(told):
    assert told.calls.called[NEUTROPHILIC] == "neutrophilic_th2_low"
    assert told.pushes().iloc[NEUTROPHILIC]["environment"] > 0
    assert "putum neutrophils 81.5 % of non-squamous cells (+" in told.sentence(NEUTROPHILIC, "long")
    assert "igh inhaled steroid dose goes with lower FeNO" in told.sentence(NEUTROPHILIC)


def test_a_patient_masked_by_oral_steroid_is_not_called_neutrophilic(told):
    assert told.calls.called[MASKED] != "neutrophilic_th2_low"
    features = told.features.iloc[MASKED]
    assert features["blood_eosinophils_cells_ul"] < 0 < features["blood_eosinophils_max_cells_ul"]
    assert features["ocs_dose_mg_day"] > 0
    assert "aintenance oral steroid goes with fewer eosinophils and lower FeNO" in told.sentence(MASKED)


def test_poor_adherence_is_discounted_and_sent_to_a_check_first(told):
    assert told.factors.iloc[UNTAKEN]["adherence"] < -0.2
    sentence = told.sentence(UNTAKEN)
    assert "Poor adherence goes with higher FeNO and more eosinophils" in sentence
    assert "Check the treatment first: fewer than 80% of the prescribed doses" in sentence


def test_a_table_without_the_worked_patients_is_refused(told):
    with pytest.raises(UnusableInputError, match="no patient 0001, 0002, 0003, 0004"):
        places_of_stories(explain(told.game.model, told.patients.iloc[4:]))
