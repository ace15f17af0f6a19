"""The compiled classifier: arrays that predict and explain without scikit-learn or shap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from asthma_ml.classifier.compiled.attribution import (
    Attribution,
    ContributionKind,
    Level,
    calibrated,
    explained_classes,
    factor_of_features,
)
from asthma_ml.classifier.compiled.pattern_lookup import LookupTables, frequencies_of_patients, look_up, lookup_tables
from asthma_ml.classifier.compiled.pattern_tables import (
    Branches,
    PatternContributions,
    branches_of,
    contributions_to_margins,
    expected_margins,
    frequencies_of_training_patients,
    interaction_contributions,
    shapley_contributions,
    summed_by_group,
)
from asthma_ml.classifier.features.encoding import as_frame, encode_patients
from asthma_ml.classifier.linear.model import LinearModel
from asthma_ml.classifier.margins import probability_of_margins
from asthma_ml.classifier.predictions import PredictionMixin
from asthma_ml.classifier.protocol import Classifier, Mechanisms
from asthma_ml.columns import ColumnTable
from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import FACTORS

if TYPE_CHECKING:
    import pandas as pd

    from asthma_ml.classifier.phenotype_classifier import PhenotypeClassifier


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """Summary of the reference patients of interventional Shapley values.

    Attributes
    ----------
    frequency : ndarray of shape (n_branches, 16)
        Relative frequency of each pattern of each branch of the trees.
    offset : ndarray of shape (n_scores,)
        Means of the centred normal scores, missing ones imputed.
    n_patients : int
        Number of reference patients.
    """

    frequency: np.ndarray
    offset: np.ndarray
    n_patients: int


@dataclass(frozen=True, eq=False, repr=False)
class CompiledClassifier(PredictionMixin):
    """Arrays of a fitted `PhenotypeClassifier`, with the same predictions and explanations.

    Attributes
    ----------
    classes_, feature_names_in_, feature_range_, feature_importances_, confidence, n_distinct_patients_
        See `PhenotypeClassifier`.
    measured_fraction_, mean_scores_, linear_, unmodelled_threshold_
        See `PhenotypeClassifier`.
    conformal_thresholds, subgroup_offsets_, venn_abers_grids_, calibration_slope_, calibration_intercept_
        See `PhenotypeClassifier`.
    branches : Branches
        Branches of the trees.
    auxiliary_ : CompiledClassifier or None
        Auxiliary classifier for unmodelled classes.
    background : Background or None
        Reference patients for interventional explanations.
    mechanisms_ : MechanismRegression or None
        Expected mechanism contributions, see `learn_mechanisms`.

    Examples
    --------
    >>> import asthma_ml as aml
    >>> model = aml.load_model("shipped", compiled=True)
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
    linear_: LinearModel
    branches: Branches
    auxiliary_: CompiledClassifier | None = None
    unmodelled_threshold_: float = np.inf
    background: Background | None = None
    mechanisms_: Mechanisms | None = None

    def __repr__(self) -> str:
        return f"<CompiledClassifier of {len(self.classes_)} classes, {len(self.feature_names_in_)} features>"

    def __getstate__(self) -> dict[str, Any]:
        """Fields without the tables that were kept, so that equal classifiers have equal bytes."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def encode(self, table: pd.DataFrame) -> pd.DataFrame:
        """Encoded features of a table of patients, see `PhenotypeClassifier.encode`."""
        return encode_patients(table, self.feature_names_in_)

    def shapley_values(
        self,
        X: pd.DataFrame | ColumnTable | np.ndarray,
        level: Level = "features",
        background: Background | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Shapley values for the log-odds of the explained class.

        Parameters
        ----------
        X : DataFrame, ColumnTable or ndarray of shape (n_patients, n_features)
            A table of patients, or encoded features in the order of ``feature_names_in_``.
        level : {"features", "factors"}, default="features"
            Whether features or factors have contributions.
        background : Background, default=None
            Reference patients of interventional values, such as ``self.background``. By default the values are
            path-dependent.

        Returns
        -------
        values : ndarray of shape (n_patients, n_players)
            Exact Shapley values [log-odds], in the order of ``feature_names_in_`` or of the six factors.
        base : ndarray of shape (n_patients,)
            Base value: with the values it sums to the log-odds.
        """
        found = self.attribute(self.encoded_features(X), [level], background)
        explained = explained_classes(self.classes_, probability_of_margins(found.decision))
        return found.on_log_odds(level, explained).T, found.base_log_odds(explained)

    def attribute(
        self, X: np.ndarray, kinds: Sequence[ContributionKind] = ("features",), background: Background | None = None
    ) -> Attribution:
        """Margins and their Shapley values, from one evaluation of both models.

        Parameters
        ----------
        X : ndarray of shape (n_patients, n_features)
            Encoded features.
        kinds : sequence of {"features", "sums", "factors", "pairs"}, default=("features",)
            Kinds of Shapley values. ``"sums"`` are those of features, summed by factor. For pairs of factors it is
            the Shapley interaction index, in the order of ``numpy.triu_indices(6, 1)``; the linear model has no
            interactions given the measured features.
        background : Background, default=None
            See `shapley_values`.

        Returns
        -------
        Attribution
            For calibrated margins.
        """
        slope, intercept = self.calibration_slope_, self.calibration_intercept_
        tables = self._tables(tuple(kinds), background)
        sums = look_up(tables, X)
        player = {"features": np.arange(X.shape[1])} | dict.fromkeys(("sums", "factors"), self._factors)
        rows = [tables.rows(i)[:, player[kind]] for i, kind in enumerate(kinds, start=1) if kind in player]
        offset = None if background is None else background.offset
        of_linear, linear_base = self.linear_.add_contributions(X, (sums, np.stack(rows)), slope[0], offset)
        tree_base = expected_margins(self.branches, self._frequency(background))[:, None]
        base = calibrated([linear_base, tree_base], slope, intercept)
        values = {kind: tables.of_kind(sums, i) for i, kind in enumerate(kinds, start=1)}
        return Attribution(self._combined(of_linear, sums[: tables.n_margins]), base, values)

    def background_of(self, X: np.ndarray) -> Background:
        """Summary of reference patients for interventional explanations.

        Parameters
        ----------
        X : ndarray of shape (n_background, n_features)
            Encoded features.

        Raises
        ------
        UnusableInputError
            If there is no patient.
        """
        if len(X) == 0:
            raise UnusableInputError("a background needs at least one patient")
        offset = self.linear_.imputed_scores(X).mean(axis=0)
        return Background(frequencies_of_patients(self.branches, X), offset, len(X))

    def _decision(self, features: np.ndarray) -> np.ndarray:
        of_linear, _ = self.linear_.add_contributions(features)
        return self._combined(of_linear, look_up(self._tables((), None), features))

    def _combined(self, of_linear: np.ndarray, of_trees: np.ndarray) -> np.ndarray:
        """Calibrated margins from the margins of both models."""
        decision = calibrated([of_linear, of_trees], self.calibration_slope_, self.calibration_intercept_)
        return decision[:, 0] if len(self.classes_) == 2 else decision

    def _tables(self, kinds: tuple[ContributionKind, ...], background: Background | None) -> LookupTables:
        """Tables of the margins and of calibrated contributions; kept unless the background is one of the caller."""
        key = kinds, background is None
        if key in self._kept_tables and background in (None, self.background):
            return self._kept_tables[key]
        margins = contributions_to_margins(self.branches)
        tables = lookup_tables(self.branches, [margins, *self._contributions(kinds, background)])
        if background in (None, self.background):
            self._kept_tables[key] = tables
        return tables

    def _contributions(
        self, kinds: Sequence[ContributionKind], background: Background | None
    ) -> Iterator[PatternContributions]:
        """Contributions of the trees, calibrated."""
        branches, frequency, slope = self.branches, self._frequency(background), self.calibration_slope_[1]
        features, factors = np.arange(len(self._factors)), self._factors
        for kind in kinds:
            if kind == "pairs":
                found = interaction_contributions(branches, frequency, factors, len(FACTORS))
            elif kind == "factors":
                found = shapley_contributions(branches, frequency, factors, len(FACTORS))
            else:
                found = shapley_contributions(branches, frequency, features, len(features))
            yield (summed_by_group(found, factors, len(FACTORS)) if kind == "sums" else found).times(slope)

    @cached_property
    def _kept_tables(self) -> dict[tuple[tuple[ContributionKind, ...], bool], LookupTables]:
        return {}

    @cached_property
    def _factors(self) -> np.ndarray:
        """Index of the factor of each feature."""
        return factor_of_features(self.feature_names_in_)

    def _frequency(self, background: Background | None) -> np.ndarray:
        return frequencies_of_training_patients(self.branches) if background is None else background.frequency

    def _features(self, X: Any) -> np.ndarray:
        X = as_frame(X)
        features = self.encode(X).to_numpy() if hasattr(X, "columns") else np.asarray(X, dtype=np.float32)
        if features.ndim != 2 or features.shape[1] != len(self.feature_names_in_):
            raise UnusableInputError(
                f"the model has {len(self.feature_names_in_)} features; give a table with column names, or an array of "
                "encoded features in the order of the model"
            )
        return features


def compile_model(
    model: PhenotypeClassifier | CompiledClassifier, background: pd.DataFrame | None = None
) -> CompiledClassifier:
    """Compile a fitted classifier to arrays, for fast predictions and explanations.

    Parameters
    ----------
    model : PhenotypeClassifier or CompiledClassifier
        Fitted on a table with column names, with trees of depth three at most. A compiled classifier gets another
        background.
    background : DataFrame of shape (n_background, n_columns), default=None
        Reference patients for interventional explanations. Only pattern frequencies and mean scores are kept, so the
        number of patients does not affect the speed of explanations.

    Returns
    -------
    CompiledClassifier
        Its margins and probabilities are those of `model`.

    Raises
    ------
    UnusableInputError
        If a tree is deeper than three levels, or the model was fitted without column names.

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
            "trees deeper than three levels cannot be compiled; fit with max_depth=3, or explain with shap"
        )
    return with_background(compiled, background)


def with_background(compiled: CompiledClassifier, background: pd.DataFrame | Background | None) -> CompiledClassifier:
    """Return the compiled classifier with other reference patients, or with a summary that exists already."""
    if background is None or isinstance(background, Background):
        return replace(compiled, background=background)
    return replace(compiled, background=compiled.background_of(compiled.encoded_features(background)))


def compile_shallow(model: PhenotypeClassifier) -> CompiledClassifier | None:
    """Compile a classifier; None if a tree is deeper than three levels."""
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(model)
    if getattr(model, "feature_names_in_", None) is None:
        raise UnusableInputError("the model was fitted without column names; fit it on a DataFrame to use tables")
    branches = branches_of(model.trees_)
    auxiliary = None if model.auxiliary_ is None else compile_shallow(model.auxiliary_)
    if branches is None or (auxiliary is None) != (model.auxiliary_ is None):
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
        linear_=model.linear_,
        branches=branches,
        auxiliary_=auxiliary,
        unmodelled_threshold_=model.unmodelled_threshold_,
        mechanisms_=model.mechanisms_,
    )


def compiled_where_possible(model: Classifier) -> Classifier:
    """Return the compiled classifier where possible, else the classifier itself."""
    if isinstance(model, CompiledClassifier) or getattr(model, "feature_names_in_", None) is None:
        return model
    return compile_shallow(cast("PhenotypeClassifier", model)) or model
