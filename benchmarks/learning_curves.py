"""Excess log-loss over the Bayes limit by the number of training patients, for this classifier and others.

    python benchmarks/learning_curves.py --sizes 200 1000 --seeds 10 --limit limit.parquet -o learning_curves.csv

Every draw is a cohort of its own. All contenders are fitted to the same draws and tested on the same other patients;
the Bayes limit is computed for the first of these. LightGBM, XGBoost and EBM take part where they are installed.
Each result is saved at once, and results in the file are not measured again. ``--summary`` prints the tables of
learning_curves.md.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measures import POSITIVE, ResultFile, divergences, two_class_patients
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.linear_model import BayesianRidge, LogisticRegression, LogisticRegressionCV
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, SplineTransformer, StandardScaler

import asthma_ml as aml
from asthma_ml.classifier import encode_features
from asthma_ml.evaluation.causal.limit import limit_scores
from asthma_ml.inference import bayes_limit, limit_probabilities
from asthma_ml.variables import LABEL, data_dictionary

OURS = "PhenotypeClassifier"
TEST_SEED, FIRST_TRAINING_SEED = 2, 10_000
N_TEST, MOST_TREES = 32_000, 2_000


def ridge_by_cross_validation() -> LogisticRegressionCV:
    return LogisticRegressionCV(
        Cs=np.geomspace(1e-3, 1, 7),
        l1_ratios=(0.0,),
        scoring="neg_log_loss",
        max_iter=1000,
        use_legacy_attributes=False,
    )


def columns(numbers: Any) -> Any:
    """Pipeline for numbers beside one-hot encoded categories."""
    dictionary = data_dictionary()
    categories = {name for name in dictionary.features if dictionary[name].kind == "category"}
    one_hot = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    return make_column_transformer(
        (numbers, lambda X: [name for name in X if name not in categories]),
        (one_hot, lambda X: [name for name in X if name in categories]),
        sparse_threshold=0,
    )


def splines(n: int) -> Any:
    numbers = make_pipeline(
        SimpleImputer(add_indicator=True),
        SplineTransformer(n_knots=5, knots="quantile", extrapolation="constant"),
        StandardScaler(),
    )
    return make_pipeline(columns(numbers), ridge_by_cross_validation())


def normal_scores(n: int) -> Any:
    imputer = IterativeImputer(BayesianRidge(), max_iter=5, n_nearest_features=15, random_state=0, tol=0.1)
    scores = QuantileTransformer(n_quantiles=min(n, 500), output_distribution="normal", random_state=0)
    return make_pipeline(columns(make_pipeline(scores, imputer, StandardScaler())), ridge_by_cross_validation())


def lightgbm(**others: Any) -> Any:
    from lightgbm import LGBMClassifier  # noqa: PLC0415

    return LGBMClassifier(
        learning_rate=0.05, reg_lambda=5.0, feature_fraction_bynode=0.3, n_jobs=1, verbose=-1, **others
    )  # fmt: skip


def xgboost(**others: Any) -> Any:
    from xgboost import XGBClassifier  # noqa: PLC0415

    return XGBClassifier(
        learning_rate=0.05, reg_lambda=5.0, colsample_bynode=0.3, subsample=0.7, n_jobs=1, random_state=0, **others
    )


class StoppedEarly(ClassifierMixin, BaseEstimator):
    """Booster with early stopping: no gain from 50 more trees on a held-out tenth of the training patients."""

    def __init__(self, booster: Any, fit_options: dict[str, Any]) -> None:
        self.booster = booster
        self.fit_options = fit_options

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> StoppedEarly:
        """Fit to nine tenths of the patients; the others decide when to stop."""
        seen, held, y_seen, y_held = train_test_split(X, y, test_size=0.1, random_state=0, stratify=y)
        self.fitted_ = self.booster.fit(seen, y_seen, eval_set=[(held, y_held)], **self.fit_options)
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Probabilities of the booster."""
        return np.asarray(self.fitted_.predict_proba(X))


def ebm(n: int) -> Any:
    from interpret.glassbox import ExplainableBoostingClassifier  # noqa: PLC0415

    return ExplainableBoostingClassifier(outer_bags=8, n_jobs=1, random_state=0)


CONTENDERS: dict[str, Callable[[int], Any]] = {
    OURS: lambda n: aml.PhenotypeClassifier(),
    "PhenotypeClassifier, 600 trees, no directions": lambda n: aml.PhenotypeClassifier(
        n_trees=600, learning_rate=0.12, directions=None
    ),
    "HistGradientBoosting, default settings": lambda n: HistGradientBoostingClassifier(random_state=0),
    "LightGBM, 200 trees of depth 3": lambda n: lightgbm(n_estimators=200, max_depth=3),
    "LightGBM, stopped early": lambda n: StoppedEarly(lightgbm(n_estimators=MOST_TREES, early_stopping_round=50), {}),
    "XGBoost, 200 trees of depth 3": lambda n: xgboost(n_estimators=200, max_depth=3),
    "XGBoost, stopped early": lambda n: StoppedEarly(
        xgboost(n_estimators=MOST_TREES, early_stopping_rounds=50), {"verbose": False}
    ),
    "EBM": ebm,
    "random forest": lambda n: RandomForestClassifier(300, min_samples_leaf=3, random_state=0),
    "logistic on splines, with indicators": splines,
    "logistic on normal scores, IterativeImputer": normal_scores,
}
NEEDS = {"LightGBM": "lightgbm", "XGBoost": "xgboost", "EBM": "interpret"}


def is_installed(contender: str) -> bool:
    """Whether the package that a contender needs is installed."""
    needed = NEEDS.get(contender.partition(",")[0])
    return needed is None or find_spec(needed) is not None


def encoded(table: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Numeric features, and whether a patient is of the positive class."""
    features = encode_features(table[list(data_dictionary().features)])
    return features, (table[LABEL] == POSITIVE).to_numpy().astype(int)


def limit_of(table: pd.DataFrame, path: Path, n_particles: int) -> np.ndarray:
    """Probabilities of the Bayes limit, from a file; computed and saved if there is none."""
    if not path.exists():
        bayes_limit(table, n_particles=n_particles, progress=True).to_parquet(path)
    limit = pd.read_parquet(path)
    found = limit_scores(limit, table[LABEL].head(len(limit)))
    print(f"Bayes limit of {len(limit)} patients: {found}", flush=True)
    return limit_probabilities(limit)


def measured(
    name: str, train: tuple[pd.DataFrame, np.ndarray], test: tuple[pd.DataFrame, np.ndarray], limit: np.ndarray
) -> dict[str, Any]:
    started = time.process_time()
    model = CONTENDERS[name](len(train[1])).fit(*train)
    fitted = time.process_time()
    p = np.clip(model.predict_proba(test[0])[:, 1], 1e-6, 1 - 1e-6)
    predicted = time.process_time()
    slope = LogisticRegression(C=1e6).fit(logit(p)[:, None], test[1]).coef_[0, 0]
    return {
        "log_loss": log_loss(test[1], p),
        "excess_log_loss": divergences(limit, np.column_stack([p, 1 - p])[: len(limit)]).mean(),
        "auc": roc_auc_score(test[1], p),
        "calibration_slope": slope,
        "fit_cpu_s": fitted - started,
        "predict_cpu_s": predicted - fitted,
    }


def summary(rows: pd.DataFrame) -> str:
    """Table of excess log-loss, with paired differences to `PhenotypeClassifier`, by number of patients."""
    sizes = sorted(rows["n"].unique())
    lines = ["| | " + " | ".join(f"{n:,}" for n in sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
    for name in CONTENDERS:
        cells = [cell(rows[rows["n"] == n].set_index("seed"), name) for n in sizes]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(of_size: pd.DataFrame, name: str) -> str:
    """Excess log-loss [millinats]; in brackets the difference to `PhenotypeClassifier` with its standard error."""
    own = of_size[of_size["contender"] == name]
    if own.empty:
        return ""
    excess = f"{own['excess_log_loss'].mean() * 1000:.1f}"
    if name == OURS:
        return f"**{excess}** ({own['log_loss'].mean():.4f}; {len(own)} draws)"
    difference = (own["log_loss"] - of_size[of_size["contender"] == OURS]["log_loss"]).dropna() * 1000
    error = difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else np.nan
    return f"{excess} ({difference.mean():+.1f} ± {error:.1f}; {(difference > 0).sum()} of {len(difference)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 1000])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--contenders", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS))
    parser.add_argument("--limit", type=Path, default=Path("limit.parquet"), help="Parquet file, computed if missing.")
    parser.add_argument("--test-patients", type=int, default=N_TEST)
    parser.add_argument("--limit-patients", type=int, default=4_000)
    parser.add_argument("--particles", type=int, default=2_000)
    parser.add_argument("--summary", action="store_true")
    parser.add_argument("-o", "--output", type=Path, default=Path("learning_curves.csv"))
    given = parser.parse_args()
    results = ResultFile(given.output, key=("contender", "n", "seed"))
    if given.summary:
        print(summary(results.table()))
        return
    warnings.filterwarnings("ignore")
    others = two_class_patients(given.test_patients, TEST_SEED)
    limit, test = limit_of(others.head(given.limit_patients), given.limit, given.particles), encoded(others)
    for n in given.sizes:
        for seed in range(given.seeds):
            wanted = [name for name in given.contenders if (name, n, seed) not in results and is_installed(name)]
            train = encoded(two_class_patients(n, FIRST_TRAINING_SEED + seed)) if wanted else None
            for name in wanted:
                results.append({"contender": name, "n": n, "seed": seed, **measured(name, train, test, limit)})
                print(results.rows[-1], flush=True)


if __name__ == "__main__":
    main()
