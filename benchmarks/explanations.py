"""How fast the trees are explained: tables of patterns against `shap.TreeExplainer`, same model, same patients.

    OMP_NUM_THREADS=1 python benchmarks/explanations.py            # prints a table of medians

A classifier with default settings is fitted to 2,000 patients; others are explained. Contenders take turns, each of
them with a first round that is not counted. What a contender needs before it can explain (tables, an explainer) counts
in every round; loading numba and its machine code, once in a process, does not. Patients per processor second are
what to compare.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pandas as pd

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import generate_cohort
from asthma_ml.explanation import explain, explanations, pattern_lookup
from asthma_ml.explanation.tree_shap import _by_shap, _shap, margin_contributions
from asthma_ml.variables import FOUR_CLASSES, TWO_CLASSES

N_BACKGROUND, COPIES = 100, 10


@contextmanager
def replaced(module: object, name: str, value: object):
    before = getattr(module, name)
    setattr(module, name, value)
    yield
    setattr(module, name, before)


def ours(trees, X, lookups: float, **kinds) -> np.ndarray:
    with replaced(pattern_lookup, "MANY_LOOKUPS", lookups):
        return margin_contributions(trees, X, **kinds)[0]


def on_two_threads(trees, X) -> None:
    with replaced(pattern_lookup, "MANY_LOOKUPS", 0), ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda half: margin_contributions(trees, half), np.split(X, 2)))


def interventional_by_shap(trees, X, background) -> np.ndarray:
    explainer = _shap().TreeExplainer(trees, background, feature_perturbation="interventional")
    return np.asarray(explainer.shap_values(X, check_additivity=False)).reshape(*X.shape, -1)


def explain_by_shap(model, table) -> None:
    with replaced(explanations, "margin_contributions", _by_shap):
        explain(model, table)


def contenders(model, table, seen, n_few: int) -> dict[str, tuple[int, Callable[[], object]]]:
    """What is timed, and of how many patients."""
    trees, X, background = model.trees_, model.encode(table).to_numpy(), model.encode(seen).to_numpy()
    n, few, many, none = len(X), X[:n_few], np.tile(X, (COPIES, 1)), float("inf")
    return {
        "shap, path-dependent": (n, lambda: _by_shap(trees, X)[0]),
        "tables, numpy": (n, lambda: ours(trees, X, none)),
        "tables, numba": (n, lambda: ours(trees, X, 0)),
        "tables, numpy, in copies": (n * COPIES, lambda: ours(trees, many, none)),
        "tables, numba, in copies": (n * COPIES, lambda: ours(trees, many, 0)),
        "tables, numba, in copies, 2 threads": (n * COPIES, lambda: on_two_threads(trees, many)),
        "shap, interventional, 100": (n_few, lambda: interventional_by_shap(trees, few, background[:N_BACKGROUND])),
        "tables, numpy, interventional, 100": (n, lambda: ours(trees, X, none, background=background[:N_BACKGROUND])),
        "tables, numba, interventional, 100": (n, lambda: ours(trees, X, 0, background=background[:N_BACKGROUND])),
        "tables, numba, interventional, all": (n, lambda: ours(trees, X, 0, background=background)),
        "one patient: shap": (1, lambda: _by_shap(trees, X[:1])),
        "one patient: tables": (1, lambda: ours(trees, X[:1], none)),
        "explain(), trees by shap": (n, lambda: explain_by_shap(model, table)),
        "explain()": (n, lambda: explain(model, table)),
        "explain(), players='factors'": (n, lambda: explain(model, table, players="factors")),
    }


def timed(task: Callable[[], object]) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    task()
    return time.perf_counter() - wall, time.process_time() - processor


def differences(model, table, seen) -> None:
    """How far shap is from the tables, and both from adding up to the margins."""
    trees, X, background = model.trees_, model.encode(table).to_numpy()[:400], model.encode(seen).to_numpy()[:100]
    margins = trees.decision_function(X).reshape(len(X), -1)
    found = {
        "path-dependent": (margin_contributions(trees, X), _by_shap(trees, X)[0]),
        f"interventional, {N_BACKGROUND}": (
            margin_contributions(trees, X, background=background[:N_BACKGROUND]),
            interventional_by_shap(trees, X, background[:N_BACKGROUND]),
        ),
    }
    for what, ((tables, base), by_shap) in found.items():
        apart, off = np.abs(tables - by_shap), [np.abs(of.sum(axis=1) + base - margins) for of in (tables, by_shap)]
        print(f"{what}: apart by up to {apart.max():.1e}, by more than 1e-6 in {(apart > 1e-6).any(axis=(1, 2)).sum()}")
        print(f"  of {len(X)} patients; sums off by up to {off[0].max():.1e} (tables), {off[1].max():.1e} (shap)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=20_000)
    parser.add_argument("--few", type=int, default=400, help="patients of shap's interventional values")
    parser.add_argument("--classes", type=int, choices=[2, 4], default=2)
    parser.add_argument("--repeats", type=int, default=7)
    asked = parser.parse_args()
    seen, labels = generate_cohort(2_000, seed=1).training_data(TWO_CLASSES if asked.classes == 2 else FOUR_CLASSES)
    model = PhenotypeClassifier().fit(seen, labels)
    table = generate_cohort(asked.patients, seed=2).observed[list(seen.columns)]
    differences(model, table, seen)
    runs: list[dict[str, object]] = []
    group = contenders(model, table, seen, asked.few)
    for repeat in range(asked.repeats + 1):
        for what, (n, task) in group.items():
            wall, processor = timed(task)
            runs += [{"what": what, "patients": n, "wall_s": wall, "processor_s": processor}] if repeat else []
        print(f"{repeat} of {asked.repeats}", file=sys.stderr, flush=True)
    medians = pd.DataFrame(runs).groupby(["what", "patients"], sort=False).median().reset_index()
    medians["per_processor_s"] = medians["patients"] / medians["processor_s"]
    print(medians.to_string(index=False, float_format=lambda number: f"{number:.6g}"))


if __name__ == "__main__":
    main()
