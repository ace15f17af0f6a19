"""Contributions of features and factors to the log-odds of one class, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from asthma_ml.classifier import (
    Classifier,
    ContributionKind,
    Level,
    explained_classes,
    factor_of_features,
    summed_by_factor,
)
from asthma_ml.decisions import decide_calls
from asthma_ml.errors import AsthmaMLError, UnusableInputError
from asthma_ml.explanation.games import game_of
from asthma_ml.explanation.stability import unstable_ranking

if TYPE_CHECKING:
    import pandas as pd

    from asthma_ml.decisions import Calls
    from asthma_ml.explanation.games import Game

ADDITIVITY_TOLERANCE = 1e-6
"""Largest difference [log-odds] allowed between base plus contributions and the log-odds."""


@dataclass(frozen=True, eq=False, repr=False)
class Contributions:
    """Contributions to the log-odds of one class for each patient. They explain the model, not the disease.

    A positive contribution is always towards `explained_class`, also where another class is predicted.

    Attributes
    ----------
    feature_values : ndarray of shape (n_patients, n_features) or None
        Shapley value of each feature [log-odds]; None if they were not requested.
    factor_values : ndarray of shape (n_patients, 6)
        Contribution of each documented factor [log-odds]: the sum over its features, or its own Shapley value at
        the level of factors.
    base : ndarray of shape (n_patients,)
        Base value [log-odds], to which the contributions are added.
    log_odds : ndarray of shape (n_patients,)
        Log-odds of the reported probability of `explained_class`: base plus contributions.
    explained : ndarray of int of shape (n_patients,)
        Index of the explained class: that of ``th2_high`` in the default two-class task, of the second class of two
        others, and of the predicted class of more than two.
    calls : Calls
        Which predictions are calls, and why the model abstains from the others.
    X : ndarray of shape (n_patients, n_features)
        Encoded features.
    game : Game
        Explained model and background.
    """

    feature_values: np.ndarray | None
    factor_values: np.ndarray
    base: np.ndarray
    log_odds: np.ndarray
    explained: np.ndarray
    calls: Calls
    X: np.ndarray
    game: Game

    def __len__(self) -> int:
        return len(self.X)

    @property
    def explained_class(self) -> np.ndarray:
        """Class whose log-odds are explained, for each patient."""
        return np.asarray(self.calls.classes[self.explained])

    @property
    def predicted_class(self) -> np.ndarray:
        """Most probable class of each patient."""
        return self.calls.most_probable

    @property
    def probability(self) -> np.ndarray:
        """Probability of `predicted_class`."""
        return np.asarray(self.calls.probability.max(axis=1, initial=0.0))

    def prior_decides(self) -> np.ndarray:
        """Whether the prior decides the predicted class against the sum of the findings.

        Returns
        -------
        ndarray of bool of shape (n_patients,)
            True where `base` supports the predicted class and the factors together are against it.
        """
        towards = np.where(self.calls.probability.argmax(axis=1) == self.explained, 1.0, -1.0)
        findings = towards * self.factor_values.sum(axis=1)
        return np.asarray((towards * self.base > 0) & (findings < 0))

    def unstable(self) -> np.ndarray:
        """Whether a model fitted to other patients may rank the two strongest factors in the opposite order.

        Returns
        -------
        ndarray of bool of shape (n_patients,)
            True where their contributions differ in size by less than `smallest_stable_difference`.
        """
        return unstable_ranking(self.factor_values, self.game.model.n_distinct_patients_)


def contributions_of(
    model: Classifier,
    X: np.ndarray,
    invalid: np.ndarray | None = None,
    level: Level = "features",
    background: pd.DataFrame | Literal["stored"] | None = None,
    *,
    per_feature: bool = True,
) -> Contributions:
    """Predictions, calls and contributions of patients, computed in one pass.

    Parameters
    ----------
    model : PhenotypeClassifier or CompiledClassifier
        Fitted on a table with column names.
    X : ndarray of shape (n_patients, n_features)
        Encoded features.
    invalid : ndarray of bool of shape (n_patients,), default=None
        Rows with a value outside its hard limits.
    level, background
        As for `explain`.
    per_feature : bool, default=True
        Whether the contributions of features are requested beside those of factors.

    Returns
    -------
    Contributions
        A row does not depend on the other rows, to the last bit.

    Raises
    ------
    UnusableInputError, AsthmaMLError
        As `explain` does.
    """
    if level not in get_args(Level):
        raise UnusableInputError(f"level={level!r}: allowed are {', '.join(get_args(Level))}")
    game = game_of(model, background)
    kinds = _kinds(level, per_feature)
    found = game.attribute(X, kinds)
    calls = decide_calls(game.model, X, invalid, found.decision)
    explained = explained_classes(calls.classes, calls.probability)
    base, log_odds = found.base_log_odds(explained), found.log_odds(explained)
    values = {kind: found.on_log_odds(kind, explained) for kind in kinds}
    if "factors" not in values and "sums" not in values:
        values["sums"] = summed_by_factor(values["features"], factor_of_features(game.model.feature_names_in_))
    # Sums by factor that add up are of features that add up.
    for each in values.values() if level == "factors" else [values["sums"]]:
        _check_additivity(base + each.sum(axis=0), log_odds)
    features, factors = values.get("features"), values["factors" if level == "factors" else "sums"]
    return Contributions(None if features is None else features.T, factors.T, base, log_odds, explained, calls, X, game)


def _kinds(level: Level, per_feature: bool) -> list[ContributionKind]:
    """Kinds of contributions to compute; sums over features are computed directly where these are not requested."""
    of_factors: list[ContributionKind] = ["factors"] if level == "factors" else []
    return ["features", *of_factors] if per_feature else of_factors or ["sums"]


def _check_additivity(total: np.ndarray, log_odds: np.ndarray) -> None:
    error = float(np.max(np.abs(total - log_odds), initial=0.0))
    if not error <= ADDITIVITY_TOLERANCE:
        raise AsthmaMLError(
            f"base plus contributions differ from the log-odds by {error:.2g}, allowed {ADDITIVITY_TOLERANCE:g}; "
            "the explanation does not fit this version of scikit-learn"
        )
