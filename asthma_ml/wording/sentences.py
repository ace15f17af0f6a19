"""How a prediction is told. The words themselves are in ``sentences.toml``, for physicians to review.

A sentence says what speaks for a prediction in the eyes of the model. It never says what causes what.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from asthma_ml.variables import TWO_CLASSES, Variable, data_dictionary
from asthma_ml.wording.phrases import framed, plain_name, remark, short_name

__all__ = [
    "EXPLAINS_THE_MODEL",
    "PRIOR_DECIDES",
    "factor_phrase",
    "finding",
    "listed",
    "patient_sentence",
    "plain_name",
    "short_sentence",
]


TH2_HIGH = TWO_CLASSES[0]
EXPLAINS_THE_MODEL = remark("explains_the_model")
PRIOR_DECIDES = remark("prior_decides")

_UNITS_LEFT_UNSAID = ("", "ratio", "fraction", "score")
_RECORDED_FACTORS = ("environment", "adherence", "patient_context")


def listed(words: Sequence[str]) -> str:
    """Join words as a sentence does.

    Examples
    --------
    >>> listed(["FeNO", "age", "sex"])
    'FeNO, age and sex'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def finding(name: str, value: Any, *, short: bool = False) -> str:
    """Say what was measured, with its unit.

    Parameters
    ----------
    name : str
        Column of the data dictionary, or any other.
    value : float, str or missing
        A number, the text of a level, or nothing.
    short : bool, default=False
        Call it as clinicians do among themselves.

    Returns
    -------
    str
        A few words.

    Examples
    --------
    >>> finding("blood_eosinophils_cells_ul", 450.0)
    'blood eosinophils 450 cells/uL'
    >>> finding("nasal_polyps", 1.0)
    'nasal polyps, present or past: yes'
    >>> finding("sputum_eosinophils_pct", float("nan"))
    'sputum eosinophils not measured'
    >>> finding("smoking_status", None)
    'tobacco smoking not recorded'
    >>> finding("feno_ppb", 62.0, short=True)
    'FeNO 62 ppb'
    """
    variable = data_dictionary().get(name)
    label = short_name(name) if short else variable.label if variable else name
    if pd.isna(value):
        asked_for = variable is not None and variable.factor in _RECORDED_FACTORS
        return f"{label} not {'recorded' if asked_for else 'measured'}"
    if isinstance(value, str):
        return f"{label}: {plain_name(value)}"
    number = float(value)
    if variable is None:
        return f"{label} {number:g}"
    if variable.kind == "flag":
        return f"{label}: {'yes' if number else 'no'}"
    if variable.kind == "category" and number in range(len(variable.levels)):
        return f"{label}: {plain_name(variable.levels[int(number)])}"
    return f"{label} {number:.6g}{_unit(variable, short)}"


def _unit(variable: Variable, short: bool) -> str:
    if variable.unit in _UNITS_LEFT_UNSAID or (short and variable.kind == "count"):
        return ""
    return " " + (variable.unit.partition(" of ")[0] if short else variable.unit)


def patient_sentence(
    predicted: object,
    probability: float,
    pushes: Iterable[tuple[str, float]],
    *,
    no_call: str = "",
    asides: Sequence[str] = (),
    remarks: Iterable[str] = (),
) -> str:
    """Tell one prediction in words.

    Parameters
    ----------
    predicted : object
        Most probable class.
    probability : float
        Its probability.
    pushes : iterable of (str, float)
        Findings in words and how far each moves the log-odds of that class.
    no_call : str, default=""
        Why the prediction is not a call; empty where it is.
    asides : sequence of str, default=()
        What else to say of each finding, such as how unusual it is; empty where nothing.
    remarks : iterable of str
        What else to know, such as `masking_hints`; empty ones are left out.

    Returns
    -------
    str
        A few plain sentences that end with what they explain.

    Examples
    --------
    >>> print(patient_sentence("th2_high", 0.91, [("FeNO 62 ppb", 1.2), ("age 71 years", -0.3)]))
    The model calls this patient Th2-high with probability 0.91. FeNO 62 ppb (+1.20) speaks for it;
    age 71 years (-0.30) speaks against it. SHAP explains the model, not the disease.
    >>> print(patient_sentence("th2_high", 0.59, [], no_call="the probability of 0.59 is too close to even"))
    No call: the probability of 0.59 is too close to even. The most probable class is Th2-high with probability 0.59.
    No finding moves it either way. SHAP explains the model, not the disease.
    """
    pushes = list(pushes)
    told = [
        (f"{words} ({push:+.2f}{', ' * bool(aside)}{aside})", push)
        for (words, push), aside in zip(pushes, asides or [""] * len(pushes), strict=True)
    ]
    sides = [
        _side([words for words, push in told if push > 0], "speaks_for"),
        _side([words for words, push in told if push < 0], "speaks_against"),
    ]
    name = {"class": plain_name(predicted), "probability": f"{probability:.2f}"}
    called = [framed("no_call", why=no_call), framed("most_probable", **name)]
    parts = [
        *(called if no_call else [framed("call", **name)]),
        "; ".join(filter(None, sides)) or framed("nothing"),
        *remarks,
        EXPLAINS_THE_MODEL,
    ]
    return ". ".join(_capitalised(part) for part in parts if part)


def short_sentence(
    predicted: object, probability: float, pushes: Iterable[tuple[str, float]], *, no_call: str = ""
) -> str:
    """Tell one prediction in a line.

    Parameters
    ----------
    predicted, probability, pushes, no_call
        As for `patient_sentence`.

    Returns
    -------
    str
        Class, probability and the findings for and against it.

    Examples
    --------
    >>> short_sentence("th2_high", 0.91, [("FeNO 62 ppb", 1.2), ("age 71 years", -0.3)])
    'Th2-high with probability 0.91, for it FeNO 62 ppb, against it age 71 years.'
    """
    told = [framed("short", **{"class": plain_name(predicted), "probability": f"{probability:.2f}"})]
    pushes = list(pushes)
    for side, sign in (("short_for", 1), ("short_against", -1)):
        named = [words for words, push in pushes if push * sign > 0]
        told += [framed(side, findings=listed(named))] if named else []
    parts = [framed("no_call", why=no_call) if no_call else "", ", ".join(told)]
    return ". ".join(_capitalised(part) for part in parts if part) + "."


def factor_phrase(predicted: object, probability: float, pushes: Iterable[tuple[str, float]]) -> str:
    """Tell one prediction in a clause, by documented factors.

    Parameters
    ----------
    predicted : object
        Predicted class.
    probability : float
        Its probability.
    pushes : iterable of (str, float)
        Factors and how far each moves the log-odds of the predicted class.

    Returns
    -------
    str
        A clause without a full stop.

    Examples
    --------
    >>> factor_phrase("th2_high", 0.91, [("immune_profile", 1.2), ("patient_context", -0.3)])
    'Th2-high with probability 0.91, for it immune profile (+1.20), against it patient context (-0.30)'
    """
    told = [f"{plain_name(predicted)} with probability {probability:.2f}"]
    pushes = list(pushes)
    for side, sign in (("for it", 1), ("against it", -1)):
        named = [f"{plain_name(factor)} ({push:+.2f})" for factor, push in pushes if push * sign > 0]
        told += [f"{side} {listed(named)}"] if named else []
    return ", ".join(told)


def _side(findings: list[str], frame: str) -> str:
    return framed(frame, findings=listed(findings), s="s" * (len(findings) == 1)) if findings else ""


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
