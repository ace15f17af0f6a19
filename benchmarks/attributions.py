"""Other ways to credit the documented factors, to see which of them agree with the causal model.

Each is a callable that takes a model of the two classes and a table of patients, and returns what is
credited to each factor [log-odds of Th2-high], less a constant that no factor owns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from asthma_ml.classifier.compiled.attribution import factor_of_features
from asthma_ml.explanation import explain
from asthma_ml.variables import FACTORS

if TYPE_CHECKING:
    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.evaluation.causal.faithfulness import Attribution

CAUSAL_ORDER = ("genetics", "environment", "patient_context", "adherence", "immune_profile", "airway_remodeling")
"""Factors before what they cause: genes, exposures and treatment feed inflammation, which builds the airway wall."""


def attributions(background: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Attribution]:
    """Name the ways to credit factors.

    Parameters
    ----------
    background : DataFrame of shape (n_background, n_columns)
        Patients like those who are explained.
    reference : DataFrame of shape (n_reference, n_columns)
        The same with every factor at its reference.

    Returns
    -------
    dict of str to callable
        The way of `explain` first.
    """
    return {
        "sums of features (as shipped)": lambda model, rows: explain(model, rows).factors,
        "factors as players": lambda model, rows: explain(model, rows, players="factors").factors,
        "background: all patients": lambda model, rows: against_background(model, rows, background),
        "background: same treatment": lambda model, rows: against_same_treatment(model, rows, background),
        "background: reference patients": lambda model, rows: against_background(model, rows, reference),
        "causal order": in_causal_order(background),
    }


def against_background(model: PhenotypeClassifier, rows: pd.DataFrame, background: pd.DataFrame) -> pd.DataFrame:
    """Interventional Shapley values of factors as players, against a whole background.

    Parameters
    ----------
    model : PhenotypeClassifier
        Of the two classes.
    rows : DataFrame of shape (n_patients, n_columns)
        Patients.
    background : DataFrame of shape (n_background, n_columns)
        Who stands in for what is not known.

    Returns
    -------
    DataFrame of shape (n_patients, 6)
        Values [log-odds of Th2-high].
    """
    return explain(model, rows, players="factors", background=background).factors


def against_same_treatment(model: PhenotypeClassifier, rows: pd.DataFrame, background: pd.DataFrame) -> pd.DataFrame:
    """As `against_background`, each patient against those who take oral steroid and biologic alike."""
    mine, theirs = _treatment(rows), _treatment(background)
    parts = [
        against_background(model, rows[mine == kind], background[theirs == kind])
        for kind in np.unique(mine)
        if (theirs == kind).any()
    ]
    return pd.concat(parts).reindex(rows.index)


def in_causal_order(background: pd.DataFrame) -> Attribution:
    """Asymmetric Shapley values in `CAUSAL_ORDER`: how a factor moves the log-odds expected from its causes.

    References
    ----------
    Frye C, Rowat C, Feige I, Asymmetric Shapley values, NeurIPS 2020.
    """

    @cache
    def expectations(model: PhenotypeClassifier) -> Mapping[str, Callable[[NDArray[Any]], NDArray[Any]]]:
        X, log_odds = model.encode(background).to_numpy(), model.decision_function(model.encode(background))
        factor = factor_of_features(model.feature_names_in_)
        return {name: _expectation(X, log_odds, known) for name, known in _known(factor).items()}

    def attribution(model: PhenotypeClassifier, rows: pd.DataFrame) -> pd.DataFrame:
        X = model.encode(rows).to_numpy()
        expected = [expect(X) for expect in expectations(model).values()]
        expected[-1] = model.decision_function(model.encode(rows))
        start = float(np.mean(model.decision_function(model.encode(background))))
        steps = np.diff(np.column_stack([np.full(len(X), start), *expected]), axis=1)
        return pd.DataFrame(steps, index=rows.index, columns=list(CAUSAL_ORDER))[list(FACTORS)]

    return attribution


def _known(factor: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
    """Features that are known once a factor is."""
    places = [FACTORS.index(name) for name in CAUSAL_ORDER]
    return {name: np.isin(factor, places[: k + 1]) for k, name in enumerate(CAUSAL_ORDER)}


def _expectation(
    X: NDArray[Any], log_odds: NDArray[Any], known: NDArray[np.bool_]
) -> Callable[[NDArray[Any]], NDArray[Any]]:
    regression = HistGradientBoostingRegressor(max_depth=4, learning_rate=0.08, early_stopping=False, random_state=0)
    regression.fit(X[:, known], log_odds)
    return lambda asked: np.asarray(regression.predict(asked[:, known]))


def _treatment(rows: pd.DataFrame) -> NDArray[np.str_]:
    by_mouth = np.where(rows["ocs_dose_mg_day"].to_numpy() > 0, "oral steroid", "none")
    return np.char.add(by_mouth, rows["biologic"].astype(str).to_numpy(dtype=str))
