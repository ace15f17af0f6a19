"""Problems of a table as data: findings of the checks, problems by line, and their messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Severity = Literal["error", "warning"]

NAMED_LINES = 10
"""Number of file lines that a message names; it counts the others."""

ROW = "row"
"""Column of a problem that concerns the row as a whole."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a cell, a row, a column or the file.

    Attributes
    ----------
    line : int or None
        Line of the file (the header is line 1); None if the problem concerns a column or the file.
    column : str
        Column of the data dictionary; `row` if the problem concerns the row, empty if it concerns the file.
    rule : str
        Short name of the broken rule, such as `limits`.
    severity : {"error", "warning"}
        An error makes the row invalid; a warning does not.
    message : str
        Text that follows "value" or "row"; it never contains a value of a patient.
    value : str or None
        The cell itself; shown only on request.

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
    """All rows with the same problem.

    Attributes
    ----------
    column, rule, severity, message
        As of a `Problem`.
    rows : ndarray of int or None
        None if the problem concerns the whole column.
    unread : tuple of str
        Columns of the table of which the message says that they are not read.
    """

    column: str
    rule: str
    severity: Severity
    message: str
    rows: NDArray[np.intp] | None = None
    unread: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Message with its column."""
        return f"{self.column}: {self.message}" if self.column else self.message


def reasons_not_read(findings: Iterable[Finding]) -> list[str]:
    """Messages about columns that are not read.

    Examples
    --------
    >>> reasons_not_read(
    ...     [Finding("feno_ppb", "unit", "warning", "not read: `FeNO (mg)` is in mg", None, ("FeNO (mg)",))]
    ... )
    ['feno_ppb: not read: `FeNO (mg)` is in mg']
    """
    return [each.text for each in findings if each.unread]


def findings_of_length(n_rows: int) -> list[Finding]:
    """Warning of a table without rows."""
    message = "no patients: the table has a header and no rows below it"
    return [] if n_rows else [Finding("", "no_rows", "warning", message)]


def invalid_rows(findings: Iterable[Finding], n_rows: int) -> NDArray[np.bool_]:
    """Whether each row has an error."""
    invalid = np.zeros(n_rows, dtype=bool)
    for found in findings:
        if found.rows is not None and found.severity == "error":
            invalid[found.rows] = True
    return invalid


def locate_problems(
    findings: Iterable[Finding], lines: NDArray[np.int64], cells: Callable[[str], Sequence[str]]
) -> list[Problem]:
    """Convert findings to problems with file lines.

    Parameters
    ----------
    findings : iterable of Finding
        Results of the checks.
    lines : ndarray of shape (n_patients,)
        File line of each row.
    cells : callable
        Returns the texts of a column in the file; none for a column that the file does not have.

    Returns
    -------
    list of Problem
        In file order; problems without a line come first.
    """
    problems: list[Problem] = []
    texts: dict[str, Sequence[str]] = {}
    for found in findings:
        what = (found.column, found.rule, found.severity, found.message)
        if found.rows is None:
            problems.append(Problem(None, *what))
            continue
        if found.column not in texts:
            texts[found.column] = cells(found.column)
        shown = texts[found.column]
        problems += [Problem(int(lines[row]), *what, shown[row] if shown else None) for row in found.rows.tolist()]
    return sorted(problems, key=lambda problem: problem.line or 0)


def summarise_problems(problems: Iterable[Problem], max_lines: int = NAMED_LINES) -> str:
    """Summarise problems: one line for each column and rule, errors first.

    Parameters
    ----------
    problems : iterable of Problem
        Problems of a table.
    max_lines : int
        Number of file lines to name for each.

    Returns
    -------
    str
        Lines of text without values of patients; empty if there are no problems.

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
    """Problems as records for JSON.

    Parameters
    ----------
    problems : iterable of Problem
        Problems of a table.
    show_values : bool
        Whether to add the cell; it may identify a patient.

    Returns
    -------
    list of dict
        Keys line, column, rule, severity, message and, if `show_values`, value.

    Examples
    --------
    >>> problems_as_records([Problem(4, "feno_ppb", "limits", "error", "outside 0-400 ppb", "900")])
    [{'line': 4, 'column': 'feno_ppb', 'rule': 'limits', 'severity': 'error', 'message': 'outside 0-400 ppb'}]
    """
    keys = ("line", "column", "rule", "severity", "message", *(("value",) if show_values else ()))
    return [{key: getattr(problem, key) for key in keys} for problem in problems]


def shown(name: str, width: int = 60) -> str:
    """Return a name from a file for a message: quoted, shortened, without control characters."""
    clean = "".join(sign if sign.isprintable() else "?" for sign in name)
    return f"`{clean if len(clean) <= width else clean[: width - 3] + '...'}`"


def shown_names(names: Sequence[str], addition: Callable[[str], str] = lambda _: "") -> str:
    """Return the names of a header for a message; described if one has no letters, because it may be a row of values.

    Examples
    --------
    >>> shown_names(["FeNO", "age"]), shown_names(["007", "male"])
    ('`FeNO`, `age`', 'a number, text of 4 characters')
    """
    if not may_be_values(names):
        return ", ".join(shown(name) + addition(name) for name in names)
    return ", ".join(f"text of {len(name)} characters" if any(map(str.isalpha, name)) else "a number" for name in names)


def may_be_values(names: Sequence[str]) -> bool:
    """Whether the names of a header may be the values of a patient: one of them has no letters."""
    return not all(any(map(str.isalpha, name)) or not name.strip() for name in names)


def counted_lines(first: Sequence[int], n_lines: int) -> str:
    """Name the first lines and count the others."""
    named, rest = ", ".join(str(line) for line in first), n_lines - len(first)
    return f"line{'s' * (n_lines > 1)} {named}" + (f" and {rest} more" if rest > 0 else "")


def counted_values(column: str, message: str, first: Sequence[int], n_lines: int) -> str:
    """Message about values of a column, with their number and lines.

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
