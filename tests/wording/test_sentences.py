"""The narrator: sentences for a table and for one patient."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asthma_ml.columns import Texts
from asthma_ml.wording import (
    Account,
    Finding,
    listed,
    narrate_patient,
    narrate_table,
    phrase,
    plain_name,
    rounded,
    text_where,
)

CLASSES = ["neutrophilic_th2_low", "th2_high"]
FACTORS = ["immune_profile", "environment", "patient_context"]
SCALE = "signed numbers are contributions to the log-odds of Th2-high"


def account(contributions=(0.0, 0.0, 0.0), predicted="th2_high", probability=0.9, **changes):
    """One patient; by default a call without caveats."""
    none, no = Texts.of([None]), np.array([False])
    values = {
        "classes": CLASSES,
        "predicted": np.array([CLASSES.index(predicted)]),
        "probability": np.array([probability]),
        "no_call": none,
        "unmodelled": "",
        "masking": none,
        "check_first": none,
        "explained": np.array([CLASSES.index("th2_high")]),
        "factors": FACTORS,
        "contributions": np.array([contributions]),
        "prior_decides": no,
        "unstable": no,
    }
    return Account(**values | changes)


def row(contributions=(0.0, 0.0, 0.0), *, warning="", error="", **changes):
    """Sentence of one patient in a table."""
    texts = [Texts.of([text or None]) for text in (warning, error)]
    return narrate_table(account(contributions, **changes), *texts, np.array([error != ""])).strings()[0]


@pytest.mark.parametrize(
    ("predicted", "supporting", "opposing"),
    [
        ("th2_high", "immune profile (+1.20)", "environment (-0.30)"),
        ("neutrophilic_th2_low", "environment (-0.30)", "immune profile (+1.20)"),
    ],
)
def test_signs_are_those_of_the_explained_class_whatever_is_predicted(predicted, supporting, opposing):
    sentence = row((1.2, -0.3, 0.0), predicted=predicted)
    assert f"; supporting factors: {supporting}; opposing factors: {opposing}; {SCALE}." in sentence
    findings = [Finding("feno_ppb", 78.0, 1.2), Finding("age_years", 70.0, -0.3)]
    text = narrate_patient(account(predicted=predicted), 0, findings)
    sides = {"th2_high": ("78 ppb (+1.20)", "70 years (-0.30)"), "neutrophilic_th2_low": ("(-0.30)", "(+1.20)")}
    first, second = sides[predicted]
    assert text.index("indings that support this call") < text.index(first) < text.index("findings against it")
    assert text.index("findings against it") < text.index(second)
    assert text.lower().count(SCALE.lower()) == 1


def test_prediction_without_contributions_has_a_sentence():
    assert "No finding contributes to this prediction." in narrate_patient(account(), 0, [])
    assert row(probability=0.6) == "Th2-high, probability 0.60."


def test_findings_all_against_a_prediction_are_named_as_such():
    text = narrate_patient(account(), 0, [Finding("feno_ppb", 9.0, -1.2)])
    assert "Findings against this call: " in text
    assert "support" not in text


@pytest.mark.parametrize(("probability", "text"), [(0.996, "0.996"), (0.999996, ">0.9999"), (0.9, "0.90")])
def test_probabilities_never_round_to_one(probability, text):
    for sentence in (row(probability=probability), narrate_patient(account(probability=probability), 0, [])):
        assert f"probability {text}" in sentence


def test_patient_without_a_call_is_told_the_most_probable_class():
    undecided = account(no_call=Texts.of(["insufficient data"]))
    for length, expected in (
        ("short", "Most probable modelled class Th2-high"),
        ("medium", "Of the modelled classes, Th2-high is the most probable"),
    ):
        text = narrate_patient(undecided, 0, [Finding("feno_ppb", 60.0, 1.0)], length)
        assert text.startswith(f"No call: insufficient data. {expected}")
        assert "this call" not in text


def test_caveats_follow_in_the_same_order_in_a_table_and_for_one_patient():
    caveats = {
        "prior_decides": np.array([True]),
        "unmodelled": "not modelled: mixed disease",
        "unstable": np.array([True]),
        "masking": Texts.of(["current smoking is associated with lower FeNO"]),
        "check_first": Texts.of(["inhaler technique is poor"]),
    }
    words = [
        "rests on the prior",
        "ot modelled",
        "immune profile and environment is unstable",
        "urrent smoking",
        "heck ad",
    ]
    patient = narrate_patient(account((0.3, -0.2, 0.0), **caveats), 0, [])
    for text in (row((0.3, -0.2, 0.0), **caveats), patient):
        places = [text.index(word) for word in words]
        assert places == sorted(places)


def test_mechanisms_follow_what_moved_the_model_and_precede_the_caveats():
    told = Texts.of(["expected in the causal model of severe_clinic: missed doses add 0.9"])
    changes = {"mechanisms": told, "unmodelled": "not modelled: mixed disease"}
    text = narrate_patient(account((1.2, 0.0, 0.0), **changes), 0, [Finding("feno_ppb", 78.0, 1.2)])
    assert "78 ppb (+1.20). Expected in the causal model of severe_clinic: missed doses add 0.9. Not modelled" in text
    assert f"{SCALE}; expected in the causal model of severe_clinic: missed doses add 0.9; not modelled" in row(
        (1.2, 0.0, 0.0), **changes
    )
    no_call = {**changes, "no_call": Texts.of(["insufficient data"])}
    assert row(**no_call).startswith("No call: insufficient data; expected in the causal model")


def test_row_that_was_not_predicted_has_its_errors_only():
    assert row(error="feno_ppb outside 0-400 ppb (limits)") == (
        "Row not predicted: feno_ppb outside 0-400 ppb (limits)."
    )
    assert row(probability=0.6, warning="pack_years missing").endswith("; pack_years missing.")


PATIENT = st.fixed_dictionaries(
    {
        "contributions": st.tuples(*[st.one_of(st.floats(-3, 3), st.sampled_from([0.0, 0.004, 0.005, -0.5]))] * 3),
        "predicted": st.sampled_from(range(2)),
        "explained": st.sampled_from(range(2)),
        "probability": st.floats(0, 1),
        "prior_decides": st.booleans(),
        "unstable": st.booleans(),
        "invalid": st.booleans(),
        **{name: st.sampled_from([None, "one", "two"]) for name in ("no_call", "masking", "check_first", "warning")},
    }
)


def narrated(patients):
    columns = {name: [each[name] for each in patients] for name in patients[0]}
    texts = {name: Texts.of(columns.pop(name)) for name in ("no_call", "masking", "check_first", "warning")}
    invalid, warnings = np.array(columns.pop("invalid")), texts.pop("warning")
    arrays = {name: np.array(values) for name, values in columns.items()}
    given_account = Account(classes=CLASSES, factors=FACTORS, unmodelled="not modelled", **arrays, **texts)
    return narrate_table(given_account, warnings, text_where(invalid, "an error"), invalid).strings().tolist()


def written_out(patient):
    """The sentence of a patient, written word by word."""
    if patient["invalid"]:
        return "Row not predicted: an error."
    towards, sides = 1 if patient["predicted"] == patient["explained"] else -1, {1: [], -1: []}
    values = dict(zip(FACTORS, patient["contributions"], strict=True))
    strongest = sorted(values, key=lambda name: -abs(values[name]))
    for name in strongest:
        if abs(values[name]) >= 0.005:
            side = sides[1 if values[name] * towards > 0 else -1]
            side.append(f"{plain_name(name)} ({values[name]:+.2f})")
    words = [f"no call: {patient['no_call']}"]
    if not patient["no_call"]:
        scale = f"signed numbers are contributions to the log-odds of {plain_name(CLASSES[patient['explained']])}"
        words = [f"{plain_name(CLASSES[patient['predicted']])}, probability {rounded(patient['probability'])}"]
        words += [f"supporting factors: {listed(sides[1])}"] * bool(sides[1])
        words += [f"opposing factors: {listed(sides[-1])}"] * bool(sides[-1])
        words += [scale] * bool(sides[1] or sides[-1])
        words += [phrase("prior_decides")] * patient["prior_decides"] + ["not modelled"]
        first, second = map(plain_name, strongest[:2])
        words += [phrase("close_factors", first=first, second=second)] * patient["unstable"]
    words += [patient["masking"]] * bool(patient["masking"])
    words += [phrase("check_first", reason=str(patient["check_first"]))] * bool(patient["check_first"])
    text = "; ".join([*words, *[patient["warning"]] * bool(patient["warning"])])
    return f"{text[0].upper()}{text[1:]}."


@given(st.lists(PATIENT, min_size=1, max_size=8))
def test_sentences_of_a_table_are_those_written_out_for_each_patient(patients):
    assert narrated(patients) == [written_out(patient) for patient in patients]
