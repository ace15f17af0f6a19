"""Contributions of features and factors to the log-odds of one class, patient by patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from asthma_ml.classifier import align_features
from asthma_ml.explanation.stability import unstable_ranking
from asthma_ml.variables import ID
from asthma_ml.wording import plain_name

if TYPE_CHECKING:
    from asthma_ml.decisions import Calls
    from asthma_ml.explanation.games import Game


@dataclass(frozen=True, eq=False, repr=False)
class Contributions:
    """Contributions to the log-odds of one class for each patient. They explain the model, not the disease.

    A positive contribution is always towards `explained_class`, also where another class is predicted.

    Attributes
    ----------
    features : DataFrame of shape (n_patients, n_features)
        Shapley value of each feature [log-odds].
    factors : DataFrame of shape (n_patients, 6)
        Contribution of each documented factor [log-odds]: the sum over its features, or its own Shapley value at
        the level of factors.
    base : ndarray of shape (n_patients,)
        Base value [log-odds], to which the contributions are added.
    log_odds : ndarray of shape (n_patients,)
        Log-odds of the reported probability of `explained_class`: base plus contributions.
    explained_class : ndarray of shape (n_patients,)
        ``th2_high`` in the default two-class task, the second class of two others, and the predicted class of more
        than two.
    predicted_class : ndarray of shape (n_patients,)
        Most probable class.
    probability : ndarray of shape (n_patients,)
        Probability of `predicted_class`.
    calls : Calls
        Which predictions are calls, and why the model abstains from the others.
    encoded : DataFrame of shape (n_patients, n_features)
        Features as encoded for the trees.
    patients : DataFrame of shape (n_patients, n_columns)
        The explained table, with its other columns.
    game : Game
        Explained model and background.
    """

    features: pd.DataFrame
    factors: pd.DataFrame
    base: np.ndarray
    log_odds: np.ndarray
    explained_class: np.ndarray
    predicted_class: np.ndarray
    probability: np.ndarray
    calls: Calls
    encoded: pd.DataFrame
    patients: pd.DataFrame
    game: Game

    def __len__(self) -> int:
        return len(self.features)

    def __repr__(self) -> str:
        n_patients, n_features = self.features.shape
        explained = ", ".join(sorted({str(name) for name in self.explained_class}))
        return f"<{type(self).__name__} of {n_patients} patients, {n_features} features, log-odds of {explained}>"

    def prior_decides(self) -> np.ndarray:
        """Whether the prior decides the predicted class against the sum of the findings.

        Returns
        -------
        ndarray of bool of shape (n_patients,)
            True where `base` supports the predicted class and the factors together are against it.
        """
        towards = np.where(self.predicted_class == self.explained_class, 1.0, -1.0)
        findings = self.factors.mul(towards, axis=0).sum(axis=1).to_numpy()
        return np.asarray((towards * self.base > 0) & (findings < 0))

    def unstable(self) -> np.ndarray:
        """Whether a model fitted to other patients may rank the two strongest factors in the opposite order.

        Returns
        -------
        ndarray of bool of shape (n_patients,)
            True where their contributions differ in size by less than `smallest_stable_difference`.
        """
        return unstable_ranking(self.factors.to_numpy(), self.game.model.n_distinct_patients_)

    def findings(self, i: int) -> pd.Series[Any]:
        """Values of the model's features in one patient.

        Parameters
        ----------
        i : int
            Row of the patient.

        Returns
        -------
        Series
            Values as given, categories as text.
        """
        return align_features(self.patients.iloc[[i]], self.features.columns).iloc[0]

    def strongest_features(self, i: int, n: int = 3) -> pd.Series[float]:
        """Features with the largest contributions in one patient.

        Parameters
        ----------
        i : int
            Row of the patient.
        n : int, default=3
            Largest number of features.

        Returns
        -------
        Series
            Contribution [log-odds] by feature, the largest in size first; features without contribution are left
            out.
        """
        row = self.features.iloc[i]
        strongest = row[row.abs().sort_values(ascending=False, kind="stable").index[:n]]
        return strongest[strongest != 0]

    def patient_name(self, i: int) -> str:
        """Identifier of one patient, with the row label if several rows share it; empty without identifiers."""
        if ID not in self.patients:
            return ""
        ids = self.patients[ID].astype(str)
        name = str(ids.iloc[i])
        return f"{name} (row {self.patients.index[i]})" if (ids == name).sum() > 1 else name

    def explained_class_in_words(self) -> str:
        """Name of the class whose log-odds are explained, or "the predicted class" if patients differ."""
        classes = {plain_name(name) for name in self.explained_class}
        return classes.pop() if len(classes) == 1 else "the predicted class"
