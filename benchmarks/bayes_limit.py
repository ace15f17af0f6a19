"""Is the Bayes limit a limit? A classifier that has seen as many patients as one likes must come close and not beat it.

    OMP_NUM_THREADS=1 python benchmarks/bayes_limit.py --train 500000 --test 3000

Generates the patients, trains gradient boosting on all columns with the site, computes the limit of the
test patients, and prints both beside the shipped model: log-loss, AUC, Brier score, and the paired
difference of the log-losses with its standard error.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

from asthma_ml import load_model
from asthma_ml.cohort.patient_stream import PatientStream
from asthma_ml.cohort.presets import preset_named
from asthma_ml.evaluation.bayes_limit import bayes_limit, probabilities
from asthma_ml.evaluation.metrics import score_probabilities
from asthma_ml.shipped import shipped_model_path
from asthma_ml.variables import LABEL, SITE, TWO_CLASSES, data_dictionary

TEST_SEED = 9_001


def patients(n: int, seed: int, preset: str) -> pd.DataFrame:
    """Patients of the two classes."""
    stream = PatientStream(n, seed, preset_named(preset), where=f"{LABEL} in {list(TWO_CLASSES)}", with_truth=False)
    return pd.concat([observed for observed, _ in stream], ignore_index=True)


def encoded(table: pd.DataFrame) -> pd.DataFrame:
    """All features and the site, text as categories of fixed codes."""
    columns = table[[SITE, *data_dictionary().features]].copy()
    for name in columns.columns[columns.dtypes == "str"]:
        levels = data_dictionary()[name].levels or tuple(f"site_{k}" for k in range(1, 7))
        columns[name] = pd.Categorical(columns[name], categories=levels)
    return columns


def reference(n_train: int, preset: str) -> HistGradientBoostingClassifier:
    """Gradient boosting, stopped when a tenth of the patients says so."""
    table = patients(n_train, seed=9_000, preset=preset)
    model = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=1500,
        max_leaf_nodes=16,
        min_samples_leaf=100,
        l2_regularization=1.0,
        early_stopping=True,
        n_iter_no_change=15,
        random_state=0,
    )
    return model.fit(encoded(table), table[LABEL])


def log_losses(probability: np.ndarray, labels: pd.Series) -> np.ndarray:
    """Of each patient."""
    place = np.array([TWO_CLASSES.index(label) for label in labels])
    return -np.log(probability[np.arange(len(place)), place])


def in_order(probability: np.ndarray, classes: np.ndarray) -> np.ndarray:
    return probability[:, [list(classes).index(name) for name in TWO_CLASSES]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--train", type=int, default=500_000)
    parser.add_argument("--test", type=int, default=3_000)
    parser.add_argument("--particles", type=int, default=2_000)
    parser.add_argument("--preset", default="severe_clinic")
    parser.add_argument("--keep", type=Path, help="Folder for the limit and the reference's probabilities (Parquet).")
    options = parser.parse_args()

    test = patients(options.test, TEST_SEED, options.preset)
    started = time.process_time()
    limit = bayes_limit(test, options.preset, options.particles)
    print(f"limit: {time.process_time() - started:.0f} processor s for {len(test)} patients", flush=True)
    print(limit["ess"].describe(percentiles=[0.01, 0.05, 0.25, 0.5]).round(0).to_string(), flush=True)
    if options.keep:
        limit.to_parquet(options.keep / "limit.parquet")
        test.to_parquet(options.keep / "test.parquet")
    found = {"the limit": probabilities(limit)}

    shipped = load_model(shipped_model_path())
    found["shipped model"] = in_order(shipped.predict_proba(test[list(data_dictionary().features)]), shipped.classes_)

    started = time.process_time()
    model = reference(options.train, options.preset)
    print(f"reference: {time.process_time() - started:.0f} processor s, {model.n_iter_} trees", flush=True)
    found["reference"] = in_order(model.predict_proba(encoded(test)), model.classes_)
    if options.keep:
        pd.DataFrame(found["reference"], columns=list(TWO_CLASSES)).to_parquet(options.keep / "reference.parquet")

    losses = {name: log_losses(probability, test[LABEL]) for name, probability in found.items()}
    for name, probability in found.items():
        scores = score_probabilities(TWO_CLASSES, test[LABEL], probability)
        shown = "  ".join(f"{key} {scores[key]['value']:.4f}" for key in ("log_loss", "auc", "brier"))
        above = losses[name] - losses["the limit"]
        print(f"{name:14} {shown}  above the limit {above.mean():+.4f} (se {above.std() / len(above) ** 0.5:.4f})")


if __name__ == "__main__":
    main()
