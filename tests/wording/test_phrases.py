"""Every column, class and factor has words; every statement about the disease has a source; none claims causation."""

from __future__ import annotations

import numpy as np
import pytest

from asthma_ml.evidence import evidence_table
from asthma_ml.variables import FACTORS, FOUR_CLASSES, data_dictionary
from asthma_ml.wording import describe_finding, listed, phrases


@pytest.mark.parametrize("name", data_dictionary().features)
def test_every_feature_has_words_measured_and_missing(name):
    variable = data_dictionary()[name]
    value = variable.levels[-1] if variable.levels else 1.0
    assert describe_finding(name, value).startswith(variable.label)
    recorded = variable.factor in ("environment", "adherence", "patient_context")
    expected = f"{variable.label} not {'recorded' if recorded else 'measured'}"
    assert describe_finding(name, np.nan) == describe_finding(name, None) == expected


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("feno_ppb", 62.0, "fractional exhaled nitric oxide at 50 mL/s 62 ppb"),
        ("feno_ppb", None, "fractional exhaled nitric oxide at 50 mL/s not measured"),
        ("fev1_fvc_ratio", 0.62, "FEV1/FVC before bronchodilator 0.62"),
        ("ocs_dose_mg_day", 7.5, "maintenance oral corticosteroid, prednisolone-equivalent 7.5 mg/day"),
        ("atopy", 0.0, "atopy (positive skin prick or specific IgE): no"),
        ("biologic", None, "biologic therapy in use not recorded"),
        ("biologic", "anti_il4r", "biologic therapy in use: anti-IL-4R"),
        ("biologic", 2.0, "biologic therapy in use: anti-IL-5"),
        ("biologic", 17.0, "biologic therapy in use 17"),
        ("home_made_index", 0.25, "home_made_index 0.25"),
    ],
)
def test_worked_findings(name, value, words):
    assert describe_finding(name, value) == words


def test_lists_read_as_english():
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


def test_every_feature_has_a_short_name_and_a_mechanism():
    features = data_dictionary().features
    assert all(phrases.mechanism(name) and "_" not in phrases.short_name(name) for name in features)
    assert len({phrases.short_name(name) for name in features}) == len(features)
    assert phrases.mechanism("home_made_index") == ""
    assert phrases.short_name("home_made_index") == "home_made_index"


def test_every_class_and_factor_has_a_name_without_underscores():
    assert not any("_" in phrases.plain_name(name) for name in (*FOUR_CLASSES, *FACTORS))


def test_every_statement_about_the_disease_has_a_source_or_is_marked_as_assumed():
    known = {"assumed", *evidence_table().index}
    for name, sources in phrases.sources().items():
        assert sources, name
        assert set(sources) <= known, name


def test_no_statement_claims_causation():
    claims = {"cause", "causes", "caused", "because", "due", "leads", "therefore"}
    statements = [phrases.mechanism(name) for name in data_dictionary().features]
    statements += [phrases.masking_text(name) for name in phrases.sources()]
    assert not claims & set(" ".join(statements).lower().replace(",", " ").split())
