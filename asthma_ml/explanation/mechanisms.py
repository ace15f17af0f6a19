"""Mechanism contributions: what the documented factors are expected to have done to a prediction.

SHAP divides a prediction among the columns of the row: a factor that acts through a marker leaves the credit to the
marker. Mechanism contributions divide it among causes. The worth of a coalition of factors is the log-odds of the
counterfactual twin in whom all other factors are at their reference, and the contribution of a factor is its Shapley
value in this game. It is not observed, so its expectation given the row is reported. It holds for patients of the
simulated world of which it was learned: research software, not a medical device.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from asthma_ml.classifier import Classifier, Mechanisms, as_frame, row_features
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation.contributions import Contributions, contributions_of
from asthma_ml.patients import PatientTable
from asthma_ml.variables import FACTORS

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class MechanismContributions:
    """Expected contributions of the documented factors to the log-odds of the explained class.

    For each patient ``base + values.sum() + remainder`` is the log-odds. All are NaN for a patient outside the range
    of the simulated patients.

    Attributes
    ----------
    preset : str
        Preset of the simulated patients from whom the contributions were learned.
    base : ndarray of shape (n_patients,)
        Mean log-odds of the reference patients.
    values : ndarray of shape (n_patients, 6)
        Expected causal Shapley value of each factor.
    low, high : ndarray of shape (n_patients, 6)
        90 % interval of the Shapley value.
    alone, alone_low, alone_high : ndarray of shape (n_patients, 6)
        Expected effect of each factor alone, with its 90 % interval: the log-odds of the patient minus those of the
        twin in whom only this factor is at its reference.
    endotype, endotype_low, endotype_high : ndarray of shape (n_patients, 6)
        The same for the endotype: the type-2 drive minus the neutrophilic drive, each in standard deviations. It is
        what the factor does to the disease. Adherence and treatment mask markers and leave it unchanged.
    remainder : ndarray of shape (n_patients,)
        What belongs to no factor: measurement and chance.
    log_odds : ndarray of shape (n_patients,)
        Log-odds of the reported probability of the explained class.
    outside : ndarray of int of shape (n_patients,)
        Index of the first feature outside the range of the simulated patients; -1 where there is none.
    feature_range : ndarray of shape (2, n_features)
        That range.
    """

    preset: str
    base: np.ndarray
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    alone: np.ndarray
    alone_low: np.ndarray
    alone_high: np.ndarray
    endotype: np.ndarray
    endotype_low: np.ndarray
    endotype_high: np.ndarray
    remainder: np.ndarray
    log_odds: np.ndarray
    outside: np.ndarray
    feature_range: np.ndarray

    def __len__(self) -> int:
        return len(self.base)

    def to_frame(self) -> pd.DataFrame:
        """All numbers as a table of shape (n_patients, 57), such as ``adherence`` and ``adherence_alone_low``."""
        import pandas as pd

        kinds = {"": "values", "_low": "low", "_high": "high"}
        kinds |= {f"_{kind}{end}": f"{kind}{end}" for kind in ("alone", "endotype") for end in ("", "_low", "_high")}
        factors = {
            f"{name}{suffix}": getattr(self, attribute)[:, k]
            for suffix, attribute in kinds.items()
            for k, name in enumerate(FACTORS)
        }
        return pd.DataFrame({"base": self.base, **factors, "remainder": self.remainder, "log_odds": self.log_odds})


_NUMBERS = [
    each.name for each in fields(MechanismContributions) if each.name not in ("preset", "outside", "feature_range")
]


def mechanism_contributions(found: Contributions) -> MechanismContributions:
    """Expected contributions of the factors to predictions that SHAP has explained.

    Parameters
    ----------
    found : Contributions
        From `contributions_of` with its default level and background.

    Returns
    -------
    MechanismContributions
        Of the same patients; a row does not depend on the other rows, to the last bit.

    Raises
    ------
    UnusableInputError
        If the model has no mechanism regression.
    """
    regression = refuse_without_mechanisms(found.game.model)
    outside = regression.first_outside(found.X)
    known = np.where(outside < 0, 1.0, np.nan)
    row = row_features(found.X, found.factor_values, found.log_odds)
    expected = regression.expected(row, found.explained)
    (values, alone, endotype), (low, alone_low, endotype_low), (high, alone_high, endotype_high) = (
        (each * known).transpose(0, 2, 1) for each in (expected.values, expected.low, expected.high)
    )
    base = expected.base * known
    return MechanismContributions(
        preset=regression.preset,
        base=base,
        values=values,
        low=low,
        high=high,
        alone=alone,
        alone_low=alone_low,
        alone_high=alone_high,
        endotype=endotype,
        endotype_low=endotype_low,
        endotype_high=endotype_high,
        remainder=found.log_odds - base - values.sum(axis=1),
        log_odds=found.log_odds * known,
        outside=outside,
        feature_range=regression.feature_range,
    )


def refuse_without_mechanisms(model: Classifier) -> Mechanisms:
    """Return the mechanism regression of a model; raise UnusableInputError if it has none."""
    if model.mechanisms_ is None:
        raise UnusableInputError(
            "the model has no mechanism regression, from which mechanism contributions come; train it with "
            "--mechanisms PRESET, or add one in Python: model.mechanisms_ = aml.learn_mechanisms(model, preset)"
        )
    return model.mechanisms_


def explain_mechanisms(model: Classifier, X: pd.DataFrame | PatientTable) -> MechanismContributions:
    """Expected contributions of the documented factors in the causal model.

    Parameters
    ----------
    model : PhenotypeClassifier or CompiledClassifier
        With a mechanism regression, such as the shipped model.
    X : DataFrame or PatientTable of n_patients rows
        Columns in any order; absent features are missing values.

    Returns
    -------
    MechanismContributions
        They explain the model by the causes in the simulated world. They are also NaN where a row of a `PatientTable`
        is invalid.

    Raises
    ------
    UnusableInputError
        If the model has no mechanism regression or was fitted without column names, or `X` has no feature of it.

    Examples
    --------
    >>> import asthma_ml as aml
    >>> import pandas as pd
    >>> model = aml.load_model("shipped", compiled=True)
    >>> patient = pd.DataFrame({"feno_ppb": [55.0], "ics_adherence_fraction": [0.2], "ics_dose_ug_day": [2000.0]})
    >>> found = aml.explain_mechanisms(model, patient)
    >>> bool(np.allclose(found.base + found.values.sum(axis=1) + found.remainder, found.log_odds))
    True
    """
    if isinstance(X, PatientTable):
        found = contributions_of(model, model.encoded_features(X.read.values), X.invalid, per_feature=False)
        return _hidden(mechanism_contributions(found), X.invalid)
    return mechanism_contributions(contributions_of(model, model.encode(as_frame(X)).to_numpy(), per_feature=False))


def _hidden(found: MechanismContributions, rows: np.ndarray) -> MechanismContributions:
    """The contributions without those of some rows."""
    numbers = {name: getattr(found, name).copy() for name in _NUMBERS}
    for array in numbers.values():
        array[rows] = np.nan
    return replace(found, **numbers)
