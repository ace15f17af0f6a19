"""One patient's prediction as text, in several lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from asthma_ml.decisions import adherence_gate, masking_hints, unmodelled_classes_clause
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation.unusual import shares_below, unusual_phrase
from asthma_ml.wording import (
    PRIOR_DECIDES,
    finding,
    framed,
    listed,
    mechanism,
    patient_sentence,
    plain_name,
    remark,
    short_sentence,
)

if TYPE_CHECKING:
    from asthma_ml.explanation.explanations import Explanation

Length = Literal["short", "medium", "long"]

_FINDINGS = {"short": 3, "medium": 3, "long": 5}
_SMALLEST_FACTOR = 0.05


def tell(explanation: Explanation, i: int, length: Length = "medium") -> str:
    """Tell one patient's prediction in plain words.

    Parameters
    ----------
    explanation : Explanation
        From `explain`.
    i : int
        Place of the patient in the table.
    length : {"short", "medium", "long"}, default="medium"
        ``"short"``: a line. ``"medium"``: also how unusual each finding is, what could mask it, what to beware of.
        ``"long"``: also the factors, and the mechanism by which each finding speaks.

    Returns
    -------
    str
        Ends with what it explains, but for the short one.

    Raises
    ------
    UnusableInputError
        If `length` is none of the three.
    """
    if length not in get_args(Length):
        raise UnusableInputError(f"length={length!r}: allowed are {', '.join(get_args(Length))}")
    shown, sign = explanation.findings(i), explanation.towards_prediction(i)
    strongest = explanation.strongest_features(i, _FINDINGS[length])
    names = [str(name) for name in strongest.index]
    short = length == "short"
    pushes = [(finding(name, shown[name], short=short), sign * float(strongest[name])) for name in names]
    predicted, probability = explanation.predicted_class[i], float(explanation.probability[i])
    no_call = str(explanation.of_all.no_call[i])
    if short:
        return short_sentence(predicted, probability, pushes, no_call=no_call)
    remarks = [*(_factors_and_mechanisms(explanation, i, names) if length == "long" else []), *_remarks(explanation, i)]
    asides = _asides(explanation, i, names, [push for _, push in pushes])
    return patient_sentence(predicted, probability, pushes, no_call=no_call, asides=asides, remarks=remarks)


def _asides(explanation: Explanation, i: int, names: list[str], pushes: list[float]) -> list[str]:
    """How unusual each finding is; the training patients are named once."""
    shares = shares_below(explanation.game.model.linear_margins, explanation.encoded.iloc[[i]])
    phrases = [unusual_phrase(float(shares[name][0])) if name in shares else "" for name in names]
    as_told = sorted(range(len(names)), key=lambda k: pushes[k] < 0)
    first = next((k for k in as_told if phrases[k]), None)
    return [phrase + framed("of_whom") * (k == first) for k, phrase in enumerate(phrases)]


def _factors_and_mechanisms(explanation: Explanation, i: int, names: list[str]) -> list[str]:
    pushes = explanation.pushes().iloc[i]
    told = pushes[pushes.abs() >= _SMALLEST_FACTOR].sort_values(key=np.abs, ascending=False, kind="stable")
    factors = listed([f"{plain_name(name)} ({push:+.2f})" for name, push in told.items()])
    shown = explanation.findings(i)
    mechanisms = [
        framed("mechanism", finding=finding(name, shown[name], short=True), mechanism=mechanism(name))
        for name in names
        if mechanism(name)
    ]
    return [framed("by_factor", factors=factors) if factors else "", *mechanisms]


def _remarks(explanation: Explanation, i: int) -> list[str]:
    """What could mask the prediction, and what to beware of."""
    calls, patient = explanation.calls, explanation.patients.iloc[[i]]
    gate = adherence_gate(patient).iloc[0]
    of_all = explanation.of_all
    of_a_call = (PRIOR_DECIDES if of_all.prior_decides[i] else "", unmodelled_classes_clause(calls.classes))
    return [
        *(of_a_call if not of_all.no_call[i] else ()),
        str(masking_hints(patient, of_all.called[[i]])[0]),
        _said_of_stability(explanation, i),
        remark("check_first", reason=str(gate["reason"])) if gate["gate"] == "check_first" else "",
    ]


def _said_of_stability(explanation: Explanation, i: int) -> str:
    if not explanation.of_all.unstable[i]:
        return ""
    first, second = explanation.factors.iloc[i].abs().nlargest(2).index
    return remark("close_factors", first=plain_name(first), second=plain_name(second))
