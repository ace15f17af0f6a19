"""Smallest plausible change of a record that changes the call."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import generate_cohort
from asthma_ml.decisions import decide_calls
from asthma_ml.explanation.what_if import BETTER, PRESCRIBED, smallest_change
from asthma_ml.variables import data_dictionary


@pytest.fixture(scope="module")
def model():
    return PhenotypeClassifier(n_trees=20).fit(*generate_cohort(1_500, seed=1).training_data())


@pytest.fixture(scope="module")
def patients():
    return generate_cohort(60, seed=2).observed


def called(model, patient):
    return decide_calls(model, model.encode(patient)).called[0]


@pytest.fixture(scope="module")
def found(model, patients):
    return {i: smallest_change(model, patients.iloc[[i]], most_columns=2) for i in range(25)}


def test_found_change_changes_the_call(model, patients, found):
    changed = {i: what for i, what in found.items() if what is not None}
    assert changed
    for i, what in changed.items():
        altered = patients.iloc[[i]].assign(**what.change)
        assert called(model, altered) == what.called != called(model, patients.iloc[[i]])
        assert decide_calls(model, model.encode(altered)).probability.max() == pytest.approx(what.probability)


def test_single_columns_are_tried_before_pairs(model, patients, found):
    for i, what in found.items():
        if what is not None and len(what.change) == 2:
            assert smallest_change(model, patients.iloc[[i]], most_columns=1) is None


def test_categories_and_integers_give_the_result_of_text_and_decimals(model, patients, found):
    texts = [name for name, column in patients.items() if column.dtype == "str"]
    for i in range(10):
        whole = {"ics_dose_ug_day": "int64", "age_years": "int64"}
        patient = patients.iloc[[i]].astype({**dict.fromkeys(texts, "category"), **whole})
        assert smallest_change(model, patient, most_columns=2) == found[i]


def test_only_changeable_columns_change_and_behaviour_only_improves(patients, found):
    for i, what in found.items():
        for name, value in (what.change if what else {}).items():
            now = patients.iloc[i][name]
            assert name in {*BETTER, *PRESCRIBED}
            assert value != now
            assert pd.notna(now)
            if name == "ics_adherence_fraction":
                assert value > now
            if name == "smoking_status":
                assert (now, value) == ("current", "former")


def test_model_without_changeable_features_has_no_change(patients):
    X, y = generate_cohort(500, seed=1).training_data()
    fixed = PhenotypeClassifier(n_trees=5).fit(X[["feno_ppb", "age_years"]], y)
    assert smallest_change(fixed, patients.iloc[[0]]) is None


def test_sentence_says_that_it_is_a_what_if_of_the_model(found):
    what = next(what for what in found.values() if what is not None)
    sentence = what.sentence()
    assert sentence.startswith("What-if of the model, not a forecast: ")
    assert sentence.endswith("In a patient the markers would change as well.")


def test_plausible_values_are_of_features_and_within_their_limits():
    dictionary = data_dictionary()
    for name, values in {**BETTER, **PRESCRIBED}.items():
        variable = dictionary[name]
        allowed = variable.levels or variable.limits or (0, 1)
        assert all(v in allowed if variable.levels else min(allowed) <= v <= max(allowed) for v in values)
    assert np.all([dictionary[name].is_feature for name in BETTER])
