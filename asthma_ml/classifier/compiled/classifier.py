"""A classifier as arrays: predicts and explains without scikit-learn and without shap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from asthma_ml.classifier.compiled.attribution import (
    Attribution,
    Credited,
    Players,
    calibrated,
    explained_classes,
    factor_of_features,
)
from asthma_ml.classifier.compiled.pattern_lookup import Sums, frequencies_of_patients, look_up
from asthma_ml.classifier.compiled.pattern_tables import (
    Branches,
    Credits,
    branches_of,
    expected_margins,
    frequencies_of_training_patients,
    interaction_credits,
    margin_credits,
    shapley_credits,
)
from asthma_ml.classifier.features.encoding import align_features, encode_features
from asthma_ml.classifier.linear.joint_normal import JointNormal
from asthma_ml.classifier.linear.margins import LinearMargins
from asthma_ml.classifier.protocol import Classifier, Predictions
from asthma_ml.classifier.uncertainty.predictions import (
    classes_without_threshold,
    predictions_of_margins,
    probability_of_margins,
)
from asthma_ml.classifier.unmodelled import most_probable_unmodelled, unmodelled_classes, unmodelled_probability
from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import FACTORS

if TYPE_CHECKING:
    from asthma_ml.classifier.phenotype_classifier import PhenotypeClassifier


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
    classes_, feature_names_in_, feature_range_, feature_importances_, confidence, n_distinct_patients_
        As of `PhenotypeClassifier`.
    measured_fraction_, mean_scores_, unmodelled_threshold_
        As of `PhenotypeClassifier`.
    conformal_thresholds, subgroup_offsets_, venn_abers_grids_, calibration_slope_, calibration_intercept_
        As of `PhenotypeClassifier`.
    linear : LinearMargins
        The linear part.
    branches : Branches
        The trees.
    auxiliary_ : CompiledClassifier or None
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
    n_distinct_patients_: int
    measured_fraction_: np.ndarray
    mean_scores_: np.ndarray
    confidence: float
    conformal_thresholds: np.ndarray
    subgroup_offsets_: Sequence[np.ndarray]
    venn_abers_grids_: Sequence[np.ndarray]
    calibration_slope_: np.ndarray
    calibration_intercept_: np.ndarray
    linear: LinearMargins
    branches: Branches
    auxiliary_: CompiledClassifier | None = None
    unmodelled_threshold_: float = np.inf
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
        return self._decision(of_linear, look_up(self.branches, [margin_credits(self.branches)], features))

    def predict_proba(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:
        """Return calibrated probabilities, of shape (n_patients, n_classes)."""
        return probability_of_margins(self.decision_function(X))

    def predict(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:
        """Return the most probable class, of shape (n_patients,)."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def predict_with_uncertainty(self, X: pd.DataFrame | np.ndarray) -> Predictions:
        """Return margins, probabilities, prediction sets and intervals, see `PhenotypeClassifier.assess`."""
        features = self._features(X)
        return predictions_of_margins(self, self.decision_function(features), features)

    def predict_unmodelled(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:
        """Name the class of patients of other classes, see `PhenotypeClassifier.predict_unmodelled`."""
        if self.auxiliary_ is None:
            return np.full(len(X), None)
        return most_probable_unmodelled(self, X)

    def predict_unmodelled_proba(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:
        """Return the probability of other classes, see `PhenotypeClassifier.predict_unmodelled_proba`."""
        return np.zeros(len(X)) if self.auxiliary_ is None else unmodelled_probability(self, X)

    @property
    def linear_margins(self) -> LinearMargins:
        """The linear part."""
        return self.linear

    @property
    def unmodelled_classes(self) -> tuple[Any, ...]:
        """Classes that are recognised, but not named."""
        return unmodelled_classes(self)

    @property
    def uncalibrated_classes(self) -> tuple[Any, ...]:
        """Classes with too few patients to be ruled out at `confidence`."""
        return classes_without_threshold(self)

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
        found = self.attribute(self._features(X), [players], background)
        explained = explained_classes(self.classes_, probability_of_margins(found.decision))
        return found.on_log_odds(players, explained).T, found.base_log_odds(explained)

    def attribute(
        self, X: np.ndarray, credited: Sequence[Credited] = ("features",), background: Background | None = None
    ) -> Attribution:
        """Return margins and Shapley values at once: the trees and the linear part are asked once.

        Parameters
        ----------
        X : ndarray of shape (n_patients, n_features)
            Encoded features.
        credited : sequence of {"features", "factors", "pairs"}, default=("features",)
            Shapley values of whom; of pairs of factors the Shapley interaction index, in the order of
            ``numpy.triu_indices(6, 1)``. The linear part has none: once it is known which tests were done,
            it is a sum.
        background : Background, default=None
            See `shapley_values`.

        Returns
        -------
        Attribution
            Of calibrated margins.
        """
        slope, intercept = self.calibration_slope_, self.calibration_intercept_
        group = {"features": np.arange(X.shape[1]), "factors": factor_of_features(self.feature_names_in_)}
        sums = look_up(self.branches, [margin_credits(self.branches), *self._credits(credited, background)], X)
        margin = np.arange(sums.n_margins)[:, None]
        rows = [sums.place(i, margin, group[kind]) for i, kind in enumerate(credited, start=1) if kind in group]
        offset = None if background is None else background.offset
        of_linear, linear_base = self.linear.margins(X, (sums.rows, np.stack(rows)), slope[0], offset)
        tree_base = expected_margins(self.branches, self._frequency(background))[:, None]
        base = calibrated([linear_base, tree_base.repeat(len(X), axis=1)], slope, intercept)
        values = {kind: sums.of_kind(i) for i, kind in enumerate(credited, start=1)}
        return Attribution(self._decision(of_linear, sums), base, values)

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

    def _credits(self, credited: Sequence[Credited], background: Background | None) -> Iterator[Credits]:
        """Tables of the trees, calibrated."""
        frequency, slope = self._frequency(background), self.calibration_slope_[1]
        features = np.arange(len(self.feature_names_in_)), len(self.feature_names_in_)
        factors = factor_of_features(self.feature_names_in_), len(FACTORS)
        for kind in credited:
            tables = interaction_credits if kind == "pairs" else shapley_credits
            yield tables(self.branches, frequency, *(features if kind == "features" else factors)).times(slope)

    def _decision(self, of_linear: np.ndarray, sums: Sums) -> np.ndarray:
        of_trees = sums.of_kind(0)[:, 0]
        decision = calibrated([of_linear, of_trees], self.calibration_slope_, self.calibration_intercept_)
        return decision[:, 0] if len(self.classes_) == 2 else decision

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


def compile_model(
    model: PhenotypeClassifier | CompiledClassifier, background: pd.DataFrame | None = None
) -> CompiledClassifier:
    """Turn a fitted classifier into arrays that predict and explain by themselves.

    Parameters
    ----------
    model : PhenotypeClassifier or CompiledClassifier
        Fitted on a table with column names, with trees of at most three questions. One that is compiled already
        is given another background.
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
    >>> compiled = aml.compile_model(aml.PhenotypeClassifier(n_trees=10).fit(X, y), background=X)
    >>> compiled.predict_proba(X.head(3)).shape, compiled.background.n_patients == len(X)
    ((3, 2), True)
    """
    compiled = model if isinstance(model, CompiledClassifier) else compile_shallow(model)
    if compiled is None:
        raise UnusableInputError(
            "trees of more than three questions in a row cannot be compiled; fit with max_depth=3, or explain by shap"
        )
    return with_background(compiled, background)


def with_background(compiled: CompiledClassifier, background: pd.DataFrame | Background | None) -> CompiledClassifier:
    """Store patients for interventional explanations, if there are any; those of another calibration as they are."""
    if background is None or isinstance(background, Background):
        return replace(compiled, background=background)
    return replace(compiled, background=compiled.background_of(compiled.encode(background).to_numpy()))


def compile_shallow(model: PhenotypeClassifier) -> CompiledClassifier | None:
    """Compile a classifier; None where a tree asks more than three questions in a row."""
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(model)
    if getattr(model, "feature_names_in_", None) is None:
        raise UnusableInputError("the model knows no column names; fit it on a DataFrame to use it on tables")
    branches = branches_of(model.trees_)
    companion = None if model.auxiliary_ is None else compile_shallow(model.auxiliary_)
    if branches is None or (companion is None) != (model.auxiliary_ is None):
        return None
    return CompiledClassifier(
        classes_=model.classes_,
        feature_names_in_=model.feature_names_in_,
        feature_range_=model.feature_range_,
        feature_importances_=model.feature_importances_,
        n_distinct_patients_=model.n_distinct_patients_,
        measured_fraction_=model.measured_fraction_,
        mean_scores_=model.mean_scores_,
        confidence=model.confidence,
        conformal_thresholds=model.conformal_thresholds,
        subgroup_offsets_=model.subgroup_offsets_,
        venn_abers_grids_=model.venn_abers_grids_,
        calibration_slope_=model.calibration_slope_,
        calibration_intercept_=model.calibration_intercept_,
        linear=model.linear_.as_arrays(),
        branches=branches,
        auxiliary_=companion,
        unmodelled_threshold_=model.unmodelled_threshold_,
    )


def compiled_where_possible(model: Classifier) -> Classifier:
    """Return a classifier compiled, or as it is where it cannot be."""
    if isinstance(model, CompiledClassifier) or getattr(model, "feature_names_in_", None) is None:
        return model
    return compile_shallow(cast("PhenotypeClassifier", model)) or model
