"""Read aligned tables, as psql, MySQL and Markdown write them: bars between cells, blanks around them, rules."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np

from asthma_ml.columns import Texts
from asthma_ml.patients.problems import Finding
from asthma_ml.patients.text.headers import refuse_repeated_names
from asthma_ml.patients.text.text_rows import Misfit, NumberedRow, fit_to_header
from asthma_ml.patients.text.text_tables import TextTable

_LINES_SEARCHED, _SIGNS_SEARCHED = 40, 200_000
_RULE_SIGNS = frozenset("-=:|+ \t")
_COUNT = re.compile(r"\(\d+ \w+\)|\d+ rows? in set.*", re.IGNORECASE)
_ONE_SPELLING = str.maketrans("│┃┼╋├┤─━", "||++++--")


def header_line(beginning: str) -> int | None:
    r"""Return the place of the header among the first lines of an aligned table, None if the text is none.

    Examples
    --------
    >>> header_line(" patient_id | age \n------------+-----\n S01 | 44 \n"), header_line("patient_id|age\nS01|44\n")
    (0, None)
    """
    lines = beginning[:_SIGNS_SEARCHED].translate(_ONE_SPELLING).splitlines()[: _LINES_SEARCHED + 1]
    for place, (line, below) in enumerate(pairwise(lines)):
        if "|" in line and not _is_rule(line) and _is_rule(below) and not {"|", "+"}.isdisjoint(below):
            return place
    return None


def _is_rule(line: str) -> bool:
    return _RULE_SIGNS.issuperset(line) and ("--" in line or "==" in line)


def aligned_table(text: str, name: str, encoding: str) -> TextTable:
    r"""Read an aligned table; cells lose the blanks around them, rules and the count of rows are left out.

    Parameters
    ----------
    text : str
        The file, of which `header_line` has found the header.
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
    header = header_line(text) or 0
    names = _cells(lines[header])
    refuse_repeated_names(names, f"{name}, line {header + 1}")
    rows = [
        NumberedRow(number, _cells(line))
        for number, line in enumerate(lines[header + 1 :], start=header + 2)
        if line.strip() and not _is_rule(line) and not _COUNT.fullmatch(line.strip())
    ]
    fitted = [fit_to_header(row, len(names), "|") for row in rows]
    misfits: dict[int, Misfit] = {i: misfit for i, (_, misfit) in enumerate(fitted) if misfit is not None}
    columns = [Texts.of(cells) for cells in zip(*(cells for cells, _ in fitted), strict=True)]
    return TextTable(
        names,
        np.array([row.line for row in rows], dtype=np.int64),
        columns or [Texts.of([]) for _ in names],
        findings=_findings(header),
        layout=f"{encoding} text, aligned table, header on line {header + 1}",
        misfits=misfits,
    )


def _cells(line: str) -> list[str]:
    plain = line.strip()
    inner = plain[1:-1] if plain.startswith("|") and plain.endswith("|") and len(plain) > 1 else plain
    return [cell.strip() for cell in inner.split("|")]


def _findings(header: int) -> tuple[Finding, ...]:
    message = f"the lines before the header on line {header + 1} are not read"
    return (Finding("", "preamble", "warning", message),) if header > 1 else ()
