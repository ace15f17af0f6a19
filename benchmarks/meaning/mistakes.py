"""Mistakes of meaning: each takes a right table and returns it with one mistake, or None if it has no place for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pandas as pd

from asthma_ml.variables import ID, data_dictionary
from meaning.right_tables import Table, one_of, texts

Mistake: TypeAlias = Callable[[np.random.Generator, Table], Table | None]


def _numbers(change: Callable[[np.random.Generator, pd.Series], pd.Series | None], kinds: tuple[str, ...]) -> Mistake:
    """A mistake that changes the numbers of a column and nothing else."""

    def make(rng: np.random.Generator, table: Table) -> Table | None:
        variable = one_of(rng, table, *kinds, least=5)
        if variable is None or table.truth[variable.name].nunique() < 2:
            return None
        changed = change(rng, table.truth[variable.name])
        return None if changed is None else table.with_cells(variable.name, texts(changed))

    return make


def _other_unit(rng: np.random.Generator, table: Table) -> Table | None:
    """Values in a unit of the dictionary that the header does not name."""
    variable = one_of(rng, table, "number", least=5)
    units = {} if variable is None else variable.units
    # The unit of a dose names the drug, which no value can tell.
    factors = [factor for unit, factor in units.items() if " " not in unit and not 0.3 < factor < 3]
    if variable is None or not factors:
        return None
    changed = (table.truth[variable.name] / rng.choice(factors)).map(lambda value: float(f"{value:.3g}"))
    return table.with_cells(variable.name, texts(changed))


def _z_scores(_: np.random.Generator, column: pd.Series) -> pd.Series | None:
    spread = column.std()
    return ((column - column.mean()) / spread).round(2) if spread > 0 else None


def _logarithms(rng: np.random.Generator, column: pd.Series) -> pd.Series | None:
    positive = column.where(column > 0)
    if positive.notna().sum() < 5 or positive.median() < 5:
        return None
    return (np.log10(positive) if rng.random() < 0.5 else np.log(positive)).round(2)


def _high_or_not(_: np.random.Generator, column: pd.Series) -> pd.Series | None:
    high = (column > column.median()).astype(float).where(column.notna())
    return high if column.median() > 3 and high.nunique() == 2 else None


def _thirds(_: np.random.Generator, column: pd.Series) -> pd.Series | None:
    return None if column.median() < 10 else (np.ceil(3 * column.rank(pct=True))).where(column.notna())


def _transformed(change: Callable[[pd.Series], pd.Series]) -> Mistake:
    """A transform of values that spread so widely that it is usual for them."""

    def make(_: np.random.Generator, column: pd.Series) -> pd.Series | None:
        positive = column.where(column > 0)
        # Whatever may fall below zero has no logarithm.
        if data_dictionary()[str(column.name)].limits[0] < 0:
            return None
        widely = positive.notna().sum() >= 5 and positive.quantile(0.9) > 4 * positive.quantile(0.1)
        return change(positive).round(2) if widely and positive.median() > 5 else None

    return _numbers(make, ("number",))


def _ranks(_: np.random.Generator, column: pd.Series) -> pd.Series | None:
    """Percentiles; fewer than a dozen of them are no scale."""
    return (100 * column.rank(pct=True)).round() if column.notna().sum() >= 20 else None


def _quarters(_: np.random.Generator, column: pd.Series) -> pd.Series | None:
    return None if column.median() < 10 else (np.ceil(4 * column.rank(pct=True))).where(column.notna())


def _row_numbers(_: np.random.Generator, column: pd.Series) -> pd.Series | None:
    return pd.Series(np.arange(1.0, len(column) + 1), index=column.index) if column.notna().all() else None


def _yes_or_no(_: np.random.Generator, column: pd.Series) -> pd.Series | None:
    """Whether there was any; a dozen of ones at least, because mild patients have one attack at most."""
    some = (column > 0).astype(float).where(column.notna())
    return some if column.max() > 2 and some.sum() >= 12 and some.nunique() == 2 else None


def _thousand(rng: np.random.Generator, column: pd.Series) -> pd.Series | None:
    return (column * rng.choice([0.001, 1000.0])).round(5) if column.min() > 2 else None


def _other_ages(rng: np.random.Generator, table: Table) -> Table | None:
    """Ages in months or days, or years of birth."""
    if "age_years" not in table.truth:
        return None
    ages = table.truth["age_years"]
    changed = [ages * 12, ages * 365, 2026 - ages][rng.integers(3)]
    return table.with_cells("age_years", texts(changed.round()))


def _swapped(rng: np.random.Generator, table: Table) -> Table | None:
    """Two columns in each other's place whose values differ plainly."""
    pairs = [
        ("feno_ppb", "total_ige_ku_l"),
        ("blood_eosinophils_cells_ul", "blood_neutrophils_cells_ul"),
        ("feno_ppb", "fev1_pct_predicted"),
        ("bmi_kg_m2", "fev1_pct_predicted"),
    ]
    found = [pair for pair in pairs if set(pair) <= set(table.truth) and len(table.truth) >= 12]
    if not found:
        return None
    one, other = found[rng.integers(len(found))]
    cells = table.cells.assign(**{one: table.cells[other], other: table.cells[one]})
    return replace(table, cells=cells, variables=(one, other), headers=(one, other))


def _asthma_control_test(rng: np.random.Generator, table: Table) -> Table | None:
    """ACT, from 5 (bad) to 25 (good), in the column of ACQ."""
    if "acq6_score" not in table.truth or table.truth["acq6_score"].notna().sum() < 5:
        return None
    act = (25 - 20 * table.truth["acq6_score"] / 6 + rng.normal(0, 2, len(table.truth))).clip(5, 25).round()
    return table.with_cells("acq6_score", texts(act))


def _codes(words: dict[str, dict[str, str]], kind: str) -> Mistake:
    """A category or flag in other words; `words` gives those of each variable, or of all under an empty name."""

    def make(rng: np.random.Generator, table: Table) -> Table | None:
        names = [name for name in table.truth if name in words] if "" not in words else list(table.truth)
        variable = one_of(rng, replace(table, truth=table.truth[names]), kind)
        if variable is None:
            return None
        of_level = words.get(variable.name, words.get("", {}))
        cells = [of_level.get(cell, cell) for cell in table.cells[variable.name]]
        # One code alone, such as M, does not tell which table of codes it is from.
        if len({cell for cell in cells if cell}) < 2:
            return None
        return table.with_cells(variable.name, cells)

    return make


def _header(rename: Callable[[np.random.Generator, str], str]) -> Mistake:
    """A right column under another spelling of its name."""

    def make(rng: np.random.Generator, table: Table) -> Table | None:
        variable = one_of(rng, table, "number", "count")
        if variable is None:
            return None
        return table.with_cells(variable.name, list(table.cells[variable.name]), rename(rng, variable.name))

    return make


def _other_quantity(rng: np.random.Generator, table: Table) -> Table | None:
    """A column of another quantity, such as a change, in the place and nearly under the name of the variable."""
    variable = one_of(rng, table, "number")
    if variable is None:
        return None
    words = ("delta_{}", "{}_change", "log10_{}", "{}_zscore", "ln({})", "{}_sd", "{}_lln", "{} rank", "{}_percentile")
    header = str(rng.choice(words)).format(variable.name)
    noise = rng.normal(size=len(table.truth)).round(2)
    cells = table.cells.rename(columns={variable.name: header}).assign(**{header: [f"{each:g}" for each in noise]})
    return replace(
        table,
        cells=cells,
        truth=table.truth.assign(**{variable.name: np.nan}),
        variables=(variable.name,),
        headers=(header,),
    )


def _unit_beside(rng: np.random.Generator, table: Table) -> Table | None:
    """Values in another unit, which a column beside them names."""
    variable = one_of(rng, table, "number")
    units = [] if variable is None else [(unit, factor) for unit, factor in variable.units.items() if " " not in unit]
    if variable is None or not units:
        return None
    unit, factor = units[rng.integers(len(units))]
    changed = table.with_cells(variable.name, texts(table.truth[variable.name] / factor))
    header = f"{variable.name}_unit"
    return replace(changed, cells=changed.cells.assign(**{header: unit}), headers=(variable.name, header))


def _added_row(cell: Callable[[np.random.Generator, Table, str], str], *, first: bool = False) -> Mistake:
    """A row that is no patient, above the patients or below them."""

    def make(rng: np.random.Generator, table: Table) -> Table:
        row = pd.DataFrame({name: [cell(rng, table, name)] for name in table.cells})
        parts = [row, table.cells] if first else [table.cells, row]
        place = 0 if first else len(table.cells)
        return replace(table, cells=pd.concat(parts, ignore_index=True), no_patients=(place,))

    return make


def _summary(rng: np.random.Generator, table: Table, name: str) -> str:
    column = table.truth[name]
    if name == ID:
        return str(rng.choice(["Mean", "SD", "Median", "Total", "Average", "N", "Mittelwert", "Moyenne", "Sum"]))
    return f"{column.mean():.4g}" if column.dtype.kind == "f" and column.notna().any() else ""


def _footer(rng: np.random.Generator, _: Table, name: str) -> str:
    notes = ["Printed on 2026-03-01", "End of report", "(40 rows)", "Reference: WHO 2019", "* verified", "Source: LIS"]
    return str(rng.choice(notes)) if name == ID else ""


def _id_alone(rng: np.random.Generator, _: Table, name: str) -> str:
    return f"Z{rng.integers(10_000)}" if name == ID else ""


def _units_below(_: np.random.Generator, table: Table, name: str) -> str:
    return data_dictionary()[name].unit


def _cells(change: Callable[[np.random.Generator, str], str], proportion: float = 0.5) -> Mistake:
    """Cells of a column of numbers in another spelling that means the same."""

    def make(rng: np.random.Generator, table: Table) -> Table | None:
        variable = one_of(rng, table, "number", "count")
        if variable is None:
            return None
        given = list(table.cells[variable.name])
        cells = [change(rng, cell) if cell and rng.random() < proportion else cell for cell in given]
        return None if cells == given else table.with_cells(variable.name, cells)

    return make


def _missing(words: tuple[str, ...]) -> Mistake:
    """Some values of a column replaced by a word or code for missing."""

    def make(rng: np.random.Generator, table: Table) -> Table | None:
        variable = one_of(rng, table, "number", "count", least=5)
        if variable is None:
            return None
        word, gone = str(rng.choice(words)), rng.random(len(table.truth)) < 0.3
        if _could_be_measured(word, table.truth[variable.name]):
            return None
        gone[rng.integers(len(gone), size=2)] = True
        cells = [word if lost else cell for cell, lost in zip(table.cells[variable.name], gone, strict=True)]
        truth = table.truth.assign(**{variable.name: table.truth[variable.name].mask(gone)})
        return replace(table.with_cells(variable.name, cells), truth=truth)

    return make


def _could_be_measured(word: str, column: pd.Series) -> bool:
    """Whether a code for missing does not stand out from the values."""
    try:
        value = float(word)
    except ValueError:
        return False
    gap = 0.5 * (column.max() - column.min())
    return bool(column.min() - gap <= value <= column.max() + gap)


def _empty_columns(rng: np.random.Generator, table: Table) -> Table:
    empty = pd.DataFrame([[""] * int(rng.integers(1, 4))] * len(table.cells))
    cells = pd.concat([table.cells, empty], axis=1)
    cells.columns = [*table.cells.columns, *[""] * empty.shape[1]]
    return replace(table, cells=cells, variables=tuple(table.truth.columns[1:]))


MISTAKES: dict[str, Mistake] = {
    "scale: another unit": _other_unit,
    "scale: a hundredth": _numbers(lambda _, column: (column / 100).round(4), ("number",)),
    "scale: logarithm": _numbers(_logarithms, ("number",)),
    "scale: z-scores": _numbers(_z_scores, ("number",)),
    "scale: high or not, 1 and 0": _numbers(_high_or_not, ("number",)),
    "scale: thirds, 1 to 3": _numbers(_thirds, ("number",)),
    "scale: square root": _transformed(np.sqrt),
    "scale: log2": _transformed(np.log2),
    "scale: log of 1 + value": _transformed(np.log1p),
    "scale: quarters, 1 to 4": _numbers(_quarters, ("number",)),
    "scale: percentiles": _numbers(_ranks, ("number",)),
    "scale: numbers of the rows": _numbers(_row_numbers, ("number", "count")),
    "scale: negative": _numbers(lambda _, column: -column if column.min() > 0 else None, ("number",)),
    "scale: a thousandth or thousandfold": _numbers(_thousand, ("number",)),
    "scale: any or none, 1 and 0": _numbers(_yes_or_no, ("count",)),
    "scale: ages in months, days, years of birth": _other_ages,
    "columns: swapped": _swapped,
    "columns: ACT for ACQ": _asthma_control_test,
    "codes: sex H and M": _codes({"sex": {"male": "H", "female": "M"}}, "category"),
    "codes: sex M and V": _codes({"sex": {"male": "M", "female": "V"}}, "category"),
    "codes: sex 1 and 2": _codes({"sex": {"male": "1", "female": "2"}}, "category"),
    "codes: sex of OMOP as floats": _codes({"sex": {"male": "8507.0", "female": "8532.0"}}, "category"),
    "codes: yes 2, no 1": _codes({"": {"1": "2", "0": "1"}}, "flag"),
    "codes: yes 1, no 2": _codes({"": {"1": "1", "0": "2"}}, "flag"),
    "codes: sí and no": _codes({"": {"1": "sí", "0": "no"}}, "flag"),
    "codes: nee and ja": _codes({"": {"1": "ja", "0": "nee"}}, "flag"),
    "codes: smoking in Italian": _codes(
        {"smoking_status": {"never": "mai", "former": "ex fumatore", "current": "fumatore"}}, "category"
    ),
    "codes: smoking 0 to 2": _codes({"smoking_status": {"never": "0", "former": "1", "current": "2"}}, "category"),
    "header: of a visit": _header(lambda rng, name: f"{name}{rng.choice(['_v1', '_bl', '.1', '_visit2', '_T0'])}"),
    "header: points": _header(lambda _, name: name.replace("_", ".")),
    "header: camelCase": _header(lambda _, name: "".join(word.capitalize() for word in name.split("_"))),
    "header: prefix": _header(lambda rng, name: f"{rng.choice(['num__', 'lab.', 'baseline_'])}{name}"),
    "header: another quantity": _other_quantity,
    "beside: unit column": _unit_beside,
    "rows: summary": _added_row(_summary),
    "rows: footer": _added_row(_footer),
    "rows: identifier alone": _added_row(_id_alone),
    "rows: header again": _added_row(lambda _rng, _table, name: name),
    "rows: units below the header": _added_row(_units_below, first=True),
    "cells: flags of the laboratory": _cells(lambda rng, cell: f"{cell}{rng.choice([' H', ' L', '*', ' (H)', 'H'])}"),
    "cells: full-width digits": _cells(lambda _, cell: cell.translate({48 + i: 0xFF10 + i for i in range(10)})),
    "cells: minus signs": _cells(lambda _, cell: cell.replace("-", "\u2212")),
    'cells: ="52"': _cells(lambda _, cell: f'="{cell}"', 1.0),
    "cells: apostrophe": _cells(lambda _, cell: f"'{cell}"),
    "cells: no-break space": _cells(lambda _, cell: f"\u00a0{cell}\u200b"),
    "missing: words": _missing(("<NA>", "#N/A", "(null)", "\\N", ".a", "-", "not done", "unknown", "pending", "k.A.")),
    "missing: codes": _missing(("-9", "-8", "-7", "88", "99", "888", "999", "9999")),
    "shape: empty columns": _empty_columns,
}
