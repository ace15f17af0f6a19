"""Read a table of patients: convert any hospital's table to the columns, units and levels of the data dictionary."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.checks import check_formulas, check_identifiers, check_rows, check_values
from asthma_ml.patients.column_map import JOINT, ColumnMap, MappedColumn, canonical
from asthma_ml.patients.conversions import convert_with_companions
from asthma_ml.patients.matching import match_columns
from asthma_ml.patients.parsing import JOIN, MISSING_TOKENS, CellParser, parse_column
from asthma_ml.patients.problems import Finding, Problem, locate_problems
from asthma_ml.patients.sources import read_source
from asthma_ml.patients.text_tables import TextTable
from asthma_ml.patients.units import UnitEvidence, unit_message
from asthma_ml.variables import ID, data_dictionary

if TYPE_CHECKING:
    from asthma_ml.patients.sources import Source


@dataclass(frozen=True, slots=True)
class ReadPatients:
    """Patients in the columns of the data dictionary; row i is the same patient in all attributes.

    Attributes
    ----------
    values : DataFrame of shape (n_patients, n_variables)
        Columns of the data dictionary, in its order, units and levels; NaN where missing or impossible. Identifiers
        are unchanged.
    lines : ndarray of shape (n_patients,)
        File line on which each row begins; the header is line 1.
    problems : list of Problem
        Problems, in file order.
    invalid : ndarray of shape (n_patients,)
        Whether a row has an error.
    """

    values: pd.DataFrame
    lines: NDArray[np.int64]
    problems: list[Problem]
    invalid: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PatientTable:
    """A table of patients, as given and in the columns of the data dictionary; row i is the same patient in both.

    Attributes
    ----------
    raw : DataFrame of shape (n_patients, n_columns)
        The table as given; text if it came from a text file.
    values : DataFrame of shape (n_patients, n_variables)
        Columns of the data dictionary, in its order, units and levels; NaN where missing or impossible. Identifiers
        are unchanged.
    lines : ndarray of shape (n_patients,)
        File line on which each row begins; the header is line 1.
    problems : list of Problem
        Problems, in file order.
    invalid : ndarray of shape (n_patients,)
        Whether a row has an error.
    source : str
        Name of the table for messages.
    columns : mapping of str to MappedColumn
        Source columns, unit and levels of each variable.
    layout : str
        Encoding, delimiter and decimal sign in words.
    decimal_comma : bool
        Whether numbers have a decimal comma.
    """

    raw: pd.DataFrame
    values: pd.DataFrame
    lines: NDArray[np.int64]
    problems: list[Problem]
    invalid: NDArray[np.bool_]
    source: str
    columns: Mapping[str, MappedColumn]
    layout: str = ""
    decimal_comma: bool = False

    def __len__(self) -> int:
        return len(self.raw)


def read_patients(source: Source, columns: ColumnMap | str | os.PathLike[str] | None = None) -> PatientTable:
    """Read a table of patients and check it.

    Parameters
    ----------
    source : path, "-" or data frame
        CSV or TSV (UTF-8, UTF-16 or Latin-1; comma, semicolon, tab or bar) or Parquet, also compressed by gzip or
        zstd; the content decides the format. `-` is standard input. Any data frame that narwhals converts.
    columns : ColumnMap or path, optional
        Maps other column names, units and codes. Other columns are matched by name, alias or LOINC code.

    Returns
    -------
    PatientTable
        One row for each row of the source, in its order. Unusable cells are problems, not exceptions.

    Raises
    ------
    UnusableInputError
        If the table cannot be read, the map does not fit it, or a column is evidently in another unit.

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
    column_map = as_column_map(columns)
    table, name = read_source(source, column_map.names)
    matched, findings = match_columns(table.names, column_map, name)
    cells, values, cell_findings = parse_table(table, matched, column_map)
    refuse_other_units(values, matched, name)
    cell_findings += convert_cells(values, table, matched, column_map, name)
    found = [*table.findings, *findings, *cell_findings]
    read = check_patients(cells, values, found, table, matched)
    comma = has_decimal_comma(column_map, table.decimal_comma)
    layout = table.layout + (", decimal comma" if comma else "")
    return PatientTable(table.frame, read.values, read.lines, read.problems, read.invalid, name, matched, layout, comma)


def parse_table(
    table: TextTable, matched: Mapping[str, MappedColumn], column_map: ColumnMap
) -> tuple[dict[str, Sequence[str]], pd.DataFrame, list[Finding]]:
    """Return texts, values before conversion, and findings of the cells of all variables."""
    cells = cells_of_variables(table, matched)
    typed = table.typed_names if column_map.decimal else frozenset()
    values, findings = parse_cells(cells, cell_parsers(matched, column_map, table.decimal_comma, typed))
    return cells, values, findings


def has_decimal_comma(column_map: ColumnMap, decimal_comma: bool) -> bool:
    """Whether numbers have a decimal comma: as stated in the map, else as found in the file."""
    return column_map.decimal == "," if column_map.decimal else decimal_comma


def convert_cells(
    values: pd.DataFrame, table: TextTable, matched: Mapping[str, MappedColumn], column_map: ColumnMap, source: str
) -> list[Finding]:
    """Convert the columns whose conversion needs other columns of the same row; changes values in place."""
    return convert_with_companions(
        values,
        table,
        matched,
        missing=MISSING_TOKENS.union(map(canonical, column_map.missing)),
        decimal_comma=has_decimal_comma(column_map, table.decimal_comma),
        source=source,
    )


def as_column_map(columns: ColumnMap | str | os.PathLike[str] | None) -> ColumnMap:
    """Return a column map; read it from its file if a path is given."""
    if isinstance(columns, ColumnMap):
        return columns
    return ColumnMap() if columns is None else ColumnMap.from_toml(columns)


def cells_of_variables(table: TextTable, matched: Mapping[str, MappedColumn]) -> dict[str, Sequence[str]]:
    """Text of the cells of each variable; several source columns are joined. Misfits have only their identifier."""
    parts = {
        target: [(table.texts_as_given if target == ID else table.texts)(name) for name in column.sources]
        for target, column in matched.items()
    }
    return {
        target: texts[0] if len(texts) == 1 else [JOIN.join(row) for row in zip(*texts, strict=True)]
        for target, texts in parts.items()
    }


def cell_parsers(
    matched: Mapping[str, MappedColumn], column_map: ColumnMap, decimal_comma: bool, typed: frozenset[str] = frozenset()
) -> dict[str, CellParser]:
    """Return a parser for each variable; numbers of typed columns always have a decimal point."""
    parsers = {}
    texts = has_decimal_comma(column_map, decimal_comma), column_map.decimal is not None
    for target, column in matched.items():
        missing = MISSING_TOKENS.union(map(canonical, (*column_map.missing, *column.missing)))
        signs = texts if typed.isdisjoint(column.sources) else (False, False)
        parsers[target] = CellParser(data_dictionary()[target], column, missing, *signs)
    return parsers


def parse_cells(
    cells: Mapping[str, Sequence[str]], parsers: Mapping[str, CellParser]
) -> tuple[pd.DataFrame, list[Finding]]:
    """Parse the cells of variables to values in the units and levels of the data dictionary."""
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
    table: TextTable,
    matched: Mapping[str, MappedColumn],
    repeated: NDArray[np.bool_] | None = None,
) -> ReadPatients:
    """Check values and set impossible ones to missing, so that no model uses them.

    Parameters
    ----------
    cells : mapping of str to sequence of str
        Texts of each variable.
    values : DataFrame of shape (n_patients, n_variables)
        Values of each variable; changed in place.
    findings : sequence of Finding
        Earlier findings.
    table : TextTable of n_patients rows
        The table.
    matched : mapping of str to MappedColumn
        Source columns, unit and levels of each variable.
    repeated : ndarray of bool of shape (n_patients,), optional
        Whether another row has the same identifier; needed if the patients are a part of a larger table.

    Returns
    -------
    ReadPatients
        Values, problems and invalid rows.
    """
    stated = {target for target, column in matched.items() if column.unit or column.companions}
    found = [*check_rows(table), *findings, *check_values(values, stated), *check_identifiers(values, repeated)]
    found += check_formulas(table, _parsed_columns(matched))
    problems, invalid = locate_problems(found, table.lines, {target: _Shown(texts) for target, texts in cells.items()})
    return ReadPatients(values, table.lines, problems, invalid)


class _Shown(Sequence[str]):
    """Cells to be shown on request; cells of several columns are joined by a bar."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, row: Any) -> Any:
        return self.texts[row].replace(JOIN, JOINT)


def refuse_other_units(values: pd.DataFrame, matched: Mapping[str, MappedColumn], source: str) -> None:
    """Raise UnusableInputError if columns are evidently in another unit; the message names all of them."""
    evidence = unit_evidence(matched)
    for target, found in evidence.items():
        found.add(values[target].to_numpy())
    refuse_suspected_units(evidence, source)


def unit_evidence(matched: Mapping[str, MappedColumn]) -> dict[str, UnitEvidence]:
    """Return empty evidence for each number whose unit the column map does not state."""
    unstated = [target for target, column in matched.items() if not (column.unit or column.companions)]
    variables = [data_dictionary()[target] for target in unstated]
    return {variable.name: UnitEvidence(variable) for variable in variables if variable.is_numeric}


def refuse_suspected_units(evidence: Mapping[str, UnitEvidence], source: str) -> None:
    """Raise UnusableInputError if the evidence suggests another unit for any variable."""
    messages = list(filter(None, map(unit_message, evidence.values())))
    if messages:
        raise UnusableInputError(f"{source}: " + "; ".join(messages) + "; then run again with --columns MAP.toml")


def _parsed_columns(matched: Mapping[str, MappedColumn]) -> set[str]:
    """Columns whose cells are parsed as numbers, flags or levels."""
    verbatim = ("id", "group")
    read = (column for target, column in matched.items() if data_dictionary()[target].kind not in verbatim)
    return {name for column in read for name in column.sources}
