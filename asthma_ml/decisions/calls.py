"""When the model reports a class and when it abstains. No other module decides this."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from asthma_ml.classifier import Classifier, Predictions, predictions_of_margins
from asthma_ml.variables import FOUR_CLASSES, data_dictionary
from asthma_ml.wording import (
    disease_name,
    first_names,
    joined,
    listed,
    percent,
    phrase,
    plain_name,
    rounded,
    text_of_patterns,
    text_where,
)

STATUSES = ("ok", "abstained", "invalid", "out_of_range")

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


@dataclass(frozen=True, slots=True)
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
    out_of_range : ndarray of str of shape (n_patients,)
        Features outside the training range, in words; empty if there are none.
    abstained : ndarray of str of shape (n_patients,)
        Other reasons for abstention, in words; empty if there are none.
    abstention_reason : ndarray of str of shape (n_patients,)
        One of `ABSTENTION_REASONS`; empty where a call is made or the row is invalid.
    """

    classes: np.ndarray
    probability: np.ndarray
    in_set: np.ndarray
    low: np.ndarray
    high: np.ndarray
    decision: np.ndarray
    invalid: np.ndarray
    p_unmodelled: np.ndarray
    out_of_range: np.ndarray
    abstained: np.ndarray
    abstention_reason: np.ndarray

    @property
    def most_probable(self) -> np.ndarray:
        """Most probable class of each patient, called or not."""
        return np.asarray(self.classes[self.probability.argmax(axis=1)])

    @property
    def status(self) -> np.ndarray:
        """One of `STATUSES` for each patient."""
        return np.select(
            [self.invalid, self.out_of_range != "", self.abstained != ""],
            ["invalid", "out_of_range", "abstained"],
            "ok",
        )

    @property
    def called(self) -> np.ndarray:
        """Called class of each patient, None where the model abstains."""
        called = self.most_probable.astype(object)
        called[self.status != "ok"] = None
        return np.asarray(called)

    @property
    def no_call(self) -> np.ndarray:
        """Reasons for no call in words, empty where a call is made."""
        return joined([text_where(self.invalid, phrase("hard_limit")), self.out_of_range, self.abstained])


def decide_calls(
    model: Classifier, encoded: pd.DataFrame, invalid: np.ndarray | None = None, decision: np.ndarray | None = None
) -> Calls:
    """Predictions of patients, and which of them are calls.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    encoded : DataFrame of shape (n_patients, n_features)
        From ``model.encode``.
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
    assessed = (
        model.predict_with_uncertainty(encoded)
        if decision is None
        else predictions_of_margins(model, decision, encoded.to_numpy())
    )
    p_unmodelled = model.predict_unmodelled_proba(encoded)
    known_invalid = np.zeros(len(encoded), dtype=bool) if invalid is None else invalid
    out_of_range, doubts = _out_of_range(model, encoded), _doubts(model, encoded, assessed, p_unmodelled)
    reasons = {OUT_OF_RANGE: out_of_range, **doubts}
    first = np.select([text != "" for text in reasons.values()], list(reasons), "")
    return Calls(
        classes=model.classes_,
        **assessed._asdict(),
        invalid=known_invalid,
        p_unmodelled=p_unmodelled,
        out_of_range=out_of_range,
        abstained=joined(list(doubts.values())),
        abstention_reason=np.where(known_invalid, "", first),
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


def calls_by_diagnosis(model: Classifier, features: pd.DataFrame, labels: pd.Series[str]) -> dict[str, Any]:
    """Proportion of the patients of each label that is called each class.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    features : DataFrame of shape (n_patients, n_columns)
        Valid rows.
    labels : Series of shape (n_patients,)
        Their labels, classes of the model or not.

    Returns
    -------
    dict
        For each label, in descending order of frequency, the number of its patients `n` and, in `called`, the
        proportion that is called each class; the model abstains for the others. Labels of fewer than ten patients
        are pooled as ``rare labels``, so that no label of a single patient is disclosed.
    """
    counts = labels.astype(str).value_counts()
    frequent = set(counts.index[counts >= _FEWEST_NAMED])
    pooled = pd.Series([name if name in frequent else _RARE_LABELS for name in labels.astype(str)], dtype=object)
    called = decide_calls(model, model.encode(features)).called
    return {
        str(name): {
            "n": int(n),
            "called": {
                str(each): float(np.mean(called[(pooled == name).to_numpy()] == each)) for each in model.classes_
            },
        }
        for name, n in pooled.value_counts().items()
    }


def _out_of_range(model: Classifier, encoded: pd.DataFrame) -> np.ndarray:
    """Features outside the range of the training patients, in words."""
    values = encoded.to_numpy()
    smallest, largest = model.feature_range_
    columns = encoded.columns.to_numpy(dtype=object)

    def reason(outside: np.ndarray) -> str:
        names = first_names(columns[outside], _COLUMNS_IN_A_REASON)
        return phrase("out_of_range", columns=names) if names else ""

    return text_of_patterns((values < smallest) | (values > largest), reason)


def _doubts(
    model: Classifier, encoded: pd.DataFrame, assessed: Predictions, p_unmodelled: np.ndarray
) -> dict[str, np.ndarray]:
    """Reasons for abstention within the training range, in the order of `ABSTENTION_REASONS`."""
    unmodelled = _unmodelled_diagnosis(model, p_unmodelled)
    if model.uncalibrated_classes:
        classes = listed([plain_name(name) for name in model.uncalibrated_classes])
        uncalibrated = np.full(len(encoded), phrase("uncalibrated", classes=classes), dtype=object)
        return {INSUFFICIENT_DATA: _without_markers(encoded), UNCALIBRATED: uncalibrated, UNMODELLED: unmodelled}
    ambiguous = _ambiguous_class(model, assessed)
    measured = np.asarray(encoded.notna().to_numpy() @ model.feature_importances_)
    missing = text_where((ambiguous != "") & (measured < FEWEST_MEASURED), phrase("few_measured"))
    empty_set = phrase("empty_set", confidence=percent(model.confidence))
    return {
        INSUFFICIENT_DATA: joined([_without_markers(encoded), missing]),
        UNMODELLED: joined([text_where(assessed.in_set.sum(axis=1) == 0, empty_set), unmodelled]),
        AMBIGUOUS: ambiguous,
    }


def _without_markers(encoded: pd.DataFrame) -> np.ndarray:
    dictionary = data_dictionary()
    markers = [
        name for name in dictionary.of_factor("immune_profile") if dictionary[name].kind == "number" and name in encoded
    ]
    return text_where(encoded[markers].isna().all(axis=1).to_numpy(dtype=bool), phrase("no_marker"))


def _unmodelled_diagnosis(model: Classifier, p_unmodelled: np.ndarray) -> np.ndarray:
    """Probability of an unmodelled diagnosis where it reaches the threshold, in words."""
    classes = listed([disease_name(name) for name in model.unmodelled_classes], "or")
    reason = np.full(len(p_unmodelled), "", dtype=object)
    for i in np.flatnonzero(p_unmodelled >= model.unmodelled_threshold_):
        reason[i] = phrase("unmodelled_diagnosis", classes=classes, probability=rounded(p_unmodelled[i]))
    return reason


def _ambiguous_class(model: Classifier, assessed: Predictions) -> np.ndarray:
    """Why the most probable class is not called though the patient may well have one of the classes."""
    probability, in_set, confidence = assessed.probability, assessed.in_set, percent(model.confidence)
    size, largest = in_set.sum(axis=1), probability.max(axis=1, initial=0.0)
    in_own_set = in_set[np.arange(len(in_set)), probability.argmax(axis=1)]
    low = largest < MINIMUM_PROBABILITY
    low_text = np.full(len(in_set), "", dtype=object)
    threshold = rounded(MINIMUM_PROBABILITY)
    low_text[low] = [
        phrase("low_probability", probability=rounded(p), threshold=threshold) for p in largest[low].tolist()
    ]

    def several(members: np.ndarray) -> str:
        classes = listed([plain_name(name) for name in model.classes_[members]])
        return phrase("several_classes", confidence=confidence, classes=classes)

    return np.select(
        [size == 0, size > 1, ~in_own_set, low],
        ["", text_of_patterns(in_set, several), phrase("class_not_in_set", confidence=confidence), low_text],
        "",
    ).astype(object)
