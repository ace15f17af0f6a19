"""The classifier of asthma phenotypes, a scikit-learn estimator with calibrated probabilities."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Tags, check_consistent_length, column_or_1d, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from asthma_ml.classifier.features.columns import category_features, known_directions, reading_order
from asthma_ml.classifier.features.distinct_patients import distinct_patients, same_patients
from asthma_ml.classifier.features.encoding import (
    as_frame,
    encode_features,
    encode_in_order,
    encode_patients,
    refuse_forbidden_features,
)
from asthma_ml.classifier.features.frame_checks import refuse_labels, warn_of_other_names
from asthma_ml.classifier.fitting import (
    FittedParts,
    HeldOut,
    ScoreMeans,
    Uncertainty,
    fit_parts,
    fit_recalibration,
    fit_uncertainty,
    margins_of_models,
    score_means,
)
from asthma_ml.classifier.fold_fits import FitSettings
from asthma_ml.classifier.microaggregation import FEWEST_PATIENTS
from asthma_ml.classifier.predictions import PredictionMixin
from asthma_ml.classifier.protocol import Mechanisms
from asthma_ml.classifier.starting_point import starting_point, unfrozen
from asthma_ml.classifier.uncertainty.calibration import LinearCalibration
from asthma_ml.classifier.uncertainty.prediction_sets import conformal_thresholds
from asthma_ml.classifier.unmodelled import AUXILIARY_TREES, is_unmodelled, unmodelled_threshold
from asthma_ml.errors import UnusableInputError

CONSTANT_MODEL = "no feature can be used, so the model predicts the class frequencies for every patient"


class _TrainingRows(NamedTuple):
    """Rows of positive weight; `patient` is None if each row is a patient."""

    X: np.ndarray
    codes: np.ndarray
    weight: np.ndarray
    groups: np.ndarray | None
    patient: np.ndarray | None

    @property
    def n_patients(self) -> int:
        return len(self.codes) if self.patient is None else len(np.unique(self.patient))

    @property
    def class_counts(self) -> np.ndarray:
        """Number of patients of each class."""
        if self.patient is None:
            return np.bincount(self.codes)
        return np.bincount(np.unique(np.column_stack([self.patient, self.codes]), axis=0)[:, 1])


def _numbers_of_patients(patients: ArrayLike | None) -> np.ndarray | None:
    """Number of the patient of each row; None if each row is a patient."""
    if patients is None:
        return None
    numbers = same_patients(np.asarray(patients))
    return numbers if len(np.unique(numbers)) < len(numbers) else None


def constant_model_warning(model: PhenotypeClassifier) -> str:
    """Warning that a model uses no feature and predicts the class frequencies.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted.

    Returns
    -------
    str
        Empty if the model uses a feature.
    """
    if np.any(model.feature_importances_):
        return ""
    return (
        f"{CONSTANT_MODEL}: a feature needs measured values of {2 * FEWEST_PATIENTS} patients or more that are not all "
        f"equal (training patients: {model.n_patients_}); train on more patients, or start from another model "
        "(start_from, --start-from)"
    )


def warn_of_constant_model(model: PhenotypeClassifier) -> None:
    """Warn if a model uses no feature; called by a method that the user calls."""
    if warning := constant_model_warning(model):
        warnings.warn(warning, stacklevel=3)


@contextmanager
def without_constant_model_warnings() -> Iterator[None]:
    """Do not warn of models that use no feature, such as those of folds."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", CONSTANT_MODEL, UserWarning)
        yield


class PhenotypeClassifier(PredictionMixin, ClassifierMixin, BaseEstimator):
    """Logistic regression combined with boosted trees, calibrated, with prediction sets and intervals.

    The margins are a weighted sum of two models. The linear model is a logistic regression on normal scores; missing
    scores are imputed from the joint normal distribution. It needs few patients. The trees model nonlinear effects and
    have a branch for missing values. The weights are fitted to out-of-fold margins. Research software, not a medical
    device.

    Parameters
    ----------
    n_trees : int, default=200
        Number of trees (per class with more than two classes).
    learning_rate : float or None, default=None
        Learning rate of the trees. With None it increases with the number of patients, from 0.06 (up to 2,000) to
        0.22 (from 100,000).
    max_depth : int or None, default=3
        Maximum depth of a tree.
    min_samples_leaf : int, default=20
        Minimum number of patients in a leaf.
    l2_regularization : float, default=1.0
        Penalty on the leaf values.
    linear_penalty : float or None, default=None
        Penalty on the squared coefficients of the linear model, whose scores have unit variance. With None it is 10
        from 1,000 patients on and increases to 30 for a third of them or fewer.
    directions : {"biology"} or None, default="biology"
        With ``"biology"`` in the default two-class task, features whose sign is known (``points_to`` in the data
        dictionary) have monotonic effects.
    n_folds : int, default=5
        Number of folds for the out-of-fold margins.
    confidence : float, default=0.9
        Nominal coverage of the prediction sets in each class.
    class_weight : mapping, "balanced" or None, default=None
        Factors of the weights of the patients of each class; with ``"balanced"`` all classes have the same total
        weight. The probabilities are then those in a population with that class balance.
    start_from : FrozenEstimator or None, default=None
        A fitted classifier of the same classes as a prior for few patients, in scikit-learn's `FrozenEstimator` so that
        `clone` keeps it. The columns, the assays and the class frequencies of its patients may differ. How strongly
        the fit is regularised towards it, and whether it is used at all, is decided on held-out patients.
    n_threads : int or None, default=1
        Number of threads of one fit of trees, None for all; one is fastest for small data.
    n_jobs : int or None, default=None
        Number of processes that `fit` uses for its folds; None is 1 outside a `joblib.parallel_config`, -1 all. It
        does not change the result. Processes need a second to start, so they help from some thousand patients on.
    random_state : int, RandomState instance or None, default=0
        Only used to draw the patients that determine the bins of the trees, if there are more than 200,000.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if `X` had column names.
    linear_ : LinearModel
        Linear model, fitted to all patients.
    trees_ : HistGradientBoostingClassifier
        Trees, fitted to all patients; their classes are class numbers, and their bins are numbered.
    calibration_slope_ : ndarray of shape (2,)
        Weights of the linear and the tree margins.
    calibration_intercept_ : ndarray of shape (n_margins,)
        Intercept [log-odds]; one margin with two classes.
    is_calibrated_ : bool
        False if a class has fewer patients than folds, or if out-of-fold margins rank no better than chance. The
        margins are then the mean of both models.
    start_penalty_ : float or None
        Penalty on the distance from `start_from`; None if it is not used.
    feature_importances_ : ndarray of shape (n_features,)
        Relative importances: mean absolute contribution in the linear model and gain in the trees, weighted by the
        spread of the margins of each model.
    conformal_scores_ : list of n_classes ndarrays
        Sorted out-of-fold conformal scores of the patients of each class, adjusted for subgroups and rounded
        to a fixed grid.
    subgroup_offsets_ : list of n_classes ndarrays of shape (n_characteristics, n_subgroups)
        Offsets of the conformal scores in subgroups, see `fit_offsets`.
    venn_abers_grids_ : list of n_classes ndarrays of shape (3, n_points)
        Probability, lower and upper end of the interval.
    auxiliary_ : PhenotypeClassifier or None
        Auxiliary classifier for unmodelled classes, see `fit_auxiliary`.
    unmodelled_threshold_ : float
        Probability of the unmodelled classes from which on one of them is predicted.
    feature_range_ : ndarray of shape (2, n_features)
        Training range as encoded, estimated from blocks of at least ten patients, including that of `start_from` if
        it is used; NaN for a feature of fewer than ten values.
    measured_fraction_ : ndarray of shape (n_features,)
        Fraction of training patients in whom each feature is measured.
    mean_scores_ : ndarray of shape (n_scores,)
        Mean of each normal score of ``linear_`` in the patients in whom it is measured.
    mechanisms_ : MechanismRegression or None
        Expected mechanism contributions; None unless set to what `learn_mechanisms` returns.
    n_patients_, n_distinct_patients_ : int
        Number of training patients, with and without duplicates; rows of positive weight, unless `fit` gets `patients`.
    class_counts_ : ndarray of shape (n_classes,)
        Number of training patients of each class; a patient with rows of two classes counts in both.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> feno = rng.lognormal(3.3, 0.8, size=400)
    >>> phenotype = np.where(feno * rng.lognormal(0, 0.5, size=400) > 28, "th2_high", "neutrophilic_th2_low")
    >>> model = PhenotypeClassifier(n_trees=30).fit(pd.DataFrame({"feno_ppb": feno}), phenotype)
    >>> model.predict(pd.DataFrame({"feno_ppb": [8.0, 90.0]})).tolist()
    ['neutrophilic_th2_low', 'th2_high']
    """

    auxiliary_: PhenotypeClassifier | None
    mechanisms_: Mechanisms | None = None
    # Model files written before this parameter existed lack it.
    n_jobs: int | None = None

    def __init__(
        self,
        n_trees: int = 200,
        *,
        learning_rate: float | None = None,
        max_depth: int | None = 3,
        min_samples_leaf: int = 20,
        l2_regularization: float = 1.0,
        linear_penalty: float | None = None,
        directions: str | None = "biology",
        n_folds: int = 5,
        confidence: float = 0.9,
        class_weight: Mapping[str, float] | str | None = None,
        start_from: FrozenEstimator | PhenotypeClassifier | None = None,
        n_threads: int | None = 1,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.n_trees = n_trees
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.l2_regularization = l2_regularization
        self.linear_penalty = linear_penalty
        self.directions = directions
        self.n_folds = n_folds
        self.confidence = confidence
        self.class_weight = class_weight
        self.start_from = start_from
        self.n_threads = n_threads
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike | pd.DataFrame,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        patients: ArrayLike | None = None,
    ) -> Self:
        """Fit both models, their calibration, prediction sets and intervals.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Columns of the data dictionary (categories as text) or any numbers; NaN is not measured.
        y : array-like of shape (n_patients,)
            Class of each patient.
        sample_weight : array-like of shape (n_patients,), default=None
            Weights. Weight 2 is equivalent to repeating the patient, weight 0 to omitting the patient. By default 1,
            or with `patients` 1 / number of rows of the patient.
        groups : array-like of shape (n_patients,), default=None
            Groups of rows that stay together in the folds, such as the patients of a site.
        patients : array-like of shape (n_patients,), default=None
            Identifier of the patient of each row, for tables with several rows of a patient, such as visits. These rows
            then stay together in the folds and count as one patient. By default each row is a patient.

        Returns
        -------
        PhenotypeClassifier
            This classifier, fitted. The result does not depend on the order of the rows, to the last bit.

        Raises
        ------
        UnusableInputError
            If a column is an identifier, label, truth or prediction, contains unknown levels or text instead of
            numbers, if there are fewer than two classes, or if a parameter is out of range.
        ValueError
            If scikit-learn's checks of the input fail.

        Warns
        -----
        UserWarning
            If no feature can be used, for example with fewer than 20 patients; see `constant_model_warning`.
        """
        self._fit(X, y, sample_weight, groups, patients)
        warn_of_constant_model(self)
        return self

    def fit_with_held_out(
        self,
        X: ArrayLike | pd.DataFrame,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        patients: ArrayLike | None = None,
        *,
        progress: bool = False,
    ) -> HeldOut | None:
        """Fit as `fit` does, and predict the training patients by nested cross-validation.

        Fitting and cross-validation share their models: the trees of all folds but one give the out-of-fold margins of
        the classifier and predict the held-out patients.

        Parameters
        ----------
        X, y, sample_weight, groups, patients
            As in `fit`.
        progress : bool
            Show a progress bar on stderr.

        Returns
        -------
        HeldOut or None
            Probabilities of each row of positive weight, from a classifier that was fitted and calibrated without the
            fold of the row. None if there are no such classifiers: a class has too few patients or groups, the
            balanced class weights depend on all patients, or there are duplicates without `groups` or `patients`,
            which could be different patients but lie in one fold.
        """
        nested = self.class_weight != "balanced"
        held_out = self._fit(X, y, sample_weight, groups, patients, nested=nested, progress=progress).held_out
        warn_of_constant_model(self)
        return held_out

    def recalibrate(self, X: ArrayLike | pd.DataFrame, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit calibration, prediction sets and intervals to other patients; both models are unchanged.

        Calibration slope and intercept are fitted, for which about a hundred patients of a hospital suffice.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in `fit`, of patients who were not used in training.
        y : array-like of shape (n_patients,)
            Classes of this classifier.
        sample_weight : array-like of shape (n_patients,), default=None
            Weights.

        Returns
        -------
        PhenotypeClassifier
            This classifier.

        Raises
        ------
        UnusableInputError
            If `y` lacks a class of this classifier or contains another, or a class has fewer patients than folds.
        """
        refuse_labels(X, y)
        features, labels = self._features(X), column_or_1d(y)
        check_consistent_length(features, labels)
        weight = _check_sample_weight(sample_weight, features, dtype=np.float64, ensure_non_negative=True)
        features, labels, weight = features[weight > 0], labels[weight > 0], weight[weight > 0]
        found, codes = np.unique(labels, return_inverse=True)
        if found.tolist() != self.classes_.tolist() or np.bincount(codes).min() < self.n_folds:
            raise UnusableInputError(
                f"recalibration needs {self.n_folds} patients or more of each of "
                f"{', '.join(map(str, self.classes_))} and of no other class"
            )
        patients = distinct_patients(features, codes, weight, reading_order=reading_order(self._names))
        calibration, probability = fit_recalibration(self._margins(patients.X), self._calibration, patients)
        self._set_calibration(calibration)
        self._forget_mechanisms()
        self._set_uncertainty(fit_uncertainty(probability, patients, self._names, self.confidence))
        for model in (self, self.auxiliary_):
            if model is not None:
                model._set_score_means(score_means(model.linear_, patients))
        return self

    def fit_auxiliary(
        self,
        X: ArrayLike | pd.DataFrame,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        patients: ArrayLike | None = None,
    ) -> Self:
        """Fit the auxiliary classifier, which detects diagnoses that this classifier does not name.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in `fit`, of patients of the classes of this classifier and of others.
        y : array-like of shape (n_patients,)
            Their classes.
        sample_weight, groups, patients : array-like of shape (n_patients,), default=None
            As in `fit`.

        Returns
        -------
        PhenotypeClassifier
            This classifier; its probabilities are unchanged.

        Raises
        ------
        UnusableInputError
            If `y` lacks a class of this classifier or contains no other.

        Notes
        -----
        An unmodelled diagnosis is predicted if the probability of all unmodelled classes together reaches
        ``unmodelled_threshold_``. No other rule of the same sensitivity has fewer false positives (Neyman and Pearson).
        The threshold has a sensitivity of 60 % in held-out patients, whatever the prevalence, but is never so low that
        false positives outnumber true positives.
        """
        check_is_fitted(self)
        start = getattr(unfrozen(self.start_from), "auxiliary_", None)
        if start is not None and set(start.classes_) != set(np.unique(np.asarray(y))):
            start = None
        frozen = None if start is None else FrozenEstimator(start)
        auxiliary = clone(self).set_params(n_trees=AUXILIARY_TREES, start_from=frozen)
        fitted = auxiliary._fit(X, y, sample_weight, groups, patients)
        if not set(self.classes_) < set(auxiliary.classes_):
            raise UnusableInputError(
                "an auxiliary classifier needs patients of every class of the classifier, and of other classes"
            )
        threshold = 0.5
        if fitted.out_of_fold_probability is not None:
            unmodelled = is_unmodelled(self.classes_, auxiliary.classes_)
            probability = fitted.out_of_fold_probability[:, unmodelled].sum(axis=1)
            threshold = unmodelled_threshold(probability, unmodelled[fitted.patients.codes], fitted.patients.weight)
        self.auxiliary_, self.unmodelled_threshold_ = auxiliary, threshold
        return self

    def encode(self, table: pd.DataFrame) -> pd.DataFrame:
        """Encoded features of a table of patients.

        Parameters
        ----------
        table : DataFrame of shape (n_patients, n_columns)
            Any columns in any order, of pandas, polars or Arrow; a feature that the table lacks is treated as not
            measured.

        Returns
        -------
        DataFrame of shape (n_patients, n_features)
            Input of the other methods.

        Raises
        ------
        UnusableInputError
            If the model was fitted without column names, if no column is a feature or one has another name of a
            feature, or if a column contains text instead of numbers, an unknown level or an impossible number.
        """
        check_is_fitted(self)
        if self._names is None:
            raise UnusableInputError("the model was fitted without column names; fit it on a DataFrame to use tables")
        return encode_patients(table, self._names)

    @property
    def conformal_thresholds(self) -> np.ndarray:
        """Threshold of the conformal score of each class at `confidence`."""
        check_is_fitted(self)
        return conformal_thresholds(self.conformal_scores_, self.confidence)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _fit(
        self,
        X: ArrayLike | pd.DataFrame,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        groups: ArrayLike | None,
        patients: ArrayLike | None,
        *,
        nested: bool = False,
        progress: bool = False,
    ) -> FittedParts:
        """Fit all parts and store them."""
        self._check_parameters()
        rows = self._check_training_data(X, y, sample_weight, groups, patients)
        distinct = distinct_patients(*rows[:4], reading_order(self._names), rows.patient)
        start = starting_point(self.start_from, self._names, self.classes_)
        nested = nested and (rows.groups is not None or len(distinct.codes) == len(rows.codes))
        settings = replace(self._settings(), progress=progress)
        with threadpool_limits(self.n_threads, user_api="openmp"):
            fitted = fit_parts(distinct, rows.n_patients, start, settings, nested=nested)
        models = fitted.models
        self.linear_, self.trees_, self.start_penalty_ = models.linear, models.trees, models.start_penalty
        self.feature_range_, self.feature_importances_ = models.feature_range, fitted.feature_importances
        self.n_patients_ = rows.n_patients
        self.n_distinct_patients_ = len(distinct.codes) if rows.patient is None else rows.n_patients
        self.class_counts_ = rows.class_counts
        self._set_calibration(models.calibration)
        self._set_uncertainty(fitted.uncertainty)
        self._set_score_means(fitted.score_means)
        self.auxiliary_ = None
        self.unmodelled_threshold_ = np.inf
        self._forget_mechanisms()
        return fitted

    def _forget_mechanisms(self) -> None:
        """Drop a mechanism regression, which was learned of other log-odds."""
        if "mechanisms_" in vars(self):
            del self.mechanisms_

    def _set_calibration(self, calibration: LinearCalibration) -> None:
        self.calibration_slope_, self.calibration_intercept_ = calibration.slope, calibration.intercept
        self.is_calibrated_ = calibration.fitted

    def _set_uncertainty(self, uncertainty: Uncertainty) -> None:
        self.conformal_scores_, self.subgroup_offsets_, self.venn_abers_grids_ = uncertainty

    def _set_score_means(self, means: ScoreMeans) -> None:
        self.measured_fraction_, self.mean_scores_ = means

    def _check_parameters(self) -> None:
        whole = isinstance(self.n_folds, (int, np.integer)) and self.n_folds >= 2
        problems = {
            f'directions={self.directions!r}: allowed are "biology" and None': self.directions not in ("biology", None),
            f"n_folds={self.n_folds!r}: must be a whole number of at least 2": not whole,
            f"confidence={self.confidence!r}: must lie between 0 and 1": not 0 < self.confidence < 1,
            f"linear_penalty={self.linear_penalty!r}: must be positive": not (
                self.linear_penalty is None or self.linear_penalty > 0
            ),
        }
        if found := [text for text, holds in problems.items() if holds]:
            raise UnusableInputError("; ".join(found))

    def _check_training_data(
        self,
        X: ArrayLike | pd.DataFrame,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        groups: ArrayLike | None,
        patients: ArrayLike | None,
    ) -> _TrainingRows:
        """The rows of positive weight; sets `classes_`."""
        X = as_frame(X)
        refuse_labels(X, y)
        if isinstance(X, pd.DataFrame):
            refuse_forbidden_features(X)
            warn_of_other_names(X.columns)
            X = encode_features(X)
        features, labels = validate_data(self, X, y, dtype=np.float32, ensure_all_finite="allow-nan")
        check_classification_targets(labels)
        check_consistent_length(features, groups, patients)
        patient = _numbers_of_patients(patients)
        if sample_weight is None and patient is not None:
            sample_weight = 1.0 / np.bincount(patient)[patient]
        weight = _check_sample_weight(sample_weight, features, dtype=np.float64, ensure_non_negative=True)
        kept = weight > 0
        self.classes_, codes = np.unique(labels[kept], return_inverse=True)
        if len(self.classes_) < 2:
            found = f"{len(self.classes_)} class among {kept.sum()} rows of positive weight"
            raise UnusableInputError(f"a classifier needs two classes or more, found {found}")
        of_class = compute_class_weight(
            self.class_weight, classes=self.classes_, y=labels[kept], sample_weight=weight[kept]
        )
        if not np.all(of_class > 0):
            raise UnusableInputError(f"class_weight={self.class_weight!r}: every class needs a weight above 0")
        keys = [np.asarray(key)[kept] for key in (groups, patient) if key is not None]
        return _TrainingRows(
            features[kept],
            codes,
            weight[kept] * of_class[codes],
            same_patients(*keys) if keys else None,
            None if patient is None else patient[kept],
        )

    def _settings(self) -> FitSettings:
        direction = None if self.directions is None else known_directions(self._names, self.classes_)
        shared = ("learning_rate", "max_depth", "min_samples_leaf", "l2_regularization", "random_state")
        trees = {name: getattr(self, name) for name in shared}
        trees |= {"max_iter": self.n_trees, "monotonic_cst": direction}
        is_category = category_features(self._names, self.n_features_in_)
        return FitSettings(
            trees,
            self.linear_penalty,
            is_category,
            direction,
            self._names,
            self.n_folds,
            self.confidence,
            self.n_threads,
            self.n_jobs,
        )

    @property
    def _names(self) -> np.ndarray | None:
        return getattr(self, "feature_names_in_", None)

    @property
    def _calibration(self) -> LinearCalibration:
        return LinearCalibration(self.calibration_slope_, self.calibration_intercept_, self.is_calibrated_)

    def _features(self, X: ArrayLike | pd.DataFrame) -> np.ndarray:
        check_is_fitted(self)
        X = as_frame(X)
        encoded = encode_in_order(X, self._names) if isinstance(X, pd.DataFrame) else X
        checked = validate_data(
            self, encoded, dtype=np.float32, ensure_all_finite="allow-nan", ensure_min_samples=0, reset=False
        )
        return np.asarray(checked)

    def _margins(self, X: np.ndarray) -> np.ndarray:
        if len(X) == 0:
            return np.empty((2, 0, len(self.calibration_intercept_)))
        with threadpool_limits(self.n_threads, user_api="openmp"):
            return margins_of_models(self.linear_, self.trees_, X)

    def _decision(self, features: np.ndarray) -> np.ndarray:
        calibrated = self._calibration.apply(self._margins(features))
        return calibrated[:, 0] if len(self.classes_) == 2 else calibrated
