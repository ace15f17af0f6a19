"""Patient tables in: any hospital's table becomes the dictionary's columns, units and levels."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.checks import check_formulas, check_identifiers, check_values
from asthma_ml.patients.column_map import ColumnMap, MappedColumn, canonical
from asthma_ml.patients.conversions import convert_with_companions
from asthma_ml.patients.matching import match_columns
from asthma_ml.patients.parsing import JOIN, MISSING_TOKENS, CellParser, parse_column
from asthma_ml.patients.problems import Finding, Problem, located
from asthma_ml.patients.sources import cell_texts, holds_text, read_source
from asthma_ml.patients.text_tables import TextTable
from asthma_ml.patients.units import UnitEvidence, way_out
from asthma_ml.variables import data_dictionary

if TYPE_CHECKING:
    from asthma_ml.patients.sources import Source


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
    layout : str
        How the table was read, in words: encoding, delimiter, decimal sign.
    """

    raw: pd.DataFrame
    values: pd.DataFrame
    lines: NDArray[np.int64]
    problems: list[Problem]
    invalid: NDArray[np.bool_]
    source: str
    columns: Mapping[str, MappedColumn]
    layout: str = ""

    def __len__(self) -> int:
        return len(self.raw)


def read_patients(source: Source, columns: ColumnMap | str | os.PathLike[str] | None = None) -> PatientTable:
    """Read a table of patients and check it.

    Parameters
    ----------
    source : path, "-" or data frame
        CSV or TSV (UTF-8, UTF-16 or Latin-1; comma, semicolon, tab or bar; also packed by gzip or zstd) or Parquet,
        told apart by content; `-` is standard input; any data frame that narwhals converts.
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
    column_map = columns if isinstance(columns, ColumnMap) else _column_map(columns)
    table, name = read_source(source, column_map.names)
    names = [str(column) for column in table.frame.columns]
    matched, findings = match_columns(names, column_map, name)
    cells = {target: _cells(table, names, column.sources) for target, column in matched.items()}
    written = {
        target
        for target, column in matched.items()
        if all(holds_text(table.frame.iloc[:, names.index(name)]) for name in column.sources)
    }
    decimal_comma = column_map.decimal == "," if column_map.decimal else table.decimal_comma
    values, unread = _parse(cells, matched, column_map, decimal_comma, written)
    _refuse_other_units(values, matched, name)
    unread += convert_with_companions(
        values,
        table.frame,
        matched,
        missing=MISSING_TOKENS.union(map(canonical, column_map.missing)),
        decimal_comma=decimal_comma,
        source=name,
    )
    stated = {target for target, column in matched.items() if column.unit or column.companions}
    findings = [*table.findings, *findings, *unread, *check_values(values, stated), *check_identifiers(values)]
    findings += check_formulas(table.frame, _understood(matched))
    shown = {target: [text.replace(JOIN, "|") for text in texts] for target, texts in cells.items()}
    problems, invalid = located(findings, table.lines, shown)
    layout = table.layout + (", decimal comma" if decimal_comma else "")
    return PatientTable(table.frame, values, table.lines, problems, invalid, name, matched, layout)


def _understood(matched: Mapping[str, MappedColumn]) -> set[str]:
    """Columns of which every cell is a number, a flag or a level, or a problem."""
    verbatim = ("id", "group")
    read = (column for target, column in matched.items() if data_dictionary()[target].kind not in verbatim)
    return {name for column in read for name in column.sources}


def _column_map(path: str | os.PathLike[str] | None) -> ColumnMap:
    return ColumnMap() if path is None else ColumnMap.from_toml(path)


def _cells(table: TextTable, names: list[str], sources: tuple[str, ...]) -> list[str]:
    """Text of a variable's cells, several source columns joined."""
    parts = [cell_texts(table.frame.iloc[:, names.index(name)]) for name in sources]
    return parts[0] if len(parts) == 1 else [JOIN.join(texts) for texts in zip(*parts, strict=True)]


def _parse(
    cells: Mapping[str, list[str]],
    matched: Mapping[str, MappedColumn],
    column_map: ColumnMap,
    decimal_comma: bool,
    written: Collection[str],
) -> tuple[pd.DataFrame, list[Finding]]:
    columns: dict[str, pd.Series[Any]] = {}
    findings: list[Finding] = []
    for target, texts in cells.items():
        missing = MISSING_TOKENS.union(map(canonical, (*column_map.missing, *matched[target].missing)))
        # Numbers of a typed column carry a point whatever the decimal sign of texts is.
        signs = (decimal_comma, column_map.decimal is not None) if target in written else (False, False)
        parser = CellParser(data_dictionary()[target], matched[target], missing, *signs)
        columns[target], found = parse_column(texts, parser)
        findings += found
    return pd.DataFrame(columns), findings


def _refuse_other_units(values: pd.DataFrame, matched: Mapping[str, MappedColumn], source: str) -> None:
    """Refuse a table whose columns are evidently in another unit than the dictionary's, all of them at once."""
    looks = []
    for target, column in matched.items():
        if column.unit or column.companions or not data_dictionary()[target].is_numeric:
            continue
        evidence = UnitEvidence(data_dictionary()[target])
        evidence.add(values[target].to_numpy())
        looks.append(way_out(evidence))
    if any(looks):
        raise UnusableInputError(f"{source}: " + "; ".join(filter(None, looks)) + "; then give `--columns MAP.toml`")
