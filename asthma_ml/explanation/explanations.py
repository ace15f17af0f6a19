"""Why the model says what it says: exact Shapley values by feature and by documented factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from asthma_ml.classifier import PhenotypeClassifier, align_features, refuse_without_features
from asthma_ml.classifier.calibration import calibrate
from asthma_ml.errors import AsthmaMLError, UnusableInputError
from asthma_ml.explanation.calls import Calls, judge_calls
from asthma_ml.explanation.class_log_odds import class_log_odds, margin_weights
from asthma_ml.explanation.stability import unstable_reasons
from asthma_ml.explanation.telling import Length, tell
from asthma_ml.explanation.tree_shap import as_shap_explanation, margin_contributions
from asthma_ml.patients import PatientTable
from asthma_ml.variables import FACTORS, TWO_CLASSES, data_dictionary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Players = Literal["features", "factors"]

ADDITIVITY_TOLERANCE = 1e-6
"""Largest difference [log-odds] allowed between the sum of the contributions and the log-odds."""


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """Contributions to the log-odds of one class for each patient. They explain the model, not the disease.

    Attributes
    ----------
    features : DataFrame of shape (n_patients, n_features)
        Shapley value of each feature [log-odds].
    factors : DataFrame of shape (n_patients, 6)
        Of each documented factor, the signed sum over its features, or its own Shapley value where factors
        were the players [log-odds].
    base : ndarray of shape (n_patients,)
        Where the contributions start [log-odds].
    log_odds : ndarray of shape (n_patients,)
        Where they arrive: the log-odds of the reported probability of `explained_class`.
    explained_class : ndarray of shape (n_patients,)
        ``th2_high`` between the two classes of the mission, the second class between two others, the
        predicted class among more.
    predicted_class : ndarray of shape (n_patients,)
        Most probable class.
    probability : ndarray of shape (n_patients,)
        Probability of `predicted_class`.
    calls : Calls
        Which predictions are calls, and why the others are not.
    encoded : DataFrame of shape (n_patients, n_features)
        Features as the trees saw them.
    patients : DataFrame of shape (n_patients, n_columns)
        The table that was explained, with its columns that are no features.
    model : PhenotypeClassifier or None
        What was explained; without it sentences do not say how unusual a finding is.
    """

    features: pd.DataFrame
    factors: pd.DataFrame
    base: np.ndarray
    log_odds: np.ndarray
    explained_class: np.ndarray
    predicted_class: np.ndarray
    probability: np.ndarray
    calls: Calls
    encoded: pd.DataFrame
    patients: pd.DataFrame
    model: PhenotypeClassifier | None = None

    def __len__(self) -> int:
        return len(self.features)

    def __repr__(self) -> str:
        n_patients, n_features = self.features.shape
        explained = ", ".join(sorted({str(name) for name in self.explained_class}))
        return f"<Explanation of {n_patients} patients, {n_features} features, log-odds of {explained}>"

    def pushes(self) -> pd.DataFrame:
        """Return the factors seen from the class that is predicted.

        Returns
        -------
        DataFrame of shape (n_patients, 6)
            `factors`, with the sign turned where the predicted class is not the explained one [log-odds].
        """
        return self.factors.mul(_signs(self.predicted_class, self.explained_class), axis=0)

    def leans_on_prior(self) -> np.ndarray:
        """Tell where the class is predicted for being common, against the sum of the findings.

        Returns
        -------
        ndarray of bool of shape (n_patients,)
            True where `base` speaks for the predicted class and the factors together speak against it.
        """
        towards = _signs(self.predicted_class, self.explained_class)
        return np.asarray((towards * self.base > 0) & (self.pushes().sum(axis=1).to_numpy() < 0))

    def unstable(self) -> np.ndarray:
        """Tell whose reasons a model fitted to other patients may tell otherwise.

        Returns
        -------
        ndarray of bool of shape (n_patients,)
            True where the two strongest factors count nearly alike, by the rule of `nearest_stable`; False
            throughout where the model is not at hand.
        """
        if self.model is None:
            return np.zeros(len(self), dtype=bool)
        return unstable_reasons(self.factors.to_numpy(), self.model.n_distinct_patients_)

    def findings(self, i: int) -> pd.Series[Any]:
        """Return what was measured in one patient.

        Parameters
        ----------
        i : int
            Place of the patient in the table.

        Returns
        -------
        Series
            The model's features as given, categories as text.
        """
        return align_features(self.patients.iloc[[i]], self.features.columns).iloc[0]

    def to_shap(self) -> Any:
        """Return the same values for the plots of shap.

        Returns
        -------
        shap.Explanation
            One output; works with ``shap.plots.beeswarm`` and, one row at a time, ``shap.plots.waterfall``.
        """
        displayed = align_features(self.patients, self.features.columns)
        return as_shap_explanation(self.features, self.base, self.encoded, displayed)

    def strongest_features(self, i: int, n: int = 3) -> pd.Series[float]:
        """Return the features that move one patient's prediction most.

        Parameters
        ----------
        i : int
            Place of the patient in the table.
        n : int, default=3
            How many.

        Returns
        -------
        Series
            Contribution [log-odds] by feature, strongest first; features that move nothing are left out.
        """
        row = self.features.iloc[i]
        strongest = row[row.abs().sort_values(ascending=False, kind="stable").index[:n]]
        return strongest[strongest != 0]

    def towards_prediction(self, i: int) -> float:
        """Return the sign that turns one patient's contributions into pushes towards the predicted class."""
        return float(_signs(self.predicted_class[i], self.explained_class[i]))

    def sentence(self, i: int, length: Length = "medium") -> str:
        """Tell one patient's prediction in plain words.

        Parameters
        ----------
        i : int
            Place of the patient in the table.
        length : {"short", "medium", "long"}, default="medium"
            A line; a few sentences; also the factors and the mechanism behind each finding.

        Returns
        -------
        str
            Class and probability, or that there is no call and why; the strongest findings for and against
            it, how unusual they are among the training patients, and what could mask it.
        """
        return tell(self, i, length)

    def plot(self, i: int) -> Figure:
        """Draw one patient's contributions by documented factor.

        Parameters
        ----------
        i : int
            Place of the patient in the table.

        Returns
        -------
        matplotlib.figure.Figure
            Not known to pyplot: nothing to close, no setting changed.
        """
        from asthma_ml.explanation.figures import patient_figure

        return patient_figure(self, i)


def explain(model: PhenotypeClassifier, X: pd.DataFrame | PatientTable, players: Players = "features") -> Explanation:
    """Explain the predictions of a classifier.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted on a table with column names.
    X : DataFrame or PatientTable of n_patients rows
        Columns in any order; features that are missing count as not measured.
    players : {"features", "factors"}, default="features"
        Whose Shapley values the factors are. With ``"features"`` a factor is the sum of its features. With
        ``"factors"`` the features of a factor become known together, so that what they do only in company
        with another factor is shared by factors, however many features each has.

    Returns
    -------
    Explanation
        Exact to `ADDITIVITY_TOLERANCE`, which is checked on every call.

    Raises
    ------
    UnusableInputError
        If the model was fitted without column names, `X` is no table or has no feature of the model, or
        `players` is neither of the two or factors and trees ask more than three questions in a row.
    AsthmaMLError
        If contributions do not add up to the log-odds.
    """
    if players not in get_args(Players):
        raise UnusableInputError(f"players={players!r}: allowed are {', '.join(get_args(Players))}")
    patients, invalid = _table(X)
    encoded = model.encode(patients)
    refuse_without_features(patients.columns, list(encoded.columns), patients.columns)
    return explain_calls(model, patients, encoded, judge_calls(model, encoded, invalid), players)


def explain_calls(
    model: PhenotypeClassifier,
    patients: pd.DataFrame,
    encoded: pd.DataFrame,
    calls: Calls,
    players: Players = "features",
) -> Explanation:
    """Explain predictions that were made already.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted on a table with column names.
    patients : DataFrame of shape (n_patients, n_columns)
        The table that was predicted.
    encoded : DataFrame of shape (n_patients, n_features)
        What ``model.encode`` made of it.
    calls : Calls
        What `judge_calls` made of that.
    players : {"features", "factors"}, default="features"
        As in `explain`.

    Returns
    -------
    Explanation
        As `explain` returns it.

    Raises
    ------
    UnusableInputError
        If factors are the players and trees ask more than three questions in a row.
    AsthmaMLError
        If contributions do not add up to the log-odds.
    """
    probability = calls.probability
    explained = explained_classes(model, probability)
    of_linear, of_trees, base_margins = _contributions_of_parts(model, encoded.to_numpy())
    features, base = _log_odds_contributions(model, explained, np.stack([of_linear, of_trees]), base_margins)
    log_odds = class_log_odds(_class_margins(calls.decision), explained)
    _check_additivity(base + features.sum(axis=1), log_odds)
    table = pd.DataFrame(features, index=patients.index, columns=encoded.columns)
    factors = _by_factor(table)
    if players == "factors":
        of_parts = _contributions_of_factors(model, encoded, of_linear)
        values, _ = _log_odds_contributions(model, explained, of_parts, base_margins)
        _check_additivity(base + values.sum(axis=1), log_odds)
        factors = pd.DataFrame(values, index=patients.index, columns=list(FACTORS))
    return Explanation(
        features=table,
        factors=factors,
        base=base,
        log_odds=log_odds,
        explained_class=model.classes_[explained],
        predicted_class=calls.most_probable,
        probability=probability.max(axis=1, initial=0.0),
        calls=calls,
        encoded=encoded,
        patients=patients,
        model=model,
    )


def _table(X: pd.DataFrame | PatientTable) -> tuple[pd.DataFrame, np.ndarray | None]:
    """Patients and which of their rows have an impossible value."""
    if isinstance(X, pd.DataFrame):
        return X, None
    if isinstance(X, PatientTable):
        return X.values, X.invalid
    raise UnusableInputError(
        f"{type(X).__name__}: explanations need named columns; give a DataFrame or what read_patients returns"
    )


def explained_classes(model: PhenotypeClassifier, probability: np.ndarray) -> np.ndarray:
    """Return whose log-odds are explained for each patient.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted.
    probability : ndarray of shape (n_patients, n_classes)
        Its probabilities.

    Returns
    -------
    ndarray of int of shape (n_patients,)
        Places in ``model.classes_``: ``th2_high`` between the two classes of the mission, the second
        class between two others, the predicted class among more.
    """
    classes = model.classes_.tolist()
    if len(classes) > 2:
        return np.asarray(probability.argmax(axis=1))
    place = classes.index(TWO_CLASSES[0]) if set(classes) == set(TWO_CLASSES) else 1
    return np.full(len(probability), place)


def _contributions_of_parts(model: PhenotypeClassifier, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shapley values of features in the linear part and in the trees, and the base margins of both."""
    of_trees, base_of_trees = margin_contributions(model.trees_, X)
    return model.linear_.contributions(X), of_trees, np.stack([model.linear_.base_, base_of_trees])


def _contributions_of_factors(model: PhenotypeClassifier, encoded: pd.DataFrame, of_linear: np.ndarray) -> np.ndarray:
    """Shapley values of all factors in both parts; the linear part has nothing that factors could share."""
    of_parts = np.zeros((2, len(encoded), len(FACTORS), of_linear.shape[2]))
    factor = _factor_of_features(encoded)
    of_parts[0] = _summed_by_factor(of_linear, factor)
    found, group = np.unique(factor, return_inverse=True)
    of_parts[1][:, found], _ = margin_contributions(model.trees_, encoded.to_numpy(), groups=group)
    return of_parts


def _log_odds_contributions(
    model: PhenotypeClassifier, explained: np.ndarray, contributions: np.ndarray, base_margins: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Through the calibration and on to the log-odds of the explained class: contributions and base."""
    slope, intercept = model.calibration_slope_, model.calibration_intercept_
    by_class = calibrate(contributions, slope, np.zeros_like(intercept))
    base = calibrate(base_margins[:, None], slope, intercept)
    if len(model.classes_) == 2:
        by_class = np.concatenate([np.zeros_like(by_class), by_class], axis=2)
        base = _class_margins(base[:, 0])
    weights = margin_weights(base[0], base + by_class.sum(axis=1), explained)
    base_log_odds = class_log_odds(np.repeat(base, len(explained), axis=0), explained)
    return np.einsum("nfk,nk->nf", by_class, weights), base_log_odds


def _signs(predicted: np.ndarray, explained: np.ndarray) -> np.ndarray:
    """What turns contributions into pushes towards the predicted class."""
    return np.where(predicted == explained, 1.0, -1.0)


def _class_margins(decision: np.ndarray) -> np.ndarray:
    """One margin for each class, also where a single number tells two classes apart."""
    return decision if decision.ndim == 2 else np.column_stack([np.zeros_like(decision), decision])


def _by_factor(features: pd.DataFrame) -> pd.DataFrame:
    """Signed sums over the features of each documented factor."""
    sums = _summed_by_factor(features.to_numpy(), _factor_of_features(features))
    return pd.DataFrame(sums, index=features.index, columns=list(FACTORS))


def _summed_by_factor(values: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Sums over the second axis, one for each documented factor."""
    return np.stack([values[:, factor == k].sum(axis=1) for k in range(len(FACTORS))], axis=1)


def _factor_of_features(table: pd.DataFrame) -> np.ndarray:
    """Place in `FACTORS` of each column."""
    factor_of = data_dictionary().factor_of
    return np.array([FACTORS.index(factor_of(str(name))) for name in table.columns], dtype=np.int64)


def _check_additivity(total: np.ndarray, log_odds: np.ndarray) -> None:
    error = float(np.max(np.abs(total - log_odds), initial=0.0))
    if not error <= ADDITIVITY_TOLERANCE:
        raise AsthmaMLError(
            f"explanations do not add up: off by {error:.2g} log-odds, allowed {ADDITIVITY_TOLERANCE:g}; "
            "the explanation does not fit this version of scikit-learn"
        )
