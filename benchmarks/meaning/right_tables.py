"""Right tables: a few columns and patients of a synthetic cohort, as a clinic would export them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

import asthma_ml as aml
from asthma_ml.variables import ID, Variable, data_dictionary

PRESETS = (
    *("severe_clinic", "severe_registry", "sputum_study", "population_asthma", "asthma_network", "smokers_clinic"),
    *("low_adherence_clinic", "trial_eligible"),
)
N_ROWS = (5, 12, 40, 150)
_COHORT = 3000


@dataclass(frozen=True)
class Table:
    """A table of text cells, what it means and where a mistake was made.

    Attributes
    ----------
    cells : DataFrame of str
        The table as exported.
    truth : DataFrame
        Right values in the columns of the data dictionary, one row for each patient.
    variables : tuple of str
        Variables that the mistake concerns; none if it concerns rows.
    headers : tuple of str
        Columns that the mistake concerns.
    no_patients : tuple of int
        Rows that are no patients.
    """

    cells: pd.DataFrame
    truth: pd.DataFrame
    variables: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    no_patients: tuple[int, ...] = ()

    def with_cells(self, name: str, cells: list[str], header: str | None = None) -> Table:
        """The table with other cells in a column, perhaps under another header."""
        changed = self.cells.copy()
        changed[name] = cells
        if header is not None:
            changed = changed.rename(columns={name: header})
        return replace(self, cells=changed, variables=(name,), headers=(header or name,))


def cohorts(seed: int) -> list[pd.DataFrame]:
    """Observed patients of each preset."""
    return [aml.generate_cohort(_COHORT, seed=seed, preset=preset).observed for preset in PRESETS]


def right_table(rng: np.random.Generator, tables: list[pd.DataFrame]) -> Table:
    """Some patients and columns of a cohort, chosen at random; half of the columns at least have values."""
    table = tables[rng.integers(len(tables))]
    rows = table.iloc[rng.choice(len(table), rng.choice(N_ROWS), replace=False)].reset_index(drop=True)
    features = [name for name in data_dictionary().features if rows[name].notna().mean() >= 0.5]
    kept = set(rng.choice(features, size=min(len(features), int(rng.integers(6, 16))), replace=False))
    truth = rows[[ID, *(name for name in features if name in kept)]]
    return Table(pd.DataFrame({name: texts(truth[name]) for name in truth}), truth)


def texts(column: pd.Series) -> list[str]:
    """Cells of a column as text."""
    return ["" if pd.isna(cell) else cell if isinstance(cell, str) else f"{cell:.12g}" for cell in column]


def one_of(rng: np.random.Generator, table: Table, *kinds: str, least: int = 3) -> Variable | None:
    """A variable of some kinds with values in the table, chosen at random."""
    found = [
        data_dictionary()[name]
        for name in table.truth
        if data_dictionary()[name].kind in kinds and table.truth[name].notna().sum() >= least
    ]
    return found[rng.integers(len(found))] if found else None
