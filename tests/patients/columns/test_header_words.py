"""Order, spelling and filler of a header do not matter; a word that changes the quantity always does."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from asthma_ml.patients.columns.header_forms import recognise
from asthma_ml.patients.columns.header_words import changes, split_header
from asthma_ml.patients.columns.matching import unit_in_name, variable_of_name
from asthma_ml.variables import data_dictionary

FEATURES = [variable for variable in data_dictionary().values() if variable.is_feature]
# `cat__` is also a step of scikit-learn.
NAMES = [(name, each.name) for each in FEATURES for name in (each.name, *each.aliases) if not re.search(r"[^\w]", name)]
# Words of names themselves: the highest eosinophils, genotypes, expression as a logarithm.
OWN_WORDS = {word for each in FEATURES for name in (each.name, *each.aliases) for word in split_header(name).words}

named = st.sampled_from([(name, target) for name, target in NAMES if "_" in name])
between = st.sampled_from([" ", "_", ".", "-", "  ", "__", " / "])
styles = st.sampled_from([str.lower, str.upper, str.title, str])
ends = st.sampled_from(
    ["", "_v1", "_V2", " Visit 2", "_baseline", "_bl", ".x", ".y", " (baseline)", "_t0", " at visit"]
)
begins = st.sampled_from(["", "num__", "cat__", "remainder__", "Baseline ", "current_", "\ufeff", "\u200b"])


@given(named, between, styles, ends, begins)
def test_separators_case_and_visits_do_not_matter(named, between, style, end, begin) -> None:  # type: ignore[no-untyped-def]
    name, target = named
    words = style(between.join(name.split("_")))
    if target != "smoking_status":  # a current smoker is a level, not a visit
        assert variable_of_name(f"{begin}{words}{end}") == target


@given(named, st.randoms(use_true_random=False), st.sampled_from(["value", "result", "level", "measurement", "of the"]))
def test_order_and_filler_do_not_matter(named, random, filler) -> None:  # type: ignore[no-untyped-def]
    name, target = named
    words = [*split_header(name).words, filler]
    random.shuffle(words)
    found = recognise(" ".join(words))
    if not split_header(name).unit and target != "asthma_education":
        assert found is not None
        assert found.target == target


@given(st.sampled_from(NAMES), st.sampled_from(sorted(changes().keys() - OWN_WORDS - {"cat"})), between, st.booleans())
def test_a_word_that_changes_the_quantity_prevents_the_match(named, word, between, before) -> None:  # type: ignore[no-untyped-def]
    name, target = named
    assume(not (target == "acq6_score" and split_header(word).words == ("mean",)))  # the score is a mean of items
    header = f"{word}{between}{name}" if before else f"{name}{between}{word}"
    assert variable_of_name(header) != target


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("blood_eosinophils_x10_3_uL", "10^3/uL"),
        ("Eos.10.9.L", "10^9/L"),
        ("EOS (x10⁹/L)", "10^9/L"),
        ("eos_10e9_l", "10^9/L"),
        ("eosinophils G/L at baseline", "10^9/L"),
        ("AEC cells per uL", "cells/uL"),
        ("ANC_k_ul_v1", "10^3/uL"),
        ("IgE..kU.L.", "kU/L"),
        ("total_ige_iu_ml_bl", "IU/mL"),
        ("FEV1 (% pred)", "% predicted"),
        ("fev1_percent_pred_v2", "% predicted"),
        ("OCS dose mg per day", "mg/day"),
        ("PM2.5 (µg/m³)", "ug/m3"),
        ("Age (yrs)", "years"),
        ("BMI..kg.m2.", "kg/m2"),
    ],
)
def test_units_are_found_in_any_place_and_spelling(header: str, unit: str) -> None:
    assert unit_in_name(header) == unit
