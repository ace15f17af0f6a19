"""Attributions: contributions to the margins of a classifier, and from them to the log-odds of one class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from asthma_ml.classifier.compiled.class_log_odds import class_log_odds, margin_weights
from asthma_ml.classifier.margins import margins_of_classes
from asthma_ml.classifier.uncertainty.calibration import calibrate
from asthma_ml.variables import FACTORS, TWO_CLASSES, data_dictionary

Level = Literal["features", "factors"]
ContributionKind = Literal["features", "sums", "factors", "pairs"]
"""Kind of contributions: of features, their sums by factor, of factors, or of pairs of factors."""


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """Calibrated margins of patients, and contributions that lead from the base to them.

    Attributes
    ----------
    decision : ndarray of shape (n_patients,) or (n_patients, n_classes)
        Margins as from ``decision_function``.
    base : ndarray of shape (n_patients, n_margins)
        Base values of the margins.
    values : mapping of str to ndarray of shape (n_margins, n_players, n_patients)
        Contributions of each requested kind.
    """

    decision: np.ndarray
    base: np.ndarray
    values: Mapping[ContributionKind, np.ndarray]

    def base_log_odds(self, explained: np.ndarray) -> np.ndarray:
        """Base value of the log-odds of one class, of shape (n_patients,)."""
        return log_odds_of_decision(self.base, explained)

    def log_odds(self, explained: np.ndarray) -> np.ndarray:
        """Log-odds of one class, of shape (n_patients,)."""
        return log_odds_of_decision(self.decision, explained)

    def on_log_odds(self, kind: ContributionKind, explained: np.ndarray) -> np.ndarray:
        """Contributions to the log-odds of one class.

        Parameters
        ----------
        kind : {"features", "sums", "factors", "pairs"}
            Kind of contributions.
        explained : ndarray of int of shape (n_patients,)
            Index of the explained class.

        Returns
        -------
        ndarray of shape (n_players, n_patients)
            Contributions to ``log(p / (1 - p))`` of that class.
        """
        values = self.values[kind]
        weights = margin_weights(_of_classes(self.base), _of_classes(self.decision), explained)
        of_margins = weights[:, -len(values) :].T
        if len(values) == 1 and np.all(of_margins == 1.0):
            return np.asarray(values[0])
        total = values[0] * of_margins[0]
        for of_margin, weight in zip(values[1:], of_margins[1:], strict=True):
            total = total + of_margin * weight
        return np.asarray(total)


def calibrated(of_models: list[np.ndarray], slope: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    """Calibrated margins of shape (n_patients, n_margins), from (n_margins, n_patients) of each model."""
    return calibrate([margins.T for margins in of_models], slope, intercept)


def log_odds_of_decision(decision: np.ndarray, explained: np.ndarray) -> np.ndarray:
    """Log-odds of one class, for each patient.

    Parameters
    ----------
    decision : ndarray of shape (n_patients,), (n_patients, 1) or (n_patients, n_classes)
        Calibrated margins, as from ``decision_function``.
    explained : ndarray of int of shape (n_patients,)
        Index of the class.

    Returns
    -------
    ndarray of shape (n_patients,)
        ``log(p / (1 - p))`` of that class.

    Examples
    --------
    >>> log_odds_of_decision(np.array([1.5, 1.5]), np.array([1, 0]))
    array([ 1.5, -1.5])
    """
    return class_log_odds(_of_classes(decision), explained)


def explained_classes(classes: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Class whose log-odds are explained, for each patient.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Classes of the model.
    probability : ndarray of shape (n_patients, n_classes)
        Their probabilities.

    Returns
    -------
    ndarray of int of shape (n_patients,)
        Indices in `classes`: ``th2_high`` in the default two-class task, the second of two other classes, and the
        predicted class among more.
    """
    names = classes.tolist()
    if len(names) > 2:
        return np.asarray(probability.argmax(axis=1))
    place = names.index(TWO_CLASSES[0]) if set(names) == set(TWO_CLASSES) else 1
    return np.full(len(probability), place)


def factor_of_features(names: np.ndarray) -> np.ndarray:
    """Index in `FACTORS` of each feature, of shape (n_features,)."""
    factor_of = data_dictionary().factor_of
    return np.array([FACTORS.index(factor_of(str(name))) for name in names], dtype=np.int64)


def summed_by_factor(values: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Sums of the contributions over the features of each factor, of shape (6, n_patients)."""
    sums = np.zeros((len(FACTORS), values.shape[1]))
    for place, of_feature in zip(factor, values, strict=True):
        sums[place] += of_feature
    return sums


def _of_classes(margins: np.ndarray) -> np.ndarray:
    """Margins of all classes, also from the single margin of two classes."""
    return margins_of_classes(margins[:, None] if margins.ndim == 1 else margins)
