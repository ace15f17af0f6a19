"""How much a small cohort gains by starting from the shipped model, in worlds that differ from the one it knows.

    python benchmarks/small_cohorts.py --worlds 8 -o benchmarks/small_cohorts.csv

A world has its own coefficients (each of the causal model's drawn anew within 50 % of its value, but for the
definitions of the classes), another population and class balance, other assays, or fewer tests; or all of that.
Each contender learns from the same patients of a world and is measured on the same others. Rows are added to the file
as they come; what is in it already is not measured again. ``--summary`` prints the tables of small_cohorts.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss, roc_auc_score

import asthma_ml as aml
from asthma_ml.classifier import encode_features
from asthma_ml.cohort import severe_asthma_model
from asthma_ml.cohort.presets import DEFAULT_PRESET, PRESETS, Preset
from asthma_ml.model_files.shipped import shipped_model_path
from asthma_ml.variables import TWO_CLASSES, data_dictionary

KINDS = ("coefficients", "population", "assays", "missing", "all four")
SIZES = (50, 100, 200, 400, 1000, 2000)
CONTENDERS = ("shipped as it is", "shipped, recalibrated", "alone", "from shipped")
POSITIVE = TWO_CLASSES[0]

DEFINITIONS = ("true_phenotype.", "true_sputum_class.", "true_historic_class.")
SHARES = ("share", "fraction", "frequency")
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
"""Standard deviation of the logarithm of the factor between two laboratories."""
RARE = ("sputum_il", "serum_periostin", "plasma_il6", "basement_membrane", "ct_wall_area", "_rs")
"""Columns that a small table lacks."""


def redrawn(preset: Preset, rng: np.random.Generator) -> Preset:
    """All numbers of the causal model within half of their values."""
    numbers: dict[str, float] = {}
    for name, equation in severe_asthma_model().equations.items():
        for key, number in equation.coefficients.items():
            address = f"{name}.{key}"
            value = float(preset.overrides.get(address, number))
            drawn = value * rng.uniform(0.5, 1.5)
            is_share = number.unit.startswith(SHARES) and abs(value) <= 1
            if not address.startswith(DEFINITIONS):
                numbers[address] = min(drawn, 1.0) if is_share else drawn
    return preset.derive("redrawn", "coefficients of another world", numbers)


def thinned(X: pd.DataFrame, y: np.ndarray, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """Another class balance: 20 to 70 % of the patients of one class go elsewhere."""
    leaves = (y == rng.choice(TWO_CLASSES)) & (rng.random(len(y)) < rng.uniform(0.2, 0.7))
    return X[~leaves].reset_index(drop=True), y[~leaves]


def measured_elsewhere(X: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Other assays: each test by a factor of its own, messenger RNA by up to some doublings."""
    factors = {name: X[name] * np.exp(rng.normal(0, sd)) for name, sd in ASSAYS.items()}
    doublings = {name: X[name] + rng.normal() for name in X if name.endswith("_log2")}
    return X.assign(**factors, **doublings)


def less_measured(X: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Half as many gaps again, at least 5 %, and no column at all for rare tests."""
    kept = X[[name for name in X if not any(part in name for part in RARE)]]
    gaps = kept.isna().mean().mul(1.5).clip(0.05, 1.0)
    now = kept.isna().mean()
    lost = ((gaps - now) / (1 - now)).clip(0, 1).to_numpy()
    return kept.mask(rng.random(kept.shape) < lost)


def world(kind: str, seed: int, n_patients: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Patients of the two classes of a world, encoded."""
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
    shipped = aml.load_model(shipped_model_path())
    if contender == "shipped, recalibrated":
        return shipped.recalibrate(shipped.encode(X), y)
    if contender == "from shipped":
        return aml.PhenotypeClassifier(start_from=FrozenEstimator(shipped)).fit(X, y)
    return aml.PhenotypeClassifier().fit(X, y) if contender == "alone" else shipped


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
    kinds: list[str], worlds: range, sizes: list[int], contenders: list[str], done: set[tuple[Any, ...]]
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
                    if tuple(key.values()) not in done:
                        yield {**key, **measured(contender, train, test)}


def summary(rows: pd.DataFrame) -> str:
    """Log-loss by size, start minus alone with its standard error over worlds, and the equivalent of 100 patients."""
    by = rows.set_index(["kind", "world", "n", "contender"])["log_loss"].unstack("contender")
    lines = ["| n | " + " | ".join(CONTENDERS) + " | from shipped - alone | worst world |", "|---" * 7 + "|"]
    for n, of_size in by.groupby("n"):
        difference = of_size["from shipped"] - of_size["alone"]
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        means = " | ".join(f"{of_size[name].mean():.4f}" for name in CONTENDERS)
        lines.append(f"| {n:,} | {means} | {difference.mean():+.4f} ± {error:.4f} | {difference.max():+.4f} |")
    lines += ["", "| world | " + " | ".join(f"{n:,}" for n in SIZES) + " | alone with 400 - from shipped with 100 |"]
    lines += ["|---" * (len(SIZES) + 2) + "|"]
    for kind, of_kind in by.groupby("kind", sort=False):
        difference = (of_kind["from shipped"] - of_kind["alone"]).groupby("n").mean()
        wide = of_kind.unstack("n")
        gain = wide["alone"][400] - wide["from shipped"][100]
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
    if given.summary:
        print(summary(pd.read_csv(given.output)))
        return
    rows = pd.read_csv(given.output).to_dict("records") if given.output.exists() else []
    done = {(row["kind"], row["world"], row["n"], row["contender"]) for row in rows}
    worlds = range(given.first_world, given.first_world + given.worlds)
    for row in runs(given.kinds, worlds, given.sizes, given.contenders, done):
        rows.append(row)
        pd.DataFrame(rows).round(6).to_csv(given.output, index=False)
        print(row, flush=True)


if __name__ == "__main__":
    assert set(ASSAYS) < set(data_dictionary().features)
    main()
