"""Cooperative games behind the Shapley values: how a model is explained, and against which background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn, Protocol, cast

import numpy as np

from asthma_ml.classifier import (
    Attribution,
    Background,
    Classifier,
    CompiledClassifier,
    ContributionKind,
    calibrated,
    compiled_where_possible,
    explained_classes,
    factor_of_features,
    probability_of_margins,
    summed_by_factor,
)
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation.tree_shap import contributions_by_shap
from asthma_ml.variables import FACTORS

if TYPE_CHECKING:
    import pandas as pd

    from asthma_ml.classifier import PhenotypeClassifier


class Game(Protocol):
    """Game whose Shapley values are computed: a model and a distribution of the unknown features."""

    @property
    def model(self) -> Classifier:
        """Explained model."""

    def attribute(self, X: np.ndarray, credited: Sequence[ContributionKind]) -> Attribution:
        """Margins and Shapley values of encoded patients."""


@dataclass(frozen=True, slots=True, eq=False)
class TableGame:
    """Game of shallow trees, solved with tables of patterns.

    Attributes
    ----------
    model : CompiledClassifier
        Explained model.
    background : Background or None
        Background patients; None for path-dependent values.
    """

    model: CompiledClassifier
    background: Background | None = None

    def attribute(self, X: np.ndarray, credited: Sequence[ContributionKind]) -> Attribution:
        """Margins and Shapley values of encoded patients."""
        return self.model.attribute(X, credited, self.background)


@dataclass(frozen=True, slots=True, eq=False)
class ShapGame:
    """Game of trees of any depth, solved with shap.

    Attributes
    ----------
    model : PhenotypeClassifier
        Explained model.
    """

    model: PhenotypeClassifier

    def attribute(self, X: np.ndarray, credited: Sequence[ContributionKind]) -> Attribution:
        """Margins and Shapley values of encoded patients."""
        if set(credited) - {"features", "sums"}:
            _refuse_deep_trees()
        model, slope = self.model, self.model.calibration_slope_
        of_trees, tree_base = contributions_by_shap(model.trees_, X)
        moved = slope[0] * model.linear_.contributions(X) + slope[1] * of_trees
        base = calibrated([model.linear_.base[:, None], tree_base[:, None]], slope, model.calibration_intercept_)
        features, factor = moved.transpose(2, 1, 0), factor_of_features(model.feature_names_in_)
        values: dict[ContributionKind, np.ndarray] = {"features": features}
        if "sums" in credited:
            values["sums"] = np.stack([summed_by_factor(of_margin, factor) for of_margin in features])
        return Attribution(model.decision_function(X), base.repeat(len(X), axis=0), values)


def game_of(model: Classifier, background: pd.DataFrame | Literal["stored"] | None = None) -> Game:
    """Game for a model and a background.

    Parameters
    ----------
    model : PhenotypeClassifier or CompiledClassifier
        Fitted on a table with column names.
    background : DataFrame or "stored", default=None
        See `explain`.

    Returns
    -------
    Game
        With tables for shallow trees, else with shap.

    Raises
    ------
    UnusableInputError
        If the model has no stored background, or a background is given for trees deeper than 3.
    """
    compiled = compiled_where_possible(model)
    if isinstance(compiled, CompiledClassifier):
        return TableGame(compiled, _chosen(compiled, background))
    if background is not None:
        _refuse_deep_trees()
    return ShapGame(cast("PhenotypeClassifier", model))


def factor_interactions(game: Game, X: np.ndarray) -> np.ndarray:
    """SHAP interaction values of the factors [log-odds of the explained class].

    Parameters
    ----------
    game : Game
        Game of shallow trees.
    X : ndarray of shape (n_patients, n_features)
        Encoded features.

    Returns
    -------
    ndarray of shape (n_patients, 6, 6)
        Symmetric; each row sums to the Shapley value of its factor.
    """
    found = game.attribute(X, ["factors", "pairs"])
    explained = explained_classes(game.model.classes_, probability_of_margins(found.decision))
    one, other = np.triu_indices(len(FACTORS), 1)
    shared = np.zeros((len(FACTORS), len(FACTORS), len(X)))
    shared[one, other] = shared[other, one] = found.on_log_odds("pairs", explained) / 2
    alone = np.arange(len(FACTORS))
    shared[alone, alone] = found.on_log_odds("factors", explained) - shared.sum(axis=1)
    return shared.transpose(2, 0, 1)


def _chosen(compiled: CompiledClassifier, background: pd.DataFrame | str | None) -> Background | None:
    """Background that was requested."""
    if background is None:
        return None
    if not isinstance(background, str):
        return compiled.background_of(compiled.encoded_features(background))
    if background != "stored":
        raise UnusableInputError(f'background={background!r}: allowed are a table of patients, "stored" and None')
    if compiled.background is None:
        raise UnusableInputError(
            "the model has no stored background; give a table of patients, or store one: aml.compile_model(model, X)"
        )
    return compiled.background


def _refuse_deep_trees() -> NoReturn:
    raise UnusableInputError(
        "the level of factors and a background need trees of depth 3 or less: fit with max_depth=3"
    )
