"""Gain of a small cohort from starting with the shipped model, in clinics that differ from its training clinic.

    python benchmarks/small_cohorts.py --worlds 8 -o benchmarks/small_cohorts.csv

A world differs from the training clinic in its coefficients (each drawn within 50 % of its value, except for the
definitions of the classes), its population and class balance, its assays, its missing tests, or all four. All
contenders are fitted to the same patients of a world and tested on the same others. Each result is saved at once, and
results in the file are not measured again. ``--summary`` prints the tables of small_cohorts.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measures import POSITIVE, ResultFile
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss, roc_auc_score

import asthma_ml as aml
from asthma_ml.classifier import encode_features
from asthma_ml.cohort import DEFAULT_PRESET, PRESETS, Preset, severe_asthma_model
from asthma_ml.variables import TWO_CLASSES, data_dictionary

KINDS = ("coefficients", "population", "assays", "missing", "all four")
SIZES = (50, 100, 200, 400, 1000, 2000)
CONTENDERS = ("shipped, unchanged", "shipped, recalibrated", "from scratch", "from shipped")

DEFINITIONS = ("true_phenotype.", "true_sputum_class.", "true_historic_class.")
SHARES = ("proportion", "fraction", "frequency")
POPULATIONS = ("smokers_clinic", "low_adherence_clinic", "severe_registry", "asthma_network", "trial_eligible")
ASSAYS = {
    "feno_ppb": 0.3,
    "blood_eosinophils_cells_ul": 0.3,
    "blood_neutrophils_cells_ul": 0.3,
    "total_ige_ku_l": 0.3,
    "serum_periostin_ng_ml": 0.5,
    "sputum_eosinophils_pct": 0.3,
    "sputum_neutrophils_pct": 0.1,
    "plasma_il6_pg_ml": 0.3,
    "fev1_pct_predicted": 0.05,
}
"""Standard deviation of the logarithm of the ratio between two laboratories."""
RARE = ("sputum_il", "serum_periostin", "plasma_il6", "basement_membrane", "ct_wall_area", "_rs")
"""Parts of the names of columns that a small table lacks."""


def redrawn(preset: Preset, rng: np.random.Generator, width: float = 0.5) -> Preset:
    """Preset whose coefficients are drawn within a proportion of their values, the definitions of the classes kept."""
    numbers: dict[str, float] = {}
    for name, equation in severe_asthma_model().equations.items():
        for key, number in equation.coefficients.items():
            address = f"{name}.{key}"
            value = float(preset.overrides.get(address, number))
            drawn = value * rng.uniform(1 - width, 1 + width)
            is_share = number.unit.startswith(SHARES) and abs(value) <= 1
            if not address.startswith(DEFINITIONS):
                numbers[address] = min(drawn, 1.0) if is_share else drawn
    return preset.derive("redrawn", "coefficients of another world", numbers)


def thinned(X: pd.DataFrame, y: np.ndarray, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """Another class balance: 20 to 70 % of the patients of one class are removed."""
    leaves = (y == rng.choice(TWO_CLASSES)) & (rng.random(len(y)) < rng.uniform(0.2, 0.7))
    return X[~leaves].reset_index(drop=True), y[~leaves]


def measured_elsewhere(X: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Other assays: each test times a random ratio; messenger RNA shifted by a few doublings."""
    factors = {name: X[name] * np.exp(rng.normal(0, sd)) for name, sd in ASSAYS.items()}
    doublings = {name: X[name] + rng.normal() for name in X if name.endswith("_log2")}
    return X.assign(**factors, **doublings)


def less_measured(X: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Missing values 1.5 times as frequent, at least 5 %; rare tests have no column."""
    kept = X[[name for name in X if not any(part in name for part in RARE)]]
    before = kept.isna().mean()
    after = before.mul(1.5).clip(0.05, 1.0)
    lost = ((after - before) / (1 - before)).clip(0, 1).to_numpy()
    return kept.mask(rng.random(kept.shape) < lost)


def world(kind: str, seed: int, n_patients: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Encoded patients of the two classes of a world, and their labels."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    everything = kind == "all four"
    preset = PRESETS[POPULATIONS[seed % len(POPULATIONS)] if kind == "population" or everything else DEFAULT_PRESET]
    if kind == "coefficients" or everything:
        preset = redrawn(preset, rng)
    X, y = aml.generate_cohort(n_patients, seed=1000 + seed, preset=preset).training_data()
    X, y = encode_features(X).reset_index(drop=True), np.asarray(y)
    if kind == "population" or everything:
        X, y = thinned(X, y, rng)
    if kind == "assays" or everything:
        X = measured_elsewhere(X, rng)
    if kind == "missing" or everything:
        X = less_measured(X, rng)
    return X.astype(np.float32), y


def fitted(contender: str, X: pd.DataFrame, y: np.ndarray) -> aml.PhenotypeClassifier:
    shipped = aml.load_model("shipped")
    if contender == "shipped, recalibrated":
        return shipped.recalibrate(shipped.encode(X), y)
    if contender == "from shipped":
        return aml.PhenotypeClassifier(start_from=FrozenEstimator(shipped)).fit(X, y)
    return aml.PhenotypeClassifier().fit(X, y) if contender == "from scratch" else shipped


def measured(
    contender: str, train: tuple[pd.DataFrame, np.ndarray], test: tuple[pd.DataFrame, np.ndarray]
) -> dict[str, Any]:
    started = time.process_time()
    model = fitted(contender, *train)
    seconds = time.process_time() - started
    p = model.predict_proba(model.encode(test[0]))[:, 1]
    truth = test[1] == POSITIVE
    penalty = getattr(model, "start_penalty_", None) if contender == "from shipped" else None
    return {"log_loss": log_loss(truth, p), "auc": roc_auc_score(truth, p), "penalty": penalty, "fit_cpu_s": seconds}


def runs(
    kinds: list[str], worlds: range, sizes: list[int], contenders: list[str], results: ResultFile
) -> Iterator[dict[str, Any]]:
    for seed in worlds:
        for kind in kinds:
            X, y = world(kind, seed, 24_000)
            pool, test = len(y) - 5000, (X.iloc[-5000:], y[-5000:])
            for n in sizes:
                chosen = np.random.default_rng([seed, n]).choice(pool, n, replace=False)
                train = X.iloc[chosen].reset_index(drop=True), y[chosen]
                for contender in contenders:
                    key = {"kind": kind, "world": seed, "n": n, "contender": contender}
                    if tuple(key.values()) not in results:
                        yield {**key, **measured(contender, train, test)}


def summary(rows: pd.DataFrame) -> str:
    """Tables of log-loss: by size, and by kind of world with the comparison of 100 and 400 patients."""
    by = rows.set_index(["kind", "world", "n", "contender"])["log_loss"].unstack("contender")
    lines = ["| n | " + " | ".join(CONTENDERS) + " | from shipped - from scratch | worst world |", "|---" * 7 + "|"]
    for n, of_size in by.groupby("n"):
        difference = of_size["from shipped"] - of_size["from scratch"]
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        means = " | ".join(f"{of_size[name].mean():.4f}" for name in CONTENDERS)
        lines.append(f"| {n:,} | {means} | {difference.mean():+.4f} ± {error:.4f} | {difference.max():+.4f} |")
    lines += [
        "",
        "| world | " + " | ".join(f"{n:,}" for n in SIZES) + " | from scratch with 400 - from shipped with 100 |",
    ]
    lines += ["|---" * (len(SIZES) + 2) + "|"]
    for kind, of_kind in by.groupby("kind", sort=False):
        difference = (of_kind["from shipped"] - of_kind["from scratch"]).groupby("n").mean()
        wide = of_kind.unstack("n")
        gain = wide["from scratch"][400] - wide["from shipped"][100]
        cells = " | ".join(f"{difference[n]:+.4f}" for n in SIZES)
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        lines.append(f"| {kind} | {cells} | {gain.mean():+.4f} ± {error:.4f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--worlds", type=int, default=8)
    parser.add_argument("--first-world", type=int, default=0)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--summary", action="store_true")
    parser.add_argument("-o", "--output", type=Path, default=Path("small_cohorts.csv"))
    given = parser.parse_args()
    results = ResultFile(given.output, key=("kind", "world", "n", "contender"))
    if given.summary:
        print(summary(results.table()))
        return
    worlds = range(given.first_world, given.first_world + given.worlds)
    for row in runs(given.kinds, worlds, given.sizes, given.contenders, results):
        results.append(row)
        print(row, flush=True)


if __name__ == "__main__":
    assert set(ASSAYS) < set(data_dictionary().features)
    main()
