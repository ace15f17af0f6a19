"""By which way a model is explained, and against which background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn, Protocol, cast

import numpy as np
import pandas as pd

from asthma_ml.classifier import (
    Attribution,
    Background,
    Classifier,
    CompiledClassifier,
    Credited,
    calibrated,
    compiled_where_possible,
    explained_classes,
    probability_of_margins,
)
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation.tree_shap import contributions_by_shap
from asthma_ml.variables import FACTORS

if TYPE_CHECKING:
    from asthma_ml.classifier import PhenotypeClassifier


class Game(Protocol):
    """What Shapley values are computed of: a model, and who stands in for what is not known."""

    @property
    def model(self) -> Classifier:
        """What predicts."""

    def attribute(self, X: np.ndarray, credited: Sequence[Credited]) -> Attribution:
        """Return margins and Shapley values of encoded patients."""


@dataclass(frozen=True, slots=True, eq=False)
class TableGame:
    """Shallow trees, by tables of patterns.

    Attributes
    ----------
    model : CompiledClassifier
        What predicts.
    background : Background or None
        Who stands in; the training patients of each tree where there is none.
    """

    model: CompiledClassifier
    background: Background | None = None

    def attribute(self, X: np.ndarray, credited: Sequence[Credited]) -> Attribution:
        """Return margins and Shapley values of encoded patients."""
        return self.model.attribute(X, credited, self.background)


@dataclass(frozen=True, slots=True, eq=False)
class ShapGame:
    """Trees of any depth, by shap.

    Attributes
    ----------
    model : PhenotypeClassifier
        What predicts.
    """

    model: PhenotypeClassifier

    def attribute(self, X: np.ndarray, credited: Sequence[Credited]) -> Attribution:
        """Return margins and Shapley values of encoded patients."""
        if set(credited) - {"features"}:
            _refuse_deep_trees()
        model, table = self.model, pd.DataFrame(X, columns=self.model.feature_names_in_)
        slope = model.calibration_slope_
        of_trees, tree_base = contributions_by_shap(model.trees_, X)
        moved = slope[0] * model.linear_.contributions(X) + slope[1] * of_trees
        base = calibrated([model.linear_.base_[:, None], tree_base[:, None]], slope, model.calibration_intercept_)
        values: dict[Credited, np.ndarray] = {"features": moved.transpose(2, 1, 0)}
        return Attribution(model.decision_function(table), base.repeat(len(X), axis=0), values)


def game_of(model: Classifier, background: pd.DataFrame | Literal["stored"] | None = None) -> Game:
    """Choose how a model is explained.

    Parameters
    ----------
    model : PhenotypeClassifier or CompiledClassifier
        Fitted on a table with column names.
    background : DataFrame or "stored", default=None
        See `explain`.

    Returns
    -------
    Game
        By tables where the trees are shallow, else by shap.

    Raises
    ------
    UnusableInputError
        If a background is asked for that there is not, or of trees that ask more than three questions in a row.
    """
    compiled = compiled_where_possible(model)
    if isinstance(compiled, CompiledClassifier):
        return TableGame(compiled, _chosen(compiled, background))
    if background is not None:
        _refuse_deep_trees()
    return ShapGame(cast("PhenotypeClassifier", model))


def factor_interactions(game: Game, X: np.ndarray) -> np.ndarray:
    """Return SHAP interaction values of factors on the log-odds of the explained class.

    Parameters
    ----------
    game : Game
        Of shallow trees.
    X : ndarray of shape (n_patients, n_features)
        Encoded features.

    Returns
    -------
    ndarray of shape (n_patients, 6, 6)
        Symmetric; rows add to the Shapley values of the factors.
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
    """The background that was asked for."""
    if background is None:
        return None
    if isinstance(background, pd.DataFrame):
        return compiled.background_of(compiled.encode(background).to_numpy())
    if background != "stored":
        raise UnusableInputError(f'background={background!r}: allowed are a table of patients, "stored" and None')
    if compiled.background is None:
        raise UnusableInputError(
            "the model has no stored background; give a table of patients, or store one: aml.compile_model(model, X)"
        )
    return compiled.background


def _refuse_deep_trees() -> NoReturn:
    raise UnusableInputError("factors and a background need trees of at most three questions: fit with max_depth=3")
