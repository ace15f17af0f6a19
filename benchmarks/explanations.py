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

N_BACKGROUND = 100


@contextmanager
def replaced(module: object, name: str, value: object):
    before = getattr(module, name)
    setattr(module, name, value)
    yield
    setattr(module, name, before)


def ours(trees, X, lookups: float, **kinds) -> np.ndarray:
    with replaced(pattern_lookup, "MANY_LOOKUPS", lookups):
        return margin_contributions(trees, X, **kinds)[0]


def on_two_threads(trees, X) -> np.ndarray:
    with replaced(pattern_lookup, "MANY_LOOKUPS", 0), ThreadPoolExecutor(2) as pool:
        return np.concatenate(
            [of for of, _ in pool.map(lambda half: margin_contributions(trees, half), np.split(X, 2))]
        )


def interventional_by_shap(trees, X, background) -> np.ndarray:
    explainer = _shap().TreeExplainer(trees, background, feature_perturbation="interventional")
    return np.asarray(explainer.shap_values(X, check_additivity=False)).reshape(*X.shape, -1)


def explain_by_shap(model, table) -> None:
    with replaced(explanations, "margin_contributions", _by_shap):
        explain(model, table)


def contenders(model, table, seen, n_few: int) -> dict[str, tuple[int, Callable[[], object]]]:
    """What is timed, and of how many patients."""
    trees, X, background = model.trees_, model.encode(table).to_numpy(), model.encode(seen).to_numpy()
    n, few, none = len(X), X[:n_few], float("inf")
    return {
        "shap, path-dependent": (n, lambda: _by_shap(trees, X)[0]),
        "tables, numpy": (n, lambda: ours(trees, X, none)),
        "tables, numba": (n, lambda: ours(trees, X, 0)),
        "tables, numba, 2 threads": (n, lambda: on_two_threads(trees, X)),
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
    trees, X, background = model.trees_, model.encode(table).to_numpy()[:200], model.encode(seen).to_numpy()[:100]
    path = np.abs(margin_contributions(trees, X)[0] - _by_shap(trees, X)[0]).max()
    against = margin_contributions(trees, X, background=background)[0] - interventional_by_shap(trees, X, background)
    print(f"largest difference to shap: path-dependent {path:.1e}, interventional {np.abs(against).max():.1e}")


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
