"""A prediction is told as a call only where it may be relied on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.explanation import MINIMUM_PROBABILITY, judge_calls, not_considered
from asthma_ml.variables import FOUR_CLASSES, TWO_CLASSES
from tests.synthetic_patients import fitted_classifier, synthetic_patients


@pytest.fixture(scope="module")
def easy_going():
    """A model that is content with little confidence, so that hardly a set holds both classes."""
    return PhenotypeClassifier(n_trees=20, confidence=0.6).fit(*synthetic_patients(600))


def test_a_set_of_one_class_is_no_call_while_the_probability_is_close_to_even(easy_going):
    X, _ = synthetic_patients(2000, seed=7)
    calls = judge_calls(easy_going, easy_going.encode(X))
    single = (calls.in_set.sum(axis=1) == 1) & (calls.out_of_range == "")
    close = single & (calls.probability.max(axis=1) < MINIMUM_PROBABILITY)
    assert close.sum() > 20
    assert set(calls.status[close]) == {"abstained"}
    i = np.flatnonzero(close)[0]
    assert calls.abstained[i] == f"the probability of {calls.probability[i].max():.2f} is too close to even"
    assert calls.probability[calls.status == "ok"].max(axis=1).min() >= MINIMUM_PROBABILITY


def test_calls_are_right_twice_as_often_as_wrong():
    model = fitted_classifier()
    X, y = synthetic_patients(3000, seed=6)
    calls = judge_calls(model, model.encode(X))
    for name in model.classes_:
        assert np.mean(y[calls.called == name] == name) > MINIMUM_PROBABILITY


def test_the_called_class_is_always_the_one_in_the_set():
    """A rare class may be left alone in the set of a patient of whom the common one is more probable."""
    X, y = synthetic_patients(900)
    keep = (y == "th2_high") | (np.arange(900) % 20 == 0)
    model = PhenotypeClassifier(n_trees=20, confidence=0.5).fit(X[keep], y[keep])
    calls = judge_calls(model, model.encode(X))
    ok = calls.status == "ok"
    assert (model.classes_[calls.in_set[ok].argmax(axis=1)] == calls.called[ok]).all()


def test_no_patients_give_no_calls():
    model = fitted_classifier()
    assert len(judge_calls(model, model.encode(pd.DataFrame(columns=["feno_ppb"], dtype=float))).called) == 0


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (TWO_CLASSES, "mixed and paucigranulocytic disease cannot be named"),
        (FOUR_CLASSES[:3], "paucigranulocytic disease cannot be named"),
        (FOUR_CLASSES, ""),
        (("a", "b"), ""),
    ],
)
def test_a_model_says_which_disease_it_cannot_name(classes, said):
    assert not_considered(classes) == said
