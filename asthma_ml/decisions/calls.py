"""When the model reports a class and when it abstains. No other module decides this."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.classifier import Classifier, Predictions, predictions_of_margins
from asthma_ml.columns import Joined, Texts
from asthma_ml.intervals import PatientRows
from asthma_ml.variables import FOUR_CLASSES, data_dictionary
from asthma_ml.wording import (
    disease_name,
    first_names,
    is_written,
    joined,
    listed,
    percent,
    phrase,
    phrase_around,
    plain_name,
    rounded,
    rounded_texts,
    spread,
    text_of_patterns,
    text_where,
)

if TYPE_CHECKING:
    import pandas as pd

STATUSES = ("ok", "abstained", "invalid", "out_of_range")
_OK, _ABSTAINED, _INVALID, _OUT_OF_RANGE = range(4)

MINIMUM_PROBABILITY = 2 / 3
"""Smallest probability of a called class: a call is expected to be right twice as often as wrong.

A prediction set of one class does not ensure it. Where one class is common, the set of a patient with
uninformative findings contains the common class alone: class-conditional sets guarantee the coverage of
the true class, not the probability of the class in them.
"""

OUT_OF_RANGE = "outside the training range"
INSUFFICIENT_DATA = "insufficient data"
UNCALIBRATED = "uncalibrated"
UNMODELLED = "unmodelled diagnosis"
AMBIGUOUS = "ambiguous class"
ABSTENTION_REASONS = (OUT_OF_RANGE, INSUFFICIENT_DATA, UNCALIBRATED, UNMODELLED, AMBIGUOUS)
"""Reasons for abstention in valid patients; a patient with several of them has the first.

An empty prediction set is an unmodelled diagnosis, like a high probability of one. Ambiguous are sets of
several classes, sets without the most probable class and probabilities below `MINIMUM_PROBABILITY`.
"""

FEWEST_MEASURED = 0.5
"""Smallest measured fraction of the feature importance; below it, an ambiguous class is put down to missing data.

Every patient of the severe clinic has more.
"""

_COLUMNS_IN_A_REASON = 3
_FEWEST_NAMED = 10
_RARE_LABELS = "rare labels"
_TEXTS = ("outside", "doubts")


@dataclass(frozen=True, eq=False)
class Calls:
    """Predictions, and the class that the model reports for each patient (the call) or the reason for abstention.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Classes of the model.
    probability : ndarray of shape (n_patients, n_classes)
        Class probabilities.
    in_set : ndarray of bool of shape (n_patients, n_classes)
        Classes in the prediction set.
    low, high : ndarray of shape (n_patients, n_classes)
        Intervals of the probabilities.
    decision : ndarray of shape (n_patients,) or (n_patients, n_classes)
        Calibrated margins from ``model.decision_function``.
    invalid : ndarray of bool of shape (n_patients,)
        Rows with a value outside the limits of the data dictionary.
    p_unmodelled : ndarray of shape (n_patients,)
        Probability of a diagnosis that the model does not name.
    outside : Texts
        Features outside the training range, in words; missing if there are none.
    doubts : Texts or Joined of n_patients rows
        Other reasons for abstention, in words; missing if there are none.
    reason : ndarray of int of shape (n_patients,)
        Position in `ABSTENTION_REASONS`; -1 where a call is made or the row is invalid.
    """

    classes: np.ndarray
    probability: np.ndarray
    in_set: np.ndarray
    low: np.ndarray
    high: np.ndarray
    decision: np.ndarray
    invalid: np.ndarray
    p_unmodelled: np.ndarray
    outside: Texts
    doubts: Texts | Joined
    reason: NDArray[np.integer]

    @cached_property
    def predicted(self) -> NDArray[np.intp]:
        """Most probable class of each patient, called or not, as its position in `classes`."""
        return np.asarray(self.probability.argmax(axis=1))

    @cached_property
    def status_texts(self) -> Texts:
        """One of `STATUSES` for each patient."""
        holds = [self.invalid, ~self.outside.missing, is_written(self.doubts)]
        return Texts(np.select(holds, [_INVALID, _OUT_OF_RANGE, _ABSTAINED], _OK).astype(np.int32), STATUSES)

    @cached_property
    def called_texts(self) -> Texts:
        """Called class of each patient, missing where the model abstains."""
        codes = np.where(self.status_texts.codes == _OK, self.predicted, -1).astype(np.int32)
        return Texts(codes, [str(name) for name in self.classes])

    @cached_property
    def no_call_texts(self) -> Joined:
        """Reasons for no call in words, missing where a call is made."""
        return joined([text_where(self.invalid, phrase("hard_limit")), self.outside, self.doubts])

    @property
    def most_probable(self) -> np.ndarray:
        """Most probable class of each patient, called or not."""
        return np.asarray(self.classes[self.predicted])

    @property
    def status(self) -> np.ndarray:
        """One of `STATUSES` for each patient."""
        return np.asarray(np.array(STATUSES)[self.status_texts.codes])

    @property
    def called(self) -> np.ndarray:
        """Called class of each patient, None where the model abstains."""
        called = self.most_probable.astype(object)
        called[self.called_texts.missing] = None
        return np.asarray(called)

    @property
    def no_call(self) -> np.ndarray:
        """Reasons for no call in words, empty where a call is made."""
        return _strings(self.no_call_texts)

    @property
    def out_of_range(self) -> np.ndarray:
        """Features outside the training range, in words; empty if there are none."""
        return _strings(self.outside)

    @property
    def abstained(self) -> np.ndarray:
        """Other reasons for abstention, in words; empty if there are none."""
        return _strings(self.doubts)

    @property
    def abstention_reason(self) -> np.ndarray:
        """One of `ABSTENTION_REASONS`; empty where a call is made or the row is invalid."""
        return np.asarray(np.array([*ABSTENTION_REASONS, ""])[self.reason])

    def take(self, rows: Any) -> Calls:
        """Return the calls of some patients."""
        arrays = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in {"classes", *_TEXTS}}
        chosen = {name: values[rows] for name, values in arrays.items()}
        return replace(self, **chosen, **{name: getattr(self, name).take(rows) for name in _TEXTS})


def decide_calls(
    model: Classifier,
    X: pd.DataFrame | np.ndarray,
    invalid: np.ndarray | None = None,
    decision: np.ndarray | None = None,
) -> Calls:
    """Predictions of patients, and which of them are calls.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    X : ndarray or DataFrame of shape (n_patients, n_features)
        Encoded features, in the order of ``model.feature_names_in_``.
    invalid : ndarray of bool of shape (n_patients,), default=None
        Rows with a value outside its hard limits; none if left out.
    decision : ndarray of shape (n_patients,) or (n_patients, n_classes), default=None
        Calibrated margins from ``model.decision_function``; computed if left out.

    Returns
    -------
    Calls
        A class is called if an inflammatory marker was measured, no value lies outside the training range,
        the prediction set contains the most probable class alone, its probability is at least
        `MINIMUM_PROBABILITY`, and the probability of an unmodelled diagnosis is below the threshold.
    """
    encoded = np.asarray(X)
    assessed = (
        model.predict_with_uncertainty(X) if decision is None else predictions_of_margins(model, decision, encoded)
    )
    p_unmodelled = model.predict_unmodelled_proba(X)
    known_invalid = np.zeros(len(encoded), dtype=bool) if invalid is None else invalid
    outside, doubts = _outside(model, encoded), _doubts(model, encoded, assessed, p_unmodelled)
    reason = np.full(len(encoded), -1)
    for name, texts in reversed([(OUT_OF_RANGE, outside), *doubts]):
        reason[is_written(texts)] = ABSTENTION_REASONS.index(name)
    reason[known_invalid] = -1
    return Calls(
        classes=model.classes_,
        **assessed._asdict(),
        invalid=known_invalid,
        p_unmodelled=p_unmodelled,
        outside=outside,
        doubts=joined([texts for _, texts in doubts]),
        reason=reason,
    )


def unmodelled_classes_clause(classes: Iterable[object]) -> str:
    """Clause on the granulocyte classes that a model does not name.

    Parameters
    ----------
    classes : iterable
        Classes of the model.

    Returns
    -------
    str
        Empty if the model names all four or has classes of another kind.

    Examples
    --------
    >>> unmodelled_classes_clause(["neutrophilic_th2_low", "th2_high"])
    'not modelled: mixed and paucigranulocytic disease'
    """
    names = {str(name) for name in classes}
    others = [name for name in FOUR_CLASSES if name not in names]
    if not others or not names < set(FOUR_CLASSES):
        return ""
    return phrase("not_modelled", classes=listed([disease_name(name) for name in others]))


def calls_by_diagnosis(
    model: Classifier, features: pd.DataFrame, labels: pd.Series[str], patient: NDArray[Any] | None = None
) -> dict[str, Any]:
    """Proportion of the patients of each label that is called each class.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    features : DataFrame of shape (n_rows, n_columns)
        Valid rows.
    labels : Series of shape (n_rows,)
        Their labels, classes of the model or not.
    patient : ndarray of shape (n_rows,), optional
        Number of the patient of each row; by default each row is a patient.

    Returns
    -------
    dict
        For each label, in descending order of frequency, the number of its patients `n` (and `n_rows`, if it is
        another) and, in `called`, the proportion that is called each class; the model abstains for the others. Labels
        of fewer than ten patients are pooled as ``rare labels``, so that no label of a single patient is disclosed.
    """
    rows = PatientRows.single(len(labels)) if patient is None else PatientRows.of(patient)
    names = labels.astype(str).to_numpy(dtype=object)
    rare = [name for name in set(names) if rows.n_patients_where(names == name) < _FEWEST_NAMED]
    pooled = np.where(np.isin(names, rare), _RARE_LABELS, names)
    called = decide_calls(model, model.encode(features)).called
    found: dict[str, Any] = {}
    for name in dict.fromkeys(pooled):
        of_label = rows.take(pooled == name)
        shares = {str(each): of_label.mean(called[pooled == name] == each) for each in model.classes_}
        found[str(name)] = {**of_label.counts, "called": shares}
    return dict(sorted(found.items(), key=lambda item: -item[1]["n"]))


def _strings(texts: Texts | Joined) -> np.ndarray:
    """Text of each row, empty where it is missing."""
    strings = texts.strings()
    strings[~is_written(texts)] = ""
    return np.asarray(strings)


def _outside(model: Classifier, X: np.ndarray) -> Texts:
    """Features outside the range of the training patients, in words."""
    smallest, largest = model.feature_range_
    columns = np.array([str(name) for name in model.feature_names_in_], dtype=object)

    def reason(features: np.ndarray) -> str:
        return phrase("out_of_range", columns=first_names(columns[features], _COLUMNS_IN_A_REASON))

    outside = (smallest > X) | (largest < X)
    some = outside.any(axis=1)
    return spread(text_of_patterns(outside[some], reason), some)


def _doubts(
    model: Classifier, X: np.ndarray, assessed: Predictions, p_unmodelled: np.ndarray
) -> list[tuple[str, Texts | Joined]]:
    """Reasons for abstention within the training range, each with its text, in the order of `ABSTENTION_REASONS`."""
    no_marker, unmodelled = _without_markers(model, X), _unmodelled_diagnosis(model, p_unmodelled)
    if model.uncalibrated_classes:
        classes = listed([plain_name(name) for name in model.uncalibrated_classes])
        uncalibrated = text_where(np.ones(len(X), dtype=bool), phrase("uncalibrated", classes=classes))
        return [(INSUFFICIENT_DATA, no_marker), (UNCALIBRATED, uncalibrated), (UNMODELLED, unmodelled)]
    ambiguous, confidence = _ambiguous_class(model, assessed), percent(model.confidence)
    empty_set = text_where(assessed.in_set.sum(axis=1) == 0, phrase("empty_set", confidence=confidence))
    return [
        (INSUFFICIENT_DATA, no_marker),
        (INSUFFICIENT_DATA, _with_few_measured(model, X, is_written(ambiguous))),
        (UNMODELLED, empty_set),
        (UNMODELLED, unmodelled),
        (AMBIGUOUS, ambiguous),
    ]


def _without_markers(model: Classifier, X: np.ndarray) -> Texts:
    dictionary, names = data_dictionary(), [str(name) for name in model.feature_names_in_]
    markers = [
        names.index(name)
        for name in dictionary.of_factor("immune_profile")
        if dictionary[name].kind == "number" and name in names
    ]
    return text_where(np.isnan(X[:, markers]).all(axis=1), phrase("no_marker"))


def _with_few_measured(model: Classifier, X: np.ndarray, ambiguous: np.ndarray) -> Texts:
    """Where an ambiguous class is put down to missing data."""
    few = ambiguous.copy()
    measured = np.where(np.isnan(X[ambiguous]), 0.0, model.feature_importances_).sum(axis=1)
    few[ambiguous] = measured < FEWEST_MEASURED
    return text_where(few, phrase("few_measured"))


def _unmodelled_diagnosis(model: Classifier, p_unmodelled: np.ndarray) -> Joined:
    """Probability of an unmodelled diagnosis where it reaches the threshold, in words."""
    classes = listed([disease_name(name) for name in model.unmodelled_classes], "or")
    around = phrase_around("unmodelled_diagnosis", "probability", classes=classes)
    return _with_probability(p_unmodelled >= model.unmodelled_threshold_, p_unmodelled, around)


def _with_probability(holds: np.ndarray, probability: np.ndarray, around: tuple[str, str]) -> Joined:
    """The text before and after a probability, for the patients for whom a statement holds."""
    before, after = (text_where(holds, text) for text in around)
    return Joined([before, spread(rounded_texts(probability[holds]), holds), after])


def _ambiguous_class(model: Classifier, assessed: Predictions) -> Joined:
    """Why the most probable class is not called though the patient may well have one of the classes."""
    probability, in_set, confidence = assessed.probability, assessed.in_set, percent(model.confidence)
    size, largest = in_set.sum(axis=1), probability.max(axis=1, initial=0.0)
    in_own_set = in_set[np.arange(len(in_set)), probability.argmax(axis=1)]
    low = (size == 1) & in_own_set & (largest < MINIMUM_PROBABILITY)

    def of_set(members: np.ndarray) -> str | None:
        classes = listed([plain_name(name) for name in model.classes_[members]])
        return phrase("several_classes", confidence=confidence, classes=classes) if members.sum() > 1 else None

    of_another = text_where((size == 1) & ~in_own_set, phrase("class_not_in_set", confidence=confidence))
    around = phrase_around("low_probability", "probability", threshold=rounded(MINIMUM_PROBABILITY))
    low_probability = _with_probability(low, largest, around)
    return Joined([text_of_patterns(in_set, of_set), of_another, *low_probability.parts])
