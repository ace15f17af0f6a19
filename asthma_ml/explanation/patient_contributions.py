"""Contributions together with the patients to whom they belong, as tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from asthma_ml.classifier import align_features
from asthma_ml.explanation.contributions import Contributions
from asthma_ml.html import html_summary
from asthma_ml.variables import FACTORS, ID
from asthma_ml.wording import plain_name


@dataclass(frozen=True, eq=False, repr=False)
class PatientContributions(Contributions):
    """Contributions of features and factors, and the explained table.

    Attributes
    ----------
    patients : DataFrame of shape (n_patients, n_columns)
        The explained table, with its other columns.
    """

    patients: pd.DataFrame

    def __repr__(self) -> str:
        n_patients, n_features = self.X.shape
        explained = ", ".join(sorted({str(name) for name in self.explained_class}))
        return f"<{type(self).__name__} of {n_patients} patients, {n_features} features, log-odds of {explained}>"

    def _repr_html_(self) -> str:
        """Contributions of the factors to the first predictions, for notebooks."""
        facts = {"contributions": "of each documented factor [log-odds], with the base value they sum to the log-odds"}
        table = self.factors.assign(base=self.base)
        table.insert(0, "explained_class", self.explained_class)
        table.insert(1, "probability", self.probability)
        return html_summary(repr(self), facts, table)

    @cached_property
    def features(self) -> pd.DataFrame:
        """Shapley value of each feature [log-odds], of shape (n_patients, n_features)."""
        return self._table(self.feature_values, self.game.model.feature_names_in_)

    @cached_property
    def factors(self) -> pd.DataFrame:
        """Contribution of each documented factor [log-odds], of shape (n_patients, 6)."""
        return self._table(self.factor_values, list(FACTORS))

    @cached_property
    def encoded(self) -> pd.DataFrame:
        """Features as encoded for the trees, of shape (n_patients, n_features)."""
        return self._table(self.X, self.game.model.feature_names_in_)

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

    def _table(self, values: np.ndarray | None, names: Any) -> pd.DataFrame:
        return pd.DataFrame(values, index=self.patients.index, columns=names)
