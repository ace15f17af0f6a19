"""Detection of mixed and paucigranulocytic patients: the two-class model beside the Bayes limit.

    OMP_NUM_THREADS=1 python benchmarks/unmodelled_diagnosis.py --patients 4000 --particles 2000

The Bayes limit of all four classes gives the probability of an unmodelled diagnosis. No other ranking detects the
unmodelled diagnoses at a lower rate of false alarms among patients of the two classes (lemma of Neyman and Pearson).
Printed for model and limit: the AUC, and at a sensitivity of 60 % the proportion that is detected, alone and together
with abstentions for other reasons, among unmodelled diagnoses, patients of the two classes and the clear-cut ones.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from asthma_ml import generate_cohort, load_model
from asthma_ml.classifier.uncertainty.prediction_sets import conformal_sets, conformal_thresholds
from asthma_ml.classifier.unmodelled import UNMODELLED_SENSITIVITY
from asthma_ml.decisions import MINIMUM_PROBABILITY
from asthma_ml.evaluation.causal.clear_cut import is_clear_cut
from asthma_ml.inference import bayes_limit
from asthma_ml.variables import FOUR_CLASSES, LABEL, TWO_CLASSES

SEED = 31


def is_ambiguous(probability: np.ndarray, in_set: np.ndarray) -> np.ndarray:
    """Whether no single class of the two is in the prediction set with enough probability."""
    return np.asarray((in_set.sum(axis=1) != 1) | (probability.max(axis=1) < MINIMUM_PROBABILITY))


def limit_of_unmodelled(table: pd.DataFrame, n_particles: int) -> tuple[np.ndarray, np.ndarray]:
    """Probability of an unmodelled diagnosis at the Bayes limit, and whether the two classes are ambiguous."""
    limit = bayes_limit(table, n_particles=n_particles, classes=FOUR_CLASSES, progress=True)
    unmodelled = limit[[name for name in FOUR_CLASSES if name not in TWO_CLASSES]].sum(axis=1).to_numpy()
    two = limit[list(TWO_CLASSES)].to_numpy(copy=True)
    two /= two.sum(axis=1, keepdims=True)
    scores = [1 - two[(table[LABEL] == name).to_numpy(), k] for k, name in enumerate(TWO_CLASSES)]
    return unmodelled, is_ambiguous(two, conformal_sets(two, conformal_thresholds(scores, 0.9)))


def report(name: str, p_unmodelled: np.ndarray, ambiguous: np.ndarray, groups: dict[str, np.ndarray]) -> None:
    """Print the AUC, and the proportions detected at the sensitivity of the model's threshold."""
    unmodelled = groups["unmodelled diagnosis"]
    threshold = np.quantile(p_unmodelled[unmodelled], 1 - UNMODELLED_SENSITIVITY)
    detected = p_unmodelled >= threshold
    print(f"{name}: AUC {roc_auc_score(unmodelled, p_unmodelled):.3f}, threshold {threshold:.3f}")
    for group, member in groups.items():
        proportions = detected[member].mean(), (detected | ambiguous)[member].mean()
        print(f"  {group:20} {member.sum():6}  detected {proportions[0]:.3f}  or ambiguous {proportions[1]:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="shipped")
    parser.add_argument("--patients", type=int, default=4000)
    parser.add_argument("--particles", type=int, default=2000)
    options = parser.parse_args()
    model, cohort = load_model(options.model), generate_cohort(options.patients, seed=SEED)
    table = cohort.observed
    unmodelled = ~table[LABEL].isin(TWO_CLASSES).to_numpy()
    clear = is_clear_cut(table, table[LABEL], cohort.truth) & ~unmodelled
    groups = {"unmodelled diagnosis": unmodelled, "two classes": ~unmodelled, "clear-cut": clear}
    encoded = model.encode(table)
    predicted = model.predict_with_uncertainty(encoded)
    ambiguous = is_ambiguous(predicted.probability, predicted.in_set)
    report("model", model.predict_unmodelled_proba(encoded), ambiguous, groups)
    started = time.process_time()
    p_unmodelled, ambiguous = limit_of_unmodelled(table, options.particles)
    report(f"Bayes limit ({time.process_time() - started:.0f} CPU s)", p_unmodelled, ambiguous, groups)


if __name__ == "__main__":
    main()
