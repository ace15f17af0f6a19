"""Error rates of the verdict of `compare`: worse challengers that are accepted, and better ones that are refused.

Each model sees a marker that is normal in both classes, and its probabilities are calibrated. The classes lie further
apart, or closer, for the challenger, by as much as changes the log-loss by a wanted amount. Each pair of models has
test patients of its own.

    OMP_NUM_THREADS=1 python benchmarks/comparison.py
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, log_expit

from asthma_ml.evaluation.criteria import Criteria, judge
from asthma_ml.evaluation.paired import Predicted, paired_figures
from asthma_ml.intervals import PatientRows

RESULTS = Path(__file__).with_suffix(".csv")
SIGNAL = 2.25
"""Distance of the classes for the champion [SD]; its log-loss is then 0.30 nats."""
SHARED = 0.9
"""Share of the variance of a marker that both models have in common. The losses of a patient by the two models then
differ with a standard deviation of 0.3 nats, as those of models that were trained on 300 and on 3,000 patients do."""
N_OF_TRUTH = 400_000
DIFFERENCES = (-0.1, -0.05, -0.02, 0.0, 0.01, 0.02)
SIZES = (100, 300, 600, 1000, 3000)
"""Patients of the two classes."""


def log_odds(
    rng: np.random.Generator, n_patients: int, separation: float, rows_each: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Patient and class of each row, and the log-odds of the champion and of a challenger."""
    positive = np.repeat(rng.random(n_patients) < 0.5, rows_each)
    patient = np.repeat(np.arange(n_patients), rows_each)
    # Three quarters of the variance of a row belong to the patient.
    of_patient, of_row = rng.normal(size=(3, n_patients)), rng.normal(size=(3, n_patients * rows_each))
    shared, own, other = np.sqrt(0.75) * of_patient[:, patient] + np.sqrt(0.25) * of_row
    side = positive - 0.5
    found = []
    for distance, error in ((SIGNAL, own), (separation, other)):
        marker = distance * side + np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * error
        found.append(distance * marker)
    return patient, positive, *found


def loss(log_odds_of_class: np.ndarray, positive: np.ndarray) -> float:
    """Mean log-loss [nats]."""
    return float(-log_expit(np.where(positive, log_odds_of_class, -log_odds_of_class)).mean())


@cache
def separation_for(difference: float) -> float:
    """Separation of the challenger whose log-loss differs by so much from that of the champion."""

    def missed(separation: float) -> float:
        _, positive, champion, challenger = log_odds(np.random.default_rng(0), N_OF_TRUTH, separation)
        return loss(challenger, positive) - loss(champion, positive) - difference

    # The same class and error of each patient in both models, so that equal separations have equal losses.
    if difference == 0:
        return SIGNAL
    return float(brentq(missed, 0.5, 6.0, xtol=1e-4))


def predicted(log_odds_of_class: np.ndarray) -> Predicted:
    """Predictions with sets of the classes of probability 0.2 or more; calls from two thirds."""
    p = expit(log_odds_of_class)
    probability = np.column_stack([1 - p, p])
    return Predicted(probability, probability >= 0.2, probability.max(axis=1) >= 2 / 3)


CRITERIA = {
    "default: better": Criteria.of(None),
    "worse by at most 0.01": Criteria.of({"log_loss": {"worse_by_at_most": 0.01}}),
}


def verdicts(difference: float, n_patients: int, rows_each: int, repeat: int) -> list[bool]:
    """Whether the challenger of one simulated pair is accepted, by each of the criteria."""
    rng = np.random.default_rng([repeat, n_patients, rows_each])
    patient, positive, champion, challenger = log_odds(rng, n_patients, separation_for(difference), rows_each)
    every_row = {"all": np.ones(len(patient), dtype=bool)}
    models, codes = (predicted(champion), predicted(challenger)), positive.astype(np.intp)
    found = paired_figures(*models, codes, PatientRows.of(patient), every_row, seed=repeat)["all"]
    return [not any(each.reasons for each in judge(criteria, found, found, {})) for criteria in CRITERIA.values()]


def rates(given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the percentage of challengers that are accepted, by difference, number of patients and criteria."""
    for n_patients in given.patients:
        for difference in given.differences:
            found = [verdicts(difference, n_patients, given.rows, repeat) for repeat in range(given.repeats)]
            for criteria, is_accepted in zip(CRITERIA, zip(*found, strict=True), strict=True):
                yield {
                    "patients": n_patients,
                    "rows_each": given.rows,
                    "difference_nats": difference,
                    "criteria": criteria,
                    "pairs": given.repeats,
                    "accepted_pct": round(100 * float(np.mean(is_accepted)), 1),
                }


def main() -> None:
    """Write the percentage that is accepted for every difference and number of patients."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=100, help="pairs of each difference and size")
    parser.add_argument("--patients", type=int, nargs="+", default=SIZES)
    parser.add_argument(
        "--differences", type=float, nargs="+", default=DIFFERENCES, help="challenger - champion [nats]"
    )
    parser.add_argument("--rows", type=int, default=1, help="rows of each patient")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    writer = None
    with given.output.open("w", newline="", encoding="utf-8") as file:
        for row in rates(given):
            if writer is None:
                writer = csv.DictWriter(file, row, lineterminator="\n")
                writer.writeheader()
            writer.writerow(row)
            print(*row.values(), flush=True)


if __name__ == "__main__":
    main()
