"""The classifier: which inflammation drives a patient's asthma, with calibrated probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Tags, check_consistent_length, column_or_1d, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from asthma_ml.classifier.features.distinct_patients import DistinctPatients, distinct_patients
from asthma_ml.classifier.features.encoding import align_features, encode_features, refuse_forbidden_features
from asthma_ml.classifier.linear.margins import LinearMargins
from asthma_ml.classifier.linear.regression import LinearModel, usual_penalty
from asthma_ml.classifier.protocol import Predictions
from asthma_ml.classifier.starting_point import (
    TRUST_IN_THE_START,
    Regression,
    StartingPoint,
    best_of,
    regressions_from,
    starting_point,
)
from asthma_ml.classifier.trees import (
    fit_trees,
    gain_of_features,
    margins_of_trees,
    sum_of_trees,
    usual_learning_rate,
)
from asthma_ml.classifier.uncertainty.calibration import (
    LinearCalibration,
    SlopePrior,
    calibrate,
    fit_calibration,
    mean_of_parts,
)
from asthma_ml.classifier.uncertainty.prediction_sets import (
    conformal_thresholds,
    evenly_weighted,
    recognising_threshold,
    venn_abers_grid,
)
from asthma_ml.classifier.uncertainty.predictions import (
    classes_without_threshold,
    predictions_of_margins,
    probability_of_margins,
)
from asthma_ml.classifier.uncertainty.subgroup_offsets import (
    CHARACTERISTICS,
    fit_offsets,
    most_numbers,
    strangeness,
    subgroup_numbers,
    total_offsets,
)
from asthma_ml.classifier.unmodelled import (
    is_unmodelled,
    most_probable_unmodelled,
    unmodelled_classes,
    unmodelled_probability,
)
from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import TWO_CLASSES, data_dictionary

_MOST_PATIENTS_FOR_IMPORTANCES = 10_000

_AS_SURE_AS_BEFORE = SlopePrior((1.0,), (10.0,))

_TREES_OF_A_COMPANION = 5
"""With 5 it recognises as many patients of other classes as with 200."""


class PhenotypeClassifier(ClassifierMixin, BaseEstimator):
    """A regression and boosted shallow trees on what a clinic measures, calibrated, with sets and intervals.

    A scikit-learn classifier throughout. The margins are a weighted sum of two parts. The linear part is
    a logistic regression on normal scores that reads tests which were not done off those that were; it
    learns fast and carries a small cohort. The trees act on the columns as they are, with a branch for
    tests that were not done, and add what is not linear. How much each part counts is fitted on patients
    that neither has seen. Research software, not a medical device.

    Parameters
    ----------
    n_trees : int, default=200
        Number of trees (of each class, with more than two classes).
    learning_rate : float or None, default=None
        Share of each tree that is added. With None it grows with the number of patients, from 0.06 up to
        2,000 of them to 0.22 from 100,000: more can be learned from more, with as many trees.
    max_depth : int or None, default=3
        Largest number of questions a tree asks of a patient.
    min_samples_leaf : int, default=20
        Smallest number of patients in a leaf.
    l2_regularization : float, default=1.0
        Penalty on the values of the leaves.
    linear_penalty : float or None, default=None
        Penalty on the squared coefficients of the linear part, whose scores have unit variance. With None it is 10
        from 1,000 patients on and grows to 30 for a third of them or fewer.
    directions : {"biology"} or None, default="biology"
        With ``"biology"`` and the two classes of the mission, a column whose sign biology knows (the data
        dictionary's ``points_to``) can only move the prediction that way.
    n_folds : int, default=5
        Folds whose held-out margins fit the calibration, the prediction sets and the intervals.
    confidence : float, default=0.9
        Share of the patients of each class whose prediction set shall hold their class.
    class_weight : mapping, "balanced" or None, default=None
        What the weights of the patients of each class are multiplied with; with ``"balanced"`` all classes weigh the
        same. Probabilities are then those of patients with that class balance.
    start_from : FrozenEstimator or None, default=None
        A fitted classifier of the same classes, in scikit-learn's `FrozenEstimator` so that `clone` keeps what it
        has learned: what it knows of other patients is the starting point for few of one's own, who may lack
        columns, be measured otherwise and differ in how frequent the classes are. How far to depart from it, and
        whether to do without, is decided on held-out patients.
    n_threads : int or None, default=1
        Threads of a fit or a prediction, None for all; on small data one is the fastest.
    random_state : int, RandomState instance or None, default=0
        Only draws which of more than 200,000 patients place the bins.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where `X` had names.
    linear_ : LinearModel
        Fitted on all patients.
    trees_ : HistGradientBoostingClassifier
        Fitted on all patients; classes are places in `classes_`.
    calibration_slope_ : ndarray of shape (2,)
        How much the margins of the linear part and those of the trees count.
    calibration_intercept_ : ndarray of shape (n_margins,)
        Constant part; one margin with two classes.
    is_calibrated_ : bool
        False where a class has fewer patients than there are folds, or where held-out margins rank no
        better than chance: the margins are then the mean of both parts.
    start_penalty_ : float or None
        Penalty on departing from `start_from`; None where nothing of it was of use.
    feature_importances_ : ndarray of shape (n_features,)
        Share of each feature in what moves the margins of the training patients; of the trees' part, the
        share in what their questions gain.
    conformal_scores_ : list of n_classes ndarrays
        One minus the held-out probability of the own class, sorted, of the patients of each class, less on the
        scale of log-odds what is usual in their subgroups.
    subgroup_offsets_ : list of n_classes ndarrays of shape (n_characteristics, n_numbers)
        What is usual in each subgroup, see `fit_offsets`.
    venn_abers_grids_ : list of n_classes ndarrays of shape (3, n_points)
        Probability, lower and upper end.
    auxiliary_ : PhenotypeClassifier or None
        What tells patients of other classes from those of this model, see `fit_auxiliary`.
    unmodelled_threshold_ : float
        Probability of the other classes together from which a patient counts as of one of them.
    feature_range_ : ndarray of shape (2, n_features)
        Smallest and largest training value as encoded, also of patients of `start_from` if it was of use; NaN for a
        feature that was never measured.
    measured_fraction_ : ndarray of shape (n_features,)
        Share of the training patients in whom each feature was measured.
    mean_scores_ : ndarray of shape (n_scores,)
        Mean of each normal score of ``linear_`` among those in whom it was measured.
    n_patients_ : int
        Training rows of positive weight.
    n_distinct_patients_ : int
        The same without copies.
    class_counts_ : ndarray of shape (n_classes,)
        Training rows of each class.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> feno = rng.lognormal(3.3, 0.8, size=400)
    >>> phenotype = np.where(feno * rng.lognormal(0, 0.5, size=400) > 28, "th2_high", "neutrophilic_th2_low")
    >>> model = PhenotypeClassifier(n_trees=30).fit(pd.DataFrame({"feno_ppb": feno}), phenotype)
    >>> model.predict(pd.DataFrame({"feno_ppb": [8.0, 90.0]})).tolist()
    ['neutrophilic_th2_low', 'th2_high']
    """

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
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike | pd.DataFrame,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit both parts, calibration, prediction sets and intervals.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Columns of the data dictionary (categories as text) or any numbers; NaN is not measured.
        y : array-like of shape (n_patients,)
            Class of each patient.
        sample_weight : array-like of shape (n_patients,), default=None
            A patient of weight 2 counts like the same patient twice; of weight 0, like none.
        groups : array-like of shape (n_patients,), default=None
            Rows of one group, such as the visits of a patient or the patients of a site, are held out
            together where calibration, sets and intervals are fitted.

        Returns
        -------
        PhenotypeClassifier
            This classifier, fitted. The order of the rows makes no difference, to the last bit.

        Raises
        ------
        UnusableInputError
            If a column is an identifier, label, truth or prediction, holds unknown levels or text in
            place of numbers, if there are fewer than two classes, or a parameter is out of its range.
        ValueError
            What scikit-learn's checks find.
        """
        self._fit(X, y, sample_weight, groups)
        return self

    def _fit(
        self,
        X: ArrayLike | pd.DataFrame,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> tuple[DistinctPatients, np.ndarray | None]:
        """Fit everything; return the distinct patients and their held-out probabilities, if any."""
        self._check_parameters()
        X, codes, weight, grouped = self._check_training_data(X, y, sample_weight, groups)
        self._remember_training_data(X, codes)
        patients = distinct_patients(X, codes, weight, grouped, self._reading_order())
        self.n_distinct_patients_ = len(patients.codes)
        start = self._starting_point()
        with threadpool_limits(self.n_threads, user_api="openmp"):
            regressions = self._regressions(patients, start)
            regression, margins = self._best_regression(regressions, patients)
            self.linear_, share = regression.fit(np.ones(len(patients.codes), dtype=bool))
            self.trees_ = self._fit_trees(patients.X, patients.codes, patients.weight)
        self._remember_scores(patients)
        prior = None if regression.tree_margins is None else TRUST_IN_THE_START
        held_out = self._calibrate(patients, margins, prior)
        self.start_penalty_ = None
        if start is not None and regression.tree_margins is not None:
            self.start_penalty_ = regression.penalty
            # Too few patients to weigh their own trees: the starting point then stands alone.
            self._add_trees_of(start, share, np.array([1.0, 0.0]) if margins is None else self.calibration_slope_)
        self.feature_importances_ = self._importances(patients)
        self.auxiliary_: PhenotypeClassifier | None = None
        self.unmodelled_threshold_ = np.inf
        return patients, held_out

    def recalibrate(self, X: ArrayLike | pd.DataFrame, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit calibration, prediction sets and intervals anew to other patients; both parts stay as they are.

        Two numbers are learned, which a hundred patients of a hospital suffice for: how sure the
        probabilities are, and how frequent the classes.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in `fit`, of patients that the classifier was not fitted on.
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
            If `y` lacks a class of this classifier or has another, or a class fewer patients than there
            are folds.
        """
        check_is_fitted(self)
        features, labels = self._check_features(X), column_or_1d(y)
        check_consistent_length(features, labels)
        weight = _check_sample_weight(sample_weight, features, dtype=np.float64, ensure_non_negative=True)
        features, labels, weight = features[weight > 0], labels[weight > 0], weight[weight > 0]
        found, codes = np.unique(labels, return_inverse=True)
        if found.tolist() != self.classes_.tolist() or np.bincount(codes).min() < self.n_folds:
            raise UnusableInputError(
                f"recalibration needs {self.n_folds} patients or more of each of "
                f"{', '.join(map(str, self.classes_))} and of no other class"
            )
        patients = distinct_patients(features, codes, weight, reading_order=self._reading_order())
        now = calibrate(self._margins(patients.X), self.calibration_slope_, self.calibration_intercept_)
        change = fit_calibration(now[None], patients.codes, patients.weight, _AS_SURE_AS_BEFORE)
        changed = calibrate(now[None], change.slope, change.intercept)
        slope, intercept = change.slope[0] * self.calibration_slope_, change.slope[0] * self.calibration_intercept_
        self._set_calibration(LinearCalibration(slope, intercept + change.intercept, change.fitted))
        self._set_sets_and_intervals(patients, changed)
        self._remember_scores(patients)
        if self.auxiliary_ is not None:
            self.auxiliary_._remember_scores(patients)
        return self

    def fit_auxiliary(
        self,
        X: ArrayLike | pd.DataFrame,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Learn to recognise patients of classes that this classifier does not name.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in `fit`, of patients of the classes of this classifier and of others.
        y : array-like of shape (n_patients,)
            Their classes.
        sample_weight, groups : array-like of shape (n_patients,), default=None
            As in `fit`.

        Returns
        -------
        PhenotypeClassifier
            This classifier. Its predictions stay as they are; `predict_unmodelled` has something to say.

        Raises
        ------
        UnusableInputError
            If `y` lacks a class of this classifier or has no other.

        Notes
        -----
        A patient counts as of another class where the probability of all other classes together reaches
        ``unmodelled_threshold_``. No other rule turns fewer patients of this classifier's classes away while it
        recognises as many of the others (Neyman and Pearson). The threshold is the one that recognises
        three in five of the held-out patients of other classes, whatever their share in a clinic, but
        never so low that it turns more away than it recognises.
        """
        check_is_fitted(self)
        before = _unfrozen(self.start_from)
        theirs = None if before is None or before.auxiliary_ is None else FrozenEstimator(before.auxiliary_)
        if theirs is not None and set(theirs.classes_) != set(np.unique(np.asarray(y))):
            theirs = None
        companion = clone(self).set_params(n_trees=_TREES_OF_A_COMPANION, start_from=theirs)
        patients, held_out = companion._fit(X, y, sample_weight, groups)
        if not set(self.classes_) < set(companion.classes_):
            raise UnusableInputError("a companion needs patients of every class of the classifier, and of others")
        self.auxiliary_ = companion
        is_foreign = is_unmodelled(self.classes_, companion.classes_)
        self.unmodelled_threshold_ = 0.5
        if held_out is not None:
            probability = held_out[:, is_foreign].sum(axis=1)
            self.unmodelled_threshold_ = recognising_threshold(probability, is_foreign[patients.codes], patients.weight)
        return self

    def predict_unmodelled_proba(self, X: ArrayLike | pd.DataFrame) -> np.ndarray:
        """Return the probability that a patient is of none of the classes that this classifier names.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in `fit`.

        Returns
        -------
        ndarray of shape (n_patients,)
            Among patients like those of `fit_auxiliary`; 0 throughout where there is no companion.
        """
        check_is_fitted(self)
        if self.auxiliary_ is None:
            return np.zeros(len(self._check_features(X)))
        return unmodelled_probability(self, X)

    def predict_unmodelled(self, X: ArrayLike | pd.DataFrame) -> np.ndarray:
        """Name the class of patients who are recognised as of none that this classifier names.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in `fit`.

        Returns
        -------
        ndarray of object of shape (n_patients,)
            The most probable of the other classes where they have ``unmodelled_threshold_`` together, else None.
        """
        check_is_fitted(self)
        if self.auxiliary_ is None:
            return np.full(len(self._check_features(X)), None)
        return most_probable_unmodelled(self, X)

    @property
    def unmodelled_classes(self) -> tuple[Any, ...]:
        """Classes that this classifier does not name but may recognise; none without a companion."""
        check_is_fitted(self)
        return unmodelled_classes(self)

    def decision_function(self, X: ArrayLike | pd.DataFrame) -> np.ndarray:
        """Return calibrated margins.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in `fit`; a level the data dictionary does not know counts as not measured.

        Returns
        -------
        ndarray of shape (n_patients,) or (n_patients, n_classes)
            With two classes the log-odds of the second; with more, what `softmax` turns to probabilities.
        """
        check_is_fitted(self)
        calibrated = calibrate(
            self._margins(self._check_features(X)), self.calibration_slope_, self.calibration_intercept_
        )
        return calibrated[:, 0] if len(self.classes_) == 2 else calibrated

    def predict_proba(self, X: ArrayLike | pd.DataFrame) -> np.ndarray:
        """Return calibrated probabilities.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in `fit`.

        Returns
        -------
        ndarray of shape (n_patients, n_classes)
            In the order of `classes_`.
        """
        return probability_of_margins(self.decision_function(X))

    def predict(self, X: ArrayLike | pd.DataFrame) -> np.ndarray:
        """Return the most probable class.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in `fit`.

        Returns
        -------
        ndarray of shape (n_patients,)
            Always a class, whatever the doubt; `predict_set` tells how far it can be relied on.
        """
        most_probable = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[most_probable])

    def predict_set(self, X: ArrayLike | pd.DataFrame) -> np.ndarray:
        """Return the classes that cannot be ruled out at `confidence`.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in `fit`.

        Returns
        -------
        ndarray of bool of shape (n_patients, n_classes)
            Membership of each class. A class of `uncalibrated_classes` is never ruled out.
        """
        return self.predict_with_uncertainty(X).in_set

    def predict_interval(self, X: ArrayLike | pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return the Venn-Abers interval of each probability.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in `fit`.

        Returns
        -------
        low, high : ndarray of shape (n_patients, n_classes)
            Widened where needed to hold the probability itself; NaN without held-out patients. They tell how
            far one more patient could move the calibration, which is less than all that is unsure.
        """
        assessed = self.predict_with_uncertainty(X)
        return assessed.low, assessed.high

    def predict_with_uncertainty(self, X: ArrayLike | pd.DataFrame) -> Predictions:
        """Return margins, probabilities, prediction sets and intervals at once: the trees are asked once.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_patients, n_features)
            Features as in `fit`.

        Returns
        -------
        Predictions
            What `decision_function`, `predict_proba`, `predict_set` and `predict_interval` return.
        """
        return predictions_of_margins(self, self.decision_function(X), self._check_features(X))

    def encode(self, table: pd.DataFrame) -> pd.DataFrame:
        """Pick the columns of this model from a table of patients, as the trees see them.

        Parameters
        ----------
        table : DataFrame of shape (n_patients, n_columns)
            Any columns in any order; a feature that is missing counts as not measured.

        Returns
        -------
        DataFrame of shape (n_patients, n_features)
            What the other methods accept.

        Raises
        ------
        UnusableInputError
            If the model was fitted without column names, or a column of numbers holds text.
        """
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            raise UnusableInputError("the model knows no column names; fit it on a DataFrame to use it on tables")
        return encode_features(align_features(table, names))

    @property
    def linear_margins(self) -> LinearMargins:
        """What the linear part computes margins from."""
        check_is_fitted(self)
        return self.linear_.as_arrays()

    @property
    def conformal_thresholds(self) -> np.ndarray:
        """How strange a patient of each class may look and still be counted to it at `confidence`."""
        check_is_fitted(self)
        return conformal_thresholds(self.conformal_scores_, self.confidence)

    @property
    def uncalibrated_classes(self) -> tuple[Any, ...]:
        """Classes with too few patients to be ruled out at `confidence`."""
        check_is_fitted(self)
        return classes_without_threshold(self)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _check_parameters(self) -> None:
        problems = {
            f'directions={self.directions!r}: allowed are "biology" and None': self.directions not in ("biology", None),
            f"n_folds={self.n_folds!r}: must be a whole number of at least 2": not _is_whole(self.n_folds, 2),
            f"confidence={self.confidence!r}: must lie between 0 and 1": not 0 < self.confidence < 1,
            f"linear_penalty={self.linear_penalty!r}: must be positive": not _is_positive(self.linear_penalty),
        }
        if found := [text for text, holds in problems.items() if holds]:
            raise UnusableInputError("; ".join(found))

    def _check_training_data(
        self,
        X: ArrayLike | pd.DataFrame,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        groups: ArrayLike | None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
        """Checked features, class places, weights and groups of the rows that count; sets `classes_`."""
        if isinstance(X, pd.DataFrame):
            refuse_forbidden_features(X)
            X = encode_features(X)
        features, labels = validate_data(self, X, y, dtype=np.float32, ensure_all_finite="allow-nan")
        check_classification_targets(labels)
        weight = _check_sample_weight(sample_weight, features, dtype=np.float64, ensure_non_negative=True)
        counts = weight > 0
        self.classes_, codes = np.unique(labels[counts], return_inverse=True)
        if len(self.classes_) < 2:
            found = f"{len(self.classes_)} class among {counts.sum()} rows of positive weight"
            raise UnusableInputError(f"need two classes or more to tell apart, found {found}")
        check_consistent_length(features, groups)
        grouped = None if groups is None else np.asarray(groups)[counts]
        of_class = compute_class_weight(
            self.class_weight, classes=self.classes_, y=labels[counts], sample_weight=weight[counts]
        )
        if not np.all(of_class > 0):
            raise UnusableInputError(f"class_weight={self.class_weight!r}: every class needs a weight above 0")
        return features[counts], codes, weight[counts] * of_class[codes], grouped

    def _remember_training_data(self, X: np.ndarray, codes: np.ndarray) -> None:
        self.n_patients_ = len(X)
        self.class_counts_ = np.bincount(codes)
        self.feature_range_ = np.array([np.fmin.reduce(X), np.fmax.reduce(X)])

    def _remember_scores(self, patients: DistinctPatients) -> None:
        """Remember what the training patients are like as a whole, for comparison with others."""
        scores, weight = self.linear_.scores_, patients.weight
        known = weight @ np.isfinite(patients.X)
        self.measured_fraction_ = known / weight.sum()
        total = weight @ np.nan_to_num(scores.transform(patients.X))
        self.mean_scores_ = total / np.maximum(known[scores.source_], 1e-12)

    def _check_features(self, X: ArrayLike | pd.DataFrame) -> np.ndarray:
        known = getattr(self, "feature_names_in_", None)
        encoded = encode_features(X, known) if isinstance(X, pd.DataFrame) else X
        checked = validate_data(
            self, encoded, dtype=np.float32, ensure_all_finite="allow-nan", ensure_min_samples=0, reset=False
        )
        return np.asarray(checked)

    def _fit_trees(self, X: np.ndarray, codes: np.ndarray, weight: np.ndarray) -> HistGradientBoostingClassifier:
        settings = {
            "max_iter": self.n_trees,
            "learning_rate": usual_learning_rate(weight) if self.learning_rate is None else self.learning_rate,
            "max_depth": self.max_depth,
            "min_samples_leaf": self.min_samples_leaf,
            "l2_regularization": self.l2_regularization,
            "monotonic_cst": self._directions(),
            "random_state": self.random_state,
        }
        return fit_trees(X, codes, weight, settings)

    def _directions(self) -> list[int] | None:
        """Known signs of the features towards the second class."""
        names = getattr(self, "feature_names_in_", None)
        if self.directions is None or names is None or set(self.classes_) != set(TWO_CLASSES):
            return None
        dictionary = data_dictionary()
        towards = str(self.classes_[1])
        return [dictionary[name].direction(towards) if name in dictionary else 0 for name in names]

    def _is_category(self) -> np.ndarray:
        """Which features hold places of levels."""
        names = getattr(self, "feature_names_in_", np.full(self.n_features_in_, None))
        dictionary = data_dictionary()
        return np.array([name in dictionary and dictionary[name].kind == "category" for name in names])

    def _reading_order(self) -> np.ndarray | None:
        """Features as the data dictionary lists them, then others by name, so that no table deals folds of its own."""
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            return None
        place = {name: i for i, name in enumerate(data_dictionary())}
        return np.array(sorted(range(len(names)), key=lambda i: (place.get(names[i], len(place)), str(names[i]))))

    def _starting_point(self) -> StartingPoint | None:
        """What `start_from` knows of the columns at hand."""
        model, names = _unfrozen(self.start_from), getattr(self, "feature_names_in_", None)
        if model is None:
            return None
        try:
            check_is_fitted(model)
        except NotFittedError as error:
            raise UnusableInputError(
                "start_from: is not fitted; give FrozenEstimator(model), so that clones keep what it has learned"
            ) from error
        known = getattr(model, "feature_names_in_", None)
        if names is None or known is None or not set(names) & set(known):
            raise UnusableInputError("start_from: needs column names, and one column or more that both have")
        if set(model.classes_) != set(self.classes_):
            theirs, own = (", ".join(map(str, classes)) for classes in (model.classes_, self.classes_))
            raise UnusableInputError(f"start_from: tells {theirs} apart, the patients are {own}")
        return starting_point(model, [str(name) for name in names])

    def _regressions(self, patients: DistinctPatients, start: StartingPoint | None) -> list[Regression]:
        """Ways to fit the linear part; where there is a starting point, the last does without."""
        about = self._is_category(), self._directions()
        scores = LinearModel().fit_scores(patients.X, patients.weight, *about)
        penalty = usual_penalty(patients.weight) if self.linear_penalty is None else self.linear_penalty
        alone = Regression(patients, scores, scores.completed(patients.X), penalty)
        return [alone] if start is None else [*regressions_from(start, patients, *about), alone]

    def _best_regression(
        self, regressions: list[Regression], patients: DistinctPatients
    ) -> tuple[Regression, np.ndarray | None]:
        """The best regression to held-out patients, with the margins of both parts fitted without their group.

        The first, and no margins, where a class cannot fill the folds.
        """
        if np.bincount(patients.codes).min() < self.n_folds:
            return regressions[0], None
        folds = patients.folds(self.n_folds)
        if not _each_fold_leaves_every_class(folds, patients.codes):
            return regressions[0], None
        n_margins = 1 if len(self.classes_) == 2 else len(self.classes_)
        margins = np.empty((len(regressions), 2, len(folds), n_margins))
        for fold in range(folds.max() + 1):
            held_out = folds == fold
            X, codes, weight = (of[~held_out] for of in (patients.X, patients.codes, patients.weight))
            margins[:, 1, held_out] = margins_of_trees(self._fit_trees(X, codes, weight), patients.X[held_out])
            for i, regression in enumerate(regressions):
                margins[i, 0, held_out] = regression.margins_without(held_out)
        best = best_of(list(margins), patients) if len(regressions) > 1 else 0
        return regressions[best], margins[best]

    def _add_trees_of(self, start: StartingPoint, share: float, slope: np.ndarray) -> None:
        """Count the trees of a starting point, which were weighed with the linear part, among the trees."""
        of_linear, of_trees = slope
        own, theirs = 1.0 / self.n_patients_, 1.0 / start.n_patients
        self.feature_range_ = np.array(
            [
                np.fmin(self.feature_range_[0], start.feature_range[0]),
                np.fmax(self.feature_range_[1], start.feature_range[1]),
            ]
        )
        self.trees_ = sum_of_trees([(start.trees, of_linear * share, theirs), (self.trees_, of_trees, own)])
        self._set_calibration(
            LinearCalibration(np.array([of_linear, 1.0]), self.calibration_intercept_, self.is_calibrated_)
        )

    def _calibrate(
        self, patients: DistinctPatients, margins: np.ndarray | None, prior: SlopePrior | None
    ) -> np.ndarray | None:
        """Set calibration, conformal scores and intervals from held-out margins; return held-out probabilities."""
        n_classes = len(self.classes_)
        if margins is None:
            self._set_calibration(mean_of_parts(2, 1 if n_classes == 2 else n_classes))
            self.conformal_scores_ = [np.empty(0)] * n_classes
            self.subgroup_offsets_ = [np.zeros((len(CHARACTERISTICS), most_numbers()))] * n_classes
            self.venn_abers_grids_ = [np.empty((3, 0))] * n_classes
            return None
        self._set_calibration(fit_calibration(margins, patients.codes, patients.weight, prior))
        calibrated = calibrate(margins, self.calibration_slope_, self.calibration_intercept_)
        return self._set_sets_and_intervals(patients, calibrated)

    def _set_sets_and_intervals(self, patients: DistinctPatients, calibrated: np.ndarray) -> np.ndarray:
        """Set conformal scores and intervals; return the probabilities of the held-out patients."""
        n_classes = len(self.classes_)
        probability = probability_of_margins(calibrated[:, 0] if n_classes == 2 else calibrated)
        of_class = [patients.codes == k for k in range(n_classes)]
        strange, subgroups = strangeness(probability), self._subgroups(patients.X)
        self.subgroup_offsets_ = [
            fit_offsets(strange[own, k], subgroups[own], self.confidence, patients.weight[own])
            for k, own in enumerate(of_class)
        ]
        self.conformal_scores_ = [
            evenly_weighted(
                expit(strange[own, k] - total_offsets(self.subgroup_offsets_[k], subgroups[own])), patients.weight[own]
            )
            for k, own in enumerate(of_class)
        ]
        self.venn_abers_grids_ = [
            venn_abers_grid(probability[:, k], own, patients.weight) for k, own in enumerate(of_class)
        ]
        return probability

    def _subgroups(self, X: np.ndarray) -> np.ndarray:
        return subgroup_numbers(X, getattr(self, "feature_names_in_", None))

    def _importances(self, patients: DistinctPatients) -> np.ndarray:
        """Shares of the features in both parts, each part counted by how far it moves the margins."""
        few = slice(None, None, -(-len(patients.X) // _MOST_PATIENTS_FOR_IMPORTANCES))
        X, weight = patients.X[few], patients.weight[few]
        linear = np.average(np.abs(self.linear_.contributions(X)), axis=0, weights=weight)
        spread = _margins_of_parts(self.linear_, self.trees_, X).std(axis=1).mean(axis=1)
        shares = [_shares(linear.sum(axis=1)), _shares(gain_of_features(self.trees_))]
        return _shares(np.dot(self.calibration_slope_ * spread, shares))

    def _set_calibration(self, calibration: LinearCalibration) -> None:
        self.calibration_slope_ = calibration.slope
        self.calibration_intercept_ = calibration.intercept
        self.is_calibrated_ = calibration.fitted

    def _margins(self, X: np.ndarray) -> np.ndarray:
        if len(X) == 0:
            return np.empty((2, 0, len(self.calibration_intercept_)))
        with threadpool_limits(self.n_threads, user_api="openmp"):
            return _margins_of_parts(self.linear_, self.trees_, X)


def _is_whole(given: object, least: int) -> bool:
    return isinstance(given, (int, np.integer)) and bool(given >= least)


def _is_positive(given: float | None) -> bool:
    return given is None or given > 0


def _each_fold_leaves_every_class(folds: np.ndarray, codes: np.ndarray) -> bool:
    """Whether what is seen without any one fold still holds all classes."""
    of_class_in_fold = np.array([np.bincount(folds[codes == k], minlength=folds.max() + 1) for k in np.unique(codes)])
    return bool(np.all(of_class_in_fold < of_class_in_fold.sum(axis=1, keepdims=True)))


def _unfrozen(model: FrozenEstimator | PhenotypeClassifier | None) -> PhenotypeClassifier | None:
    return model.estimator if isinstance(model, FrozenEstimator) else model


def _margins_of_parts(linear: LinearModel, trees: HistGradientBoostingClassifier, X: np.ndarray) -> np.ndarray:
    """Margins of the linear part and of the trees, of shape (2, n_patients, n_margins)."""
    return np.stack([linear.margins(X), margins_of_trees(trees, X)])


def _shares(sizes: np.ndarray) -> np.ndarray:
    """Sizes as shares of their sum."""
    return np.asarray(sizes / sizes.sum() if sizes.any() else sizes)
