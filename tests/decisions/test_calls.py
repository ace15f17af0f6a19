"""When a prediction is a call, and why the model abstains from the others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.decisions import ABSTENTION_REASONS, MINIMUM_PROBABILITY, decide_calls, unmodelled_classes_clause
from asthma_ml.variables import FOUR_CLASSES, TWO_CLASSES
from asthma_ml.wording import listed, plain_name, rounded
from tests.synthetic_patients import fitted_classifier, synthetic_patients


@pytest.fixture(scope="module")
def low_confidence_model():
    """A model with a confidence of 60 %, of which few prediction sets contain both classes."""
    return PhenotypeClassifier(n_trees=20, confidence=0.6).fit(*synthetic_patients(600))


def test_set_of_one_class_is_no_call_if_the_probability_is_low(low_confidence_model):
    X, _ = synthetic_patients(2000, seed=7)
    calls = decide_calls(low_confidence_model, low_confidence_model.encode(X))
    single = (calls.in_set.sum(axis=1) == 1) & (calls.out_of_range == "")
    close = single & (calls.probability.max(axis=1) < MINIMUM_PROBABILITY)
    assert close.sum() > 20
    assert set(calls.status[close]) == {"abstained"}
    i = np.flatnonzero(close)[0]
    assert calls.abstained[i] == (
        f"the highest class probability, {calls.probability[i].max():.2f}, is below the threshold of 0.67"
    )
    assert calls.probability[calls.status == "ok"].max(axis=1).min() >= MINIMUM_PROBABILITY


def test_calls_are_right_at_least_twice_as_often_as_wrong():
    model = fitted_classifier()
    X, y = synthetic_patients(3000, seed=6)
    calls = decide_calls(model, model.encode(X))
    for name in model.classes_:
        assert np.mean(y[calls.called == name] == name) > MINIMUM_PROBABILITY


def test_called_class_is_always_the_one_in_the_set():
    """The set may contain a rare class alone although the common one is more probable."""
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
def abstaining():
    """A model with an auxiliary classifier, and new patients of all four classes."""
    X, y = synthetic_patients(900, n_classes=4)
    two = np.isin(y, TWO_CLASSES)
    model = PhenotypeClassifier(n_trees=20).fit(X[two], y[two]).fit_auxiliary(X, y)
    fresh, labels = synthetic_patients(1500, seed=5, n_classes=4)
    return model, fresh, labels


def test_every_reason_for_abstention_occurs(abstaining):
    model, patients, _ = abstaining
    patients = patients.copy()
    markers = [name for name in model.feature_names_in_ if model.encode(patients[:1])[name].dtype == "float32"]
    patients.loc[patients.index[:100], markers] = np.nan
    patients.loc[patients.index[100:200], "feno_ppb"] = 390.0
    calls = decide_calls(model, model.encode(patients))
    assert set(calls.abstention_reason) == {"", *ABSTENTION_REASONS} - {"uncalibrated"}
    assert ((calls.abstention_reason == "") == (calls.status == "ok")).all()
    assert set(calls.abstention_reason[:100]) == {"insufficient data"}
    assert set(calls.abstention_reason[100:200]) == {"outside the training range"}


MARKERS = {"blood_eosinophils_cells_ul", "feno_ppb", "sputum_neutrophils_pct"}
"""Inflammatory markers of the invented patients."""


def doubts_alone(model, measured, probability, members, p_unmodelled):
    """Reasons for no call of one patient within the training range, rule by rule."""
    this_set = f"the prediction set at {model.confidence:.0%} confidence".replace("%", " %")
    ambiguous = []
    if len(members) > 1:
        ambiguous = [f"{this_set} contains {listed([plain_name(name) for name in members])}"]
    elif len(members) and model.classes_[probability.argmax()] not in members:
        ambiguous = [f"{this_set} does not contain the most probable class"]
    elif len(members) and probability.max() < MINIMUM_PROBABILITY:
        largest = rounded(probability.max())
        ambiguous = [f"the highest class probability, {largest}, is below the threshold of 0.67"]
    importance = sum(model.feature_importances_[[name in measured for name in model.feature_names_in_]])
    doubts = [] if measured & MARKERS else ["no inflammatory marker measured"]
    if ambiguous and importance < 0.5:
        doubts += ["the measured features carry less than half of the feature importance"]
    if not len(members):
        doubts += [f"{this_set} is empty: the patient is unlike the training patients of every class"]
    if p_unmodelled >= model.unmodelled_threshold_:
        doubts += [f"an unmodelled diagnosis (mixed or paucigranulocytic) has probability {rounded(p_unmodelled)}"]
    return doubts + ambiguous


def reasons_alone(model, patient, invalid, *assessed):
    """Reasons for no call of one patient, rule by rule."""
    measured = {name for name, value in patient.items() if not np.isnan(value)}
    limits = zip(model.feature_names_in_, *model.feature_range_, strict=True)
    outside = [name for name, low, high in limits if patient[name] < low or patient[name] > high]
    more = f" and {len(outside) - 3} more" if len(outside) > 3 else ""
    reasons = [f"{', '.join(outside[:3])}{more} outside the training range"] if outside else []
    hard_limit = ["a value is outside its hard limits"] if invalid else []
    return "; ".join([*hard_limit, *reasons, *doubts_alone(model, measured, *assessed)])


@pytest.mark.parametrize("name", ["abstaining", "low_confidence_model"])
def test_each_patient_of_a_table_has_the_reasons_of_the_rules_alone(name, request):
    found = request.getfixturevalue(name)
    model = found[0] if isinstance(found, tuple) else found
    rng, (patients, _) = np.random.default_rng(3), synthetic_patients(1200, seed=8, n_classes=4)
    X = np.array(model.encode(patients))
    X[rng.random(X.shape) < rng.choice([0.0, 0.5, 0.95], (len(X), 1))] = np.nan
    X *= np.where(rng.random(X.shape) < rng.choice([0.0, 0.0, 0.1, 0.9], (len(X), 1)), 5, 1)
    invalid = rng.random(len(X)) < 0.1
    calls = decide_calls(model, X, invalid)
    members = [model.classes_[row] for row in calls.in_set]
    rows = zip(X, invalid, calls.probability, members, calls.p_unmodelled, strict=True)
    expected = [reasons_alone(model, dict(zip(model.feature_names_in_, x, strict=True)), *row) for x, *row in rows]
    assert calls.no_call.tolist() == expected
    assert {"outside the training range", "insufficient data", "ambiguous class"} <= {*calls.abstention_reason}


def test_unmodelled_diagnosis_is_a_reason_for_abstention(abstaining):
    model, patients, labels = abstaining
    calls = decide_calls(model, model.encode(patients))
    probable = calls.p_unmodelled >= model.unmodelled_threshold_
    assert (calls.status[probable] != "ok").all()
    expected = "an unmodelled diagnosis (mixed or paucigranulocytic) has probability "
    assert f"{expected}{calls.p_unmodelled[probable][0]:.2f}" in calls.abstained[probable][0]
    assert np.mean(calls.abstention_reason[~np.isin(labels, TWO_CLASSES)] == "unmodelled diagnosis") > 0.4


def test_too_few_training_patients_of_a_class_give_no_calls():
    X, y = synthetic_patients(60)
    few = (y == "th2_high") | (np.cumsum(y != "th2_high") <= 6)
    model = PhenotypeClassifier(n_trees=5).fit(X[few], y[few])
    calls = decide_calls(model, model.encode(X[few]))
    within = calls.out_of_range == ""
    assert set(calls.abstention_reason[within]) == {"uncalibrated"}
    assert set(calls.status[within]) == {"abstained"}
    assert "too few neutrophilic Th2-low training patients to calibrate the prediction set" in calls.no_call[0]


def test_ambiguity_is_put_down_to_missing_data_if_most_importance_is_missing():
    """With FeNO alone most patients have insufficient data; with all tests they have an ambiguous class."""
    model = fitted_classifier()
    X, _ = synthetic_patients(300, seed=9)
    measured = X["feno_ppb"].notna().to_numpy()
    alone = decide_calls(model, model.encode(X[["feno_ppb"]]))
    reasons = alone.abstained[measured & (alone.abstention_reason == "insufficient data")]
    assert "ambiguous class" not in alone.abstention_reason
    assert len(reasons) > 20
    assert all(reason.startswith("the measured features carry less than half of the feature") for reason in reasons)
    assert "insufficient data" not in decide_calls(model, model.encode(X[measured])).abstention_reason


@pytest.mark.parametrize(
    ("classes", "clause"),
    [
        (TWO_CLASSES, "not modelled: mixed and paucigranulocytic disease"),
        (FOUR_CLASSES[:3], "not modelled: paucigranulocytic disease"),
        (FOUR_CLASSES, ""),
        (("a", "b"), ""),
    ],
)
def test_clause_names_the_unmodelled_classes(classes, clause):
    assert unmodelled_classes_clause(classes) == clause
