"""Random search of the hyperparameters within a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scipy.stats import loguniform
from sklearn import config_context
from sklearn.metrics import log_loss, make_scorer
from sklearn.model_selection import GridSearchCV, ParameterSampler, StratifiedGroupKFold

if TYPE_CHECKING:
    from asthma_ml.classifier import PhenotypeClassifier

N_INNER_FOLDS = 3

SPACE: Mapping[str, Any] = {
    "n_trees": [100, 200, 400],
    "learning_rate": loguniform(0.02, 0.15),
    "max_depth": [2, 3],
    "min_samples_leaf": [10, 20, 40],
    "l2_regularization": loguniform(0.1, 10.0),
    "linear_penalty": loguniform(1.0, 100.0),
}
"""Distributions of the hyperparameters. Trees stay shallow enough for exact Shapley values."""


def search_settings(
    model: PhenotypeClassifier,
    classes: Sequence[str],
    n_settings: int,
    seed: int,
) -> GridSearchCV:
    """Unfitted search of random settings, starting with those of the model.

    Parameters
    ----------
    model : PhenotypeClassifier
        Model whose settings are tried first.
    classes : sequence of str
        All classes, sorted.
    n_settings : int
        Number of settings, each with three folds.
    seed : int
        Seed of the settings and the folds.

    Returns
    -------
    GridSearchCV
        Fit it under scikit-learn's metadata routing, with `sample_weight`, `groups` and `patients`. It selects the
        smallest held-out log-loss.
    """
    drawn = ParameterSampler(dict(SPACE), n_settings - 1, random_state=seed) if n_settings > 1 else []
    scorer = make_scorer(log_loss, response_method="predict_proba", greater_is_better=False, labels=list(classes))
    with config_context(enable_metadata_routing=True):
        return GridSearchCV(
            model.set_fit_request(sample_weight=True, groups=True, patients=True),
            [{}, *({name: [value] for name, value in setting.items()} for setting in drawn)],
            scoring=scorer.set_score_request(sample_weight=True),
            cv=StratifiedGroupKFold(N_INNER_FOLDS, shuffle=True, random_state=seed),
            error_score="raise",
        )
