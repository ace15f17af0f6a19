"""Attributions of the documented factors, to compare their faithfulness to the causal model.

Each returns the contribution of each factor [log-odds of Th2-high] for a model of the default two classes and a table
of patients. Alternatives to the SHAP contributions attribute a prediction to the columns of the row; mechanism
contributions and posterior twins attribute it to causes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from measures import ResultFile
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from asthma_ml.classifier import factor_of_features
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import (
    PosteriorMechanisms,
    contributions_of,
    explain,
    explain_mechanisms,
    mechanisms_of_posterior,
    reference_log_odds,
)
from asthma_ml.variables import FACTORS, ID

if TYPE_CHECKING:
    from typing import TypeAlias

    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.cohort import Preset

    Attribution: TypeAlias = Callable[[PhenotypeClassifier, pd.DataFrame], pd.DataFrame]

KINDS = {"values": "contributions", "alone": "effects alone", "endotype": "effects on the endotype"}
"""What mechanisms say of each factor."""

AS_SHIPPED, IN_CAUSAL_ORDER = "sums of features (as shipped)", "causal order"
CAUSAL_ORDER = ("genetics", "environment", "patient_context", "adherence", "immune_profile", "airway_remodeling")
"""Causes before effects: genes, exposures and treatment act on inflammation, which remodels the airway."""


def attributions(background: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Attribution]:
    """Attributions by name.

    Parameters
    ----------
    background : DataFrame of shape (n_background, n_columns)
        Patients of the same clinic as those explained.
    reference : DataFrame of shape (n_reference, n_columns)
        Patients in whom every factor is at its reference.

    Returns
    -------
    dict of str to callable
        The attribution of `explain` first.
    """
    return {
        AS_SHIPPED: lambda model, rows: explain(model, rows).factors,
        "Shapley values of factors": lambda model, rows: explain(model, rows, level="factors").factors,
        "background: all patients": lambda model, rows: against_background(model, rows, background),
        "background: same treatment": lambda model, rows: against_same_treatment(model, rows, background),
        "background: reference patients": lambda model, rows: against_background(model, rows, reference),
        IN_CAUSAL_ORDER: in_causal_order(background),
    }


def against_background(model: PhenotypeClassifier, rows: pd.DataFrame, background: pd.DataFrame) -> pd.DataFrame:
    """Interventional Shapley values of factors against a background.

    Parameters
    ----------
    model : PhenotypeClassifier
        A model of the default two classes.
    rows : DataFrame of shape (n_patients, n_columns)
        Patients to explain.
    background : DataFrame of shape (n_background, n_columns)
        Patients whose values replace those of the factors outside a coalition.

    Returns
    -------
    DataFrame of shape (n_patients, 6)
        Contributions [log-odds of Th2-high].
    """
    return explain(model, rows, level="factors", background=background).factors


def against_same_treatment(model: PhenotypeClassifier, rows: pd.DataFrame, background: pd.DataFrame) -> pd.DataFrame:
    """Contributions against background patients with the same oral steroid (yes or no) and biologic."""
    mine, theirs = _treatment(rows), _treatment(background)
    parts = [
        against_background(model, rows[mine == kind], background[theirs == kind])
        for kind in np.unique(mine)
        if (theirs == kind).any()
    ]
    return pd.concat(parts).reindex(rows.index)


def in_causal_order(background: pd.DataFrame) -> Attribution:
    """Asymmetric Shapley values in `CAUSAL_ORDER`: changes of the expected log-odds as factors become known.

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
    """Features known when a factor and those before it are known, by factor."""
    places = [FACTORS.index(name) for name in CAUSAL_ORDER]
    return {name: np.isin(factor, places[: k + 1]) for k, name in enumerate(CAUSAL_ORDER)}


def _expectation(
    X: NDArray[Any], log_odds: NDArray[Any], known: NDArray[np.bool_]
) -> Callable[[NDArray[Any]], NDArray[Any]]:
    regression = HistGradientBoostingRegressor(max_depth=4, learning_rate=0.08, early_stopping=False, random_state=0)
    regression.fit(X[:, known], log_odds)
    return lambda rows: np.asarray(regression.predict(rows[:, known]))


def _treatment(rows: pd.DataFrame) -> NDArray[np.str_]:
    oral_steroid = np.where(rows["ocs_dose_mg_day"].to_numpy() > 0, "oral steroid", "none")
    return np.char.add(oral_steroid, rows["biologic"].astype(str).to_numpy(dtype=str))


def mechanism_attributions(model: PhenotypeClassifier, rows: pd.DataFrame, name: str) -> dict[str, pd.DataFrame]:
    """Mechanism contributions, effects alone and effects on the endotype from the regression of a model.

    Parameters
    ----------
    model : PhenotypeClassifier
        With mechanism contributions.
    rows : DataFrame of shape (n_patients, n_columns)
        Patients.
    name : str
        Begins the name of each.

    Returns
    -------
    dict of str to DataFrame of shape (n_patients, 6)
        NaN outside the range of the simulated patients.
    """
    found = explain_mechanisms(model, rows)
    return {
        f"{name}: {words}": pd.DataFrame(getattr(found, kind), rows.index, columns=list(FACTORS))
        for kind, words in KINDS.items()
    }


def posterior_attributions(
    model: PhenotypeClassifier, rows: pd.DataFrame, preset: str | Preset, world: str, file: Path
) -> dict[str, pd.DataFrame]:
    """The same from posterior twins, a second each: the limit of what a row tells.

    Parameters
    ----------
    model : PhenotypeClassifier
        Any model of the default two classes.
    rows : DataFrame of shape (n_patients, n_columns)
        Patients, by identifier.
    preset : str or Preset
        Their preset.
    world : str
        Its name in the file.
    file : Path
        File to which each patient is added, for one model. Patients in the file are not computed again.

    Returns
    -------
    dict of str to DataFrame of shape (n_patients, 6)
        NaN for patients who are too improbable under the causal model.
    """
    results = ResultFile(file, key=("world", ID))
    waiting = [place for place, name in enumerate(rows.index) if (world, name) not in results]
    base = reference_log_odds(model, preset) if waiting else None
    for place in waiting:
        results.append(
            {"world": world, ID: rows.index[place], **_of_posterior(model, rows.iloc[[place]], preset, base)}
        )
    table = results.table()
    known = table[table["world"] == world].set_index(ID).reindex(rows.index)
    log_odds = contributions_of(model, model.encode(rows).to_numpy(), per_feature=False).log_odds
    if (known["log_odds"] - log_odds).abs().max() > 1e-4:
        raise UnusableInputError(f"{file}: posterior twins of another model; give another file")
    return {
        f"posterior twins: {words}": known[[f"{kind}.{factor}" for factor in FACTORS]].set_axis(list(FACTORS), axis=1)
        for kind, words in KINDS.items()
    }


def _of_posterior(
    model: PhenotypeClassifier, patient: pd.DataFrame, preset: str | Preset, base: NDArray[np.float64] | None
) -> dict[str, float]:
    """Expectations, errors and effective sample size of a patient; NaN if the patient is too improbable."""
    names = [*KINDS, "standard_errors", "low", "high"]
    try:
        found: PosteriorMechanisms | None = mechanisms_of_posterior(model, patient, preset, base=base)
    except UnusableInputError:
        found = None
    numbers = {
        f"{name}.{factor}": float("nan") if found is None else float(getattr(found, name)[k])
        for name in names
        for k, factor in enumerate(FACTORS)
    }
    return {
        "log_odds": float("nan") if found is None else found.log_odds,
        "effective": 0.0 if found is None else found.effective,
        **numbers,
    }
