"""What a model file tells of its training patients: reconstruction, membership, and the log-loss that privacy costs.

    OMP_NUM_THREADS=1 python benchmarks/model_privacy.py --version after --sizes 60 200 1000 --seeds 10

Models of several sizes are fitted to generated patients and saved. Three attackers hold the file:

- *reconstruction* looks for the values of training patients among all numbers of the file (both forms of the model and
  the card), also as midpoints of neighbours, and compares with what chance finds of other patients;
- *membership by distance* holds the record of a patient and counts values that equal a knot, or measures the distance
  from the knots, thresholds and range of each column, alone or relative to the same quantile of other patients;
- *membership by log-loss* holds the record and the label and takes a small log-loss as a sign of training.

``--version`` names the rows of the result file, so that two versions of the package, chosen by PYTHONPATH, can be
compared; ``--summary`` prints the tables of model_privacy.md. Results in the file are not measured again.
"""

from __future__ import annotations

import argparse
import io
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from measures import ResultFile, log_losses, two_class_patients
from sklearn.metrics import roc_auc_score

from asthma_ml.classifier import PhenotypeClassifier, encode_features
from asthma_ml.model_files import save_model
from asthma_ml.model_files.archive import read_archive, unzip_members
from asthma_ml.variables import LABEL, data_dictionary

OTHERS_SEED, FIRST_TRAINING_SEED, N_OTHERS = 3, 20_000, 5_000
TOLERANCE = 1e-6
"""Relative difference of two numbers that are taken for equal; 32-bit numbers differ by 1e-7."""

FEWEST = 10


def numbers_of_file(path: Path) -> np.ndarray:
    """All numbers in a model file, sorted: arrays of both forms of the model, their description, and the card."""
    card, members = read_archive(path)
    found = [np.array([*_numbers_of_json(card)])]
    for content in members.values():
        for name, data in unzip_members(content).items():
            if name.endswith(".json"):
                found.append(np.array([*_numbers_of_json(json.loads(data))], dtype=float))
            else:
                found += _numbers_of_array(np.lib.format.read_array(io.BytesIO(data), allow_pickle=False))
    numbers = np.concatenate(found)
    return np.unique(numbers[np.isfinite(numbers)])


def _numbers_of_json(value: Any) -> Iterator[float]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _numbers_of_json(each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def _numbers_of_array(array: np.ndarray) -> list[np.ndarray]:
    if array.dtype.names:
        return [numbers for name in array.dtype.names for numbers in _numbers_of_array(array[name])]
    return [array.astype(np.float64).ravel()] if array.dtype.kind in "iuf" else []


def values_of_few(column: np.ndarray) -> np.ndarray:
    """Values that fewer than ten patients have, and midpoints of neighbours that reveal such values."""
    levels, counts = np.unique(column[np.isfinite(column)].astype(np.float64), return_counts=True)
    few = counts < FEWEST
    return np.unique(np.r_[levels[few], ((levels[1:] + levels[:-1]) / 2)[few[1:] | few[:-1]]])


def n_found(values: np.ndarray, numbers: np.ndarray) -> int:
    """Number of values that are among sorted numbers."""
    place = np.searchsorted(numbers, values)
    beside = numbers[np.stack([place - 1, place]).clip(0, len(numbers) - 1)]
    return int(np.sum(np.abs(values - beside).min(axis=0) <= TOLERANCE * np.abs(values)))


def with_own_digits(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Numbers with digits that no other patient has, so that a number in a file belongs to one patient."""
    rng, dictionary = np.random.default_rng(seed), data_dictionary()
    numbers: dict[str, pd.Series] = {}
    for name in table:
        if name in dictionary and dictionary[name].kind == "number":
            less = table[name] * rng.uniform(0.99, 1.0, len(table))
            numbers[name] = less.where(less >= dictionary[name].limits[0], 2 * table[name] - less)
    return table.assign(**numbers)


def reconstruction(train: pd.DataFrame, others: pd.DataFrame, seed: int) -> dict[str, float]:
    """Values and midpoints of few training patients in the file of their model, and of as many other patients."""
    train, others = with_own_digits(train, seed), with_own_digits(others.head(len(train)), seed + 1)
    features = list(data_dictionary().features)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.aml"
        save_model(PhenotypeClassifier().fit(train[features], train[LABEL]), path, background=train[features])
        numbers = numbers_of_file(path)
    names = [name for name in features if data_dictionary()[name].kind == "number"]
    values, of_others = (
        np.concatenate([values_of_few(table[name].to_numpy(np.float32)) for name in names]) for table in (train, others)
    )
    values, of_others = values[values != 0], of_others[of_others != 0]
    return {
        "values": len(values),
        "values_found": n_found(values, numbers),
        "values_found_by_chance": n_found(of_others, numbers) / len(of_others) * len(values),
    }


def marks_of_column(model: PhenotypeClassifier, j: int) -> np.ndarray:
    """Numbers in a model that are values of one column: knots, thresholds and range."""
    scores, found = model.linear_.scores, [model.feature_range_[:, j]]
    found += [scores.knots[scores.starts[k] : scores.starts[k + 1]] for k in np.flatnonzero(scores.source == j)]
    for stage in model.trees_._predictors:
        for nodes in (tree.nodes for tree in stage):
            found.append(nodes["num_threshold"][(nodes["is_leaf"] == 0) & (nodes["feature_idx"] == j)])
    bins = model.trees_._bin_mapper.bin_thresholds_[j]
    if not np.array_equal(bins, np.arange(len(bins)) + 0.5):  # numbers of bins are no values
        found.append(bins)
    marks = np.unique(np.concatenate(found).astype(np.float64))
    return marks[np.isfinite(marks)]


def closeness(X: np.ndarray, model: PhenotypeClassifier) -> np.ndarray:
    """Closeness of patients to the numbers of a model: mean over columns of minus log relative distance."""
    total = np.zeros(len(X))
    for j, column in enumerate(X.T.astype(np.float64)):
        marks = marks_of_column(model, j)
        if len(marks):
            distance = np.abs(column[:, None] - marks).min(axis=1) / (np.ptp(marks) or 1.0)
            total += np.nan_to_num(-np.log(distance + 1e-7))
    return total


def matches(X: np.ndarray, model: PhenotypeClassifier, others: np.ndarray) -> np.ndarray:
    """Columns in which a value equals a knot; one that few other patients match counts more."""
    total, scores = np.zeros(len(X)), model.linear_.scores
    for k, j in enumerate(scores.source):
        knots = scores.knots[scores.starts[k] : scores.starts[k + 1]]
        equal, usual = (
            np.abs(table[:, [j]] - knots).min(axis=1) <= TOLERANCE * np.abs(table[:, j]) for table in (X, others)
        )
        total += np.where(equal, -np.log(usual.mean() + 1e-3), 0.0)
    return total


def closeness_beside_others(X: np.ndarray, model: PhenotypeClassifier, others: np.ndarray) -> np.ndarray:
    """Closeness to the knots relative to the closeness to the same quantiles of other patients (Homer et al. 2008)."""
    total, scores = np.zeros(len(X)), model.linear_.scores
    for k in np.flatnonzero(np.bincount(scores.source)[scores.source] == 1):
        knots = scores.knots[scores.starts[k] : scores.starts[k + 1]]
        column, reference = X[:, scores.source[k]].astype(np.float64), others[:, scores.source[k]]
        reference = reference[np.isfinite(reference)]
        usual = np.quantile(reference, (np.arange(len(knots)) + 0.5) / len(knots))
        nearest = np.abs(column[:, None] - knots).argmin(axis=1)
        gain = np.abs(column - usual[nearest]) - np.abs(column - knots[nearest])
        total += np.nan_to_num(gain / (reference.std() or 1.0))
    return total


def membership(
    model: PhenotypeClassifier, train: pd.DataFrame, others: pd.DataFrame, losses: np.ndarray
) -> dict[str, float]:
    """AUC of each attacker who tells training patients from others."""
    features = list(data_dictionary().features)
    X = np.concatenate([encode_features(table[features]).to_numpy(np.float32) for table in (train, others)])
    half = len(train) + len(others) // 2  # the second half are the patients whom the attacker knows beforehand
    is_member = np.arange(half) < len(train)
    attackers = {
        "auc_matches": matches(X[:half].astype(np.float64), model, X[half:].astype(np.float64)),
        "auc_distance": closeness(X[:half], model),
        "auc_beside_others": closeness_beside_others(X[:half], model, X[half:]),
        "auc_log_loss": -losses[:half],
    }
    return {name: float(roc_auc_score(is_member, score)) for name, score in attackers.items()}


def measured(n: int, seed: int, others: pd.DataFrame) -> dict[str, float]:
    """All measurements of one model."""
    features = list(data_dictionary().features)
    train = two_class_patients(n, FIRST_TRAINING_SEED + seed)
    model = PhenotypeClassifier().fit(train[features], train[LABEL])
    both = pd.concat([train, others])
    predicted = pd.DataFrame(model.predict_proba(model.encode(both)), columns=model.classes_)
    losses = log_losses(predicted[["th2_high", "neutrophilic_th2_low"]].to_numpy(), both[LABEL])
    low, high = model.feature_range_
    X = model.encode(others).to_numpy()
    in_set = model.predict_set(model.encode(others))
    own = in_set[np.arange(len(others)), np.searchsorted(model.classes_, others[LABEL])]
    return {
        "log_loss": float(losses[n:].mean()),
        "outside_range": float(((low > X) | (high < X)).any(axis=1).mean()),
        "coverage": float(own.mean()),
        "set_size": float(in_set.sum(axis=1).mean()),
        **membership(model, train, others, losses),
        **reconstruction(train, others, seed),
    }


def summary(rows: pd.DataFrame) -> str:
    """One table: mean before, mean after, and paired difference with its standard error, by number of patients."""
    names = [name for name in rows.columns if name not in ("version", "n", "seed")]
    lines = ["| patients | quantity | before | after | difference ± standard error |", "|---:|---|---:|---:|---:|"]
    for n, of_size in rows.groupby("n"):
        before, after = (of_size[of_size["version"] == name].set_index("seed")[names] for name in ("before", "after"))
        change = (after - before).dropna()
        error = change.std(ddof=1) / np.sqrt(len(change))
        lines += [
            f"| {n:,} | {name} | {before[name].mean():.4g} | {after[name].mean():.4g} "
            f"| {change[name].mean():+.4f} ± {error[name]:.4f} |"
            for name in names
        ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", default="after", help="Name of the rows in the result file.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[60, 200, 1000])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--summary", action="store_true")
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_name("model_privacy.csv"))
    given = parser.parse_args()
    results = ResultFile(given.output, key=("version", "n", "seed"))
    if given.summary:
        print(summary(results.table()))
        return
    warnings.filterwarnings("ignore")
    others = two_class_patients(N_OTHERS, OTHERS_SEED)
    for seed in range(given.seeds):
        for n in given.sizes:
            if (given.version, n, seed) not in results:
                results.append({"version": given.version, "n": n, "seed": seed, **measured(n, seed, others)})
                print(results.rows[-1], flush=True)


if __name__ == "__main__":
    main()
