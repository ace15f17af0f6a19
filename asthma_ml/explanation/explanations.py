"""Why the model says what it says: exact Shapley values by feature and by documented factor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd

from asthma_ml.classifier import (
    Classifier,
    Players,
    align_features,
    explained_classes,
    factor_of_features,
    refuse_without_features,
    summed_by_factor,
)
from asthma_ml.decisions import Calls, decide_calls
from asthma_ml.errors import AsthmaMLError, UnusableInputError
from asthma_ml.explanation.games import Game, factor_interactions, game_of
from asthma_ml.explanation.stability import unstable_reasons
from asthma_ml.explanation.telling import Length, tell
from asthma_ml.explanation.tree_shap import as_shap_explanation
from asthma_ml.patients import PatientTable
from asthma_ml.variables import FACTORS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ADDITIVITY_TOLERANCE = 1e-6
"""Largest difference [log-odds] allowed between the sum of the contributions and the log-odds."""


class OfAll(NamedTuple):
    """What is said of all patients at once and told of one: no call and why, the call, and two remarks."""

    no_call: np.ndarray
    called: np.ndarray
    prior_decides: np.ndarray
    unstable: np.ndarray


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
    game : Game
        What was explained, against which background.
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
    game: Game

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

    def prior_decides(self) -> np.ndarray:
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
            True where the two strongest factors count nearly alike, by the rule of `nearest_stable`.
        """
        return unstable_reasons(self.factors.to_numpy(), self.game.model.n_distinct_patients_)

    @cached_property
    def of_all(self) -> OfAll:
        """Worked out once, however many patients are told of."""
        return OfAll(self.calls.no_call, self.calls.called, self.prior_decides(), self.unstable())

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

    def interactions(self) -> np.ndarray:
        """Return how much factors do only in company, pair by pair.

        Returns
        -------
        ndarray of shape (n_patients, 6, 6)
            SHAP interaction values of the factors [log-odds]: off the diagonal half the Shapley interaction
            index of each pair, twice; on it, what a factor does by itself. A row adds up to the factor's
            Shapley value with factors as players.

        Raises
        ------
        UnusableInputError
            If trees ask more than three questions in a row.

        References
        ----------
        Lundberg SM, Nat Mach Intell, 2020;2:56-67. 10.1038/s42256-019-0138-9

        Examples
        --------
        >>> import asthma_ml as aml
        >>> model = aml.load_compiled(aml.shipped_model_path())
        >>> patient = pd.DataFrame({"feno_ppb": [85.0], "ics_adherence_fraction": [0.3]})
        >>> aml.explain(model, patient).interactions().shape
        (1, 6, 6)
        """
        return factor_interactions(self.game, self.encoded.to_numpy())

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
        from asthma_ml.explanation.figures.patients import patient_figure

        return patient_figure(self, i)


def explain(
    model: Classifier,
    X: pd.DataFrame | PatientTable,
    players: Players = "features",
    background: pd.DataFrame | Literal["stored"] | None = None,
) -> Explanation:
    """Explain the predictions of a classifier.

    Parameters
    ----------
    model : PhenotypeClassifier or CompiledClassifier
        Fitted on a table with column names.
    X : DataFrame or PatientTable of n_patients rows
        Columns in any order; features that are missing count as not measured.
    players : {"features", "factors"}, default="features"
        Whose Shapley values the factors are. With ``"features"`` a factor is the sum of its features. With
        ``"factors"`` the features of a factor become known together, so that what they do only in company
        with another factor is shared by factors, however many features each has.
    background : DataFrame of shape (n_background, n_columns) or "stored", default=None
        Who stands in for what is not known of a patient. By default the training patients of each tree,
        question by question (path-dependent values). Patients of a table, or those whose frequencies a
        compiled model has stored, stand in as they are, each with all their values (interventional values);
        in the linear part they do so with the tests of the patient and the mean of their normal scores.

    Returns
    -------
    Explanation
        Exact to `ADDITIVITY_TOLERANCE`, which is checked on every call.

    Raises
    ------
    UnusableInputError
        If the model was fitted without column names, `X` is no table or has no feature of the model,
        `players` is neither of the two, factors or a background are asked for and trees ask more than three
        questions in a row, or a stored background is asked for and there is none.
    AsthmaMLError
        If contributions do not add up to the log-odds.

    References
    ----------
    Lundberg SM, Nat Mach Intell, 2020;2:56-67. 10.1038/s42256-019-0138-9
    """
    patients, invalid = _table(X)
    encoded = model.encode(patients)
    refuse_without_features(patients.columns, list(encoded.columns), patients.columns)
    return explain_encoded(model, patients, encoded, invalid, players, background)


def explain_encoded(
    model: Classifier,
    patients: pd.DataFrame,
    encoded: pd.DataFrame,
    invalid: np.ndarray | None = None,
    players: Players = "features",
    background: pd.DataFrame | Literal["stored"] | None = None,
) -> Explanation:
    """Explain patients whose features were encoded already.

    Parameters
    ----------
    model : PhenotypeClassifier or CompiledClassifier
        Fitted on a table with column names.
    patients : DataFrame of shape (n_patients, n_columns)
        The table.
    encoded : DataFrame of shape (n_patients, n_features)
        What ``model.encode`` made of it.
    invalid : ndarray of bool of shape (n_patients,), default=None
        Rows with an impossible value.
    players, background
        As for `explain`.

    Returns
    -------
    Explanation
        Predictions, calls and explanation of one pass.

    Raises
    ------
    UnusableInputError, AsthmaMLError
        As `explain` does.
    """
    if players not in get_args(Players):
        raise UnusableInputError(f"players={players!r}: allowed are {', '.join(get_args(Players))}")
    game = game_of(model, background)
    found = game.attribute(encoded.to_numpy(), ["features", "factors"] if players == "factors" else ["features"])
    calls = decide_calls(game.model, encoded, invalid, found.decision)
    explained = explained_classes(calls.classes, calls.probability)
    base, log_odds = found.base_log_odds(explained), found.log_odds(explained)
    features = found.on_log_odds("features", explained)
    if players == "factors":
        factors = found.on_log_odds("factors", explained)
    else:
        factors = summed_by_factor(features, factor_of_features(encoded.columns.to_numpy()))
    for values in (features, factors):
        _check_additivity(base + values.sum(axis=0), log_odds)
    return Explanation(
        features=pd.DataFrame(features.T, index=patients.index, columns=encoded.columns),
        factors=pd.DataFrame(factors.T, index=patients.index, columns=list(FACTORS)),
        base=base,
        log_odds=log_odds,
        explained_class=calls.classes[explained],
        predicted_class=calls.most_probable,
        probability=calls.probability.max(axis=1, initial=0.0),
        calls=calls,
        encoded=encoded,
        patients=patients,
        game=game,
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


def _signs(predicted: np.ndarray, explained: np.ndarray) -> np.ndarray:
    """What turns contributions into pushes towards the predicted class."""
    return np.where(predicted == explained, 1.0, -1.0)


def _check_additivity(total: np.ndarray, log_odds: np.ndarray) -> None:
    error = float(np.max(np.abs(total - log_odds), initial=0.0))
    if not error <= ADDITIVITY_TOLERANCE:
        raise AsthmaMLError(
            f"explanations do not add up: off by {error:.2g} log-odds, allowed {ADDITIVITY_TOLERANCE:g}; "
            "the explanation does not fit this version of scikit-learn"
        )
