"""What is wrong with a table, kept as data: findings of the checks and the problems a user reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Severity = Literal["error", "warning"]
# Comparing names takes time in the square of their length.
_LONGEST_COMPARED = 200

NAMED_LINES = 10
"""How many file lines a message names before it only counts."""

ROW = "row"
"""Stands for the column of a problem where a row as a whole is meant."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in one cell or in a whole column.

    Attributes
    ----------
    line : int or None
        Line of the file (the header is line 1); None where a whole column is meant.
    column : str
        Column of the data dictionary, `row` where the row as a whole is meant, empty where the file is.
    rule : str
        Short name of the broken rule, such as `limits`.
    severity : {"error", "warning"}
        An error makes the row invalid, a warning asks for a second look.
    message : str
        What is wrong, as it reads after "value" or "row"; never a patient's value.
    value : str or None
        The cell as it stands in the file; shown only where it is asked for.

    Examples
    --------
    >>> print(Problem(4, "feno_ppb", "limits", "error", "outside 0-400 ppb", "900"))
    line 4, feno_ppb: value outside 0-400 ppb
    """

    line: int | None
    column: str
    rule: str
    severity: Severity
    message: str
    value: str | None = None

    def __str__(self) -> str:
        if self.line is None:
            return f"{self.column}: {self.message}" if self.column else self.message
        if self.column == ROW:
            return f"line {self.line}: row {self.message}"
        return f"line {self.line}, {self.column}: value {self.message}"


@dataclass(frozen=True, slots=True)
class Finding:
    """All rows of a table that break one rule in the same way; None means the column as a whole."""

    column: str
    rule: str
    severity: Severity
    message: str
    rows: NDArray[np.intp] | None = None


def located(
    findings: Iterable[Finding], lines: NDArray[np.int64], cells: Mapping[str, Sequence[str]]
) -> tuple[list[Problem], NDArray[np.bool_]]:
    """Turn findings into problems with file lines.

    Parameters
    ----------
    findings : iterable of Finding
        What the checks found.
    lines : ndarray of shape (n_patients,)
        File line of each row.
    cells : mapping of str to sequence of str
        Text of each column as it stands in the file.

    Returns
    -------
    problems : list of Problem
        In the order of the file; what concerns whole columns comes first.
    invalid : ndarray of shape (n_patients,)
        Whether a row has an error.
    """
    problems: list[Problem] = []
    invalid = np.zeros(len(lines), dtype=bool)
    for found in findings:
        what = (found.column, found.rule, found.severity, found.message)
        if found.rows is None:
            problems.append(Problem(None, *what))
            continue
        invalid[found.rows] |= found.severity == "error"
        texts = cells.get(found.column)
        problems += [Problem(int(lines[row]), *what, texts[row] if texts else None) for row in found.rows.tolist()]
    return sorted(problems, key=lambda problem: problem.line or 0), invalid


def summarise_problems(problems: Iterable[Problem], max_lines: int = NAMED_LINES) -> str:
    """Say all problems, one line for each column and rule, errors first.

    Parameters
    ----------
    problems : iterable of Problem
        What was found in a table.
    max_lines : int
        How many file lines to name for each.

    Returns
    -------
    str
        Lines of text without any patient's value; empty where there is nothing to say.

    Examples
    --------
    >>> outside = [Problem(line, "feno_ppb", "limits", "error", "outside 0-400 ppb") for line in (4, 17, 90)]
    >>> print(summarise_problems(outside))
    feno_ppb: 3 values outside 0-400 ppb (lines 4, 17, 90)
    """
    groups: dict[tuple[str, str, str, str], list[Problem]] = {}
    for problem in problems:
        groups.setdefault((problem.severity, problem.column, problem.rule, problem.message), []).append(problem)
    ordered = sorted(groups.items(), key=lambda group: group[0][0] != "error")
    return "\n".join(_summary(group, max_lines) for _, group in ordered)


def problems_as_records(problems: Iterable[Problem], show_values: bool = False) -> list[dict[str, Any]]:
    """Problems as plain records, ready for JSON.

    Parameters
    ----------
    problems : iterable of Problem
        What was found in a table.
    show_values : bool
        Whether to add the cell itself; it may identify a patient.

    Returns
    -------
    list of dict
        Keys line, column, rule, severity, message and, if asked for, value.

    Examples
    --------
    >>> problems_as_records([Problem(4, "feno_ppb", "limits", "error", "outside 0-400 ppb", "900")])
    [{'line': 4, 'column': 'feno_ppb', 'rule': 'limits', 'severity': 'error', 'message': 'outside 0-400 ppb'}]
    """
    keys = ("line", "column", "rule", "severity", "message", *(("value",) if show_values else ()))
    return [{key: getattr(problem, key) for key in keys} for problem in problems]


def shown(name: str, width: int = 60) -> str:
    """Return a name from a file as it may be printed: quoted, shortened, without control characters."""
    clean = "".join(sign if sign.isprintable() else "?" for sign in name)
    return f"`{clean if len(clean) <= width else clean[: width - 3] + '...'}`"


def closest(name: str, allowed: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the allowed name that looks most like `name`, empty where none does."""
    by_lower = {each.casefold(): each for each in allowed}
    matches = get_close_matches(name.casefold()[:_LONGEST_COMPARED], by_lower, n=1, cutoff=cutoff)
    return by_lower[matches[0]] if matches else ""


def counted_lines(first: Sequence[int], n_lines: int) -> str:
    """Name the first of some lines and count the rest."""
    named, rest = ", ".join(str(line) for line in first), n_lines - len(first)
    return f"line{'s' * (n_lines > 1)} {named}" + (f" and {rest} more" if rest > 0 else "")


def counted_values(column: str, message: str, first: Sequence[int], n_lines: int) -> str:
    """Say what is wrong with some values of a column, and on which lines.

    Examples
    --------
    >>> counted_values("feno_ppb", "outside 0-400 ppb", [4, 17], 90)
    'feno_ppb: 90 values outside 0-400 ppb (lines 4, 17 and 88 more)'
    """
    what, where = (ROW, "") if column == ROW else ("value", f"{column}: ")
    return f"{where}{n_lines} {what}{'s' * (n_lines > 1)} {message} ({counted_lines(first, n_lines)})"


def _summary(group: Sequence[Problem], max_lines: int) -> str:
    first, lines = group[0], [problem.line for problem in group if problem.line is not None]
    if not lines:
        return str(first)
    return counted_values(first.column, first.message, lines[:max_lines], len(lines))
