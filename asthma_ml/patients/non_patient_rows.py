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
from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.columns.cells import MISSING_TOKENS
from asthma_ml.patients.columns.column_map import INDEX_NAME, MappedColumn, canonical
from asthma_ml.patients.problems import ROW, Finding, invalid_rows
from asthma_ml.patients.rows_of_text import rows_of_text, rows_with_titles
from asthma_ml.patients.summary_words import LONGEST_LABEL, may_be_label, summary_label
from asthma_ml.patients.text.identifiers import blank_cells
from asthma_ml.patients.text.text_tables import TextTable, cell_texts, rows_of, text_codes
from asthma_ml.variables import ID, data_dictionary

# A word, or a number as small as codes are.
_CODE = re.compile(r"[0-4](?:\.0)?|\D*[^\W\d]\D*")
_NO_ROWS: NDArray[np.intp] = np.empty(0, dtype=np.intp)
_INITIALS = re.compile(r"[A-Z]{2,3}")
_NOTE = re.compile(r"\(.*\)|[*#©†].*\s|.*\w+:(?:\s|$)|(?:\S*[^\W\d_]\S*\s+){2,}\S", re.DOTALL)
_LONGEST_NOTE = 2**20
_MESSAGES = {
    "summary": "not a patient: a summary row (mean, total ...)",
    "unnamed": "not a patient: no identifier and no category, numbers alone (sums or means?)",
    "header": "not a patient: a repeated header",
    "other_header": "not a patient: the header of another table",
    "units": "not a patient: a row of units",
    "rule": "not a patient: a separator line",
    "import": "not a patient: a row of import identifiers",
    "labels": "not a patient: a row of labels, no value in any column",
    "note": "not a patient: a note or footer, no value in any column",
    "empty": "with no data: no value in any column that is read",
}


def check_patients(
    table: TextTable,
    columns: Mapping[str, MappedColumn],
    values: ColumnTable,
    found: Iterable[Finding] = (),
    *,
    initials: bool = False,
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
    initials : bool, default=False
        Whether the patients are named by initials.

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
    kinds = _kinds_of_rows(table, columns, values, found, initials)
    kinds["empty"] = kinds["empty"][~invalid_rows(found, len(table))[kinds["empty"]]]
    _set_missing(values, np.concatenate([rows for kind, rows in kinds.items() if kind != "empty"]))
    errors = [
        Finding(ROW, "no_data" if kind == "empty" else "no_patient", "error", message, kinds[kind])
        for kind, message in _MESSAGES.items()
        if kinds[kind].size
    ]
    unsure = _summaries(table, columns, initials)[1] if initials else _NO_ROWS
    message = (
        "read as a patient, although its identifier may be the label of a summary row; remove the row if it is one"
    )
    return [*errors, Finding(ROW, "summary_label", "warning", message, unsure)] if unsure.size else errors


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
    table: TextTable, columns: Mapping[str, MappedColumn], codes: Mapping[str, Iterable[str]], *, initials: bool = False
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
    initials : bool, default=False
        Whether the patients are named by initials.

    Examples
    --------
    >>> table = TextTable(["patient_id", "sex"], np.arange(2, 5), [Texts.of(["S01", "Total", "S02"])] * 2)
    >>> columns = {"patient_id": MappedColumn("patient_id", ("patient_id",))}
    >>> rows_beside_patients(table, columns, {}).tolist()
    [1]
    """
    summaries, _ = _summaries(table, columns, initials)
    cells = {name: table.column(columns[name].sources[0]) for name in codes}
    unnamed = np.flatnonzero(blank_cells(_identifiers(table, columns))) if ID in columns and codes else _NO_ROWS
    unnamed = _without_code(table, columns, unnamed)
    candidates = rows_with_titles(cells, columns, codes)
    of_text = rows_of_text(table, columns, candidates, []).values() if candidates.size else []
    return np.unique(np.concatenate([summaries, unnamed, *of_text]))


def _without_code(table: TextTable, columns: Mapping[str, MappedColumn], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Those of some rows that have no code of a patient in any category; a mean or a sum of codes is seldom one."""
    for name in _categories(columns):
        coded = text_codes(rows_of(table.column(columns[name].sources[0]), rows))
        rows = rows[~np.array([_is_code(text.strip()) for text in coded.distinct], dtype=bool)[coded.codes]]
    return rows


def _is_code(text: str) -> bool:
    return _CODE.fullmatch(text) is not None and canonical(text) not in MISSING_TOKENS


def refuse_second_table(no_patients: Iterable[Finding], lines: NDArray[np.int64], source: str) -> None:
    """Raise UnusableInputError if a row is the header of another table: the cells below it belong to other columns."""
    for each in no_patients:
        if each.message == _MESSAGES["other_header"] and each.rows is not None:
            raise UnusableInputError(
                f"{source}, line {lines[each.rows[0]]}: another table begins here, with other columns than the first; "
                "save each table in a file of its own"
            )


def named_by_initials(identifiers: Sequence[str]) -> bool:
    """Whether most patients are named by initials.

    Examples
    --------
    >>> named_by_initials(["AB", "MW", "SD", "Mean"]), named_by_initials(["S01", "S02", "SD"])
    (True, False)
    """
    names = [text.strip() for text in identifiers if summary_label(text) not in ("certain", "group")]
    return 2 * sum(_INITIALS.fullmatch(name) is not None for name in names) > len(names)


def _set_missing(values: ColumnTable, rows: NDArray[np.intp]) -> None:
    for name in [each for each in values if rows.size and data_dictionary()[each].kind not in ("id", "group")]:
        column: Any = values[name]
        if isinstance(column, np.ndarray):
            column[rows] = np.nan
        else:
            column.codes[rows] = -1


def _kinds_of_rows(
    table: TextTable,
    columns: Mapping[str, MappedColumn],
    values: ColumnTable,
    found: Sequence[Finding],
    initials: bool,
) -> dict[str, NDArray[np.intp]]:
    """Rows of each kind; a row has one kind."""
    without = _without_values(values)
    kinds = {"summary": _summaries(table, columns, initials)[0]}
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


def _summaries(
    table: TextTable, columns: Mapping[str, MappedColumn], initials: bool
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows whose label is that of a summary, and those of patients whose initials may be one.

    A label that may also name a patient counts only without a category; without any, `SD` among initials is a patient.
    """
    certain, possible = _labelled(table, columns)
    if not initials or _categories(columns):
        return np.union1d(certain, _without_code(table, columns, possible)), _NO_ROWS
    texts = cell_texts(rows_of(_identifiers(table, columns), possible))
    are_initials = np.array([_INITIALS.fullmatch(text.strip()) is not None for text in texts], dtype=bool)
    return np.union1d(certain, possible[~are_initials]), possible[are_initials]


def _labelled(table: TextTable, columns: Mapping[str, MappedColumn]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows with the label of a summary, and rows whose label may also name a patient."""
    certain, possible = [_NO_ROWS], [_NO_ROWS]
    for column, names_rows in _label_columns(table, columns):
        rows, labels = _labels(column)
        certain.append(rows[labels == "certain"])
        doubtful = rows[(labels == "possible") | (names_rows & (labels == "group"))]
        if ID in columns and not names_rows:
            # Beside an identifier the first column may hold a ward or a group.
            doubtful = doubtful[blank_cells(rows_of(_identifiers(table, columns), doubtful))]
        possible.append(doubtful)
    return np.unique(np.concatenate(certain)), np.unique(np.concatenate(possible))


def _identifiers(table: TextTable, columns: Mapping[str, MappedColumn]) -> Column:
    return table.columns[table.names.index(columns[ID].sources[0])]


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


def _label_columns(table: TextTable, columns: Mapping[str, MappedColumn]) -> list[tuple[Column, bool]]:
    """The identifier, the index, and the first column unless it is read as a feature; whether each names the rows."""
    read = {name for column in columns.values() for name in column.sources}
    found = [(_identifiers(table, columns), True)] if ID in columns else []
    for place, name in enumerate(table.names):
        is_index = INDEX_NAME.fullmatch(name.strip()) is not None
        if name not in read and (is_index or place == 0):
            found.append((table.columns[place], is_index))
    return found if table.row_labels is None else [*found, (table.row_labels, True)]


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
