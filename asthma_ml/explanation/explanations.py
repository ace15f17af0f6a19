"""Explanations of predictions: exact Shapley values of features and of documented factors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd

from asthma_ml.classifier import Classifier, Level, align_features, as_frame
from asthma_ml.cohort import DEFAULT_PRESET, Preset
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation.contributions import contributions_of
from asthma_ml.explanation.games import factor_interactions
from asthma_ml.explanation.mechanisms import MechanismContributions, mechanism_contributions
from asthma_ml.explanation.narration import account_of_predictions, narrate
from asthma_ml.explanation.patient_contributions import PatientContributions
from asthma_ml.explanation.tree_shap import as_shap_explanation
from asthma_ml.patients import PatientTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from asthma_ml.wording import Account, Length

Method: TypeAlias = Literal["shap", "mechanisms", "posterior"]
"""How predictions are explained."""


@dataclass(frozen=True, eq=False, repr=False)
class Explanation(PatientContributions):
    """Contributions, with their interactions, sentences and figures; from `explain`.

    Attributes
    ----------
    mechanisms : MechanismContributions or None
        What the factors are expected to have contributed in the causal model; None with the method ``"shap"``.
    """

    mechanisms: MechanismContributions | None = None

    @cached_property
    def account(self) -> Account:
        """Values that the sentences put into words, gathered once for all patients."""
        return account_of_predictions(self.calls, self.patients, contributions=self, mechanisms=self.mechanisms)

    def interactions(self) -> np.ndarray:
        """SHAP interaction values of the factors.

        Returns
        -------
        ndarray of shape (n_patients, 6, 6)
            Interaction values [log-odds of the explained class]. Off the diagonal: half the Shapley interaction
            index of the pair, in both places. On the diagonal: the main effect of the factor. A row sums to the
            Shapley value of the factor at the level of factors.

        Raises
        ------
        UnusableInputError
            If trees are deeper than 3.

        References
        ----------
        Lundberg SM, Nat Mach Intell, 2020;2:56-67. 10.1038/s42256-019-0138-9

        Examples
        --------
        >>> import asthma_ml as aml
        >>> model = aml.load_model("shipped", compiled=True)
        >>> patient = pd.DataFrame({"feno_ppb": [85.0], "ics_adherence_fraction": [0.3]})
        >>> aml.explain(model, patient).interactions().shape
        (1, 6, 6)
        """
        return factor_interactions(self.game, self.X)

    def to_shap(self) -> Any:
        """Contributions of the features as an object for the plots of shap.

        Returns
        -------
        shap.Explanation
            One output; works with ``shap.plots.beeswarm`` and, one row at a time, ``shap.plots.waterfall``.
        """
        displayed = align_features(self.patients, self.features.columns)
        return as_shap_explanation(self.features, self.base, self.encoded, displayed)

    def sentence(self, i: int, length: Length = "medium") -> str:
        """Explanation of one patient's prediction in words.

        Parameters
        ----------
        i : int
            Row of the patient.
        length : {"short", "medium", "long"}, default="medium"
            One line; some sentences; also the factors and the mechanism of each finding.

        Returns
        -------
        str
            Class and probability, or why the model abstains; the strongest findings that support the prediction
            and those against it, with their positions among the training patients; what the mechanisms are expected
            to have contributed, if asked for; caveats.
        """
        return narrate(self, self.account, i, length)

    def plot(self, i: int, name: str | None = None) -> Figure:
        """Figure of one patient's contributions by documented factor, beside those of mechanisms if asked for.

        Parameters
        ----------
        i : int
            Row of the patient.
        name : str, default=None
            Name of the patient in the title; by default the identifier, if the table has one.

        Returns
        -------
        matplotlib.figure.Figure
            Independent of pyplot: it need not be closed, and no setting is changed.
        """
        if self.mechanisms is not None:
            from asthma_ml.explanation.figures.mechanisms import mechanism_figure

            return mechanism_figure(self, self.mechanisms, i, name)
        from asthma_ml.explanation.figures.patients import patient_figure

        return patient_figure(self, i, name)


def explain(
    model: Classifier,
    X: pd.DataFrame | PatientTable,
    level: Level = "features",
    background: pd.DataFrame | Literal["stored"] | None = None,
    *,
    method: Method = "shap",
    preset: str | Preset = DEFAULT_PRESET,
) -> Explanation:
    """Contributions of features and factors to the predictions of a classifier.

    Parameters
    ----------
    model : PhenotypeClassifier or CompiledClassifier
        Fitted on a table with column names.
    X : DataFrame or PatientTable of n_patients rows
        Columns in any order; absent features are missing values.
    level : {"features", "factors"}, default="features"
        Level at which the Shapley values of factors are computed. ``"features"``: the contribution of a factor is
        the sum over its features. ``"factors"``: the features of a factor become known together, so interactions
        between factors are divided among factors, whatever their numbers of features.
    background : DataFrame of shape (n_background, n_columns) or "stored", default=None
        Distribution of the unknown features. By default that of the training patients at each decision of a tree
        (path-dependent values). With a table, or the background stored in a compiled model, unknown features take
        the values of each background patient in turn (interventional values); in the linear part the pattern of
        missing tests stays that of the explained patient, and normal scores are averaged over the background.
    method : {"shap", "mechanisms", "posterior"}, default="shap"
        ``"mechanisms"``: also what the factors are expected to have contributed in the causal model, from the
        regression in the model. ``"posterior"``: the same from posterior twins of each patient, which is exact up to
        Monte Carlo error and takes seconds a patient.
    preset : str or Preset, default="severe_clinic"
        Clinic of the patients for the method ``"posterior"``; a regression has a preset of its own.

    Returns
    -------
    Explanation
        Exact to `ADDITIVITY_TOLERANCE`, which is checked on every call.

    Raises
    ------
    UnusableInputError
        If the model was fitted without column names, `X` is no table or has no feature of the model, `level` is
        unknown, a background or the level of factors is requested for trees deeper than 3, the model has no stored
        background or no mechanism regression, or a patient is too improbable under the causal model.
    AsthmaMLError
        If base plus contributions differ from the log-odds.

    References
    ----------
    Lundberg SM, Nat Mach Intell, 2020;2:56-67. 10.1038/s42256-019-0138-9
    """
    if isinstance(X, PatientTable):
        found = contributions_of(model, model.encoded_features(X.read.values), X.invalid, level, background)
        return _with_mechanisms(Explanation(**vars(found), patients=X.values), method, preset)
    patients = as_frame(X)
    if not hasattr(patients, "columns"):
        raise UnusableInputError(
            f"{type(X).__name__}: explanations need named columns; give a data frame or what read_patients returns"
        )
    found = explain_encoded(model, patients, model.encode(patients), None, level, background)
    return _with_mechanisms(found, method, preset)


def _with_mechanisms(explanation: Explanation, method: Method, preset: str | Preset) -> Explanation:
    if method not in get_args(Method):
        raise UnusableInputError(f"method={method!r}: allowed are {', '.join(get_args(Method))}")
    if method == "shap":
        return explanation
    model, X = explanation.game.model, explanation.X
    if method == "mechanisms":
        # Contributions as `predict` computes them, so that both give the same numbers to the last bit.
        mechanisms = mechanism_contributions(contributions_of(model, X, per_feature=False))
    else:
        from asthma_ml.explanation.posterior_mechanisms import posterior_contributions

        mechanisms = posterior_contributions(model, explanation.patients, preset)
    return replace(explanation, mechanisms=mechanisms)


def explain_encoded(
    model: Classifier,
    patients: pd.DataFrame,
    encoded: pd.DataFrame,
    invalid: np.ndarray | None = None,
    level: Level = "features",
    background: pd.DataFrame | Literal["stored"] | None = None,
) -> Explanation:
    """Contributions for patients whose features are already encoded.

    Parameters
    ----------
    model : PhenotypeClassifier or CompiledClassifier
        Fitted on a table with column names.
    patients : DataFrame of shape (n_patients, n_columns)
        Table of patients.
    encoded : DataFrame of shape (n_patients, n_features)
        The same patients, from ``model.encode``.
    invalid : ndarray of bool of shape (n_patients,), default=None
        Rows with a value outside its hard limits.
    level, background
        As for `explain`.

    Returns
    -------
    Explanation
        Predictions, calls and contributions, computed in one pass.

    Raises
    ------
    UnusableInputError, AsthmaMLError
        As `explain` does.
    """
    found = contributions_of(model, encoded.to_numpy(), invalid, level, background)
    return Explanation(**vars(found), patients=patients)
