"""Regression that gives the expected mechanism contributions of a patient from the row, in machine code.

For generated patients the effect of each documented factor on the log-odds of the model is known from their
counterfactual twins. Boosted trees predict it from what the row tells: its features, the Shapley values of the factors
and the log-odds.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from asthma_ml.classifier.compiled.pattern_lookup import LookupTables, look_up, lookup_tables
from asthma_ml.classifier.compiled.pattern_tables import Branches, contributions_to_margins
from asthma_ml.classifier.protocol import ExpectedMechanisms
from asthma_ml.variables import FACTORS

KINDS = ("contributions", "alone", "endotype")
"""What is predicted of each factor: its causal Shapley value, and the effect of the factor alone on the log-odds and on
the endotype."""
N_OUTPUTS = len(KINDS) * len(FACTORS)


@dataclass(frozen=True, eq=False)
class MechanismRegression:
    """Boosted trees of the effects of the factors, learned from counterfactual twins.

    Attributes
    ----------
    preset : str
        Preset of the generated patients.
    base : ndarray of shape (n_explained,)
        Mean log-odds of the reference patients, for each class that can be explained: one of two classes, else all.
    feature_range : ndarray of shape (2, n_features)
        Smallest and largest value of each feature in the generated patients; NaN for a feature they lack.
    branches : Branches
        Trees. Their features are those of the model, the contribution of each factor, and the log-odds. For each
        explained class, each of `KINDS` and each factor they have two margins: the expectation, and the logarithm of
        its expected absolute error.
    errors : ndarray of shape (n_outputs, 2)
        5 % and 95 % quantile of the held-out error, as multiples of the expected one.
    explained_variance : ndarray of shape (n_outputs,)
        Proportion of the variance of the effect in held-out patients that the expectation explains; 0 where there is
        no effect.
    """

    preset: str
    base: np.ndarray
    feature_range: np.ndarray
    branches: Branches
    errors: np.ndarray
    explained_variance: np.ndarray

    def __repr__(self) -> str:
        return f"<MechanismRegression of {self.preset}, {len(self.branches.leaf)} branches>"

    def __getstate__(self) -> dict[str, Any]:
        """Fields without the tables that were kept, so that equal regressions have equal bytes."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def expected(self, row_features: np.ndarray, explained: np.ndarray) -> ExpectedMechanisms:
        """Expected effects of the factors.

        Parameters
        ----------
        row_features : ndarray of shape (n_patients, n_features + 7)
            From `row_features`.
        explained : ndarray of int of shape (n_patients,)
            Index of the explained class of each patient.

        Returns
        -------
        ExpectedMechanisms
            Of a patient, it does not depend on the other patients, to the last bit.
        """
        n, place = len(row_features), explained if len(self.base) > 1 else np.zeros_like(explained)
        outputs = _of_explained(look_up(self._tables, row_features), place).reshape(len(KINDS), len(FACTORS), 2, n)
        value, size = outputs[:, :, 0], np.exp(outputs[:, :, 1])
        of_class = self.errors.reshape(-1, len(KINDS), len(FACTORS), 2)
        low, high = (of_class if len(of_class) == 1 else of_class[place]).transpose(3, 1, 2, 0)
        return ExpectedMechanisms(self.base[place], value, value + low * size, value + high * size)

    def first_outside(self, X: np.ndarray) -> np.ndarray:
        """Index of the first feature outside the range of the generated patients, -1 where there is none.

        Parameters
        ----------
        X : ndarray of shape (n_patients, n_features)
            Encoded features.

        Returns
        -------
        ndarray of int of shape (n_patients,)
            Missing values and features that the generated patients lack are not outside.
        """
        low, high = self.feature_range
        outside = np.less(X, low) | np.greater(X, high)
        return np.where(outside.any(axis=1), outside.argmax(axis=1), -1)

    @cached_property
    def _tables(self) -> LookupTables:
        return lookup_tables(self.branches, [contributions_to_margins(self.branches)])


def row_features(X: np.ndarray, contributions: np.ndarray, log_odds: np.ndarray) -> np.ndarray:
    """What the regression knows of each patient, of shape (n_patients, n_features + 7).

    Parameters
    ----------
    X : ndarray of shape (n_patients, n_features)
        Encoded features.
    contributions : ndarray of shape (n_patients, 6)
        Shapley values of the factors.
    log_odds : ndarray of shape (n_patients,)
        Log-odds of the explained class.

    Returns
    -------
    ndarray of float32
        Side by side.
    """
    return np.hstack([X, contributions, log_odds[:, None]], dtype=np.float32, casting="same_kind")


def _of_explained(outputs: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Outputs for the explained class of each patient, of shape (n_outputs of a class, n_patients)."""
    n_of_class = 2 * N_OUTPUTS
    by_class = outputs.reshape(len(outputs) // n_of_class, n_of_class, outputs.shape[1])
    if len(by_class) == 1:
        return np.asarray(by_class[0])
    return np.asarray(np.take_along_axis(by_class, place[None, None], axis=0)[0])
