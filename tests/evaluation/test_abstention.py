"""Abstention by diagnosis, counted by hand, and accuracy by call rate."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asthma_ml.columns import Texts
from asthma_ml.decisions import ABSTENTION_REASONS, Calls
from asthma_ml.decisions.calls import AMBIGUOUS
from asthma_ml.evaluation.abstention import MODELLED, RARE_LABELS, UNMODELLED, abstention_by_diagnosis, risk_coverage

CLASSES = np.array(["neutrophilic_th2_low", "th2_high"])


def calls_of(probability, in_set, abstained):
    second = np.asarray(probability)
    return Calls(
        classes=CLASSES,
        probability=np.column_stack([1 - second, second]),
        in_set=np.asarray(in_set),
        low=second,
        high=second,
        decision=second,
        invalid=np.zeros(len(second), dtype=bool),
        p_unmodelled=np.zeros(len(second)),
        outside=Texts.of([None] * len(second)),
        doubts=Texts.of(text or None for text in abstained),
        reason=np.where(np.asarray(abstained) == "", -1, ABSTENTION_REASONS.index(AMBIGUOUS)),
    )


@pytest.fixture(scope="module")
def clinic():
    """Twenty Th2-high patients, all called; ten mixed, half of them not called; two of a rare label."""
    labels = np.array(["th2_high"] * 20 + ["mixed_granulocytic"] * 10 + ["eosinophilic vasculitis"] * 2)
    several = np.zeros(32, dtype=bool)
    several[20:25] = True
    in_set = np.column_stack([several, np.ones(32, dtype=bool)])
    predicted_unmodelled = np.arange(32) == 24
    calls = calls_of(np.full(32, 0.9), in_set, np.where(several, "too close to even", ""))
    return {row["diagnosis"]: row for row in abstention_by_diagnosis(calls, predicted_unmodelled, labels, None)}


def test_abstention_is_reported_by_diagnosis(clinic):
    assert clinic["mixed_granulocytic"]["abstained"]["value"] == 0.5
    assert clinic["mixed_granulocytic"]["predicted_unmodelled"]["value"] == pytest.approx(0.1)
    assert clinic[MODELLED]["abstained"]["value"] == 0.0
    assert clinic[UNMODELLED]["n"] == 12
    assert clinic["mixed_granulocytic"]["classified_as"] == {"neutrophilic_th2_low": 0.0, "th2_high": 0.5}
    assert clinic["mixed_granulocytic"]["abstention_reasons"][AMBIGUOUS] == 0.5


def test_rare_labels_are_pooled(clinic):
    assert clinic[RARE_LABELS]["n"] == 2
    assert "eosinophilic vasculitis" not in clinic


def test_a_class_without_a_patient_has_no_row(clinic):
    assert "neutrophilic_th2_low" not in clinic


@given(st.lists(st.tuples(st.sampled_from([0.5, 0.6, 0.9]), st.booleans()), min_size=1, max_size=30), st.randoms())
def test_the_order_of_equally_confident_patients_does_not_matter(patients, random):
    shuffled = random.sample(patients, len(patients))
    one, other = (risk_coverage(*(np.array(column) for column in zip(*p, strict=True))) for p in (patients, shuffled))
    assert one["accuracy"]["value"] == pytest.approx(other["accuracy"]["value"])


def test_a_call_rate_of_one_has_the_accuracy_of_the_model():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 500)
    correct = rng.random(500) < confidence
    found = risk_coverage(confidence, correct)
    assert found["accuracy"]["value"][-1] == pytest.approx(correct.mean())
    assert found["accuracy"]["value"][0] > found["accuracy"]["value"][-1] + 0.1
    assert found["accuracy"]["lower"][-1] < found["accuracy"]["value"][-1] < found["accuracy"]["upper"][-1]


def test_uninformative_confidence_gives_constant_accuracy():
    correct = np.array([True, False] * 50)
    found = risk_coverage(np.full(100, 0.7), correct)
    assert set(found["accuracy"]["value"]) == {0.5}
    assert found["area_under_curve"] == pytest.approx(0.5)
