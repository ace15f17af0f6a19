"""Is the Bayes limit a limit? A classifier that has seen as many patients as one likes must come close and not beat it.

    OMP_NUM_THREADS=1 python benchmarks/bayes_limit.py --train 500000 --test 3000

Generates the patients, trains gradient boosting on all columns, the site and the margins of two regressions (of the
two and of the four classes, which read gaps off what was measured), computes the limit of the test patients, and
prints both beside the shipped model: log-loss, AUC, Brier score, the paired difference of the log-losses with its
standard error, the mean divergence from the limit (which needs no labels and hence scatters little), and the weight
of each in a logistic regression of the labels on the log-odds of the limit and of the reference: 1 and 0 where the
limit knows all that the reference knows.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from asthma_ml import PhenotypeClassifier, load_model
from asthma_ml.classifier import encode_features
from asthma_ml.cohort.patient_stream import PatientStream
from asthma_ml.cohort.presets import preset_named
from asthma_ml.evaluation.causal.limit import limit_scores
from asthma_ml.evaluation.metrics import score_probabilities
from asthma_ml.inference.limit import bayes_limit, probabilities
from asthma_ml.model_files.shipped import shipped_model_path
from asthma_ml.variables import LABEL, SITE, TWO_CLASSES, data_dictionary

TEST_SEED = 9_001
N_CLINIC, N_TREES = 100_000, 300
FEATURES = list(data_dictionary().features)


def patients(n: int, seed: int, preset: str) -> pd.DataFrame:
    """Patients of the two classes."""
    stream = PatientStream(n, seed, preset_named(preset), where=f"{LABEL} in {list(TWO_CLASSES)}", with_truth=False)
    return pd.concat([observed for observed, _ in stream], ignore_index=True)


class Reference:
    """Gradient boosting on all columns, the site, and the margins of the linear parts of two classifiers."""

    def __init__(self, n_train: int, preset: str) -> None:
        clinic = next(self._parts(N_CLINIC, 9_002, preset, None))
        two = clinic[clinic[LABEL].isin(TWO_CLASSES)]
        fitted = [PhenotypeClassifier(n_trees=1).fit(table[FEATURES], table[LABEL]) for table in (two, clinic)]
        self._regressions = [classifier.linear_ for classifier in fitted]
        features, labels = np.empty((n_train, len(FEATURES) + 1 + 5), dtype=np.float32), np.empty(n_train, dtype=bool)
        at = 0
        for part in self._parts(n_train, 9_000, preset, f"{LABEL} in {list(TWO_CLASSES)}"):
            rows = slice(at, at := at + len(part))
            features[rows], labels[rows] = self._columns(part), (part[LABEL] == TWO_CLASSES[0]).to_numpy()
        self.model = HistGradientBoostingClassifier(
            learning_rate=0.1,
            max_iter=N_TREES,
            max_leaf_nodes=31,
            min_samples_leaf=100,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=0,
        ).fit(features, labels)

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        """Probabilities in the order of `TWO_CLASSES`."""
        return self.model.predict_proba(self._columns(table))[:, ::-1]

    def _columns(self, table: pd.DataFrame) -> np.ndarray:
        X = encode_features(table[FEATURES]).to_numpy(dtype=np.float32)
        site = table[SITE].str.removeprefix("site_").astype(np.float32).to_numpy()
        return np.column_stack([X, site, *(regression.margins(X) for regression in self._regressions)])

    @staticmethod
    def _parts(n: int, seed: int, preset: str, where: str | None) -> Iterator[pd.DataFrame]:
        stream = PatientStream(n, seed, preset_named(preset), where=where, with_truth=False)
        tables = (observed for observed, _ in stream)
        return tables if where else iter([pd.concat(tables, ignore_index=True)])


def log_losses(probability: np.ndarray, labels: pd.Series) -> np.ndarray:
    """Of each patient."""
    place = np.array([TWO_CLASSES.index(label) for label in labels])
    return -np.log(probability[np.arange(len(place)), place])


def in_order(probability: np.ndarray, classes: np.ndarray) -> np.ndarray:
    return probability[:, [list(classes).index(name) for name in TWO_CLASSES]]


def divergence(limit: np.ndarray, other: np.ndarray) -> float:
    """Expected log-loss of `other` above the limit, were the limit exact."""
    return float(np.mean((limit * np.log(limit / other)).sum(axis=1)))


def weights(limit: np.ndarray, other: np.ndarray, labels: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of the log-odds of both in one logistic regression, and their standard errors."""
    log_odds = np.column_stack([np.log(p[:, 0] / p[:, 1]) for p in (limit, other)])
    fit = LogisticRegression(C=np.inf).fit(log_odds, labels == TWO_CLASSES[0])
    p = fit.predict_proba(log_odds)[:, 1]
    design = np.column_stack([np.ones(len(p)), log_odds])
    covariance = np.linalg.inv((design * (p * (1 - p))[:, None]).T @ design)
    return fit.coef_[0], np.sqrt(np.diag(covariance))[1:]


def report(found: dict[str, np.ndarray], labels: pd.Series) -> None:
    limit = found["the limit"]
    for name, probability in found.items():
        scores = score_probabilities(TWO_CLASSES, labels, probability)
        shown = "  ".join(f"{key} {scores[key]['value']:.4f}" for key in ("log_loss", "auc", "brier"))
        above = log_losses(probability, labels) - log_losses(limit, labels)
        error = above.std() / len(above) ** 0.5
        apart = divergence(limit, probability)
        print(f"{name:14} {shown}  above the limit {above.mean():+.4f} (se {error:.4f})  divergence {apart:.4f}")
    coefficients, errors = weights(limit, found["reference"], labels)
    for name, weight, error in zip(("limit", "reference"), coefficients, errors, strict=True):
        print(f"weight of the {name} in a regression on both: {weight:.2f} (se {error:.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--train", type=int, default=500_000)
    parser.add_argument("--test", type=int, default=3_000)
    parser.add_argument("--particles", type=int, default=2_000)
    parser.add_argument("--model", default=shipped_model_path())
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

    shipped = load_model(options.model)
    found["shipped model"] = in_order(shipped.predict_proba(test[FEATURES]), shipped.classes_)

    started = time.process_time()
    found["reference"] = Reference(options.train, options.preset).predict_proba(test)
    print(f"reference: {time.process_time() - started:.0f} processor s", flush=True)
    if options.keep:
        pd.DataFrame(found["reference"], columns=list(TWO_CLASSES)).to_parquet(options.keep / "reference.parquet")

    print(f"log-loss from sampling: {limit_scores(limit, test[LABEL])['log_loss_from_sampling']:.4f}")
    report(found, test[LABEL])


if __name__ == "__main__":
    main()
