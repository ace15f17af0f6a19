"""How well classifiers tell the two classes apart, by the number of patients they learn from.

All contenders learn from the same draws of a cohort and are measured on the same other patients::

    python benchmarks/learning_curves.py --sizes 200 1000 --seeds 10 -o benchmarks/learning_curves.csv

LightGBM, XGBoost and EBM take part where they are installed. Rows are added to the file as they come;
what is in it already is not measured again. ``--summary`` prints the table of the README.
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
from scipy.special import logit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.linear_model import BayesianRidge, LogisticRegression, LogisticRegressionCV
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, SplineTransformer, StandardScaler

import asthma_ml as aml
from asthma_ml.classifier import encode_features
from asthma_ml.variables import TWO_CLASSES, data_dictionary

POSITIVE = TWO_CLASSES[0]
COMPARED_WITH = "boosted trees, calibrated (before)"


def before(n: int) -> Any:
    """What PhenotypeClassifier was: its trees alone, with Platt's sigmoid on held-out margins."""
    dictionary = data_dictionary()
    trees = HistGradientBoostingClassifier(
        max_iter=200,
        learning_rate=0.06,
        max_depth=3,
        l2_regularization=1.0,
        categorical_features=None,
        early_stopping=False,
        monotonic_cst=[dictionary[name].direction(POSITIVE) for name in dictionary.features],
    )
    return CalibratedClassifierCV(trees, ensemble=False, cv=5)


def ridge_by_cross_validation() -> LogisticRegressionCV:
    return LogisticRegressionCV(
        Cs=np.geomspace(1e-3, 1, 7),
        l1_ratios=(0.0,),
        scoring="neg_log_loss",
        max_iter=1000,
        use_legacy_attributes=False,
    )


def columns(numbers: Any) -> Any:
    """A pipeline for numbers beside one-hot categories."""
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


def normal_scores(n: int, iterative: bool) -> Any:
    imputer = (
        IterativeImputer(BayesianRidge(), max_iter=5, n_nearest_features=15, random_state=0, tol=0.1)
        if iterative
        else SimpleImputer()
    )
    scores = QuantileTransformer(n_quantiles=min(n, 500), output_distribution="normal", random_state=0)
    return make_pipeline(columns(make_pipeline(scores, imputer, StandardScaler())), ridge_by_cross_validation())


def lightgbm(n: int) -> Any:
    from lightgbm import LGBMClassifier  # noqa: PLC0415

    return LGBMClassifier(
        n_estimators=200, learning_rate=0.05, max_depth=3, reg_lambda=5.0, feature_fraction_bynode=0.3,
        n_jobs=1, verbose=-1,
    )  # fmt: skip


def xgboost(n: int) -> Any:
    from xgboost import XGBClassifier  # noqa: PLC0415

    return XGBClassifier(
        n_estimators=200, learning_rate=0.05, max_depth=3, reg_lambda=5.0, colsample_bynode=0.3, subsample=0.7, n_jobs=1
    )


def ebm(n: int) -> Any:
    from interpret.glassbox import ExplainableBoostingClassifier  # noqa: PLC0415

    return ExplainableBoostingClassifier(outer_bags=8, n_jobs=1, random_state=0)


CONTENDERS: dict[str, Callable[[int], Any]] = {
    "PhenotypeClassifier": lambda n: aml.PhenotypeClassifier(),
    COMPARED_WITH: before,
    "HistGradientBoosting, as it comes": lambda n: HistGradientBoostingClassifier(random_state=0),
    "LightGBM, depth 3": lightgbm,
    "XGBoost, depth 3": xgboost,
    "EBM": ebm,
    "random forest": lambda n: RandomForestClassifier(300, min_samples_leaf=3, random_state=0),
    "logistic on splines, with indicators": splines,
    "logistic on normal scores, mean": lambda n: normal_scores(n, iterative=False),
    "logistic on normal scores, IterativeImputer": lambda n: normal_scores(n, iterative=True),
}
NEEDS = {"LightGBM, depth 3": "lightgbm", "XGBoost, depth 3": "xgboost", "EBM": "interpret"}


def patients(n_patients: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Patients of the two classes, encoded."""
    X, y = aml.generate_cohort(n_patients, seed=seed).training_data()
    return encode_features(X).reset_index(drop=True), np.asarray(y)


def measured(
    name: str, train: tuple[pd.DataFrame, np.ndarray], test: tuple[pd.DataFrame, np.ndarray]
) -> dict[str, Any]:
    started = time.process_time()
    model = CONTENDERS[name](len(train[1])).fit(train[0], (train[1] == POSITIVE).astype(int))
    fitted = time.process_time()
    p = np.clip(model.predict_proba(test[0])[:, 1], 1e-6, 1 - 1e-6)
    predicted = time.process_time()
    truth = (test[1] == POSITIVE).astype(int)
    slope = LogisticRegression(C=1e6).fit(logit(p)[:, None], truth).coef_[0, 0]
    return {
        "log_loss": log_loss(truth, p),
        "auc": roc_auc_score(truth, p),
        "calibration_slope": slope,
        "fit_cpu_s": fitted - started,
        "predict_cpu_s": predicted - fitted,
    }


def summary(rows: pd.DataFrame) -> str:
    """Mean log-loss by size, and the paired difference to what there was before."""
    keyed = rows.set_index(["contender", "n", "seed"])["log_loss"].unstack("contender")
    lines = []
    for name in CONTENDERS:
        cells = []
        for _, by_seed in keyed.groupby("n"):
            if name not in by_seed or by_seed[name].isna().all():
                cells.append("")
                continue
            difference = (by_seed[name] - by_seed[COMPARED_WITH]).dropna() * 1000
            error = difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else np.nan
            spread = "" if name == COMPARED_WITH or np.isnan(error) else f" ± {error:.1f}"
            cells.append(f"{by_seed[name].mean():.4f} ({difference.mean():+.1f}{spread})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    sizes = keyed.index.get_level_values("n").unique()
    counts = [rows[rows["n"] == n]["seed"].nunique() for n in sizes]
    head = "| | " + " | ".join(f"{n:,} ({k} draws)" for n, k in zip(sizes, counts, strict=True)) + " |"
    return "\n".join([head, "|---" * (len(sizes) + 1) + "|", *lines])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 1000])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--contenders", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS))
    parser.add_argument("--summary", action="store_true")
    parser.add_argument("-o", "--output", type=Path, default=Path("learning_curves.csv"))
    given = parser.parse_args()
    rows = pd.read_csv(given.output).to_dict("records") if given.output.exists() else []
    if given.summary:
        print(summary(pd.DataFrame(rows)))
        return
    warnings.filterwarnings("ignore")
    done = {(row["contender"], row["n"], row["seed"]) for row in rows}
    pool, test = patients(max(20_000, int(2.2 * max(given.sizes))), seed=1), patients(60_000, seed=2)
    for n in given.sizes:
        for seed in range(given.seeds):
            chosen = np.random.default_rng([seed, n]).choice(len(pool[1]), n, replace=False)
            train = pool[0].iloc[chosen].reset_index(drop=True), pool[1][chosen]
            for name in given.contenders:
                if (name, n, seed) in done or (name in NEEDS and find_spec(NEEDS[name]) is None):
                    continue
                rows.append({"contender": name, "n": n, "seed": seed, **measured(name, train, test)})
                pd.DataFrame(rows).round(6).to_csv(given.output, index=False)
                print(rows[-1], flush=True)


if __name__ == "__main__":
    main()
