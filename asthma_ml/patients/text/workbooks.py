"""Read the first sheet of a workbook: Excel (.xlsx, .xls)."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np

from asthma_ml.columns import Column, Texts
from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.problems import Finding, shown
from asthma_ml.patients.text.dialect import HEADER_CHARACTERS
from asthma_ml.patients.text.extras import needed
from asthma_ml.patients.text.headers import fit_header, refuse_repeated_names
from asthma_ml.patients.text.plain_files import ZIP, PlainFile, begins_with
from asthma_ml.patients.text.preamble import VariableOf, find_preamble
from asthma_ml.patients.text.text_tables import TextTable

_MOST_BYTES, _MOST_CELLS = 2**30, 30_000_000
_BLOCK, _OVERLAP = 2**20, 2**10
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml")
_FILLED_CELL = re.compile(rb'<(?:\w+:)?c\s(?:[^>]*?\s)?r="([A-Z]{1,3})(\d{1,7})"[^>]*(?<!/)>')
_ROWS_SEEN, _LINES_SEARCHED = 200, 40
_OTHER_ARCHIVES = {
    "xl/workbook.bin": "a binary workbook (.xlsb)",
    "content.xml": "an OpenDocument file",
    "word/document.xml": "a Word document",
}
_UNPACK_OR = "unpack it if it holds a CSV file, or "
_AS_CSV = "save the sheet as CSV (UTF-8) and read that"


def workbook_table(file: PlainFile, variable_of: VariableOf) -> TextTable:
    """Read the first sheet of a workbook that has cells; blank rows are skipped.

    Parameters
    ----------
    file : PlainFile
        The workbook.
    variable_of : callable
        Returns what a known column name stands for, and None for any other name; finds the header.

    Returns
    -------
    TextTable
        Numbers stay numbers, dates are text as in 2024-03-01, and errors such as ``#N/A`` are missing.

    Raises
    ------
    UnusableInputError
        If the package that reads workbooks is not installed, or the file is damaged, protected or too large.
    """
    calamine = needed("python_calamine", f"{file.name}: an Excel workbook", _AS_CSV)
    if begins_with(file.file, ZIP):
        _refuse_huge(file)
    file.file.seek(0)
    try:
        with calamine.CalamineWorkbook.from_filelike(file.file) as workbook:
            sheets = [(name, workbook.get_sheet_by_name(name)) for name in workbook.sheet_names]
            filled = [(name, sheet) for name, sheet in sheets if sheet.start is not None]
            if not filled:
                raise UnusableInputError(f"{file.name}: no sheet of the workbook has cells")
            rows = list(_filled_rows(filled[0][1]))
    except calamine.PasswordError as error:
        raise UnusableInputError(f"{file.name}: protected by a password; save it without one, or as CSV") from error
    except calamine.CalamineError as error:
        raise UnusableInputError(f"{file.name}: no workbook that can be read ({error}); {_AS_CSV}") from error
    return _table(rows, [name for name, _ in filled], file.name, variable_of)


def _refuse_huge(file: PlainFile) -> None:
    """Refuse an archive that unpacks to more than memory should hold, or whose cells lie far apart."""
    file.file.seek(0)
    try:
        with zipfile.ZipFile(file.file) as archive:
            members = archive.namelist()
            size = sum(member.file_size for member in archive.infolist())
            sheets = [] if size > _MOST_BYTES else [*filter(_SHEET.fullmatch, members)]
            n_cells = max([0, *(_n_cells(archive, sheet) for sheet in sheets)])
    except (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise UnusableInputError(f"{file.name}: damaged Excel workbook or archive ({error}); {_AS_CSV}") from error
    if "xl/workbook.xml" not in members:
        what = next(
            (each for member, each in _OTHER_ARCHIVES.items() if member in members),
            "a ZIP archive",
        )
        raise UnusableInputError(f"{file.name}: {what}, not an Excel workbook (.xlsx); {_UNPACK_OR}{_AS_CSV}")
    if size > _MOST_BYTES or n_cells > _MOST_CELLS:
        what = f"{_MOST_CELLS} cells" if n_cells > _MOST_CELLS else f"{_MOST_BYTES >> 20} MB"
        raise UnusableInputError(f"{file.name}: an Excel workbook or archive of more than {what}; {_AS_CSV}")


def _n_cells(archive: zipfile.ZipFile, sheet: str) -> int:
    """Number of cells of the rectangle that holds all filled cells of a sheet; the reader allocates all of them."""
    columns, rows, rest = 0, 0, b""
    with archive.open(sheet) as content:
        while block := content.read(_BLOCK):
            found = set(_FILLED_CELL.findall(rest + block))
            columns = max([columns, *(_column_number(letters) for letters in {letters for letters, _ in found})])
            rows = max([rows, *(int(row) for _, row in found)])
            rest = (rest + block)[-_OVERLAP:]
    return columns * rows


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + letter - ord("A") + 1
    return number


def _filled_rows(sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    """Rows that have a cell, with their number in the sheet."""
    first = sheet.start[0] + 1
    skipped = [""] * sheet.start[1]
    for number, cells in enumerate(sheet.to_python(), start=first):
        if any(cell != "" for cell in cells):
            yield number, [*skipped, *cells]


def _table(
    rows: Sequence[tuple[int, list[Any]]], sheets: Sequence[str], name: str, variable_of: VariableOf
) -> TextTable:
    start = _header_place([cells for _, cells in rows[:_LINES_SEARCHED]], variable_of)
    (line, header), body = rows[start], rows[start + 1 :]
    if len(sheets) > 1 and not any(variable_of(_text(cell).strip()) for cell in header):
        raise UnusableInputError(
            f"{name}: no column of the sheet {shown(sheets[0])} is a known variable, and only the first sheet is read; "
            f"move the sheet of the patients to the front (others: {', '.join(map(shown, sheets[1:]))}), or {_AS_CSV}"
        )
    seen = [[_text(cell) for cell in cells] for _, cells in body[:_ROWS_SEEN]]
    names = fit_header([_text(cell).strip() for cell in header], seen, variable_of).names
    empty = [i for i, each in enumerate(names) if not each and not any(cells[i] != "" for _, cells in body)]
    kept = [i for i in range(len(names)) if i not in empty]
    names = [names[i] for i in kept]
    refuse_repeated_names(names, f"{name}, row {line}")
    columns = [_column([cells[i] for _, cells in body]) for i in kept]
    return TextTable(
        names,
        np.array([number for number, _ in body], dtype=np.int64),
        columns,
        findings=_findings(line, start, sheets),
        layout=f"workbook, sheet {shown(sheets[0])}, header in row {line}",
        typed_names=frozenset(
            each for each, column in zip(names, columns, strict=True) if isinstance(column, np.ndarray)
        ),
    )


def _header_place(rows: Sequence[Sequence[Any]], variable_of: VariableOf) -> int:
    """Place of the header among the first rows: titles may come before it."""
    lines = ["\t".join(re.sub(r"\s+", " ", _text(cell)) for cell in cells) for cells in rows]
    return find_preamble("\n".join(lines)[:HEADER_CHARACTERS], "\t", variable_of).n_lines


def _findings(line: int, n_before: int, sheets: Sequence[str]) -> tuple[Finding, ...]:
    before = f"the rows before the header in row {line} are not read"
    others = f"only the sheet {shown(sheets[0])} is read, not {', '.join(map(shown, sheets[1:]))}"
    found = (("preamble", before, n_before > 0), ("sheets", others, len(sheets) > 1))
    return tuple(Finding("", rule, "warning", message) for rule, message, holds in found if holds)


def _column(cells: Sequence[Any]) -> Column:
    """Numbers if no cell is text."""
    if all(cell == "" or (isinstance(cell, int | float) and not isinstance(cell, bool)) for cell in cells) and any(
        cell != "" for cell in cells
    ):
        return np.array([np.nan if cell == "" else cell for cell in cells], dtype=np.float64)
    return Texts.of(_text(cell) or None for cell in cells)


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return repr(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, date):
        return cell.isoformat().removesuffix("T00:00:00").replace("T", " ")
    return str(cell)
