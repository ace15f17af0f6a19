"""Read aligned tables, as psql, MySQL and Markdown write them: bars between cells, blanks around them, rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from asthma_ml.columns import Texts
from asthma_ml.patients.problems import Finding
from asthma_ml.patients.text.headers import refuse_repeated_names
from asthma_ml.patients.text.text_rows import Misfit, NumberedRow, fit_to_header
from asthma_ml.patients.text.text_tables import TextTable

_LINES_SEARCHED, _SIGNS_SEARCHED = 40, 200_000
_DELIMITERS = "|,;\t"
_RULE_SIGNS = frozenset("-=:|+ ,;\t")
_COUNT = re.compile(r"\(\d+ [\w ]+\)|\d+ rows? in set.*", re.IGNORECASE)
_BARS, _JOINTS, _DASHES = "│┃║┆┊", "┼╋╬├┤╟╢┌┬┐└┴┘╔╦╗╚╩╝╠╣╞╪╡", "─━═"
_ONE_SPELLING = str.maketrans(_BARS + _JOINTS + _DASHES, "|" * len(_BARS) + "+" * len(_JOINTS) + "-" * len(_DASHES))


class Layout(NamedTuple):
    """Place of the header among the lines of an aligned table, and the delimiter of its cells."""

    header: int
    delimiter: str


def find_layout(beginning: str) -> Layout | None:
    r"""Find the header of an aligned table: the line above a rule that has as many parts; None if the text is none.

    Examples
    --------
    >>> find_layout(" patient_id | age \n------------+-----\n S01 | 44 \n"), find_layout("patient_id|age\nS01|44\n")
    (Layout(header=0, delimiter='|'), None)
    """
    lines = beginning[:_SIGNS_SEARCHED].translate(_ONE_SPELLING).splitlines()[: _LINES_SEARCHED + 1]
    place = next((i for i, (line, below) in enumerate(pairwise(lines)) if _is_rule(below) and not _is_rule(line)), None)
    if place is None:
        return None
    parts = lines[place + 1].replace("+", "|")
    above = [line for line in lines[:place] if not _is_rule(line)]
    for delimiter in _DELIMITERS:
        n_cells = len(_cells(parts, delimiter))
        # Above a rule among the rows of a table are other lines with as many cells.
        fits = [len(_cells(line, delimiter)) == n_cells for line in [*above, lines[place]]]
        if n_cells > 1 and fits[-1] and not any(fits[:-1]):
            return Layout(place, delimiter)
    return None


def _is_rule(line: str) -> bool:
    return _RULE_SIGNS.issuperset(line) and ("--" in line or "==" in line)


def aligned_table(text: str, name: str, encoding: str) -> TextTable:
    r"""Read an aligned table; cells lose the blanks around them, rules and the count of rows are left out.

    Parameters
    ----------
    text : str
        The file, of which `find_layout` has found the header.
    name : str
        Name of the file for messages.
    encoding : str
        Its encoding in words.

    Examples
    --------
    >>> text = " patient_id | age \n------------+-----\n S01 | 44 \n(1 row)\n"
    >>> aligned_table(text, "clinic.txt", "UTF-8").texts("patient_id")
    ['S01']
    """
    lines = text.translate(_ONE_SPELLING).splitlines()
    header, delimiter = find_layout(text) or Layout(0, "|")
    names = _cells(lines[header], delimiter)
    refuse_repeated_names(names, f"{name}, line {header + 1}")
    rows = [
        NumberedRow(number, _cells(line, delimiter))
        for number, line in enumerate(lines[header + 1 :], start=header + 2)
        if line.strip() and not _is_rule(line) and not _COUNT.fullmatch(line.strip())
    ]
    fitted = [fit_to_header(row, len(names), delimiter) for row in rows]
    misfits: dict[int, Misfit] = {i: misfit for i, (_, misfit) in enumerate(fitted) if misfit is not None}
    columns = [Texts.of(cells) for cells in zip(*(cells for cells, _ in fitted), strict=True)]
    return TextTable(
        names,
        np.array([row.line for row in rows], dtype=np.int64),
        columns or [Texts.of([]) for _ in names],
        decimal_comma=delimiter == ";",
        findings=_findings(header, lines),
        layout=f"{encoding} text, aligned table, header on line {header + 1}",
        misfits=misfits,
    )


def _cells(line: str, delimiter: str) -> list[str]:
    plain = line.strip(" ")
    inner = plain[1:-1] if plain.startswith("|") and plain.endswith("|") and len(plain) > 1 else plain
    return [cell.strip() for cell in inner.split(delimiter)]


def _findings(header: int, lines: Sequence[str]) -> tuple[Finding, ...]:
    message = f"the lines before the header on line {header + 1} are not read"
    before = any(line.strip() and not _is_rule(line) for line in lines[:header])
    return (Finding("", "preamble", "warning", message),) if before else ()
