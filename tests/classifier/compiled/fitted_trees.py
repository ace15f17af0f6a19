"""Small boosted trees on rounded numbers with missing values, so that thresholds equal values of patients."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from asthma_ml.classifier.compiled.pattern_lookup import frequencies_of_patients, look_up, lookup_tables
from asthma_ml.classifier.compiled.pattern_tables import (
    Branches,
    PatternContributions,
    branches_of,
    expected_margins,
    frequencies_of_training_patients,
    shapley_contributions,
)

N_FEATURES = 4


def numbers(seed: int, n_patients: int = 300, missing: float = 0.2) -> np.ndarray:
    """Four columns; the last is binary, so that trees split on it repeatedly."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_patients, N_FEATURES)).round(1)
    X[:, -1] = X[:, -1] > 0
    X[rng.random(X.shape) < missing] = np.nan
    return X.astype(np.float32)


def fitted_trees(
    seed: int = 0, n_classes: int = 2, max_depth: int | None = 3, missing: float = 0.2, n_trees: int = 4
) -> tuple[HistGradientBoostingClassifier, np.ndarray]:
    """Trees and their training patients. Missingness is informative about the class."""
    rng, X = np.random.default_rng(seed + 1), numbers(seed, missing=missing)
    drive = np.where(np.isnan(X[:, 0]), 0.6, X[:, 0]) + np.nan_to_num(X[:, 1] * X[:, 2]) + np.nan_to_num(X[:, 3])
    cuts = np.quantile(drive, np.arange(1, n_classes) / n_classes)
    y = np.digitize(drive + rng.normal(scale=0.3, size=len(X)), cuts)
    trees = HistGradientBoostingClassifier(
        max_iter=n_trees, max_depth=max_depth, min_samples_leaf=5, categorical_features=None
    )
    return trees.fit(X, y), X


def margins(trees: HistGradientBoostingClassifier, X: np.ndarray) -> np.ndarray:
    """Margins as scikit-learn computes them, of shape (n_patients, n_margins)."""
    return trees.decision_function(X).reshape(len(X), -1)


def frequencies(branches: Branches, background: np.ndarray | None = None) -> np.ndarray:
    """Pattern frequencies of the training patients, or of background patients."""
    if background is None:
        return frequencies_of_training_patients(branches)
    return frequencies_of_patients(branches, background)


def sums_of_players(branches: Branches, contributions: PatternContributions, X: np.ndarray) -> np.ndarray:
    """Sums of tabulated contributions, of shape (n_margins, n_players, n_patients)."""
    tables = lookup_tables(branches, [contributions])
    return tables.of_kind(look_up(tables, X), 0)


def margin_contributions(
    trees: HistGradientBoostingClassifier,
    X: np.ndarray,
    groups: np.ndarray | None = None,
    background: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Tabulated Shapley values of the margins, of shape (n_patients, n_players, n_margins), and their base."""
    branches = branches_of(trees)
    assert branches is not None
    frequency, group = frequencies(branches, background), np.arange(X.shape[1]) if groups is None else groups
    sums = sums_of_players(branches, shapley_contributions(branches, frequency, group, group.max() + 1), X)
    return sums.transpose(2, 1, 0), expected_margins(branches, frequency)
