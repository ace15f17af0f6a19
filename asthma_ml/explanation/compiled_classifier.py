"""A classifier as arrays: predicts and explains without scikit-learn and without shap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from asthma_ml.classifier import Assessment, align_features, encode_features
from asthma_ml.classifier.assessment import (
    assess_margins,
    foreign_classes,
    probability_of_margins,
    uncalibrated_classes,
)
from asthma_ml.classifier.joint_normal import JointNormal
from asthma_ml.classifier.linear_margins import LinearMargins
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation.attribution import Attribution, Players, calibrated, explained_classes, factor_of_features
from asthma_ml.explanation.pattern_lookup import Sums, frequencies_of_patients, look_up
from asthma_ml.explanation.pattern_tables import (
    Branches,
    Credits,
    branches_of,
    expected_margins,
    frequencies_of_training_patients,
    interaction_credits,
    margin_credits,
    shapley_credits,
)
from asthma_ml.variables import FACTORS

if TYPE_CHECKING:
    from asthma_ml.classifier import PhenotypeClassifier


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """Patients who stand in for what is not known of another one: what has to be known of them.

    Attributes
    ----------
    frequency : ndarray of shape (n_branches, 16)
        How often they follow each pattern of each branch of the trees.
    offset : ndarray of shape (n_scores,)
        Their mean centred normal scores, gaps filled with what is expected.
    n_patients : int
        How many they are.
    """

    frequency: np.ndarray
    offset: np.ndarray
    n_patients: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CompiledClassifier:
    """Arrays of a fitted `PhenotypeClassifier`, whose predictions and explanations it gives.

    Attributes
    ----------
    classes_, feature_names_in_, feature_range_, feature_importances_, confidence
        As of `PhenotypeClassifier`.
    conformal_scores_, venn_abers_grids_, calibration_slope_, calibration_intercept_
        As of `PhenotypeClassifier`.
    linear : LinearMargins
        The linear part.
    branches : Branches
        The trees.
    companion_ : CompiledClassifier or None
        What tells patients of other classes.
    background : Background or None
        Patients for interventional explanations, stored with the model.

    Examples
    --------
    >>> import asthma_ml as aml
    >>> model = aml.load_compiled(aml.shipped_model_path())
    >>> model
    <CompiledClassifier of 2 classes, 53 features>
    """

    classes_: np.ndarray
    feature_names_in_: np.ndarray
    feature_range_: np.ndarray
    feature_importances_: np.ndarray
    confidence: float
    conformal_scores_: Sequence[np.ndarray]
    venn_abers_grids_: Sequence[np.ndarray]
    calibration_slope_: np.ndarray
    calibration_intercept_: np.ndarray
    linear: LinearMargins
    branches: Branches
    companion_: CompiledClassifier | None = None
    background: Background | None = None

    def __repr__(self) -> str:
        return f"<CompiledClassifier of {len(self.classes_)} classes, {len(self.feature_names_in_)} features>"

    def encode(self, table: pd.DataFrame) -> pd.DataFrame:
        """Pick the columns of this model from a table of patients, see `PhenotypeClassifier.encode`."""
        return encode_features(align_features(table, self.feature_names_in_))

    def decision_function(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:
        """Return calibrated margins.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_patients, n_features)
            A table of patients, or encoded features in the order of ``feature_names_in_``.

        Returns
        -------
        ndarray of shape (n_patients,) or (n_patients, n_classes)
            With two classes the log-odds of the second; with more, what `softmax` turns to probabilities.
        """
        features = self._features(X)
        of_linear, _ = self.linear.margins(features)
        of_trees = self._tree_margins(look_up(self.branches, [margin_credits(self.branches)], features))
        return self._decision(of_linear, of_trees)

    def predict_proba(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:
        """Return calibrated probabilities, of shape (n_patients, n_classes)."""
        return probability_of_margins(self.decision_function(X))

    def predict(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:
        """Return the most probable class, of shape (n_patients,)."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def assess(self, X: pd.DataFrame | np.ndarray) -> Assessment:
        """Return margins, probabilities, prediction sets and intervals, see `PhenotypeClassifier.assess`."""
        return assess_margins(self, self.decision_function(X))

    def predict_foreign(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:
        """Name the class of patients of other classes, see `PhenotypeClassifier.predict_foreign`."""
        if self.companion_ is None:
            return np.full(len(X), None)
        return foreign_classes(self.companion_.predict(X), self.classes_)

    @property
    def uncalibrated_classes(self) -> tuple[Any, ...]:
        """Classes with too few patients to be ruled out at `confidence`."""
        return uncalibrated_classes(self)

    def shapley_values(
        self, X: pd.DataFrame | np.ndarray, players: Players = "features", background: Background | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what moves the log-odds of the explained class.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_patients, n_features)
            As for `decision_function`.
        players : {"features", "factors"}, default="features"
            Whose values.
        background : Background, default=None
            Who stands in for what is not known: for interventional values, such as ``self.background``.

        Returns
        -------
        values : ndarray of shape (n_patients, n_players)
            Exact Shapley values [log-odds], in the order of ``feature_names_in_`` or of the six factors.
        base : ndarray of shape (n_patients,)
            With the values it adds to the log-odds.
        """
        found = self.attribute(self._features(X), players, background)
        explained = explained_classes(self.classes_, probability_of_margins(found.decision))
        values = found.features if found.factors is None else found.factors
        return found.on_log_odds(values, explained).T, found.base_log_odds(explained)

    def attribute(
        self, X: np.ndarray, players: Players = "features", background: Background | None = None
    ) -> Attribution:
        """Return margins and Shapley values at once: the trees and the linear part are asked once.

        Parameters
        ----------
        X : ndarray of shape (n_patients, n_features)
            Encoded features.
        players : {"features", "factors"}, default="features"
            With ``"factors"``, their values beside those of the features.
        background : Background, default=None
            See `shapley_values`.

        Returns
        -------
        Attribution
            Of calibrated margins.
        """
        frequency = self._frequency(background)
        groups = [(np.arange(X.shape[1]), X.shape[1])]
        if players == "factors":
            groups.append((factor_of_features(self.feature_names_in_), len(FACTORS)))
        of_trees = [shapley_credits(self.branches, frequency, *group) for group in groups]
        found, sums = self._attributed(X, of_trees, [group for group, _ in groups], background)
        return Attribution(*found, *(sums.of_kind(kind + 1) for kind in range(len(groups))))

    def interactions(self, X: np.ndarray, background: Background | None = None) -> tuple[Attribution, np.ndarray]:
        """Return the exact interactions of factors.

        Parameters
        ----------
        X : ndarray of shape (n_patients, n_features)
            Encoded features.
        background : Background, default=None
            See `shapley_values`.

        Returns
        -------
        attribution : Attribution
            As `attribute` returns it with factors as players.
        pairs : ndarray of shape (n_margins, 15, n_patients)
            Shapley interaction index of each pair of factors, in the order of ``numpy.triu_indices(6, 1)``.
            The linear part has none: once it is known which tests were done, it is a sum.
        """
        frequency, factor = self._frequency(background), factor_of_features(self.feature_names_in_)
        each = np.arange(X.shape[1])
        of_trees = [
            shapley_credits(self.branches, frequency, each, len(each)),
            shapley_credits(self.branches, frequency, factor, len(FACTORS)),
            interaction_credits(self.branches, frequency, factor, len(FACTORS)),
        ]
        found, sums = self._attributed(X, of_trees, [each, factor], background)
        return Attribution(*found, sums.of_kind(1), sums.of_kind(2)), sums.of_kind(3)

    def background_of(self, X: np.ndarray) -> Background:
        """Return what has to be known of patients who stand in for what is not known of others.

        Parameters
        ----------
        X : ndarray of shape (n_background, n_features)
            Encoded features.

        Raises
        ------
        UnusableInputError
            If there are no patients.
        """
        if len(X) == 0:
            raise UnusableInputError("a background needs one patient or more")
        linear = self.linear
        completed = JointNormal(linear.mean, linear.covariance).completed(linear.scores(X))
        return Background(frequencies_of_patients(self.branches, X), (completed - linear.mean).mean(axis=0), len(X))

    def _attributed(
        self, X: np.ndarray, of_trees: list[Credits], groups: list[np.ndarray], background: Background | None
    ) -> tuple[tuple[np.ndarray, np.ndarray], Sums]:
        """Decision and base, and sums of the margins of the trees (first kind) and of all players."""
        slope = self.calibration_slope_
        sums = look_up(self.branches, [margin_credits(self.branches), *(each.times(slope[1]) for each in of_trees)], X)
        margin = np.arange(sums.n_margins)[:, None]
        rows = np.stack([sums.place(kind, margin, group) for kind, group in enumerate(groups, start=1)])
        offset = None if background is None else background.offset
        of_linear, linear_base = self.linear.margins(X, (sums.rows, rows), slope[0], offset)
        tree_base = expected_margins(self.branches, self._frequency(background))
        bases = [linear_base, np.repeat(tree_base[:, None], len(X), axis=1)]
        base = calibrated(bases, slope, self.calibration_intercept_)
        return (self._decision(of_linear, self._tree_margins(sums)), base), sums

    def _decision(self, of_linear: np.ndarray, of_trees: np.ndarray) -> np.ndarray:
        decision = calibrated([of_linear, of_trees], self.calibration_slope_, self.calibration_intercept_)
        return decision[:, 0] if len(self.classes_) == 2 else decision

    def _tree_margins(self, sums: Sums) -> np.ndarray:
        return np.asarray(sums.of_kind(0)[:, 0])

    def _frequency(self, background: Background | None) -> np.ndarray:
        return frequencies_of_training_patients(self.branches) if background is None else background.frequency

    def _features(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:
        features = self.encode(X).to_numpy() if isinstance(X, pd.DataFrame) else np.asarray(X, dtype=np.float32)
        if features.ndim != 2 or features.shape[1] != len(self.feature_names_in_):
            raise UnusableInputError(
                f"the model takes {len(self.feature_names_in_)} features in columns; "
                "give a table with named columns, or encoded features in the model's order"
            )
        return features


def compile(  # noqa: A001 - the name of what it does; nobody wants the builtin here
    model: PhenotypeClassifier, background: pd.DataFrame | None = None
) -> CompiledClassifier:
    """Turn a fitted classifier into arrays that predict and explain by themselves.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted on a table with column names, with trees of at most three questions.
    background : DataFrame of shape (n_background, n_columns), default=None
        Patients for interventional explanations. Only how often they follow each pattern of the trees and
        their mean scores are kept, so that thousands cost nothing when patients are explained.

    Returns
    -------
    CompiledClassifier
        Gives the same margins and probabilities.

    Raises
    ------
    UnusableInputError
        If a tree asks more than three questions in a row, or the model was fitted without column names.

    Examples
    --------
    >>> import asthma_ml as aml
    >>> cohort = aml.generate_cohort(n_patients=400, seed=1)
    >>> X, y = cohort.training_data()
    >>> compiled = aml.compile(aml.PhenotypeClassifier(n_trees=10).fit(X, y), background=X)
    >>> compiled.predict_proba(X.head(3)).shape, compiled.background.n_patients == len(X)
    ((3, 2), True)
    """
    compiled = compile_shallow(model)
    if compiled is None:
        raise UnusableInputError(
            "trees of more than three questions in a row cannot be compiled; fit with max_depth=3, or explain by shap"
        )
    if background is None:
        return compiled
    return replace(compiled, background=compiled.background_of(compiled.encode(background).to_numpy()))


def compile_shallow(model: PhenotypeClassifier) -> CompiledClassifier | None:
    """Compile a classifier; None where a tree asks more than three questions in a row."""
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(model)
    if getattr(model, "feature_names_in_", None) is None:
        raise UnusableInputError("the model knows no column names; fit it on a DataFrame to use it on tables")
    branches = branches_of(model.trees_)
    companion = None if model.companion_ is None else compile_shallow(model.companion_)
    if branches is None or (companion is None) != (model.companion_ is None):
        return None
    return CompiledClassifier(
        classes_=model.classes_,
        feature_names_in_=model.feature_names_in_,
        feature_range_=model.feature_range_,
        feature_importances_=model.feature_importances_,
        confidence=model.confidence,
        conformal_scores_=model.conformal_scores_,
        venn_abers_grids_=model.venn_abers_grids_,
        calibration_slope_=model.calibration_slope_,
        calibration_intercept_=model.calibration_intercept_,
        linear=model.linear_.as_arrays(),
        branches=branches,
        companion_=companion,
    )
