"""Shapley values of the trees: shallow ones by tables of patterns, deep ones by shap. Only here is shap talked to."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation.pattern_lookup import frequencies_of_patients, look_up
from asthma_ml.explanation.pattern_tables import branches_of, frequencies_of_training_patients, pattern_tables

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingClassifier


def margin_contributions(
    trees: HistGradientBoostingClassifier,
    X: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    background: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Compute exact Shapley values of the margins.

    Parameters
    ----------
    trees : HistGradientBoostingClassifier
        Fitted without categories of its own.
    X : ndarray of shape (n_patients, n_features)
        Features as the trees saw them, 32-bit.
    groups : ndarray of int of shape (n_features,), default=None
        The group of each feature, counted from 0, where groups become known as a whole: they are then
        the players. By default every feature is a player.
    background : ndarray of shape (n_background, n_features), default=None
        Patients who stand in for what is not known (interventional values). By default each tree's own
        training patients do, decision by decision (path-dependent values).

    Returns
    -------
    contributions : ndarray of shape (n_patients, n_players, n_margins)
        They add, with `base`, to the margins. A row does not depend on the rows beside it, to the last bit.
    base : ndarray of shape (n_margins,)
        Margins of nobody in particular: the mean over the training patients of each tree, or over `background`.

    Raises
    ------
    UnusableInputError
        If a tree asks more than three questions in a row and `groups` or `background` are given.

    References
    ----------
    Lundberg SM, Nat Mach Intell, 2020;2:56-67. 10.1038/s42256-019-0138-9
    """
    branches = branches_of(trees)
    if branches is None:
        if groups is not None or background is not None:
            raise UnusableInputError(
                "groups or a background need trees of at most three questions: fit with max_depth=3"
            )
        return _by_shap(trees, X)
    if background is None:
        frequency = frequencies_of_training_patients(branches)
    else:
        frequency = frequencies_of_patients(branches, background)
    tables = pattern_tables(branches, frequency, np.arange(X.shape[1]) if groups is None else groups)
    return look_up(tables, X), tables.base


def _by_shap(trees: HistGradientBoostingClassifier, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Path-dependent values of trees of any depth."""
    explainer = _shap().TreeExplainer(trees, feature_perturbation="tree_path_dependent")
    base = np.ravel(np.asarray(explainer.expected_value, dtype=float))
    if len(X) == 0:
        return np.zeros((*X.shape, len(base))), base
    values = np.asarray(explainer.shap_values(X, check_additivity=False), dtype=float)
    return values.reshape(*X.shape, len(base)), base


def as_shap_explanation(
    features: pd.DataFrame, base: np.ndarray, encoded: pd.DataFrame, displayed: pd.DataFrame
) -> Any:
    """Hand Shapley values over to the plots of shap.

    Parameters
    ----------
    features : DataFrame of shape (n_patients, n_features)
        Shapley values on the scale of log-odds.
    base : ndarray of shape (n_patients,)
        Base values.
    encoded : DataFrame of shape (n_patients, n_features)
        Features as numbers, for colours.
    displayed : DataFrame of shape (n_patients, n_features)
        Features as given, for labels.

    Returns
    -------
    shap.Explanation
        With values, base_values, data, display_data and feature_names.
    """
    return _shap().Explanation(
        values=features.to_numpy(),
        base_values=base.copy(),
        data=encoded.to_numpy(),
        display_data=displayed.to_numpy(),
        feature_names=[str(name) for name in features.columns],
    )


def _shap() -> Any:
    """Import shap, which on import calls functions that matplotlib is about to retire."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return import_module("shap")
