"""Adapter of shap: Shapley values of deep trees, and the object for its plots. No other module imports shap."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingClassifier


def contributions_by_shap(trees: HistGradientBoostingClassifier, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Path-dependent Shapley values of trees of any depth.

    Parameters
    ----------
    trees : HistGradientBoostingClassifier
        Fitted without categorical features.
    X : ndarray of shape (n_patients, n_features)
        Encoded features, 32-bit.

    Returns
    -------
    contributions : ndarray of shape (n_patients, n_features, n_margins)
        With `base`, they add up to the margins.
    base : ndarray of shape (n_margins,)
        Base values: the mean margins of the training patients of each tree.

    References
    ----------
    Lundberg SM, Nat Mach Intell, 2020;2:56-67. 10.1038/s42256-019-0138-9
    """
    explainer = _shap().TreeExplainer(trees, feature_perturbation="tree_path_dependent")
    base = np.ravel(np.asarray(explainer.expected_value, dtype=float))
    if len(X) == 0:
        return np.zeros((*X.shape, len(base))), base
    values = np.asarray(explainer.shap_values(X, check_additivity=False), dtype=float)
    return values.reshape(*X.shape, len(base)), base


def as_shap_explanation(
    features: pd.DataFrame, base: np.ndarray, encoded: pd.DataFrame, displayed: pd.DataFrame
) -> Any:
    """Shapley values as an object for the plots of shap.

    Parameters
    ----------
    features : DataFrame of shape (n_patients, n_features)
        Shapley values [log-odds].
    base : ndarray of shape (n_patients,)
        Base values.
    encoded : DataFrame of shape (n_patients, n_features)
        Encoded features, for colours.
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
    """Import shap, which calls deprecated functions of matplotlib on import."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        import shap
    return shap
