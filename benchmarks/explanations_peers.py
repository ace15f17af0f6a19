"""Other libraries that explain models of about the same quality; ``explanations.py --peers`` imports this module.

    pip install lightgbm xgboost interpret-core woodelf-explainer      # beside the locked packages

LightGBM and XGBoost: 200 trees of depth 3, learning rate 0.06, the same training patients. EBM: explainable boosting
machine with main effects and default settings. woodelf explains the trees of the shipped model itself.
"""

from __future__ import annotations

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from interpret.glassbox import ExplainableBoostingClassifier
from sklearn.metrics import log_loss
from woodelf import WoodelfExplainer

from asthma_ml.cohort import generate_cohort

SHAPE = {"n_estimators": 200, "max_depth": 3, "learning_rate": 0.06, "n_jobs": 1}


def peers(model, seen: np.ndarray, labels, X: np.ndarray):
    """Tasks that explain other models, and the patients of each."""
    y = (np.asarray(labels) == model.classes_[1]).astype(int)
    boosted = {
        "LightGBM": lightgbm.LGBMClassifier(**SHAPE, num_leaves=8, verbose=-1).fit(seen, y),
        "XGBoost": xgboost.XGBClassifier(**SHAPE).fit(seen, y),
    }
    additive = ExplainableBoostingClassifier(interactions=0, n_jobs=1, random_state=0).fit(seen, y)
    print_log_losses(model, {**boosted, "EBM, main effects": additive})
    booster, names = boosted["XGBoost"].get_booster(), [str(name) for name in model.feature_names_in_]
    frame, background = pd.DataFrame(X, columns=names), pd.DataFrame(seen[:100], columns=names)
    few = frame.head(2_000)

    def by_woodelf(table, background=None):
        WoodelfExplainer(model.trees_, background).shap_values(table, verbose=False)

    return {
        "LightGBM, pred_contrib": (len(X), lambda: boosted["LightGBM"].booster_.predict(X, pred_contrib=True)),
        "XGBoost, pred_contribs": (len(X), lambda: booster.predict(xgboost.DMatrix(X, nthread=1), pred_contribs=True)),
        "EBM, explain_local": (2_000, lambda: additive.explain_local(X[:2_000])),
        "EBM, eval_terms": (len(X), lambda: additive.eval_terms(X)),
        "woodelf, the same trees, path-dependent": (len(X), lambda: by_woodelf(frame)),
        "woodelf, the same trees, interventional, 100": (len(few), lambda: by_woodelf(few, background)),
    }


def print_log_losses(model, fitted) -> None:
    """Print the log-loss of all models on held-out patients."""
    table, labels = generate_cohort(20_000, seed=21).training_data()
    X, y = model.encode(table), (np.asarray(labels) == model.classes_[1]).astype(int)
    losses = {"shipped model": log_loss(y, model.predict_proba(X)[:, 1])}
    losses |= {name: log_loss(y, peer.predict_proba(X.to_numpy())[:, 1]) for name, peer in fitted.items()}
    print("log-loss: " + ", ".join(f"{name} {loss:.4f}" for name, loss in losses.items()))
