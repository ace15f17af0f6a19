"""Speed of explanations: pattern tables beside `shap.TreeExplainer`, for the same model and patients.

    OMP_NUM_THREADS=1 python benchmarks/explanations.py            # prints a table of medians
    OMP_NUM_THREADS=1 python benchmarks/explanations.py --peers    # beside LightGBM, XGBoost, woodelf and EBM

The shipped model explains patients of another cohort; with four classes, a model fitted to 2,000 patients does. All
contenders are timed in every round, after a first round that does not count. Preparing tables or an explainer is timed
in every round; loading numba and its machine code happens once per process and is not. `--peers` needs the packages
named in explanations_peers.py.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numba
import numpy as np
import pandas as pd
from measures import Task, in_turns, median_rates

import asthma_ml as aml
from asthma_ml.classifier import PhenotypeClassifier, compile_model
from asthma_ml.classifier.compiled import pattern_lookup
from asthma_ml.classifier.linear import model as linear_model
from asthma_ml.explanation import games
from asthma_ml.explanation.tree_shap import _shap, contributions_by_shap
from asthma_ml.model_files.archive import pack_archive, read_archive
from asthma_ml.variables import FOUR_CLASSES

N_BACKGROUND, COPIES = 100, 10


@contextmanager
def replaced(module: object, name: str, value: object):
    before = getattr(module, name)
    setattr(module, name, value)
    yield
    setattr(module, name, before)


def using(steps: float, task: Task) -> Task:
    """Task in machine code (after 0 steps in numpy) or in numpy (infinitely many steps)."""

    def run() -> None:
        with replaced(pattern_lookup.PATIENCE, "steps", steps), replaced(linear_model.PATIENCE, "steps", steps):
            task()

    return run


def in_numpy(task: Task) -> Task:
    return using(float("inf"), task)


def in_numba(task: Task) -> Task:
    return using(0, task)


def tables(compiled, X, credited=("features",), background=None):
    """Shapley values of the trees, the part of `attribute` that shap computes too."""
    return pattern_lookup.look_up(compiled._tables(tuple(credited), background), X)


def on_two_threads(compiled, X) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda half: tables(compiled, half), np.split(X, 2)))


def interventional_by_shap(trees, X, background) -> np.ndarray:
    explainer = _shap().TreeExplainer(trees, background, feature_perturbation="interventional")
    return np.asarray(explainer.shap_values(X, check_additivity=False)).reshape(*X.shape, -1)


def explain_by_shap(model, table) -> None:
    with replaced(games, "compiled_where_possible", lambda model: model):
        aml.explain(model, table)


def of_trees(model, compiled, X, seen, n_few: int) -> dict[str, tuple[int, Task]]:
    """Tasks that explain the trees, and the patients of each."""
    trees, n, few, many = model.trees_, len(X), X[:n_few], np.tile(X, (COPIES, 1))
    hundred, all_seen = compiled.background_of(seen[:N_BACKGROUND]), compiled.background_of(seen)
    both, pairs = ("features", "factors"), ("factors", "pairs")
    return {
        "shap, path-dependent": (n, lambda: contributions_by_shap(trees, X)),
        "tables, numpy": (n, in_numpy(lambda: tables(compiled, X))),
        "tables, numba": (n, in_numba(lambda: tables(compiled, X))),
        "tables, numba, factors": (n, in_numba(lambda: tables(compiled, X, ["factors"]))),
        "tables, numba, features and factors": (n, in_numba(lambda: tables(compiled, X, both))),
        "tables, numba, factors and their pairs": (n, in_numba(lambda: tables(compiled, X, pairs))),
        "tables, numpy, in copies": (n * COPIES, in_numpy(lambda: tables(compiled, many))),
        "tables, numba, in copies": (n * COPIES, in_numba(lambda: tables(compiled, many))),
        "tables, numba, in copies, 2 threads": (n * COPIES, in_numba(lambda: on_two_threads(compiled, many))),
        "shap, interventional, 100": (n_few, lambda: interventional_by_shap(trees, few, seen[:N_BACKGROUND])),
        "tables, numpy, interventional, 100": (n, in_numpy(lambda: tables(compiled, X, background=hundred))),
        "tables, numba, interventional, 100": (n, in_numba(lambda: tables(compiled, X, background=hundred))),
        "tables, numba, interventional, all": (n, in_numba(lambda: tables(compiled, X, background=all_seen))),
        "tables, numba, interventional, all, features and factors": (
            n,
            in_numba(lambda: tables(compiled, X, both, all_seen)),
        ),
        "one patient: shap": (1, lambda: contributions_by_shap(trees, X[:1])),
        "one patient: tables": (1, in_numpy(lambda: tables(compiled, X[:1]))),
    }


def of_models(model, compiled, table, X) -> dict[str, tuple[int, Task]]:
    """Tasks that predict or explain by the whole model, and the patients of each."""
    n, shap_trees = len(table), lambda: explain_by_shap(model, table)
    return {
        "explain(), trees by shap, rest in numba": (n, in_numba(shap_trees)),
        "explain(), numpy": (n, in_numpy(lambda: aml.explain(compiled, table))),
        "explain(), numba": (n, in_numba(lambda: aml.explain(compiled, table))),
        "explain(), numba, level='factors'": (n, in_numba(lambda: aml.explain(compiled, table, level="factors"))),
        "shapley_values() of both parts, numba": (n, in_numba(lambda: compiled.shapley_values(X))),
        "predict_proba, scikit-learn": (n, in_numba(lambda: model.predict_proba(table))),
        "predict_proba, compiled": (n, in_numba(lambda: compiled.predict_proba(table))),
        "predict_table, factors": (n, in_numba(lambda: aml.predict_table(compiled, table))),
    }


@numba.njit
def triad(to, one, other):
    for i in range(len(to)):
        to[i] = one[i] + 3.0 * other[i]


def of_memory(n_features: int) -> dict[str, tuple[int, Task]]:
    """Triad over memory: patients whose 32-bit features could be read and 64-bit values written in its time."""
    arrays = [np.ones(8_000_000) for _ in range(3)]
    n_patients = sum(array.nbytes for array in arrays) // (n_features * (4 + 8))
    return {"memory bandwidth (triad)": (n_patients, lambda: triad(*arrays))}


def of_cold_starts(model_path: Path, table: pd.DataFrame, folder: Path) -> dict[str, tuple[int, Task]]:
    """Tasks in new processes that predict and explain one patient from a CSV file."""
    table.head(1).to_csv(folder / "patient.csv", index=False)
    card, members = read_archive(model_path)
    without = {name: content for name, content in members.items() if not name.startswith("compiled")}
    (folder / "estimator.aml").write_bytes(pack_archive(card, without))
    code = "import sys, asthma_ml as aml, pandas as pd; model = aml.load_model(sys.argv[1], compiled=True); "
    code += "model.shapley_values(pd.read_csv(sys.argv[2]))"

    def predict(path: Path) -> Task:
        call = ["-m", "asthma_ml", "predict", folder / "patient.csv", "--model", path, "-o", folder / "out.csv"]
        return lambda: fresh_process(call)

    return {
        "cold: predict, by the estimator": (1, predict(folder / "estimator.aml")),
        "cold: predict, compiled": (1, predict(model_path)),
        "cold: load_model(compiled=True) and shapley_values": (
            1,
            lambda: fresh_process(["-c", code, model_path, folder / "patient.csv"]),
        ),
        "cold: import pandas and scipy.special": (1, lambda: fresh_process(["-c", "import pandas, scipy.special"])),
    }


def fresh_process(arguments: list[object]) -> None:
    subprocess.run([sys.executable, *map(str, arguments)], check=True, capture_output=True)


def differences(model, compiled, X, seen) -> None:
    """Print the differences between shap and the tables, and of both from additivity."""
    trees, background = model.trees_, seen[:N_BACKGROUND]
    margins = trees.decision_function(X).reshape(len(X), -1)
    found = {
        "path-dependent": (None, contributions_by_shap(trees, X)[0]),
        f"interventional, {N_BACKGROUND}": (
            compiled.background_of(background),
            interventional_by_shap(trees, X, background),
        ),
    }
    for kind, (stand_in, by_shap) in found.items():
        by_tables = tables(compiled, X, background=stand_in).of_kind(0).transpose(2, 1, 0)
        by_tables = by_tables / compiled.calibration_slope_[1]
        apart, base = np.abs(by_tables - by_shap), (margins - by_tables.sum(axis=1))[0]
        off = [np.abs(of.sum(axis=1) + base - margins).max() for of in (by_tables, by_shap)]
        print(f"{kind}: largest difference {apart.max():.1e}, above 1e-6 in {(apart > 1e-6).any(axis=(1, 2)).sum()}")
        print(f"  of {len(X)} patients; largest error of the sums {off[0]:.1e} (tables), {off[1]:.1e} (shap)")


def prepared(n_classes: int, n_patients: int):
    """Model, its training patients with their labels, and other patients."""
    if n_classes == 4:
        seen, labels = aml.generate_cohort(2_000, seed=1).training_data(FOUR_CLASSES)
        model = PhenotypeClassifier().fit(seen, labels)
    else:
        model = aml.load_model("shipped")
        seen, labels = aml.generate_cohort(50_000, seed=20).training_data()
    return model, seen, labels, aml.generate_cohort(n_patients, seed=2).observed[list(seen.columns)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=20_000)
    parser.add_argument("--few", type=int, default=400, help="Patients explained by shap's interventional values.")
    parser.add_argument("--classes", type=int, choices=[2, 4], default=2)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--peers", action="store_true", help="Time other libraries too; two classes only.")
    parser.add_argument("-o", "--output", type=Path, help="CSV file of all runs.")
    asked = parser.parse_args()
    model, seen, labels, table = prepared(asked.classes, asked.patients)
    compiled = compile_model(model, background=seen)
    X, seen_encoded = model.encode(table).to_numpy(), model.encode(seen).to_numpy()
    differences(model, compiled, X[: asked.few], seen_encoded)
    with tempfile.TemporaryDirectory() as folder:
        group = of_trees(model, compiled, X, seen_encoded, asked.few) | of_models(model, compiled, table, X)
        group |= of_memory(X.shape[1])
        if asked.classes == 2:
            group |= of_cold_starts(aml.shipped_model_path(), table, Path(folder))
        if asked.peers:
            from explanations_peers import peers  # noqa: PLC0415 - optional packages

            group |= peers(model, seen_encoded, labels, X)
        runs = in_turns(group, asked.repeats)
    if asked.output:
        runs.round(5).to_csv(asked.output, index=False)
    print(median_rates(runs))


if __name__ == "__main__":
    main()
