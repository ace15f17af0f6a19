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


def test_the_data_dictionary_a_compiled_model_and_read_patients_are_represented_on_a_line():
    read = aml.read_patients(pd.DataFrame({"patient_id": ["007", "8"], "FeNO": [62, 30]})).read
    assert repr(read) == "<ReadPatients: 2 patients, 2 variables>"
    assert repr(aml.data_dictionary()) == "<DataDictionary of 56 variables, 53 features>"
    model = aml.load_model("shipped", compiled=True)
    assert repr(model) == "<CompiledClassifier of 2 classes, 53 features>"


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


def test_a_page_shows_no_more_than_five_patients_and_ten_lines_of_problems():
    names = [f"patient-{i}" for i in range(30)]
    unread = {f"{word} FeNO": [1.0] * 30 for word in ("log", "z", "mean", "max", "min", "sd", "rank", "delta", "old")}
    table = aml.read_patients(
        pd.DataFrame({"patient_id": names, "neutrophils": [4310.4] * 30, "age": range(30, 60)} | unread)
    )
    page = table._repr_html_()
    assert [name for name in names if name in page] == names[:5]
    assert page.count("<br>") <= 10
    assert "4310" in page


def test_the_page_of_an_explanation_names_class_and_probability(shown):
    page = next(each for each in shown.values() if isinstance(each, aml.explanation.Explanation))._repr_html_()
    assert "<th>explained_class</th>" in page
    assert "<th>probability</th>" in page
    assert "<th>...</th>" not in page
