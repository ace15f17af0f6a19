"""A table of random columns by numpy and pandas, with the columns and the missing cells of a table of patients.

python random_table.py SAMPLE.csv ROWS OUT.csv
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd


def main() -> None:
    sample, n, rng = pd.read_csv(sys.argv[1]), int(sys.argv[2]), np.random.default_rng(1)
    table = pd.DataFrame({name: drawn(column, n, rng) for name, column in sample.items()})
    table.to_csv(sys.argv[3], index=False)


def drawn(column: pd.Series, n: int, rng: np.random.Generator) -> np.ndarray:
    """Normal numbers of the same mean, or levels of the same frequencies."""
    if not pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=object)[rng.integers(0, len(column), n)]
    values = rng.normal(column.mean(), column.std(), n).round(1)
    values[rng.random(n) < column.isna().mean()] = np.nan
    return values


if __name__ == "__main__":
    main()
