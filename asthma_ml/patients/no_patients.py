"""Find rows that are no patients: summaries, notes, rules, a repeated header, rows of units or labels, empty rows.

A row is judged by itself, so that the result does not depend on how a file is cut into parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.columns import Column, ColumnTable, Slices, Texts
from asthma_ml.patients.columns.column_map import MappedColumn
from asthma_ml.patients.problems import ROW, Finding, invalid_rows
from asthma_ml.patients.rows_of_text import rows_of_text, rows_with_titles
from asthma_ml.patients.summary_words import LONGEST_LABEL, may_be_label, summary_label
from asthma_ml.patients.text.identifiers import blank_cells
from asthma_ml.patients.text.text_tables import TextTable, cell_texts, rows_of, text_codes
from asthma_ml.variables import ID, data_dictionary

_KINDS = ("category", "flag", "label")
_NOTE = re.compile(r"\(.*\)|[*#©†].*\s|.*\w+:(?:\s|$)|(?:\S*[^\W\d_]\S*\s+){2,}\S", re.DOTALL)
_LONGEST_NOTE = 2**20
# Name that pandas gives to an index without one in a Parquet file.
_UNNAMED_INDEX = re.compile(r"__index_level_\d+__")
_MESSAGES = {
    "summary": "not a patient: a summary row (mean, total ...)",
    "unnamed": "not a patient: no identifier and no category, numbers alone (sums or means?)",
    "header": "not a patient: a repeated header",
    "units": "not a patient: a row of units",
    "rule": "not a patient: a separator line",
    "import": "not a patient: a row of import identifiers",
    "labels": "not a patient: a row of labels, no value in any column",
    "note": "not a patient: a note or footer, no value in any column",
    "empty": "with no data: no value in any column that is read",
}


def check_patients(
    table: TextTable, columns: Mapping[str, MappedColumn], values: ColumnTable, found: Iterable[Finding] = ()
) -> list[Finding]:
    """Find rows that are no patients, and set their values to missing.

    Parameters
    ----------
    table : TextTable of n_rows rows
        The table as given.
    columns : mapping of str to MappedColumn
        Source columns of each variable.
    values : ColumnTable of n_rows rows
        Their values, before impossible ones are set to missing; changed in place.
    found : iterable of Finding
        Findings of the cells. A row whose cells have errors is not said to have no data.

    Returns
    -------
    list of Finding
        An error for each kind of row, so that none of them gets a call.

    Examples
    --------
    >>> table = TextTable(["patient_id", "feno"], np.arange(2, 5), [Texts.of(["S01", "Mean", "S02"])] * 2)
    >>> columns = {"patient_id": MappedColumn("patient_id", ("patient_id",))}
    >>> values = ColumnTable({"patient_id": table.columns[0], "feno_ppb": np.array([52.0, 38.0, np.nan])}, 3)
    >>> [(each.message, each.rows.tolist()) for each in check_patients(table, columns, values)]
    [('not a patient: a summary row (mean, total ...)', [1]),
     ('with no data: no value in any column that is read', [2])]
    """
    found = [*found]
    kinds = _kinds_of_rows(table, columns, values, found)
    kinds["empty"] = kinds["empty"][~invalid_rows(found, len(table))[kinds["empty"]]]
    _set_missing(values, np.concatenate([rows for kind, rows in kinds.items() if kind != "empty"]))
    return [
        Finding(ROW, "no_data" if kind == "empty" else "no_patient", "error", message, kinds[kind])
        for kind, message in _MESSAGES.items()
        if kinds[kind].size
    ]


def findings_of_patients(findings: Iterable[Finding], no_patients: Iterable[Finding]) -> list[Finding]:
    """Findings without the rows that are no patients, of which the kind of the row says all.

    Examples
    --------
    >>> of_rows = [Finding(ROW, "no_patient", "error", "not a patient: a row of units", np.array([0]))]
    >>> of_cells = [Finding("feno_ppb", "number", "error", "not a number", np.array([0, 7]))]
    >>> findings_of_patients(of_cells, of_rows)[0].rows
    array([7])
    """
    rows = [each.rows for each in no_patients if each.rows is not None and each.rule == "no_patient"]
    if not rows:
        return [*findings]
    return [*filter(None, (_elsewhere(each, np.concatenate(rows)) for each in findings))]


def rows_beside_patients(
    table: TextTable, columns: Mapping[str, MappedColumn], codes: Mapping[str, Iterable[str]]
) -> NDArray[np.intp]:
    """Rows that say nothing of the codes of the patients, by their texts alone: summaries and rows of text.

    Parameters
    ----------
    table : TextTable
        The table, or a part of it.
    columns : mapping of str to MappedColumn
        Source columns of each variable.
    codes : mapping of str to iterable of str
        Distinct cells of the columns of flags and categories.

    Examples
    --------
    >>> table = TextTable(["patient_id", "sex"], np.arange(2, 5), [Texts.of(["S01", "Total", "S02"])] * 2)
    >>> columns = {"patient_id": MappedColumn("patient_id", ("patient_id",))}
    >>> rows_beside_patients(table, columns, {}).tolist()
    [1]
    """
    summaries = [rows[labels != ""] for rows, labels in map(_labels, _label_columns(table, columns))]
    cells = {name: table.column(columns[name].sources[0]) for name in codes}
    without_name = np.empty(0, dtype=np.intp)
    if ID in columns and codes:
        without_name = np.flatnonzero(blank_cells(table.columns[table.names.index(columns[ID].sources[0])]))
        for name in _categories(codes):
            without_name = without_name[blank_cells(rows_of(cells[name], without_name))]
    candidates = rows_with_titles(cells, columns, codes)
    of_text = rows_of_text(table, columns, candidates, []).values() if candidates.size else []
    return np.unique(np.concatenate([*summaries, without_name, *of_text]))


def _set_missing(values: ColumnTable, rows: NDArray[np.intp]) -> None:
    for name in [each for each in values if rows.size and data_dictionary()[each].kind not in ("id", "group")]:
        column: Any = values[name]
        if isinstance(column, np.ndarray):
            column[rows] = np.nan
        else:
            column.codes[rows] = -1


def _kinds_of_rows(
    table: TextTable, columns: Mapping[str, MappedColumn], values: ColumnTable, found: Sequence[Finding]
) -> dict[str, NDArray[np.intp]]:
    """Rows of each kind; a row has one kind."""
    without = _without_values(values)
    kinds = {"summary": _summaries(table, columns, values)}
    kinds["note"] = np.setdiff1d(_notes(table, columns, without), kinds["summary"])
    errors = np.flatnonzero(invalid_rows(found, len(table)))
    told = np.concatenate([*kinds.values(), np.array(list(table.misfits), dtype=np.intp)])
    kinds |= rows_of_text(table, columns, np.setdiff1d(np.union1d(without, errors), told), found)
    told = np.concatenate([told, *kinds.values()])
    kinds["empty"] = np.setdiff1d(without, told)
    kinds["unnamed"] = np.setdiff1d(_unnamed(values), np.concatenate([told, kinds["empty"]]))
    return kinds


def _elsewhere(found: Finding, rows: NDArray[np.intp]) -> Finding | None:
    """A finding without some rows, None if no row is left."""
    if found.rows is None:
        return found
    rest = found.rows[~np.isin(found.rows, rows)]
    return replace(found, rows=rest) if rest.size else None


def _without_values(values: ColumnTable) -> NDArray[np.intp]:
    """Rows without a value of any feature; most rows are left out by the first column."""
    rows = np.arange(len(values))
    features = [name for name in values if data_dictionary()[name].is_feature]
    for name in features:
        rows = rows[_is_missing(values[name], rows)]
    # A lone column is a list of values, of which one may be missing.
    return rows if len(features) > (ID not in values) else rows[:0]


def _is_missing(column: Column, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    if isinstance(column, np.ndarray):
        return np.asarray(np.isnan(column[rows]))
    if isinstance(column, Texts):
        return np.asarray(column.codes[rows] < 0)
    return blank_cells(rows_of(column, rows))


def _summaries(table: TextTable, columns: Mapping[str, MappedColumn], values: ColumnTable) -> NDArray[np.intp]:
    """Rows whose identifier or first cell is the label of a summary."""
    certain: list[NDArray[np.intp]] = []
    possible: list[NDArray[np.intp]] = []
    for column in _label_columns(table, columns):
        rows, labels = _labels(column)
        certain.append(rows[labels == "certain"])
        possible.append(rows[labels == "possible"])
    doubtful = np.unique(np.concatenate(possible)) if possible else np.empty(0, dtype=np.intp)
    return np.unique(np.concatenate([_without_category(values, doubtful), *certain]))


def _unnamed(values: ColumnTable) -> NDArray[np.intp]:
    """Rows of numbers without an identifier and without a category, in a table that has both."""
    if ID not in values or not _categories(values):
        return np.empty(0, dtype=np.intp)
    rows = _without_category(values, np.flatnonzero(blank_cells(values[ID])))
    columns = [values[each] for each in values if data_dictionary()[each].kind in ("number", "count")]
    n_missing = sum((_is_missing(column, rows).astype(np.intp) for column in columns), np.zeros(len(rows), np.intp))
    # Sums and means fill the columns of numbers, which a patient without any category hardly does.
    return rows[2 * n_missing < len(columns)]


def _without_category(values: ColumnTable, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Those of some rows that have no level of any category."""
    for name in _categories(values):
        rows = rows[_is_missing(values[name], rows)]
    return rows


def _categories(names: Iterable[str]) -> list[str]:
    """Categories among some variables, flags if there are none: a mean or sum may look like a flag."""
    of_kind = {name: data_dictionary()[name].kind for name in names}
    categories = [name for name, kind in of_kind.items() if kind in ("category", "label")]
    return categories or [name for name, kind in of_kind.items() if kind == "flag"]


def _label_columns(table: TextTable, columns: Mapping[str, MappedColumn]) -> list[Column]:
    """The identifier, the first column, unless that is read as a category, and the labels of the rows."""
    names = [columns[ID].sources[0]] if ID in columns else []
    read = {name: data_dictionary()[target].kind for target, column in columns.items() for name in column.sources}
    if table.names and table.names[0] not in names and read.get(table.names[0]) not in _KINDS:
        names.append(table.names[0])
    names += [name for name in table.names if _UNNAMED_INDEX.fullmatch(name)]
    labels = [] if table.row_labels is None else [table.row_labels]
    return [*(table.columns[table.names.index(name)] for name in names), *labels]


def _labels(column: Column) -> tuple[NDArray[np.intp], NDArray[np.str_]]:
    """Rows whose text may be the label of a summary, and what `summary_label` says of each."""
    if isinstance(column, np.ndarray):
        return np.empty(0, dtype=np.intp), np.empty(0, dtype="U8")
    if isinstance(column, Slices):
        rows = _with_words(column, 4 * LONGEST_LABEL)
        return rows, np.array([summary_label(text) for text in cell_texts(rows_of(column, rows))], dtype="U8")
    coded = text_codes(column)
    labels = [summary_label(text) if may_be_label(text) else "" for text in coded.distinct]
    of_rows = np.array([*labels, ""], dtype="U8")[coded.codes]
    rows = np.flatnonzero(of_rows != "")
    return rows, of_rows[rows]


def _with_words(column: Slices, longest: int) -> NDArray[np.intp]:
    """Rows whose text has no digit, or a blank or sign beside one: few identifiers do."""
    from asthma_ml.patients.text import text_kernel

    worth = np.empty(len(column), dtype=np.bool_)
    text_kernel.may_be_labels(column.data, column.starts, column.stops, longest, worth)
    return np.flatnonzero(worth)


def _notes(table: TextTable, columns: Mapping[str, MappedColumn], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rows without a value whose first cell is a sentence, a text in brackets or one with a colon."""
    if not rows.size:
        return rows
    first = rows_of(table.columns[0], rows)
    rows = rows[_with_words(first, _LONGEST_NOTE)] if isinstance(first, Slices) else rows
    texts = cell_texts(rows_of(table.columns[0], rows))
    rows = rows[np.array([may_be_label(text) and _NOTE.match(text.strip()) is not None for text in texts], dtype=bool)]
    read = {name for column in columns.values() for name in column.sources}.difference(table.names[:1])
    for name, column in zip(table.names, table.columns, strict=True):
        if name in read and rows.size:
            rows = rows[blank_cells(rows_of(column, rows))]
    return rows
