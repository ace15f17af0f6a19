"""Coverage of the 95 % intervals of an evaluation where patients have several visits.

A patient has a class, a severity and 2 to 6 visits, more of them the more severe the disease; each visit measures the
severity with noise, and a fixed model predicts the class from it. The true figures are those of one random visit of a
random patient, from four million patients. An interval is right if it contains the true figure in 95 of 100 cohorts.

    OMP_NUM_THREADS=1 python benchmarks/patients_not_rows.py
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

from asthma_ml.evaluation.subgroups import calibration
from asthma_ml.intervals import PatientRows, proportion
from asthma_ml.scores import mean
from asthma_ml.training.held_out import held_out_metrics

RESULTS = Path(__file__).with_suffix(".csv")
N_OF_TRUTH = 4_000_000
LEAST_IN_SET = 0.25
"""Probability from which a class is in the prediction set."""


class Visits(NamedTuple):
    """Rows of simulated patients: patient number, class and predicted probability."""

    patient: np.ndarray
    positive: np.ndarray
    probability: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """Whether the most probable class is the true one."""
        return (self.probability >= 0.5) == self.positive

    @property
    def covered(self) -> np.ndarray:
        """Whether the prediction set contains the true class."""
        return np.where(self.positive, self.probability, 1 - self.probability) >= LEAST_IN_SET


def simulated(rng: np.random.Generator, n_patients: int, *, noise: float, single: bool = False) -> Visits:
    """Visits of some patients; a single visit of each, if wanted."""
    positive = rng.random(n_patients) < 0.45
    severity = np.where(positive, 0.9, -0.9) + rng.normal(0, 1, n_patients)
    n_visits = np.ones(n_patients, int) if single else 2 + rng.binomial(4, expit(severity))
    patient = np.repeat(np.arange(n_patients), n_visits)
    measured = severity[patient] + noise * rng.normal(0, 1, len(patient))
    return Visits(patient, positive[patient], expit(1.5 * measured))


def figures(visits: Visits, rows: PatientRows) -> dict[str, Mapping[str, float]]:
    """Figures with their intervals, as the package reports them."""
    both = np.column_stack([1 - visits.probability, visits.probability])
    found = held_out_metrics(visits.positive, both, rows)
    return {
        "AUC": found["auc"],
        "log-loss": found["log_loss"],
        "balanced accuracy": found["balanced_accuracy"],
        "Brier score": mean((visits.positive - visits.probability) ** 2, rows).above_0(),
        "accuracy": proportion(visits.correct, rows),
        "coverage of prediction sets": proportion(visits.covered, rows),
        "calibration slope": calibration(visits.positive, visits.probability, rows)["slope"],
    }


@cache
def truth(noise: float) -> dict[str, float]:
    """The true figures."""
    visits = simulated(np.random.default_rng(1), N_OF_TRUTH, noise=noise, single=True)
    both = np.column_stack([1 - visits.probability, visits.probability])
    found = held_out_metrics(visits.positive, both)
    return {
        "AUC": found["auc"]["value"],
        "log-loss": found["log_loss"]["value"],
        "balanced accuracy": found["balanced_accuracy"]["value"],
        "Brier score": float(np.mean((visits.positive - visits.probability) ** 2)),
        "accuracy": float(visits.correct.mean()),
        "coverage of prediction sets": float(visits.covered.mean()),
        "calibration slope": calibration(visits.positive, visits.probability)["slope"]["value"],
    }


def coverage(n_patients: int, noise: float, given: argparse.Namespace) -> list[dict[str, Any]]:
    """Proportion of cohorts whose interval contains the true figure, and median width, by way of counting."""
    true, found = truth(noise), []
    for repeat in range(given.repeats):
        visits, single = (
            simulated(np.random.default_rng([n_patients, repeat]), n_patients, noise=noise, single=one)
            for one in (False, True)
        )
        ways = {
            "patients": (visits, PatientRows.of(visits.patient)),
            "rows as patients": (visits, PatientRows.single(len(visits.patient))),
            "one visit each": (single, PatientRows.single(n_patients)),
        }
        for way, (cohort, rows) in ways.items():
            found += [(way, name, interval) for name, interval in figures(cohort, rows).items()]
    return [
        {"patients": n_patients, "noise": noise, "way": way, "figure": name, **_summary(intervals, true[name])}
        for (way, name), intervals in _grouped(found).items()
    ]


def _grouped(found: list[tuple[str, str, Mapping[str, float]]]) -> dict[tuple[str, str], list[Mapping[str, float]]]:
    groups: dict[tuple[str, str], list[Mapping[str, float]]] = {}
    for way, name, interval in found:
        groups.setdefault((way, name), []).append(interval)
    return groups


def _summary(intervals: list[Mapping[str, float]], true: float) -> dict[str, Any]:
    lower, upper = (np.array([each[end] for each in intervals]) for end in ("lower", "upper"))
    holds = (lower <= true) & (true <= upper)
    return {
        "true": round(true, 4),
        "repeats": len(intervals),
        "covers_pct": round(100 * float(holds.mean()), 1),
        "covers_se_pct": round(100 * float(holds.std() / np.sqrt(len(holds))), 1),
        "median_width": round(float(np.median(upper - lower)), 4),
    }


def main() -> None:
    """Write the coverage of every size and noise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=4000, help="cohorts of each size")
    parser.add_argument("--patients", type=int, nargs="+", default=[30, 60, 150, 400])
    parser.add_argument("--noise", type=float, nargs="+", default=[0.7], help="of a visit [SD between patients]")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    rows = [row for noise in given.noise for n_patients in given.patients for row in coverage(n_patients, noise, given)]
    with given.output.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    csv.DictWriter(sys.stdout, rows[0]).writerows(rows)


if __name__ == "__main__":
    main()
