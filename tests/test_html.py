"""What a notebook shows for a cohort, a table of patients, an explanation and a model card."""

from __future__ import annotations

import pandas as pd
import pytest

import asthma_ml as aml


@pytest.fixture(scope="module")
def shown() -> dict[str, object]:
    patients = aml.read_patients(pd.DataFrame({"FeNO": [62, -3], "patient_id": ["<b>007</b>", "8"]}))
    return {
        "<Cohort of 20 synthetic patients, preset severe_clinic, seed 4>": aml.generate_cohort(20, seed=4),
        "<PatientTable table in memory: 2 patients, 2 variables, 1 invalid>": patients,
        "<Explanation of 2 patients, 53 features, log-odds of ": aml.explain(aml.load_model("shipped"), patients),
        "<ModelCard of 2 classes, 53 features>": aml.read_card("shipped"),
    }


def test_representations_fit_on_a_line_and_say_what_the_object_is(shown):
    for text, each in shown.items():
        assert repr(each).startswith(text)
        assert len(repr(each)) < 100


def test_pages_are_short_escape_what_a_file_holds_and_say_that_this_is_research_software(shown):
    for each in shown.values():
        page = each._repr_html_()
        assert len(page) < 10_000
        assert "<b>007" not in page
        assert "not a medical device" in page


def test_the_page_of_a_table_says_what_was_read_under_another_name_and_what_is_wrong(shown):
    page = next(each for each in shown.values() if isinstance(each, aml.patients.PatientTable))._repr_html_()
    assert "FeNO as feno_ppb" in page
    assert "feno_ppb: line 3" in page or "feno_ppb" in page.split("problems", 1)[1]
