"""Sentences on mechanism contributions, by column: what the causal model expects the factors to have contributed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from asthma_ml.columns import Joined, Texts
from asthma_ml.variables import FACTORS, data_dictionary
from asthma_ml.wording.by_pattern import distinct_keys, hidden, text_of_numbers, text_of_row, written
from asthma_ml.wording.phrases import describe_finding, listed, mechanism_cause, phrase, plain_name

LEAST_NAMED = 0.2
"""Smallest size of a contribution that a sentence names [log-odds]."""

_MOST_NAMED = 3
_NUMBERS = ("size", "low", "high")
_CAUSES = {
    "environment": ("environment", "past_smoking", "current_smoking"),
    "patient_context": ("patient_context", "oral_steroid", "biologic", "oral_steroid_and_biologic"),
}
"""Words for a factor, by what the record shows of it."""
_CONTEXT = FACTORS.index("patient_context")

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Mechanisms:
    """Mechanism contributions of patients, as plain arrays.

    Attributes
    ----------
    preset : str
        Preset of the simulated patients from whom they were learned.
    values, low, high : ndarray of shape (n_patients, 6)
        Expected contribution of each factor and its interval [log-odds]; NaN outside the range.
    outside : ndarray of int of shape (n_patients,)
        First feature outside the range of the simulated patients; -1 where there is none.
    features : sequence of str
        Names of the features.
    X : ndarray of shape (n_patients, n_features)
        Encoded features.
    feature_range : ndarray of shape (2, n_features)
        Smallest and largest value of each feature in the simulated patients.
    classes : sequence
        Classes of the model.
    explained : ndarray of int of shape (n_patients,)
        Class whose log-odds are explained, as its position in `classes`.
    """

    preset: str
    values: Floats
    low: Floats
    high: Floats
    outside: NDArray[np.integer]
    features: Sequence[str]
    X: NDArray[np.floating]
    feature_range: NDArray[np.floating]
    classes: Sequence[object]
    explained: NDArray[np.integer]


def mechanism_texts(found: Mechanisms) -> Joined:
    """Narrate the mechanism contributions of each patient in one clause.

    Parameters
    ----------
    found : Mechanisms
        Of n_patients patients.

    Returns
    -------
    Joined
        Up to three factors with a contribution of at least `LEAST_NAMED`, the largest first, each with its interval;
        among them always a treatment that masks markers, however small its contribution. Or which finding is outside
        the range of the simulated patients. Lower case, without a full stop.

    Examples
    --------
    >>> one = np.ones((1, 6))
    >>> found = Mechanisms(
    ...     preset="severe_clinic",
    ...     values=one * [3.1, 0.0, 0.0, 0.1, 0.9, -0.7],
    ...     low=one * [1.4, 0.0, 0.0, 0.0, 0.2, -1.5],
    ...     high=one * [4.8, 0.0, 0.0, 0.2, 1.6, 0.1],
    ...     outside=np.array([-1]),
    ...     features=["feno_ppb", "ocs_dose_mg_day"],
    ...     X=np.array([[92.0, 10.0]]),
    ...     feature_range=np.array([[5.0, 0.0], [280.0, 40.0]]),
    ...     classes=["neutrophilic_th2_low", "th2_high"],
    ...     explained=np.array([1]),
    ... )
    >>> print(mechanism_texts(found).strings()[0])
    expected in the causal model of severe_clinic: the immune profile adds 3.1 (1.4 to 4.8), missed doses or poor
    technique add 0.9 (0.2 to 1.6) and patient context with an oral steroid takes away 0.7 (-0.1 to 1.5), in log-odds of
    Th2-high
    """
    is_outside = found.outside >= 0
    parts = [hidden(part, is_outside) for part in _named(found)]
    return Joined([*parts, _outside_text(found, is_outside)])


def mechanism_sentence(found: Mechanisms, i: int) -> str:
    """Clause on the mechanism contributions of one patient."""
    return text_of_row(mechanism_texts(found), i)


def causes_of_factors(features: Sequence[str], X: NDArray[np.floating]) -> NDArray[np.intp]:
    """Words for each factor by what the record shows, of shape (n_patients, 6), as positions in `mechanism_causes`.

    Examples
    --------
    >>> steroid = causes_of_factors(["ocs_dose_mg_day"], np.array([[10.0], [0.0], [np.nan]]))
    >>> [mechanism_causes()[place] for place in steroid[:, 5]]
    ['oral_steroid', 'patient_context', 'patient_context']
    """
    smoking, biologic = (_codes(features, X, name) for name in ("smoking_status", "biologic"))
    treated = (_codes(features, X, "ocs_dose_mg_day") > 0) + 2 * (biologic > 0)
    place = np.tile([mechanism_causes().index(factor) for factor in FACTORS], (len(X), 1))
    place[:, FACTORS.index("environment")] += np.where(smoking > 0, smoking, 0).astype(np.intp)
    place[:, FACTORS.index("patient_context")] += treated
    return place


@cache
def mechanism_causes() -> tuple[str, ...]:
    """Names of all causes; those of a factor stand together, the factor itself first."""
    return tuple(cause for factor in FACTORS for cause in _CAUSES.get(factor, (factor,)))


def _codes(features: Sequence[str], X: NDArray[np.floating], name: str) -> NDArray[np.floating]:
    """Values of a feature, 0 where it is missing."""
    return np.nan_to_num(X[:, list(features).index(name)]) if name in features else np.zeros(len(X))


def _named(found: Mechanisms) -> list[Texts]:
    """Causes with the largest contributions and their numbers, as texts and numbers in turn."""
    causes, sizes = causes_of_factors(found.features, found.X), np.abs(found.values)
    masked = np.zeros(sizes.shape, dtype=bool)
    masked[:, _CONTEXT] = causes[:, _CONTEXT] != mechanism_causes().index("patient_context")
    named = masked | (sizes >= LEAST_NAMED)
    order = _order(sizes, named, masked)
    value, low, high = (np.take_along_axis(each, order, axis=1) for each in (found.values, found.low, found.high))
    cause, shown = np.take_along_axis(causes, order, axis=1), np.take_along_axis(named, order, axis=1)
    adds = value > 0
    sides = np.where(shown, 1 + 2 * cause + adds, 0) @ _base() ** np.arange(order.shape[1])
    keys, codes = distinct_keys(found.explained + len(found.classes) * sides)
    texts = [_layout(found.preset, tuple(found.classes), key) for key in keys]
    ends = np.stack([np.abs(value), np.where(adds, low, -high), np.where(adds, high, -low)], axis=2)
    return _in_turn(
        codes, texts, ends.reshape(len(ends), shown.shape[1] * len(_NUMBERS)), np.repeat(shown, len(_NUMBERS), axis=1)
    )


def _order(sizes: Floats, named: NDArray[np.bool_], masked: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Positions of the factors to name, the largest first; a treatment that masks markers is among them."""
    chosen = np.argsort(np.where(masked, -np.inf, -sizes), axis=1, kind="stable")[:, :_MOST_NAMED]
    size = np.take_along_axis(np.where(named, -sizes, 1.0), chosen, axis=1)
    return np.take_along_axis(chosen, np.argsort(size, axis=1, kind="stable"), axis=1)


def _in_turn(
    codes: NDArray[np.integer], texts: list[list[str | None]], numbers: Floats, shown: NDArray[np.bool_]
) -> list[Texts]:
    """Texts of each row's layout, and after each text but the last a number."""
    found = text_of_numbers(np.where(shown, numbers, 0.0).reshape(-1), "{:z.1f}".format, 20)
    of_slot = np.ascontiguousarray(np.where(shown, found.codes.reshape(numbers.shape), -1).T.astype(np.int32))
    around = [written(codes, [text[slot] for text in texts]) for slot in range(len(of_slot) + 1)]
    after = [Texts(number, found.distinct) for number in of_slot]
    return [part for pair in zip(around, after, strict=False) for part in pair] + [around[-1]]


def _base() -> int:
    return 2 * len(mechanism_causes()) + 1


@cache
def _layout(preset: str, classes: tuple[object, ...], key: int) -> list[str | None]:
    """Texts around the numbers of a patient's causes; None where there is no further cause."""
    sides, explained = divmod(key, len(classes))
    words = []
    while sides:
        sides, side = divmod(sides, _base())
        cause, adds = divmod(side - 1, 2)
        numbers = dict.fromkeys(_NUMBERS, "\0")
        subject = mechanism_cause(mechanism_causes()[cause], adds=bool(adds))
        words.append(phrase("mechanism_cause", cause=subject, **numbers))
    name = plain_name(classes[explained])
    if not words:
        text = phrase("mechanisms_small", preset=preset, least=f"{LEAST_NAMED}", **{"class": name})
    else:
        text = phrase("mechanisms", preset=preset, causes=listed(words), **{"class": name})
    texts = text.split("\0")
    return [*texts, *[None] * (1 + len(_NUMBERS) * _MOST_NAMED - len(texts))]


def _outside_text(found: Mechanisms, is_outside: NDArray[np.bool_]) -> Texts:
    """Which finding is outside the range; written once for each distinct value."""
    (rows,) = np.nonzero(is_outside)
    column = found.outside[rows]
    pairs = np.column_stack([column, found.X[rows, column]]).astype(float)
    distinct, place = np.unique(pairs, axis=0, return_inverse=True)
    codes = np.full(len(is_outside), -1, dtype=np.int32)
    codes[rows] = place.reshape(-1)
    texts = [_of_value(str(found.features[int(j)]), value, found.feature_range[:, int(j)]) for j, value in distinct]
    return Texts(codes, texts)


def _of_value(name: str, value: float, ends: NDArray[np.floating]) -> str:
    low, high = (_bare(name, float(end)) for end in ends)
    within = phrase("mechanisms_only", value=low) if low == high else phrase("mechanisms_range", low=low, high=high)
    return phrase("mechanisms_outside", finding=describe_finding(name, float(value), short=True), range=within)


def _bare(name: str, value: float) -> str:
    """Value without name and unit."""
    variable = data_dictionary().get(name)
    if variable is not None and (variable.levels or variable.kind == "flag"):
        return describe_finding(name, value).rpartition(": ")[2]
    return f"{value:.6g}"
