"""The narrator: predictions of patients in sentences, for a table and for one patient.

A sentence says which findings support a prediction of the model. It never claims causation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from asthma_ml.variables import TWO_CLASSES
from asthma_ml.wording.by_pattern import joined, text_where
from asthma_ml.wording.numbers import rounded
from asthma_ml.wording.phrases import (
    describe_finding,
    listed,
    mechanism,
    phrase,
    plain_name,
    position_phrase,
)

Length = Literal["short", "medium", "long"]

TH2_HIGH = TWO_CLASSES[0]
EXPLAINS_THE_MODEL = phrase("explains_the_model")

_FACTORS_IN_A_TABLE = 3
_SMALLEST_IN_A_TABLE, _SMALLEST_FACTOR = 0.005, 0.05


class Finding(NamedTuple):
    """A feature of one patient with its contribution.

    Attributes
    ----------
    column : str
        Name of the feature.
    value : float, str or missing
        Number or level.
    contribution : float
        Contribution to the log-odds of the explained class.
    proportion_below : float
        Proportion of the training patients with a smaller value; NaN if not known.
    """

    column: str
    value: Any
    contribution: float
    proportion_below: float = np.nan


@dataclass(frozen=True, eq=False)
class Account:
    """Values that the narrator puts into words, one entry a patient.

    Attributes
    ----------
    predicted : ndarray of shape (n_patients,)
        Most probable class.
    probability : ndarray of shape (n_patients,)
        Its probability.
    no_call : ndarray of str of shape (n_patients,)
        Why the model abstains; empty where it makes a call.
    unmodelled : str
        Clause on the classes that the model does not name.
    masking, check_first : ndarray of str of shape (n_patients,)
        What may mask or mimic Th2 inflammation, and why to check the treatment first; empty where nothing.
    explained : ndarray of shape (n_patients,)
        Class whose log-odds the contributions add up to.
    factors : sequence of str
        Names of the factors; none if the predictions were not explained.
    contributions : ndarray of shape (n_patients, n_factors)
        Contribution of each factor [log-odds of `explained`].
    prior_decides, unstable : ndarray of bool of shape (n_patients,)
        Whether the prior decides against the findings, and whether the ranking of the factors is unstable.
    """

    predicted: np.ndarray
    probability: np.ndarray
    no_call: np.ndarray
    unmodelled: str
    masking: np.ndarray
    check_first: np.ndarray
    explained: np.ndarray
    factors: Sequence[str]
    contributions: np.ndarray
    prior_decides: np.ndarray
    unstable: np.ndarray

    @cached_property
    def caveats(self) -> tuple[np.ndarray, ...]:
        """Caveats of each patient, in the order in which they are printed; empty where one does not apply."""
        called = self.no_call == ""
        return (
            text_where(called & self.prior_decides, phrase("prior_decides")),
            text_where(called, self.unmodelled),
            self._close_factors(),
            self.masking,
            joined([text_where(self.check_first != "", phrase("check_first", reason="")), self.check_first], ""),
        )

    @cached_property
    def towards(self) -> np.ndarray:
        """Sign of the contributions that support the predicted class of each patient."""
        return np.where(self.predicted == self.explained, 1.0, -1.0)

    def _close_factors(self) -> np.ndarray:
        text, names = np.full(len(self.predicted), "", dtype=object), [plain_name(name) for name in self.factors]
        strongest = _strongest_first(self.contributions[self.unstable])[:, :2]
        text[self.unstable] = [phrase("close_factors", first=names[a], second=names[b]) for a, b in strongest.tolist()]
        return text


def narrate_table(account: Account, warnings: np.ndarray, errors: np.ndarray, invalid: np.ndarray) -> np.ndarray:
    """Narrate the prediction of each patient in one sentence.

    Parameters
    ----------
    account : Account
        Of n_patients patients.
    warnings, errors : ndarray of str of shape (n_patients,)
        Problems found in each row; empty where there is none.
    invalid : ndarray of bool of shape (n_patients,)
        Rows that were not predicted; only their errors are narrated.

    Returns
    -------
    ndarray of str of shape (n_patients,)
        Class, probability and strongest factors, or why there is no call or prediction; then the caveats.
    """
    called = account.no_call == ""
    prior, unmodelled, close, *others = account.caveats
    opening = phrase("no_call", reason="") + account.no_call
    opening[called] = _calls_with_factors(account, called)
    text = joined([opening, prior, unmodelled, np.where(called, close, ""), *others, warnings])
    text[invalid] = phrase("row_not_predicted", problems="") + errors[invalid]
    return np.array([f"{_capitalised(each)}." for each in text.tolist()], dtype=object)


def narrate_patient(account: Account, i: int, findings: Sequence[Finding], length: Length = "medium") -> str:
    """Narrate the prediction of one patient.

    Parameters
    ----------
    account : Account
        Of the patient and any others.
    i : int
        Row of the patient.
    findings : sequence of Finding
        Strongest findings of the patient, the strongest first.
    length : {"short", "medium", "long"}, default="medium"
        ``"short"``: one line. ``"medium"``: also contributions, positions among the training patients and caveats.
        ``"long"``: also the factors and the mechanism of each finding.

    Returns
    -------
    str
        The medium and the long text end with what they explain.

    Examples
    --------
    >>> none, no = np.array([""], dtype=object), np.array([False])
    >>> account = Account(
    ...     predicted=np.array(["neutrophilic_th2_low"]),
    ...     probability=np.array([0.91]),
    ...     no_call=none,
    ...     unmodelled="",
    ...     masking=none,
    ...     check_first=none,
    ...     explained=np.array(["th2_high"]),
    ...     factors=["immune_profile"],
    ...     contributions=np.array([[-1.2]]),
    ...     prior_decides=no,
    ...     unstable=no,
    ... )
    >>> findings = [Finding("feno_ppb", 9.0, -1.2, 0.08), Finding("nasal_polyps", 1.0, 0.3)]
    >>> print(narrate_patient(account, 0, findings))
    The model calls this patient neutrophilic Th2-low (probability 0.91). Signed numbers are contributions to the
    log-odds of Th2-high. Findings that support this call: fractional exhaled nitric oxide at 50 mL/s 9 ppb (-1.20;
    lower than 92 % of training patients); findings against it: nasal polyps, present or past: yes (+0.30). SHAP
    explains the model, not the disease.
    >>> narrate_patient(account, 0, findings, "short")
    'Neutrophilic Th2-low, probability 0.91; supporting findings: FeNO 9 ppb; opposing findings: nasal polyps: yes.'
    """
    no_call = str(account.no_call[i])
    opening = [phrase("no_call", reason=no_call)] if no_call else []
    if length == "short":
        return _sentences([*opening, _short(account, i, findings)])
    name = "most_probable" if no_call else "call"
    return _sentences(
        [
            *opening,
            phrase(name, **_predicted(account, i)),
            *_sides(account, i, findings, "this_class" if no_call else "this_call"),
            *(_factors_and_mechanisms(account, i, findings) if length == "long" else []),
            *(str(caveat[i]) for caveat in account.caveats),
            EXPLAINS_THE_MODEL,
        ]
    )


def what_if_sentence(change: Mapping[str, Any], called: object, predicted: object, probability: float) -> str:
    """Narrate the prediction for a changed record.

    Parameters
    ----------
    change : mapping of str to value
        Changed columns and their new values.
    called : str or None
        Class that would be called; None for no call.
    predicted : str
        Most probable class of the changed record.
    probability : float
        Its probability.

    Returns
    -------
    str
        Two sentences.

    Examples
    --------
    >>> print(what_if_sentence({"ocs_dose_mg_day": 0.0}, "th2_high", "th2_high", 0.81))
    What-if of the model, not a forecast: if the record read oral steroid dose 0 mg/day and all else were unchanged,
    the model would call this patient Th2-high (probability 0.81). In a patient the markers would change as well.
    """
    words = {"class": plain_name(predicted), "probability": rounded(probability)}
    outcome = phrase("what_if_call" if called else "what_if_no_call", **words)
    return phrase("what_if", changed=_changed(change), outcome=outcome)


def twins_sentence(change: Mapping[str, Any], called: Mapping[str, int]) -> str:
    """Narrate the calls of the counterfactual twins of a patient.

    Parameters
    ----------
    change : mapping of str to value
        Changed columns and their new values.
    called : mapping of str to int
        Number of twins by called class, ``no call`` included.

    Returns
    -------
    str
        A sentence.

    Examples
    --------
    >>> print(twins_sentence({"ocs_dose_mg_day": 0.0}, {"th2_high": 150, "no call": 50}))
    Counterfactual twins from the causal model, whose markers change as well: with oral steroid dose 0 mg/day, 150
    would be called Th2-high and 50 would get no call (200 posterior samples of this patient's true state).
    """
    answers = [
        phrase("twins_not_called" if name == "no call" else "twins_called", n=str(n), **{"class": plain_name(name)})
        for name, n in called.items()
    ]
    return phrase("twins", changed=_changed(change), called=listed(answers), n=str(sum(called.values())))


def _changed(change: Mapping[str, Any]) -> str:
    return listed([describe_finding(name, value, short=True) for name, value in change.items()])


def _predicted(account: Account, i: int) -> dict[str, str]:
    return {"class": plain_name(account.predicted[i]), "probability": rounded(float(account.probability[i]))}


def _calls_with_factors(account: Account, called: np.ndarray) -> list[str]:
    """Class, probability and strongest factors of each call."""
    names = [plain_name(name) for name in account.factors]
    values = account.contributions[called]
    rows = zip(
        account.predicted[called].tolist(),
        account.probability[called].tolist(),
        account.explained[called].tolist(),
        account.towards[called].tolist(),
        values.tolist(),
        _strongest_first(values)[:, :_FACTORS_IN_A_TABLE].tolist(),
        strict=True,
    )
    texts = []
    for predicted, probability, explained, towards, row, order in rows:
        shown = [(f"{names[k]} ({row[k]:+.2f})", row[k]) for k in order if abs(row[k]) >= _SMALLEST_IN_A_TABLE]
        call = phrase("short_call", **{"class": plain_name(predicted), "probability": rounded(probability)})
        texts.append(
            "; ".join([call, *_plain_sides(shown, towards, "factors"), *([_scale(explained)] if shown else [])])
        )
    return texts


def _plain_sides(shown: Iterable[tuple[str, float]], towards: float, kind: str) -> list[str]:
    """Findings or factors that support the prediction, and those against it."""
    supporting, opposing = _split(shown, towards)
    sides = [phrase(f"supporting_{kind}", findings=listed(supporting))] if supporting else []
    return [*sides, phrase(f"opposing_{kind}", findings=listed(opposing))] if opposing else sides


def _short(account: Account, i: int, findings: Sequence[Finding]) -> str:
    shown = [(describe_finding(each.column, each.value, short=True), each.contribution) for each in findings]
    name = "short_most_probable" if account.no_call[i] else "short_call"
    return (
        "; ".join([phrase(name, **_predicted(account, i)), *_plain_sides(shown, account.towards[i], "findings")]) + "."
    )


def _sides(account: Account, i: int, findings: Sequence[Finding], this: str) -> list[str]:
    """The scale of the contributions, then findings that support the prediction and those against it."""
    towards = float(account.towards[i])
    in_order = sorted(findings, key=lambda each: each.contribution * towards < 0)
    positions = [position_phrase(each.proportion_below) for each in in_order]
    first = next((k for k, position in enumerate(positions) if position), None)
    shown = [
        (_with_contribution(each, position + phrase("of_training_patients") * (k == first)), each.contribution)
        for k, (each, position) in enumerate(zip(in_order, positions, strict=True))
    ]
    supporting, opposing = _split(shown, towards)
    if not supporting and not opposing:
        return [phrase("no_findings")]
    again = phrase("this_again" if supporting else this)
    sides = [
        phrase("supports", this=phrase(this), findings=listed(supporting)) if supporting else "",
        phrase("opposes", this=again, findings=listed(opposing)) if opposing else "",
    ]
    return [_scale(account.explained[i]), "; ".join(filter(None, sides))]


def _with_contribution(finding: Finding, position: str) -> str:
    words = describe_finding(finding.column, finding.value)
    return f"{words} ({finding.contribution:+.2f}{'; ' * bool(position)}{position})"


@cache
def _scale(explained: object) -> str:
    return phrase("scale", **{"class": plain_name(explained)})


def _factors_and_mechanisms(account: Account, i: int, findings: Sequence[Finding]) -> list[str]:
    values = account.contributions[i]
    order = [k for k in _strongest_first(values[None])[0].tolist() if abs(values[k]) >= _SMALLEST_FACTOR]
    factors = listed([f"{plain_name(account.factors[k])} ({values[k]:+.2f})" for k in order])
    mechanisms = [
        phrase("mechanism", finding=describe_finding(each.column, each.value, short=True), mechanism=found)
        for each in findings
        if (found := mechanism(each.column))
    ]
    return [phrase("by_factor", factors=factors) if factors else "", *mechanisms]


def _split(shown: Iterable[tuple[str, float]], towards: float) -> tuple[list[str], list[str]]:
    """Words with a contribution towards the predicted class, and words with one away from it."""
    supporting: list[str] = []
    opposing: list[str] = []
    for words, value in shown:
        if value:
            (supporting if value * towards > 0 else opposing).append(words)
    return supporting, opposing


def _strongest_first(values: np.ndarray) -> np.ndarray:
    return np.argsort(-np.abs(values), axis=1, kind="stable")


def _sentences(parts: Iterable[str]) -> str:
    return ". ".join(_capitalised(part) for part in parts if part)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
