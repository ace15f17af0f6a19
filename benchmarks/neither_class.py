"""How well anybody could tell mixed and paucigranulocytic patients from those of the two classes.

    OMP_NUM_THREADS=1 python benchmarks/neither_class.py --patients 4000 --particles 2000

The Bayes limit of all four classes gives the probability that a patient is of neither class; ranked by it, patients
of other diseases are recognised at the least cost in patients of the two classes (Neyman and Pearson). Printed
beside it is the model's, both alone and together with the prediction sets, for patients of the two classes and
for the clear-cut ones among them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from asthma_ml import generate_cohort, load_model
from asthma_ml.classifier.uncertainty.prediction_sets import SHARE_RECOGNISED, conformal_sets, conformal_thresholds
from asthma_ml.decisions import MINIMUM_PROBABILITY
from asthma_ml.evaluation.causal.clear_cut import clear_cut
from asthma_ml.inference.limit import bayes_limit
from asthma_ml.model_files.shipped import shipped_model_path
from asthma_ml.variables import FOUR_CLASSES, LABEL, TWO_CLASSES

SEED = 31


def undecided(probability: np.ndarray, in_set: np.ndarray) -> np.ndarray:
    """Who is left undecided by the two classes alone."""
    return np.asarray((in_set.sum(axis=1) != 1) | (probability.max(axis=1) < MINIMUM_PROBABILITY))


def limit_of_neither(table: pd.DataFrame, n_particles: int) -> tuple[np.ndarray, np.ndarray]:
    """Probability of neither class to the limit, and whom it leaves undecided between the two."""
    limit = bayes_limit(table, n_particles=n_particles, classes=FOUR_CLASSES, progress=True)
    neither = limit[[name for name in FOUR_CLASSES if name not in TWO_CLASSES]].sum(axis=1).to_numpy()
    two = limit[list(TWO_CLASSES)].to_numpy(copy=True)
    two /= two.sum(axis=1, keepdims=True)
    own = [1 - two[(table[LABEL] == name).to_numpy(), k] for k, name in enumerate(TWO_CLASSES)]
    return neither, undecided(two, conformal_sets(two, conformal_thresholds(own, 0.9)))


def report(name: str, neither: np.ndarray, doubtful: np.ndarray, foreign: np.ndarray, clear: np.ndarray) -> None:
    """Print AUC and what is turned away where three in five are recognised."""
    threshold = np.quantile(neither[foreign], 1 - SHARE_RECOGNISED)
    either = (neither >= threshold) | doubtful
    print(f"{name}: AUC {roc_auc_score(foreign, neither):.3f}, threshold {threshold:.3f}")
    kinds = {"other diseases": foreign, "two classes": ~foreign, "clear-cut": clear}
    for kind, member in kinds.items():
        recognised, left = (chosen[member].mean() for chosen in (neither >= threshold, either))
        print(f"  {kind:15} {member.sum():6}  recognised {recognised:.3f}  or undecided {left:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default=shipped_model_path(), type=Path)
    parser.add_argument("--patients", type=int, default=4000)
    parser.add_argument("--particles", type=int, default=2000)
    options = parser.parse_args()
    model, cohort = load_model(options.model), generate_cohort(options.patients, seed=SEED)
    table = cohort.observed
    foreign = ~table[LABEL].isin(TWO_CLASSES).to_numpy()
    clear = clear_cut(table, table[LABEL], cohort.truth) & ~foreign
    encoded = model.encode(table)
    assessed = model.predict_with_uncertainty(encoded)
    doubtful = undecided(assessed.probability, assessed.in_set)
    report("model", model.predict_unmodelled_proba(encoded), doubtful, foreign, clear)
    started = time.process_time()
    neither, doubtful = limit_of_neither(table, options.particles)
    report(f"limit ({time.process_time() - started:.0f} processor s)", neither, doubtful, foreign, clear)


if __name__ == "__main__":
    main()
