"""Contributions by other libraries, where they are installed, from models of 200 trees of depth 3.

    pip install lightgbm xgboost interpret-core woodelf-explainer      # beside the locked packages

woodelf explains the trees of LightGBM. EBM: explainable boosting machine with main effects and default settings.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from timing import Task, function

SHAPE: dict[str, Any] = {"n_estimators": 200, "max_depth": 3, "learning_rate": 0.06, "n_jobs": 1}
N_TRAINING = 20_000
Explain = Callable[[], object]


def tasks(X: np.ndarray, y: np.ndarray) -> dict[str, Task]:
    """Tasks that explain all rows of X; the models are fitted to the first ones."""
    makers = {"lightgbm": lightgbm, "xgboost": xgboost, "interpret": additive, "woodelf": woodelf}
    found: dict[str, Task] = {}
    for package, make in makers.items():
        if find_spec(package):
            name, explain = make(X, X[:N_TRAINING], y[:N_TRAINING])
            found[name] = function(explain)
    return found


def lightgbm(X: np.ndarray, seen: np.ndarray, y: np.ndarray) -> tuple[str, Explain]:
    from lightgbm import LGBMClassifier  # noqa: PLC0415

    booster = LGBMClassifier(**SHAPE, num_leaves=8, verbose=-1).fit(seen, y).booster_
    return "LightGBM pred_contrib", lambda: booster.predict(X, pred_contrib=True)


def xgboost(X: np.ndarray, seen: np.ndarray, y: np.ndarray) -> tuple[str, Explain]:
    from xgboost import DMatrix, XGBClassifier  # noqa: PLC0415

    booster = XGBClassifier(**SHAPE).fit(seen, y).get_booster()
    return "XGBoost pred_contribs", lambda: booster.predict(DMatrix(X, nthread=1), pred_contribs=True)


def additive(X: np.ndarray, seen: np.ndarray, y: np.ndarray) -> tuple[str, Explain]:
    from interpret.glassbox import ExplainableBoostingClassifier  # noqa: PLC0415

    fitted = ExplainableBoostingClassifier(interactions=0, n_jobs=1, random_state=0).fit(seen, y)
    return "EBM eval_terms", lambda: fitted.eval_terms(X)


def woodelf(X: np.ndarray, seen: np.ndarray, y: np.ndarray) -> tuple[str, Explain]:
    import pandas as pd  # noqa: PLC0415
    from lightgbm import LGBMClassifier  # noqa: PLC0415
    from woodelf import WoodelfExplainer  # noqa: PLC0415

    fitted, table = LGBMClassifier(**SHAPE, num_leaves=8, verbose=-1).fit(seen, y), pd.DataFrame(X)
    return "woodelf", lambda: WoodelfExplainer(fitted, None).shap_values(table, verbose=False)
