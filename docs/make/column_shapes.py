"""Write `asthma_ml/patients/columns/column_shapes.csv`: what a right column of each numeric variable looks like.

    python docs/make/column_shapes.py

Quantiles are those of the values other than zero in synthetic cohorts of all presets together, each preset with the
same weight; rounding to the step of the variable is undone by a random part of a step. `zeros` is the largest share of
zeros in a preset. The lines of other units are stated here: they come from adults with asthma in NHANES 2005-2010
(differential counts, FEV1 in litres), the counts of severe asthma divided by their leukocytes.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asthma_ml.cohort import PRESETS, generate_cohort
from asthma_ml.variables import Variable, data_dictionary

LEVELS = (0.001, 0.01, 0.05, 0.15, 0.25, 0.35, 0.5, 0.65, 0.75, 0.85, 0.95, 0.99, 0.999)
FILE = Path(__file__).parents[2] / "asthma_ml" / "patients" / "columns" / "column_shapes.csv"
OTHER_UNITS = {
    ("blood_eosinophils_cells_ul", "%"): (0.1, 0.4, 0.8, 1.5, 2.0, 2.5, 3.6, 5, 6.5, 8.5, 14, 22, 40),
    ("blood_eosinophils_max_cells_ul", "%"): (0.3, 0.8, 1.5, 2.8, 3.7, 4.6, 6.5, 9, 11, 15, 23, 34, 50),
    ("blood_neutrophils_cells_ul", "%"): (23, 31, 40, 48, 52, 55, 59, 63, 66, 70, 77, 85, 92),
    ("fev1_pct_predicted", "L"): (0.5, 0.7, 0.95, 1.35, 1.65, 1.9, 2.25, 2.65, 2.95, 3.3, 4.1, 4.8, 6.0),
    ("acq6_score", "ACT"): (5, 5, 6, 9, 11, 13, 16, 19, 20, 22, 24, 25, 25),
    ("fev1_post_bd_pct_predicted", "L"): (0.55, 0.75, 1.05, 1.5, 1.8, 2.05, 2.4, 2.8, 3.1, 3.45, 4.2, 4.9, 6.1),
}
PATIENTS, SEED = 6_000, 14


def shapes(columns: dict[str, list[NDArray[np.float64]]]) -> Iterator[list[str]]:
    """Yield a line for each number: variable, unit, largest share of zeros, quantiles of the other values."""
    for name, parts in columns.items():
        zeros = max(float((part == 0).mean()) for part in parts)
        each = [quantiles(unrounded(part[part != 0], data_dictionary()[name]), 2_000) for part in parts]
        yield [name, "", f"{zeros:.3g}", *_written(np.quantile(np.concatenate(each), LEVELS))]
    for (name, unit), values in OTHER_UNITS.items():
        yield [name, unit, "0", *_written(values)]


def unrounded(values: NDArray[np.float64], variable: Variable) -> NDArray[np.float64]:
    """Values before they were rounded to the step of the variable; the sign stays."""
    step = 1.0 if variable.kind == "count" else variable.resolution or 0.0
    moved = values + np.random.default_rng(SEED).uniform(-step / 2, step / 2, len(values))
    return np.where(np.sign(moved) == np.sign(values), moved, values)


def quantiles(values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """As many quantiles for each preset, so that each counts the same."""
    return np.quantile(values, (np.arange(n) + 0.5) / n)


def _has_shape(variable: Variable) -> bool:
    """Whether a variable is a number; numbers of alleles are categories."""
    of_alleles = variable.kind == "count" and variable.limits == (0, 2)
    return variable.kind in ("number", "count") and not of_alleles


def _written(values: Iterable[float]) -> list[str]:
    return [f"{value:.4g}" for value in values]


def main() -> None:
    """Generate the cohorts and write the file."""
    columns: dict[str, list[NDArray[np.float64]]] = {}
    names = [variable.name for variable in data_dictionary().values() if _has_shape(variable)]
    for preset in PRESETS:
        patients = generate_cohort(PATIENTS, seed=SEED, preset=preset).observed
        for name in names:
            columns.setdefault(name, []).append(patients[name].dropna().to_numpy(dtype=float))
    with FILE.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["variable", "unit", "zeros", *LEVELS])
        lines.writerows(shapes(columns))


if __name__ == "__main__":
    main()
