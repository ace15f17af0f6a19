"""Which predictions may be told as a call, and why the others may not. Every text and table asks here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from asthma_ml.classifier import Classifier, Predictions, predictions_of_margins
from asthma_ml.variables import FOUR_CLASSES, data_dictionary
from asthma_ml.wording import first_names, joined, listed, plain_name, text_of_patterns

STATUSES = ("ok", "abstained", "invalid", "out_of_range")

MINIMUM_PROBABILITY = 2 / 3
"""Least probability of the called class: a call is expected to be right twice as often as wrong.

A prediction set of one class alone does not ensure it: where one class is common, the set of a patient
whose findings say next to nothing holds the common class alone (class-conditional sets promise that
they hold the true class, not that the class in them is likely).
"""

OUT_OF_RANGE = "outside the training range"
TOO_LITTLE = "too little information"
UNCALIBRATED = "uncalibrated"
NO_CLASS = "no class plausible"
SEVERAL_CLASSES = "several classes plausible"
ABSTENTION_REASONS = (OUT_OF_RANGE, TOO_LITTLE, UNCALIBRATED, NO_CLASS, SEVERAL_CLASSES)
"""Why valid patients are not called; who has several of them is counted with the first."""

FEWEST_MEASURED = 0.5
"""Share of what a model goes by, by its importances, below which the gaps are to blame for an open question.
Nobody in the severe clinic has less."""

_COLUMNS_IN_A_REASON = 3
_BROKEN_LIMIT = "a value breaks a hard limit"


@dataclass(frozen=True, slots=True)
class Calls:
    """What the model says of each patient and whether it may be told as a call.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Classes of the model.
    probability : ndarray of shape (n_patients, n_classes)
        Their probabilities.
    in_set : ndarray of bool of shape (n_patients, n_classes)
        Classes that cannot be ruled out.
    low, high : ndarray of shape (n_patients, n_classes)
        Intervals of the probabilities.
    decision : ndarray of shape (n_patients,) or (n_patients, n_classes)
        Calibrated margins, as ``model.decision_function`` returns them.
    invalid : ndarray of bool of shape (n_patients,)
        Rows with an impossible value.
    p_unmodelled : ndarray of shape (n_patients,)
        Probability that the patient is of none of the classes of the model.
    out_of_range, abstained : ndarray of str of shape (n_patients,)
        Why no call is made, empty where this speaks for none.
    abstention_reason : ndarray of str of shape (n_patients,)
        One of `ABSTENTION_REASONS`, empty where a call is made or the row is invalid.
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
        """The called class of each patient, None where no call is made."""
        called = self.most_probable.astype(object)
        called[self.status != "ok"] = None
        return np.asarray(called)

    @property
    def no_call(self) -> np.ndarray:
        """Why no call is made, empty where one is."""
        return joined([np.where(self.invalid, _BROKEN_LIMIT, ""), self.out_of_range, self.abstained])


def decide_calls(
    model: Classifier, encoded: pd.DataFrame, invalid: np.ndarray | None = None, decision: np.ndarray | None = None
) -> Calls:
    """Predict patients and decide which predictions are calls.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    encoded : DataFrame of shape (n_patients, n_features)
        From ``model.encode``.
    invalid : ndarray of bool of shape (n_patients,), default=None
        Rows with an impossible value; none if left out.
    decision : ndarray of shape (n_patients,) or (n_patients, n_classes), default=None
        What ``model.decision_function`` makes of them, where that is known already.

    Returns
    -------
    Calls
        A patient is called where a marker of inflammation was measured, no value lies outside the range
        of the training patients, the most probable class alone is in the prediction set, its
        probability is at least `MINIMUM_PROBABILITY`, and the patient is not recognised as of a class
        that the model does not name.
    """
    assessed = (
        model.predict_with_uncertainty(encoded)
        if decision is None
        else predictions_of_margins(model, decision, encoded.to_numpy())
    )
    foreign = model.predict_unmodelled_proba(encoded)
    unknown = np.zeros(len(encoded), dtype=bool) if invalid is None else invalid
    out_of_range, reasons = _out_of_range(model, encoded), _reasons(model, encoded, assessed, foreign)
    found = {OUT_OF_RANGE: out_of_range, **reasons}
    kinds = [name for name in ABSTENTION_REASONS if name in found]
    doubt = np.select([found[name] != "" for name in kinds], kinds, "")
    return Calls(
        classes=model.classes_,
        **assessed._asdict(),
        invalid=unknown,
        p_unmodelled=foreign,
        out_of_range=out_of_range,
        abstained=joined(list(reasons.values())),
        abstention_reason=np.where(unknown, "", doubt),
    )


def unmodelled_classes_clause(classes: Iterable[object]) -> str:
    """Say which granulocyte classes a model cannot name.

    Parameters
    ----------
    classes : iterable
        Classes of the model.

    Returns
    -------
    str
        A clause; empty where all four are known or the classes are of another kind.

    Examples
    --------
    >>> unmodelled_classes_clause(["neutrophilic_th2_low", "th2_high"])
    'mixed and paucigranulocytic disease cannot be named'
    """
    names = {str(name) for name in classes}
    others = [name for name in FOUR_CLASSES if name not in names]
    if not others or not names < set(FOUR_CLASSES):
        return ""
    return f"{listed([plain_name(name).removesuffix(' granulocytic') for name in others])} disease cannot be named"


def _out_of_range(model: Classifier, encoded: pd.DataFrame) -> np.ndarray:
    """Name the features whose values no training patient came near."""
    values = encoded.to_numpy()
    smallest, largest = model.feature_range_
    columns = encoded.columns.to_numpy(dtype=object)

    def reason(outside: np.ndarray) -> str:
        names = first_names(columns[outside], _COLUMNS_IN_A_REASON)
        return f"{names} outside the range of the training patients" if names else ""

    return text_of_patterns((values < smallest) | (values > largest), reason)


def _reasons(
    model: Classifier, encoded: pd.DataFrame, assessed: Predictions, foreign: np.ndarray
) -> dict[str, np.ndarray]:
    """Why patients within the training range are not called, for each kind of doubt; empty where it is no reason."""
    recognised = _of_another_class(model, foreign)
    if model.uncalibrated_classes:
        few = listed([plain_name(name) for name in model.uncalibrated_classes])
        said = f"the model saw too few {few} patients to calibrate a prediction set"
        uncalibrated = np.full(len(encoded), said, dtype=object)
        return {TOO_LITTLE: _without_markers(encoded), UNCALIBRATED: uncalibrated, NO_CLASS: recognised}
    several = _several_plausible(model, assessed)
    hardly_measured = np.where(several != "", _hardly_measured(model, encoded), "")
    return {
        TOO_LITTLE: joined([_without_markers(encoded), hardly_measured]),
        SEVERAL_CLASSES: several,
        NO_CLASS: joined([_unlike_all(model, assessed), recognised]),
    }


def _without_markers(encoded: pd.DataFrame) -> np.ndarray:
    dictionary = data_dictionary()
    markers = [
        name for name in dictionary.of_factor("immune_profile") if dictionary[name].kind == "number" and name in encoded
    ]
    none_measured = encoded[markers].isna().all(axis=1).to_numpy(dtype=bool)
    return np.where(none_measured, "no marker of inflammation measured", "").astype(object)


def _hardly_measured(model: Classifier, encoded: pd.DataFrame) -> np.ndarray:
    """Tell where most of what the model goes by was not measured."""
    measured = encoded.notna().to_numpy() @ model.feature_importances_
    said = "less than half of what the model goes by was measured"
    return np.where(measured < FEWEST_MEASURED, said, "").astype(object)


def _of_another_class(model: Classifier, foreign: np.ndarray) -> np.ndarray:
    """Say how probable a disease is that the model does not name, where that is enough to make no call."""
    others = " or ".join(plain_name(name).removesuffix(" granulocytic") for name in model.unmodelled_classes)
    reason = np.full(len(foreign), "", dtype=object)
    for i in np.flatnonzero(foreign >= model.unmodelled_threshold_):
        reason[i] = f"{others} disease, which this model does not name, has a probability of {foreign[i]:.2f}"
    return reason


def _unlike_all(model: Classifier, assessed: Predictions) -> np.ndarray:
    said = f"unlike the training patients of every class at {model.confidence:.0%} confidence"
    return np.where(assessed.in_set.any(axis=1), "", said).astype(object)


def _several_plausible(model: Classifier, assessed: Predictions) -> np.ndarray:
    """Say why the most probable class cannot be called though the patient may well be of one of the classes."""
    probability, in_set = assessed.probability, assessed.in_set
    at, size = f"at {model.confidence:.0%} confidence", in_set.sum(axis=1)
    largest = probability.max(axis=1, initial=0.0)
    in_own_set = in_set[np.arange(len(in_set)), probability.argmax(axis=1)]
    named = text_of_patterns(in_set, lambda members: listed([plain_name(name) for name in model.classes_[members]]))
    doubt = "too close to even" if len(model.classes_) == 2 else "too low for a call"
    unsure = largest < MINIMUM_PROBABILITY
    named_doubt = np.full(len(in_set), "", dtype=object)
    named_doubt[unsure] = [f"the probability of {p:.2f} is {doubt}" for p in largest[unsure].tolist()]
    return np.select(
        [size == 0, size > 1, ~in_own_set, unsure],
        [
            "",
            named + f" cannot be told apart {at}",
            f"the most probable class is ruled out {at}",
            named_doubt,
        ],
        "",
    ).astype(object)


_FEWEST_NAMED = 10


_RARE_LABELS = "rare labels"


def calls_by_diagnosis(model: Classifier, features: pd.DataFrame, labels: pd.Series[str]) -> dict[str, Any]:
    """Count what a model calls the patients of each label.

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
        For each label, most frequent first, the number of its patients `n` and, in `called`, the share of them
        that is called each class; the rest is not called. Labels of fewer than ten patients are counted
        together as ``rare labels``, so that no text of a single patient leaves the table.
    """
    text = labels.astype(str).to_numpy()
    often = {name for name, n in labels.astype(str).value_counts().items() if n >= _FEWEST_NAMED}
    shown = pd.Series([name if name in often else _RARE_LABELS for name in text], dtype=object)
    called = decide_calls(model, model.encode(features)).called
    return {
        str(name): {
            "n": int(n),
            "called": {
                str(of_class): float(np.mean(called[(shown == name).to_numpy()] == of_class))
                for of_class in model.classes_
            },
        }
        for name, n in shown.value_counts().items()
    }
