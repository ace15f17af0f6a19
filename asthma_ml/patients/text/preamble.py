"""Find the lines before the header: exports often begin with a title, a date or the name of a ward."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import NamedTuple, TypeAlias

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
VariableOf: TypeAlias = Callable[[str], object]
_LINES_SEARCHED = 40
_LONGEST_LINE = 200_000


class Preamble(NamedTuple):
    """Number of characters and of lines before the header."""

    n_characters: int
    n_lines: int


def find_preamble(text: str, delimiters: Collection[str], variable_of: VariableOf) -> Preamble:
    r"""Find the lines before the header.

    The first line that is not blank is the header if it has a known column name; if that is its only known name, a
    later line with three takes precedence. Otherwise the header is the first line with two known names, or with one
    known name and nothing else. Without such a line the table begins at its first line.

    Parameters
    ----------
    text : str
        Content of the file.
    delimiters : collection of str
        Possible delimiters.
    variable_of : callable
        Returns what a known column name stands for, and None for any other name.

    Returns
    -------
    Preamble
        Zeros if the header comes first.

    Examples
    --------
    >>> known = {"patient_id": 1, "FeNO": 2}.get
    >>> find_preamble("Export of 1 May\n\npatient_id;FeNO\n7;20\n", ",;", known)
    Preamble(n_characters=17, n_lines=2)
    >>> find_preamble("patient_id;FeNO\n7;20\n", ",;", known)
    Preamble(n_characters=0, n_lines=0)
    """
    start, seen, needed = 0, 0, 2
    for number in range(_LINES_SEARCHED):
        found = _LINE.match(text, start, start + _LONGEST_LINE)
        line = found[0].rstrip("\r\n") if found else ""
        if not found or len(line) >= _LONGEST_LINE:
            break
        known, n_cells = _known_names(line, delimiters, variable_of)
        if known == 1 and not seen:
            needed = 3
        elif known >= needed or (known and n_cells == 1 and needed == 2):
            return Preamble(start, number) if seen else Preamble(0, 0)
        seen += bool(line.strip())
        start = found.end()
    return Preamble(0, 0)


def _known_names(line: str, delimiters: Collection[str], variable_of: VariableOf) -> tuple[int, int]:
    """Number of known names and of cells in a line, with the delimiter that gives the most known names."""
    best = (0, 1)
    for delimiter in delimiters:
        cells = [cell.strip().strip('"') for cell in line.split(delimiter)]
        known = {variable for cell in cells if (variable := variable_of(cell))}
        best = max(best, (len(known), len(cells)))
    return best
