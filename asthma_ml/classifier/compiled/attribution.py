"""What moves the margins of a classifier, and from there the log-odds of one class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from asthma_ml.classifier.compiled.class_log_odds import class_log_odds, margin_weights
from asthma_ml.classifier.uncertainty.calibration import calibrate, margins_of_classes
from asthma_ml.variables import FACTORS, TWO_CLASSES, data_dictionary

Players = Literal["features", "factors"]
Credited = Literal["features", "factors", "pairs"]
"""Whom contributions are credited to: features, factors, or pairs of factors."""


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """Calibrated margins of patients and what moves them there from a base.

    Attributes
    ----------
    decision : ndarray of shape (n_patients,) or (n_patients, n_classes)
        Margins, as ``decision_function`` returns them.
    base : ndarray of shape (n_patients, n_margins)
        Where contributions start.
    values : mapping of str to ndarray of shape (n_margins, n_players, n_patients)
        For each kind of players that was asked for, what they move.
    """

    decision: np.ndarray
    base: np.ndarray
    values: Mapping[Credited, np.ndarray]

    def base_log_odds(self, explained: np.ndarray) -> np.ndarray:
        """Return where contributions to the log-odds of one class start, of shape (n_patients,)."""
        return class_log_odds(_of_classes(self.base), explained)

    def log_odds(self, explained: np.ndarray) -> np.ndarray:
        """Return where they arrive, of shape (n_patients,)."""
        return class_log_odds(_of_classes(self.decision), explained)

    def on_log_odds(self, credited: Credited, explained: np.ndarray) -> np.ndarray:
        """Return what moves the log-odds of one class from what moves the margins.

        Parameters
        ----------
        credited : {"features", "factors", "pairs"}
            Whose contributions.
        explained : ndarray of int of shape (n_patients,)
            Place of the class that is asked about.

        Returns
        -------
        ndarray of shape (n_players, n_patients)
            Contributions to ``log(p / (1 - p))`` of that class.
        """
        values = self.values[credited]
        weights = margin_weights(_of_classes(self.base), _of_classes(self.decision), explained)
        of_margins = weights[:, -len(values) :].T
        if len(values) == 1 and np.all(of_margins == 1.0):
            return np.asarray(values[0])
        moved = values[0] * of_margins[0]
        for of_margin, weight in zip(values[1:], of_margins[1:], strict=True):
            moved = moved + of_margin * weight
        return np.asarray(moved)


def calibrated(of_parts: list[np.ndarray], slope: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    """Return calibrated margins of shape (n_patients, n_margins), from (n_margins, n_patients) of each part."""
    return calibrate(np.stack([part.T for part in of_parts]), slope, intercept)


def explained_classes(classes: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Return whose log-odds are explained for each patient.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Classes of the model.
    probability : ndarray of shape (n_patients, n_classes)
        Their probabilities.

    Returns
    -------
    ndarray of int of shape (n_patients,)
        Places in `classes`: ``th2_high`` between the two classes of the mission, the second class
        between two others, the predicted class among more.
    """
    names = classes.tolist()
    if len(names) > 2:
        return np.asarray(probability.argmax(axis=1))
    place = names.index(TWO_CLASSES[0]) if set(names) == set(TWO_CLASSES) else 1
    return np.full(len(probability), place)


def factor_of_features(names: np.ndarray) -> np.ndarray:
    """Return the place in `FACTORS` of each feature, of shape (n_features,)."""
    factor_of = data_dictionary().factor_of
    return np.array([FACTORS.index(factor_of(str(name))) for name in names], dtype=np.int64)


def summed_by_factor(values: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Return the sums of features that belong to one factor, of shape (6, n_patients)."""
    sums = np.zeros((len(FACTORS), values.shape[1]))
    for place, of_feature in zip(factor, values, strict=True):
        sums[place] += of_feature
    return sums


def _of_classes(margins: np.ndarray) -> np.ndarray:
    """One margin for each class, also where a single number tells two classes apart."""
    return margins_of_classes(margins[:, None] if margins.ndim == 1 else margins)
