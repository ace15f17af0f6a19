"""The narrator: predictions of patients in sentences, for a table and for one patient.

A sentence says which findings support a prediction of the model. It never claims causation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asthma_ml.columns import Joined, Texts
from asthma_ml.variables import TWO_CLASSES
from asthma_ml.wording.by_pattern import (
    distinct_keys,
    hidden,
    is_written,
    joined,
    parts_of,
    text_of_keys,
    text_of_row,
    text_where,
    written,
)
from asthma_ml.wording.numbers import rounded, rounded_texts, signed_texts
from asthma_ml.wording.phrases import (
    describe_finding,
    listed,
    mechanism,
    phrase,
    phrase_around,
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
    classes : sequence
        Classes of the model.
    predicted : ndarray of int of shape (n_patients,)
        Most probable class, as its position in `classes`.
    probability : ndarray of shape (n_patients,)
        Its probability.
    no_call : Texts or Joined of n_patients rows
        Why the model abstains; missing where it makes a call.
    unmodelled : str
        Clause on the classes that the model does not name.
    masking, check_first : Texts or Joined of n_patients rows
        What may mask or mimic Th2 inflammation, and why to check the treatment first; missing where nothing.
    explained : ndarray of int of shape (n_patients,)
        Class whose log-odds the contributions add up to, as its position in `classes`.
    factors : sequence of str
        Names of the factors; none if the predictions were not explained.
    contributions : ndarray of shape (n_patients, n_factors)
        Contribution of each factor [log-odds of `explained`].
    prior_decides, unstable : ndarray of bool of shape (n_patients,)
        Whether the prior decides against the findings, and whether the ranking of the factors is unstable.
    mechanisms : Texts or Joined of n_patients rows, default=None
        Clauses from `mechanism_texts`; None without mechanism contributions.
    """

    classes: Sequence[object]
    predicted: NDArray[np.integer]
    probability: NDArray[np.float64]
    no_call: Texts | Joined
    unmodelled: str
    masking: Texts | Joined
    check_first: Texts | Joined
    explained: NDArray[np.integer]
    factors: Sequence[str]
    contributions: NDArray[np.float64]
    prior_decides: NDArray[np.bool_]
    unstable: NDArray[np.bool_]
    mechanisms: Texts | Joined | None = None

    @cached_property
    def called(self) -> NDArray[np.bool_]:
        """Whether the model makes a call."""
        return ~is_written(self.no_call)

    @cached_property
    def strongest(self) -> NDArray[np.intp]:
        """Positions of the factors of each patient, the strongest first."""
        return _strongest_first(self.contributions)

    @cached_property
    def caveats(self) -> tuple[Texts, Texts, Texts, Texts | Joined, Joined]:
        """Caveats of each patient, in the order in which they are printed; missing where one does not apply."""
        check = text_where(is_written(self.check_first), phrase("check_first", reason=""))
        return (
            text_where(self.called & self.prior_decides, phrase("prior_decides")),
            text_where(self.called, self.unmodelled),
            self._close_factors(),
            self.masking,
            Joined([check, *parts_of(self.check_first)]),
        )

    @cached_property
    def towards(self) -> NDArray[np.float64]:
        """Sign of the contributions that support the predicted class of each patient."""
        return np.where(self.predicted == self.explained, 1.0, -1.0)

    def _close_factors(self) -> Texts:
        names, n = [plain_name(name) for name in self.factors], len(self.factors)
        keys = np.full(len(self.predicted), -1)
        if self.unstable.any():
            keys[self.unstable] = self.strongest[self.unstable, :2] @ [n, 1]
        return text_of_keys(keys, lambda key: phrase("close_factors", first=names[key // n], second=names[key % n]))


def narrate_table(
    account: Account, warnings: Texts | Joined, errors: Texts | Joined, invalid: NDArray[np.bool_]
) -> Joined:
    """Narrate the prediction of each patient in one sentence.

    Parameters
    ----------
    account : Account
        Of n_patients patients.
    warnings, errors : Texts or Joined of n_patients rows
        Problems found in each row; missing where there is none.
    invalid : ndarray of bool of shape (n_patients,)
        Rows that were not predicted; only their errors are narrated.

    Returns
    -------
    Joined
        Class, probability and strongest factors, or why there is no call or prediction; what the mechanisms
        contributed; then the caveats.
    """
    prior, unmodelled, close, *others = account.caveats
    no_call = text_where(~account.called, _capitalised(phrase("no_call", reason="")))
    opening = Joined([no_call, *parts_of(account.no_call), *_calls_with_factors(account)])
    mechanisms = [] if account.mechanisms is None else [account.mechanisms]
    text = joined([opening, *mechanisms, prior, unmodelled, hidden(close, ~account.called), *others, warnings])
    not_predicted = text_where(invalid, _capitalised(phrase("row_not_predicted", problems="")))
    full_stop = text_where(np.ones(len(invalid), dtype=bool), ".")
    parts = [
        *(hidden(part, invalid) for part in text.parts),
        not_predicted,
        *(hidden(part, ~invalid) for part in parts_of(errors)),
    ]
    return Joined([*(part for part in parts if part.codes.max(initial=-1) >= 0), full_stop])


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
    >>> none, no = Texts.of([None]), np.array([False])
    >>> account = Account(
    ...     classes=["neutrophilic_th2_low", "th2_high"],
    ...     predicted=np.array([0]),
    ...     probability=np.array([0.91]),
    ...     no_call=none,
    ...     unmodelled="",
    ...     masking=none,
    ...     check_first=none,
    ...     explained=np.array([1]),
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
    no_call = text_of_row(account.no_call, i)
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
            "" if account.mechanisms is None else text_of_row(account.mechanisms, i),
            *(text_of_row(caveat, i) for caveat in account.caveats),
            EXPLAINS_THE_MODEL,
        ]
    )


def what_if_sentence(
    question: str,
    outcome: str,
    asked: Sequence[str],
    called: Mapping[str, int],
    explained: object,
    change: tuple[float, float, float],
    markers: Mapping[str, float],
) -> str:
    """Narrate the calls of the counterfactual twins of a patient.

    Parameters
    ----------
    question, outcome : str
        Names of the phrases: what is asked, and whether the call changes.
    asked : sequence of str
        Names of the interventions.
    called : mapping of str to int
        Number of twins by called class, ``no call`` included.
    explained : str
        Class whose log-odds change.
    change : tuple of float
        Mean change of the log-odds, and the ends of its interval.
    markers : mapping of str to float
        Median of measured markers in the twins.

    Returns
    -------
    str
        Three sentences.

    Examples
    --------
    >>> called, change = {"th2_high": 150, "no call": 50}, (-0.3, -1.0, 0.4)
    >>> asked = "what_if_advice", "what_if_stays", ["adherence"]
    >>> print(what_if_sentence(*asked, called, "th2_high", change, {"feno_ppb": 52.0}))
    What-if in the causal model, not a forecast: with every prescribed dose taken with correct technique, the markers
    change as well (median FeNO 52 ppb). Of 200 counterfactual twins 150 would be called Th2-high and 50 would get no
    call; most have the call of the patient. The log-odds of Th2-high change by -0.30 (-1.00 to +0.40).
    """
    changed = listed([phrase(f"what_if_{name}") for name in asked])
    medians = [describe_finding(name, value, short=True) for name, value in markers.items()]
    answers = [
        phrase("what_if_not_called" if name == "no call" else "what_if_called", n=str(n), **_class(name))
        for name, n in called.items()
    ]
    return phrase(
        "what_if",
        question=phrase(question, changed=changed),
        called=listed(answers),
        n=str(sum(called.values())),
        outcome=phrase(outcome),
        medians=phrase("what_if_medians", medians=", ".join(medians)) if medians else "",
        change="{:+.2f} ({:+.2f} to {:+.2f})".format(*change),
        **_class(explained),
    )


def _predicted(account: Account, i: int) -> dict[str, str]:
    return _class(account.classes[account.predicted[i]]) | {"probability": rounded(float(account.probability[i]))}


def _calls_with_factors(account: Account) -> list[Texts]:
    """Class, probability and strongest factors of each call."""
    openings = [_capitalised(phrase_around("short_call", "probability", **_class(name))[0]) for name in account.classes]
    of_call = np.where(account.called, account.predicted, -1).astype(np.int32)
    probability = hidden(rounded_texts(account.probability), ~account.called)
    return [Texts(of_call, openings), probability, *_strongest_factors(account)]


def _strongest_factors(account: Account) -> list[Texts]:
    """The strongest factors of each call on both sides, and the scale of their contributions."""
    order = account.strongest[:, :_FACTORS_IN_A_TABLE]
    values = np.take_along_axis(account.contributions, order, axis=1)
    side = 1 + 2 * order + (values * account.towards[:, None] > 0)
    shown = np.where(np.abs(values) >= _SMALLEST_IN_A_TABLE, side, 0)
    base = 2 * len(account.factors) + 1
    keys = account.explained + len(account.classes) * (shown @ base ** np.arange(shown.shape[1]))
    found, codes = distinct_keys(np.where(account.called, keys, -1))
    layouts = [_layout(tuple(account.classes), tuple(account.factors), key) for key in found]
    numbers = signed_texts(values.reshape(-1))
    # The last column stands for no number: it is that of place -1.
    of_row = np.pad(numbers.codes.reshape(values.shape), ((0, 0), (0, 1)), constant_values=-1)
    places = np.array([places for _, places in layouts], dtype=np.intp).reshape(-1, _FACTORS_IN_A_TABLE + 1)
    of_slot = np.ascontiguousarray(np.take_along_axis(of_row, places[codes], axis=1).T)
    texts = [written(codes, [texts[slot] for texts, _ in layouts]) for slot in range(len(of_slot))]
    return [
        part for text, number in zip(texts, of_slot, strict=True) for part in (text, Texts(number, numbers.distinct))
    ]


@cache
def _layout(classes: Sequence[object], factors: Sequence[str], key: int) -> tuple[list[str | None], list[int]]:
    """Texts around the contributions of a call's factors, and which contribution follows which; -1 stands for none."""
    n_slots = _FACTORS_IN_A_TABLE + 1
    if key < 0:
        return [None] * n_slots, [-1] * n_slots
    sides, explained = divmod(key, len(classes))
    words: list[tuple[str, float]] = []
    while sides:
        sides, side = divmod(sides, 2 * len(factors) + 1)
        name, supports = factors[(side - 1) // 2], side % 2 == 0
        words.append((f"{plain_name(name)} (\0{len(words)}\0)", 1.0 if supports else -1.0))
    _, ending = phrase_around("short_call", "probability", **_class(classes[explained]))
    scale = [_scale(classes[explained])] if words else []
    texts = "; ".join([ending, *_plain_sides(words, 1.0, "factors"), *scale]).split("\0")
    n_missing = n_slots - len(words)
    return [*texts[::2], *[None] * (n_missing - 1)], [*map(int, texts[1::2]), *[-1] * n_missing]


def _class(name: object) -> dict[str, str]:
    return {"class": plain_name(name)}


def _plain_sides(shown: Iterable[tuple[str, float]], towards: float, kind: str) -> list[str]:
    """Findings or factors that support the prediction, and those against it."""
    supporting, opposing = _split(shown, towards)
    sides = [phrase(f"supporting_{kind}", findings=listed(supporting))] if supporting else []
    return [*sides, phrase(f"opposing_{kind}", findings=listed(opposing))] if opposing else sides


def _short(account: Account, i: int, findings: Sequence[Finding]) -> str:
    shown = [(describe_finding(each.column, each.value, short=True), each.contribution) for each in findings]
    name = "short_call" if account.called[i] else "short_most_probable"
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
    return [_scale(account.classes[account.explained[i]]), "; ".join(filter(None, sides))]


def _with_contribution(finding: Finding, position: str) -> str:
    words = describe_finding(finding.column, finding.value)
    return f"{words} ({finding.contribution:+.2f}{'; ' * bool(position)}{position})"


@cache
def _scale(explained: object) -> str:
    return phrase("scale", **_class(explained))


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


def _strongest_first(values: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.argsort(-np.abs(values), axis=1, kind="stable")


def _sentences(parts: Iterable[str]) -> str:
    return ". ".join(_capitalised(part) for part in parts if part)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
