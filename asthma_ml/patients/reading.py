"""Patient tables in: any hospital's table becomes the dictionary's columns, units and levels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.checks import check_identifiers, check_limits, check_relations
from asthma_ml.patients.column_map import JOINT, ColumnMap, MappedColumn, canonical
from asthma_ml.patients.matching import match_columns
from asthma_ml.patients.parsing import JOIN, MISSING_TOKENS, CellParser, parse_column
from asthma_ml.patients.problems import Finding, Problem, located
from asthma_ml.patients.sources import read_source
from asthma_ml.patients.text_tables import TextTable
from asthma_ml.patients.units import suspected_unit
from asthma_ml.variables import data_dictionary

if TYPE_CHECKING:
    from asthma_ml.patients.sources import Source


@dataclass(frozen=True, slots=True)
class ReadPatients:
    """Patients as understood; row i is the same patient everywhere.

    Attributes
    ----------
    values : DataFrame of shape (n_patients, n_variables)
        The dictionary's columns that were found, in its order, units and levels; NaN where missing or
        impossible, identifiers verbatim.
    lines : ndarray of shape (n_patients,)
        File line on which each row begins; the header is line 1.
    problems : list of Problem
        What is wrong, in the order of the file.
    invalid : ndarray of shape (n_patients,)
        Whether a row has an error.
    """

    values: pd.DataFrame
    lines: NDArray[np.int64]
    problems: list[Problem]
    invalid: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PatientTable:
    """A table of patients, as given and as understood; row i is the same patient everywhere.

    Attributes
    ----------
    raw : DataFrame of shape (n_patients, n_columns)
        The table exactly as given; text where it came from a text file.
    values : DataFrame of shape (n_patients, n_variables)
        The dictionary's columns that were found, in its order, units and levels; NaN where missing or
        impossible, identifiers verbatim.
    lines : ndarray of shape (n_patients,)
        File line on which each row begins; the header is line 1.
    problems : list of Problem
        What is wrong, in the order of the file.
    invalid : ndarray of shape (n_patients,)
        Whether a row has an error.
    source : str
        Name of the table for messages.
    columns : mapping of str to MappedColumn
        Which columns of the table each variable was read from, and how.
    """

    raw: pd.DataFrame
    values: pd.DataFrame
    lines: NDArray[np.int64]
    problems: list[Problem]
    invalid: NDArray[np.bool_]
    source: str
    columns: Mapping[str, MappedColumn]

    def __len__(self) -> int:
        return len(self.raw)


def read_patients(source: Source, columns: ColumnMap | str | os.PathLike[str] | None = None) -> PatientTable:
    """Read a table of patients and check it.

    Parameters
    ----------
    source : path, "-" or data frame
        CSV or TSV (UTF-8, UTF-16 or Latin-1; comma, semicolon, tab or bar; also gzipped) or Parquet, told apart by
        content; `-` is standard input; any data frame that narwhals converts.
    columns : ColumnMap or path, optional
        Which columns are which variables. What it does not name is matched by name, then by alias.

    Returns
    -------
    PatientTable
        One row for each row of the source, in its order. Cells that cannot be used are problems, not exceptions.

    Raises
    ------
    UnusableInputError
        If the table cannot be read at all, the map does not fit it, or a column is evidently in another unit.

    Examples
    --------
    >>> patients = read_patients(pd.DataFrame({"patient_id": ["007", "008"], "FeNO": ["<5", "42"]}))
    >>> patients.values
      patient_id  feno_ppb
    0        007       5.0
    1        008      42.0
    >>> [problem.rule for problem in patients.problems]
    ['alias', 'censored']
    """
    table, name = read_source(source)
    column_map = as_column_map(columns)
    matched, findings = match_columns(table.names, column_map, name)
    cells = cells_of_variables(table, matched)
    values, unread = parse_cells(cells, cell_parsers(matched, column_map, table.decimal_comma))
    refuse_other_units(values, matched, name)
    read = check_patients(cells, values, [*table.findings, *findings, *unread], table.lines)
    return PatientTable(table.frame, read.values, read.lines, read.problems, read.invalid, name, matched)


def as_column_map(columns: ColumnMap | str | os.PathLike[str] | None) -> ColumnMap:
    """Return a column map, read from its file where only that is given."""
    if isinstance(columns, ColumnMap):
        return columns
    return ColumnMap() if columns is None else ColumnMap.from_toml(columns)


def cells_of_variables(table: TextTable, matched: Mapping[str, MappedColumn]) -> dict[str, Sequence[str]]:
    """Text of the cells of each variable, several source columns joined."""
    parts = {target: [table.texts(name) for name in column.sources] for target, column in matched.items()}
    return {
        target: texts[0] if len(texts) == 1 else [JOIN.join(row) for row in zip(*texts, strict=True)]
        for target, texts in parts.items()
    }


def cell_parsers(
    matched: Mapping[str, MappedColumn], column_map: ColumnMap, decimal_comma: bool
) -> dict[str, CellParser]:
    """What reads the cells of each variable."""
    parsers = {}
    for target, column in matched.items():
        missing = MISSING_TOKENS.union(map(canonical, (*column_map.missing, *column.missing)))
        parsers[target] = CellParser(data_dictionary()[target], column, missing, decimal_comma)
    return parsers


def parse_cells(
    cells: Mapping[str, Sequence[str]], parsers: Mapping[str, CellParser]
) -> tuple[pd.DataFrame, list[Finding]]:
    """Read the cells of variables as values in the dictionary's units and levels."""
    columns: dict[str, pd.Series[Any]] = {}
    findings: list[Finding] = []
    for target, texts in cells.items():
        columns[target], found = parse_column(texts, parsers[target])
        findings += found
    return pd.DataFrame(columns), findings


def check_patients(
    cells: Mapping[str, Sequence[str]],
    values: pd.DataFrame,
    findings: Sequence[Finding],
    lines: NDArray[np.int64],
    repeated: NDArray[np.bool_] | None = None,
) -> ReadPatients:
    """Check values and blank what is impossible, so that no model ever sees it.

    Parameters
    ----------
    cells : mapping of str to sequence of str
        Text of each variable.
    values : DataFrame of shape (n_patients, n_variables)
        The same as values; changed in place.
    findings : sequence of Finding
        What was found before.
    lines : ndarray of shape (n_patients,)
        File line of each row.
    repeated : ndarray of bool of shape (n_patients,), optional
        Whose identifier is used twice, where these patients are a part of a larger table.

    Returns
    -------
    ReadPatients
        Values, problems and which rows are invalid.
    """
    outside = check_limits(values)
    for finding in outside:
        if finding.severity == "error":
            values.loc[finding.rows, finding.column] = np.nan
    found = [*findings, *outside, *check_relations(values), *check_identifiers(values, repeated)]
    problems, invalid = located(found, lines, {target: _Shown(texts) for target, texts in cells.items()})
    return ReadPatients(values, lines, problems, invalid)


class _Shown(Sequence[str]):
    """Cells as they may be shown, one at a time: those that come from several columns with a bar between."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, row: Any) -> Any:
        return self.texts[row].replace(JOIN, JOINT)


def refuse_other_units(values: pd.DataFrame, matched: Mapping[str, MappedColumn], source: str) -> None:
    """Refuse a table whose columns are evidently in another unit than the dictionary's, all of them at once."""
    looks = {
        target: suspected_unit(values[target].to_numpy(), data_dictionary()[target])
        for target in unstated_units(matched)
    }
    refuse_suspected_units(looks, source)


def unstated_units(matched: Mapping[str, MappedColumn]) -> list[str]:
    """Variables that come in several units and of which the column map does not state one."""
    return [target for target, column in matched.items() if data_dictionary()[target].units and not column.unit]


def refuse_suspected_units(suspected: Mapping[str, str | None], source: str) -> None:
    """Raise UnusableInputError where variables look like another unit than the dictionary's."""
    looks = []
    for target, unit in suspected.items():
        variable = data_dictionary()[target]
        if unit:
            looks.append(
                f"{target}: values look like {unit}, not {variable.unit}; multiply them by {variable.units[unit]:g} or "
                f'state `unit = "{unit}"` under [columns.{target}] in MAP.toml (`unit = "{variable.unit}"` if they '
                "are right as they stand)"
            )
    if looks:
        raise UnusableInputError(f"{source}: " + "; ".join(looks) + "; then give `--columns MAP.toml`")
