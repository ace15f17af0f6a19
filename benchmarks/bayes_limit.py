"""Check the Bayes limit against a classifier with as many training patients as one likes.

    OMP_NUM_THREADS=1 python benchmarks/bayes_limit.py --train 500000 --test 3000

A classifier that approaches the limit supports it; one that beats it refutes it. The reference is gradient boosting
on all columns, the site and the margins of two regressions (of the two and of the four classes), which impute missing
values from the joint normal distribution. Printed for the limit, the reference and the shipped model: log-loss, AUC,
Brier score, excess log-loss over the limit with its standard error, and the divergence from the limit, which needs no
labels and therefore varies little. A logistic regression of the labels on the log-odds of the limit and of the
reference has the weights 1 and 0 where the reference knows nothing that the limit does not.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from measures import POSITIVE, divergences, in_order, log_losses, standard_error, two_class_patients
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from asthma_ml import PhenotypeClassifier, generate_cohort, load_model
from asthma_ml.classifier import encode_features
from asthma_ml.evaluation.causal.limit import limit_scores
from asthma_ml.evaluation.metrics import score_probabilities
from asthma_ml.inference import bayes_limit, limit_probabilities
from asthma_ml.variables import LABEL, SITE, TWO_CLASSES, data_dictionary

TEST_SEED, TRAINING_SEED, CLINIC_SEED = 9_001, 9_000, 9_002
N_CLINIC, N_TREES = 100_000, 300
FEATURES = list(data_dictionary().features)


class Reference:
    """Gradient boosting on all columns, the site, and the margins of the linear models of two classifiers."""

    def __init__(self, n_train: int, preset: str) -> None:
        clinic = generate_cohort(min(N_CLINIC, n_train), CLINIC_SEED, preset).observed
        two = clinic[clinic[LABEL].isin(TWO_CLASSES)]
        fitted = [PhenotypeClassifier(n_trees=1).fit(table[FEATURES], table[LABEL]) for table in (two, clinic)]
        self._regressions = [classifier.linear_ for classifier in fitted]
        training = two_class_patients(n_train, TRAINING_SEED, preset)
        self.model = HistGradientBoostingClassifier(
            learning_rate=0.1,
            max_iter=N_TREES,
            max_leaf_nodes=31,
            min_samples_leaf=100,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=0,
        ).fit(self._columns(training), training[LABEL] == POSITIVE)

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        """Probabilities in the order of `TWO_CLASSES`."""
        return self.model.predict_proba(self._columns(table))[:, ::-1]

    def _columns(self, table: pd.DataFrame) -> np.ndarray:
        X = encode_features(table[FEATURES]).to_numpy(dtype=np.float32)
        site = table[SITE].str.removeprefix("site_").astype(np.float32).to_numpy()
        margins = [regression.margins(X) for regression in self._regressions]
        return np.column_stack([X, site, *margins]).astype(np.float32)


def weights(limit: np.ndarray, other: np.ndarray, labels: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of the log-odds of both in one logistic regression, and their standard errors."""
    log_odds = np.column_stack([np.log(p[:, 0] / p[:, 1]) for p in (limit, other)])
    fit = LogisticRegression(C=np.inf).fit(log_odds, labels == POSITIVE)
    p = fit.predict_proba(log_odds)[:, 1]
    design = np.column_stack([np.ones(len(p)), log_odds])
    covariance = np.linalg.inv((design * (p * (1 - p))[:, None]).T @ design)
    return fit.coef_[0], np.sqrt(np.diag(covariance))[1:]


def report(found: dict[str, np.ndarray], labels: pd.Series) -> None:
    """Print the scores of the limit and of each classifier."""
    limit = found["Bayes limit"]
    for name, probability in found.items():
        scores = score_probabilities(TWO_CLASSES, labels, probability)
        shown = "  ".join(f"{key} {scores[key]['value']:.4f}" for key in ("log_loss", "auc", "brier"))
        excess = log_losses(probability, labels) - log_losses(limit, labels)
        divergence = divergences(limit, probability).mean()
        print(
            f"{name:14} {shown}  excess log-loss {excess.mean():+.4f} (SE {standard_error(excess):.4f})  "
            f"divergence {divergence:.4f} nats"
        )
    coefficients, errors = weights(limit, found["reference"], labels)
    for name, weight, error in zip(("Bayes limit", "reference"), coefficients, errors, strict=True):
        print(f"weight of the {name} in a regression on both: {weight:.2f} (SE {error:.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--train", type=int, default=500_000, help="Training patients of the reference.")
    parser.add_argument("--test", type=int, default=3_000, help="Test patients.")
    parser.add_argument("--particles", type=int, default=2_000)
    parser.add_argument("--model", default="shipped")
    parser.add_argument("--preset", default="severe_clinic")
    parser.add_argument("--keep", type=Path, help="Folder for the probabilities of limit and reference (Parquet).")
    options = parser.parse_args()

    test = two_class_patients(options.test, TEST_SEED, options.preset)
    started = time.process_time()
    limit = bayes_limit(test, options.preset, options.particles)
    print(f"Bayes limit: {time.process_time() - started:.0f} CPU s for {len(test)} patients", flush=True)
    print(limit["ess"].describe(percentiles=[0.01, 0.05, 0.25, 0.5]).round(0).to_string(), flush=True)
    if options.keep:
        limit.to_parquet(options.keep / "limit.parquet")
        test.to_parquet(options.keep / "test.parquet")
    found = {"Bayes limit": limit_probabilities(limit)}

    shipped = load_model(options.model)
    found["shipped model"] = in_order(shipped.predict_proba(test[FEATURES]), shipped.classes_)

    started = time.process_time()
    found["reference"] = Reference(options.train, options.preset).predict_proba(test)
    print(f"reference: {time.process_time() - started:.0f} CPU s", flush=True)
    if options.keep:
        pd.DataFrame(found["reference"], columns=list(TWO_CLASSES)).to_parquet(options.keep / "reference.parquet")

    print(
        f"sampling error of the limit's log-loss: {limit_scores(limit, test[LABEL])['monte_carlo_excess_log_loss']:.4f}"
    )
    report(found, test[LABEL])


if __name__ == "__main__":
    main()
