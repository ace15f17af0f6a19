"""A prediction is told as a call only where it may be relied on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.decisions import ABSTENTION_REASONS, MINIMUM_PROBABILITY, decide_calls, unmodelled_classes_clause
from asthma_ml.variables import FOUR_CLASSES, TWO_CLASSES
from tests.synthetic_patients import fitted_classifier, synthetic_patients


@pytest.fixture(scope="module")
def easy_going():
    """A model that is content with little confidence, so that hardly a set holds both classes."""
    return PhenotypeClassifier(n_trees=20, confidence=0.6).fit(*synthetic_patients(600))


def test_a_set_of_one_class_is_no_call_while_the_probability_is_close_to_even(easy_going):
    X, _ = synthetic_patients(2000, seed=7)
    calls = decide_calls(easy_going, easy_going.encode(X))
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
    calls = decide_calls(model, model.encode(X))
    for name in model.classes_:
        assert np.mean(y[calls.called == name] == name) > MINIMUM_PROBABILITY


def test_the_called_class_is_always_the_one_in_the_set():
    """A rare class may be left alone in the set of a patient of whom the common one is more probable."""
    X, y = synthetic_patients(900)
    keep = (y == "th2_high") | (np.arange(900) % 20 == 0)
    model = PhenotypeClassifier(n_trees=20, confidence=0.5).fit(X[keep], y[keep])
    calls = decide_calls(model, model.encode(X))
    ok = calls.status == "ok"
    assert (model.classes_[calls.in_set[ok].argmax(axis=1)] == calls.called[ok]).all()


def test_no_patients_give_no_calls():
    model = fitted_classifier()
    assert len(decide_calls(model, model.encode(pd.DataFrame(columns=["feno_ppb"], dtype=float))).called) == 0


@pytest.fixture(scope="module")
def doubtful():
    """A model with a companion, and patients of all four classes whom it has not seen."""
    X, y = synthetic_patients(900, n_classes=4)
    two = np.isin(y, TWO_CLASSES)
    model = PhenotypeClassifier(n_trees=20).fit(X[two], y[two]).fit_auxiliary(X, y)
    fresh, labels = synthetic_patients(1500, seed=5, n_classes=4)
    return model, fresh, labels


def test_every_doubt_is_met_and_told(doubtful):
    model, patients, _ = doubtful
    patients = patients.copy()
    markers = [name for name in model.feature_names_in_ if model.encode(patients[:1])[name].dtype == "float32"]
    patients.loc[patients.index[:100], markers] = np.nan
    patients.loc[patients.index[100:200], "feno_ppb"] = 390.0
    calls = decide_calls(model, model.encode(patients))
    assert set(calls.abstention_reason) == {"", *ABSTENTION_REASONS} - {"uncalibrated"}
    assert ((calls.abstention_reason == "") == (calls.status == "ok")).all()
    assert set(calls.abstention_reason[:100]) == {"too little information"}
    assert set(calls.abstention_reason[100:200]) == {"outside the training range"}


def test_a_patient_of_a_disease_that_the_model_does_not_name_is_told_so(doubtful):
    model, patients, labels = doubtful
    calls = decide_calls(model, model.encode(patients))
    recognised = calls.p_unmodelled >= model.unmodelled_threshold_
    assert (calls.status[recognised] != "ok").all()
    said = "mixed or paucigranulocytic disease, which this model does not name, has a probability of "
    said += f"{calls.p_unmodelled[recognised][0]:.2f}"
    assert said in calls.abstained[recognised][0]
    assert np.mean(calls.abstention_reason[~np.isin(labels, TWO_CLASSES)] == "no class plausible") > 0.4


def test_too_few_patients_give_no_calls_but_the_word_uncalibrated():
    X, y = synthetic_patients(60)
    few = (y == "th2_high") | (np.cumsum(y != "th2_high") <= 6)
    model = PhenotypeClassifier(n_trees=5).fit(X[few], y[few])
    calls = decide_calls(model, model.encode(X[few]))
    assert set(calls.abstention_reason) == {"uncalibrated"}
    assert set(calls.status) == {"abstained"}
    assert "too few neutrophilic Th2-low patients to calibrate a prediction set" in calls.no_call[0]


def test_the_gaps_are_blamed_where_most_of_what_counts_was_not_measured():
    """FeNO alone leaves most patients open; with everything measured the same patients are between two classes."""
    model = fitted_classifier()
    X, _ = synthetic_patients(300, seed=9)
    measured = X["feno_ppb"].notna().to_numpy()
    alone = decide_calls(model, model.encode(X[["feno_ppb"]]))
    blamed = alone.abstained[measured & (alone.abstention_reason == "too little information")]
    assert "several classes plausible" not in alone.abstention_reason
    assert len(blamed) > 20
    assert all(reason.startswith("less than half of what the model goes by was measured; ") for reason in blamed)
    assert "too little information" not in decide_calls(model, model.encode(X[measured])).abstention_reason


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
    assert unmodelled_classes_clause(classes) == said
