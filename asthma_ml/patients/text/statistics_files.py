"""Read files of SPSS (.sav, .zsav), Stata (.dta) and SAS (.sas7bdat, .xpt) with value labels and missing codes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import Any

import numpy as np

from asthma_ml.columns import Column, Texts
from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.problems import Finding, shown
from asthma_ml.patients.text.extras import needed
from asthma_ml.patients.text.headers import refuse_repeated_names
from asthma_ml.patients.text.plain_files import SAS_TRANSPORT, SPSS, STATA, PlainFile, begins_with
from asthma_ml.patients.text.preamble import VariableOf
from asthma_ml.patients.text.text_tables import TextTable, cell_texts
from asthma_ml.variables import data_dictionary

_OTHER_ENCODING = "WINDOWS-1252"
# Labels of a number that is meant as it stands: `None` for no exacerbation, `3 or more`.
_QUANTITY = re.compile(
    r".*\d.*|(?:none|zero|no|never|nil|kein\w*|nie|aucun\w*|ning\w+|nessun\w*|geen)\b.*", re.IGNORECASE
)


def statistics_table(file: PlainFile, variable_of: VariableOf) -> TextTable:
    """Read a file of SPSS, Stata or SAS as a whole.

    Parameters
    ----------
    file : PlainFile
        The file.
    variable_of : callable
        Returns what a known column name stands for, and None for any other name.

    Returns
    -------
    TextTable
        Value labels take the place of codes, except in columns of numbers and identifiers. Values that the file
        declares as missing are missing; dates are text as in 2024-03-01.

    Raises
    ------
    UnusableInputError
        If the package that reads these files is not installed, or the file is damaged.
    """
    what, reader = _kind(file)
    pyreadstat = needed("pyreadstat", f"{file.name}: a file of {what}", "save the table as CSV (UTF-8) and read that")
    cells, known, findings = _read(getattr(pyreadstat, reader), file, what)
    names = [*cells]
    refuse_repeated_names(names, file.name)
    labels = {name: known.variable_value_labels.get(name, {}) for name in names}
    columns = [_column(cells[name], labels[name], _kind_of_variable(name, variable_of)) for name in names]
    return TextTable(
        names,
        np.arange(len(cells[names[0]]) if names else 0, dtype=np.int64) + 2,
        columns,
        findings=(*findings, *_known_labels(known.column_names_to_labels, variable_of)),
        layout=f"{what}, value labels in {sum(map(bool, labels.values()))} columns",
        typed_names=frozenset(
            name for name, column in zip(names, columns, strict=True) if isinstance(column, np.ndarray)
        ),
    )


def _known_labels(labels: Mapping[str, str | None], variable_of: VariableOf) -> list[Finding]:
    """Warnings of columns that are not read by their name but whose label names a variable."""
    read = set(filter(None, map(variable_of, labels)))
    findings: list[Finding] = []
    for name, label in labels.items():
        target = variable_of(label) if label and variable_of(name) is None else None
        if isinstance(target, str) and target not in read and target in data_dictionary():
            message = (
                f"not read: {shown(name)} is labelled {shown(label or '')}; if it is {target}, state "
                f'`from = "{name}"` under [columns.{target}] in a column map'
            )
            findings.append(Finding(target, "column_label", "warning", message, unread=(name,)))
    return findings


def _kind(file: PlainFile) -> tuple[str, str]:
    """Program of a file in words, and the function that reads it."""
    if begins_with(file.file, *SPSS):
        return "SPSS", "read_sav"
    if begins_with(file.file, *STATA):
        return "Stata", "read_dta"
    return "SAS", "read_xport" if begins_with(file.file, *SAS_TRANSPORT) else "read_sas7bdat"


def _read(read: Any, file: PlainFile, what: str) -> tuple[Mapping[str, list[Any]], Any, tuple[Finding, ...]]:
    """Cells by column, what the file says of its columns, and a warning if its encoding had to be guessed."""
    try:
        try:
            return *_attempt(read, file), ()
        except Exception as error:
            if "encoding" not in str(error) and not isinstance(error, UnicodeError):
                raise
        message = "text not in the encoding that the file states; read as Windows-1252; check the accented letters"
        return *_attempt(read, file, encoding=_OTHER_ENCODING), (Finding("", "encoding", "warning", message),)
    except Exception as error:  # the reader raises many kinds, all of which mean the same to the user
        raise UnusableInputError(f"{file.name}: damaged file of {what} ({error})") from error


def _attempt(read: Any, file: PlainFile, **options: Any) -> tuple[Mapping[str, list[Any]], Any]:
    file.file.seek(0)
    cells, known = read(file.file, output_format="dict", **options)
    return {name: list(column) for name, column in cells.items()}, known


def _kind_of_variable(name: str, variable_of: VariableOf) -> str:
    target = str(variable_of(name))
    return data_dictionary()[target].kind if target in data_dictionary() else ""


def _column(cells: Sequence[Any], labels: Mapping[Any, str], kind: str) -> Column:
    """Numbers, or texts if a cell is text or its label says what it means."""
    cells = [None if cell is None or cell != cell else cell for cell in cells]  # noqa: PLR0124, a missing number
    told = {} if kind == "id" else {code: label for code, label in labels.items() if _says_more(label, kind)}
    numbers = [cell for cell in cells if isinstance(cell, int | float)]
    if len(numbers) == len(cells) - cells.count(None) and not any(number in told for number in numbers):
        return np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
    return Texts.of(_text(told.get(cell, cell)) for cell in cells)


def _says_more(label: str, kind: str) -> bool:
    """Whether a label says what its code does not."""
    return bool(label.strip()) and (kind not in ("number", "count") or _QUANTITY.fullmatch(label.strip()) is None)


def _text(cell: Any) -> str | None:
    if isinstance(cell, float):
        return cell_texts(np.array([cell]))[0]
    if isinstance(cell, date | time):
        return cell.isoformat().removesuffix("T00:00:00").replace("T", " ")
    return None if cell is None or cell == "" else str(cell)
