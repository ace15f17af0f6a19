"""Sentences on what the mechanisms are expected to have contributed, by column."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asthma_ml.variables import FACTORS
from asthma_ml.wording import Mechanisms, listed, mechanism_texts, plain_name
from asthma_ml.wording.mechanism_sentences import causes_of_factors, mechanism_causes, mechanism_sentence
from asthma_ml.wording.phrases import mechanism_cause

FEATURES = ["feno_ppb", "smoking_status", "ocs_dose_mg_day", "biologic", "nasal_polyps"]
NEVER, FORMER, CURRENT = range(3)
NO_BIOLOGIC, ANTI_IL5 = 0.0, 2.0
CLASSES = ["neutrophilic_th2_low", "th2_high"]
RANGE = np.array([[5.0, 0.0, 0.0, 0.0, 0.0], [280.0, 1.0, 40.0, 4.0, 0.0]])
IN_MODEL = "expected in the causal model of severe_clinic: "


def patients(values, *, X=(20.0, NEVER, 0.0, NO_BIOLOGIC, 0.0), outside=-1, classes=CLASSES, explained=1):
    """Patients with these contributions, by factor in the order of the documentation."""
    values = np.atleast_2d(np.asarray(values, dtype=float))
    n = len(values)
    return Mechanisms(
        preset="severe_clinic",
        values=values,
        low=values - 0.5,
        high=values + 0.5,
        outside=np.broadcast_to(outside, n),
        features=FEATURES,
        X=np.broadcast_to(np.asarray(X, dtype=np.float32), (n, len(FEATURES))),
        feature_range=RANGE,
        classes=classes,
        explained=np.broadcast_to(explained, n),
    )


def told(*values, **changes):
    return mechanism_texts(patients(values, **changes)).strings()[0]


def test_poor_adherer_whose_missed_doses_feign_th2_high():
    assert told(1.2, 0.0, 0.0, 0.0, 0.9, 0.1) == (
        f"{IN_MODEL}the immune profile adds 1.2 (0.7 to 1.7) and missed doses or poor technique add 0.9 (0.4 to 1.4), "
        "in log-odds of Th2-high"
    )


@pytest.mark.parametrize(
    ("steroid", "biologic", "words"),
    [
        (15.0, NO_BIOLOGIC, "patient context with an oral steroid takes away"),
        (0.0, ANTI_IL5, "patient context with a biologic takes away"),
        (15.0, ANTI_IL5, "patient context with an oral steroid and a biologic takes away"),
        (0.0, NO_BIOLOGIC, "patient context takes away"),
        (np.nan, np.nan, "patient context takes away"),
    ],
)
def test_treatment_that_masks_is_named_where_it_is_recorded(steroid, biologic, words):
    text = told(0.0, 0.0, 0.0, 0.0, 0.0, -0.7, X=(12.0, NEVER, steroid, biologic, 0.0))
    assert text == f"{IN_MODEL}{words} 0.7 (0.2 to 1.2), in log-odds of Th2-high"


@pytest.mark.parametrize(
    ("smoking", "words"),
    [
        (CURRENT, "exposure with current smoking takes away"),
        (FORMER, "exposure with past smoking takes away"),
        (NEVER, "exposure takes away"),
        (np.nan, "exposure takes away"),
    ],
)
def test_smoking_is_named_where_it_is_recorded(smoking, words):
    text = told(0.0, 0.0, 0.0, -1.0, 0.0, 0.0, X=(12.0, smoking, 0.0, NO_BIOLOGIC, 0.0))
    assert text == f"{IN_MODEL}{words} 1.0 (0.5 to 1.5), in log-odds of Th2-high"


def test_interval_is_in_the_direction_of_the_verb():
    assert "patient context takes away 0.3 (-0.2 to 0.8)" in told(0.0, 0.0, 0.0, 0.0, 0.0, -0.3)
    assert "patient context adds 0.3 (-0.2 to 0.8)" in told(0.0, 0.0, 0.0, 0.0, 0.0, 0.3)


def test_three_largest_factors_are_named_and_small_ones_are_not():
    text = told(0.6, 0.5, 0.19, 0.4, 0.3, -0.7)
    assert [text.find(words) > 0 for words in ("context", "immune", "remodeling", "exposure", "doses", "genetics")] == [
        *[True] * 3,
        *[False] * 3,
    ]
    assert text.index("context") < text.index("immune") < text.index("remodeling")


def test_patient_to_whom_no_mechanism_contributed_much():
    assert told(0.1, -0.1, 0.0, 0.19, 0.0, 0.0) == (
        f"{IN_MODEL}no factor contributes 0.2 or more to the log-odds of Th2-high"
    )


def test_an_oral_steroid_is_named_even_if_it_contributes_little():
    steroid = np.array([20.0, NEVER, 7.5, NO_BIOLOGIC, 0.0])
    text = told(0.0, 0.0, 0.0, 0.0, 0.0, -0.1, X=steroid)
    assert (
        text == f"{IN_MODEL}patient context with an oral steroid takes away 0.1 (-0.4 to 0.6), in log-odds of Th2-high"
    )
    text = told(0.8, 0.7, 0.6, 0.0, 0.0, -0.1, X=steroid)
    assert text.count("adds") == 2
    assert text.index("the immune profile") < text.index("airway remodeling") < text.index("with an oral steroid")


@pytest.mark.parametrize(
    ("outside", "value", "words"),
    [
        (0, 310.0, "FeNO 310 ppb is outside the range of the simulated patients (5 to 280)"),
        (0, 310.25, "FeNO 310.25 ppb is outside the range of the simulated patients (5 to 280)"),
        (1, CURRENT, "smoking: current is outside the range of the simulated patients (never to former)"),
        (4, 1.0, "nasal polyps: yes is outside the range of the simulated patients (always no)"),
    ],
)
def test_patient_outside_the_range_is_told_why_there_are_none(outside, value, words):
    X = np.array([20.0, NEVER, 0.0, NO_BIOLOGIC, 0.0])
    X[outside] = value
    assert told(*[np.nan] * 6, X=X, outside=outside) == f"no mechanism contributions: {words}"


def test_predicted_class_is_named_in_the_task_of_four_classes():
    four = [*CLASSES, "mixed_granulocytic", "paucigranulocytic"]
    values = [[1.0, 0, 0, 0, 0, 0]] * 2
    texts = mechanism_texts(patients(values, classes=four, explained=np.array([2, 0]))).strings()
    assert [text.rpartition("log-odds of ")[2] for text in texts] == ["mixed granulocytic", "neutrophilic Th2-low"]


def test_model_without_columns_of_treatment_has_plain_factors():
    found = causes_of_factors(["feno_ppb"], np.array([[20.0]]))
    assert [mechanism_causes()[place] for place in found[0]] == list(FACTORS)


PATIENT = st.tuples(
    st.tuples(*[st.one_of(st.floats(-3, 3), st.sampled_from([0.0, 0.2, -0.2, 0.25, 0.05, -0.05]))] * 6),
    st.sampled_from([NEVER, FORMER, CURRENT, np.nan]),
    st.sampled_from([0.0, 7.5, np.nan]),
    st.sampled_from([NO_BIOLOGIC, ANTI_IL5]),
    st.sampled_from([-1, -1, -1, 0]),
    st.integers(0, 1),
)


def written_out(values, smoking, steroid, biologic, outside, explained):
    """The clause of a patient, written word by word."""
    if outside == 0:
        return "no mechanism contributions: FeNO 300 ppb is outside the range of the simulated patients (5 to 280)"
    names = dict(zip(FACTORS, FACTORS, strict=True))
    names["environment"] = {FORMER: "past_smoking", CURRENT: "current_smoking"}.get(smoking, "environment")
    masks = ["oral_steroid"] * (steroid > 0) + ["biologic"] * (biologic > 0)
    names["patient_context"] = "_and_".join(masks) or "patient_context"
    named = sorted(
        zip(FACTORS, values, strict=True), key=lambda each: (not masks or each[0] != FACTORS[5], -abs(each[1]))
    )
    words = []
    for factor, value in sorted(named[:3], key=lambda each: -abs(each[1])):
        if abs(value) >= 0.2 or (masks and factor == "patient_context"):
            low, high = (value - 0.5, value + 0.5) if value > 0 else (-(value + 0.5), -(value - 0.5))
            words.append(
                f"{mechanism_cause(names[factor], adds=value > 0)} {abs(value):z.1f} ({low:z.1f} to {high:z.1f})"
            )
    name = plain_name(CLASSES[explained])
    if not words:
        return f"{IN_MODEL}no factor contributes 0.2 or more to the log-odds of {name}"
    return f"{IN_MODEL}{listed(words)}, in log-odds of {name}"


@given(st.lists(PATIENT, min_size=1, max_size=8))
def test_clauses_of_a_table_are_those_written_out_for_each_patient(rows):
    X = [[300.0 if outside == 0 else 20.0, *known, 0.0] for _, *known, outside, _ in rows]
    outside, explained = ([row[place] for row in rows] for place in (4, 5))
    found = patients([row[0] for row in rows], X=X, outside=outside, explained=explained)
    expected = [written_out(*row) for row in rows]
    assert mechanism_texts(found).strings().tolist() == expected
    assert [mechanism_sentence(found, i) for i in range(len(rows))] == expected
