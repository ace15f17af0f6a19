"""Names of the columns of a header: empty ones behind the others, one that is missing, cells separated by blanks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.problems import shown_names
from asthma_ml.patients.text.preamble import VariableOf
from asthma_ml.variables import ID, data_dictionary

_FEWEST_ROWS = 2


@dataclass(frozen=True, slots=True)
class FittedHeader:
    """Names of the columns that are read.

    Attributes
    ----------
    names : list of str
        One for each column; a lone column without a name keeps an empty one.
    n_unnamed : int
        Number of empty columns without a name behind them, which are not read.
    row_names : bool
        Whether the first column has no name in the header, as R writes it.
    """

    names: list[str]
    n_unnamed: int = 0
    row_names: bool = False


def fit_header(
    names: Sequence[str], rows: Sequence[Sequence[str]], variable_of: VariableOf, *, quoted: bool = False
) -> FittedHeader:
    """Fit the names of a header to the first rows below it.

    Parameters
    ----------
    names : sequence of str
        Cells of the header.
    rows : sequence of sequence of str
        Cells of the first rows.
    variable_of : callable
        Returns what a known column name stands for, and None for any other name.
    quoted : bool, default=False
        Whether header and rows begin with a quotation mark.

    Examples
    --------
    >>> known = {"age": "age_years", "sex": "sex"}.get
    >>> fit_header(["age", "sex", "", ""], [["44", "F", "", ""]], known)
    FittedHeader(names=['age', 'sex'], n_unnamed=2, row_names=False)
    >>> fit_header(["age", "sex"], [["1", "44", "F"], ["2", "63", "M"]], known)
    FittedHeader(names=['', 'age', 'sex'], n_unnamed=0, row_names=True)
    """
    n_named = max((i + 1 for i, name in enumerate(names) if name.strip()), default=len(names))
    widths = {len(row) for row in rows}
    one_more = len(rows) >= _FEWEST_ROWS and widths == {len(names) + 1}
    n_columns = len(names) + one_more
    if not any(cell.strip() for row in rows for cell in row[n_named:]):
        return FittedHeader(_distinct(names[:n_named]), n_columns - n_named)
    if one_more and "" not in names and _are_row_names(names, rows, variable_of, quoted):
        return FittedHeader(["", *names], row_names=True)
    return FittedHeader(_distinct(names))


def _distinct(names: Sequence[str]) -> list[str]:
    """Names in which several empty ones are numbered by their column."""
    n_empty = sum(not name.strip() for name in names)
    return [name if name.strip() or n_empty < 2 else f"unnamed_{i}" for i, name in enumerate(names, start=1)]


def _are_row_names(names: Sequence[str], rows: Sequence[Sequence[str]], variable_of: VariableOf, quoted: bool) -> bool:
    """Whether the first cells name the rows; a decimal comma between cells would also be one cell more.

    They do if they are all different, the other cells fit their names, and no two neighbours could be one number. Row
    names that count the rows and are quoted, as R writes them, are beyond doubt.
    """
    firsts = [row[0] for row in rows]
    counted = firsts == [str(i) for i in range(1, len(rows) + 1)]
    if not any(map(variable_of, names)) or "" in firsts or len(set(firsts)) < len(firsts):
        return False
    if not _fit(names, [row[1:] for row in rows], variable_of):
        return False
    first = int(counted and variable_of(names[0]) not in (ID, names[0]))
    return (counted and quoted) or not any(
        _fit(names, merged, variable_of) for place in range(first, len(names)) if (merged := _merged(rows, place))
    )


def _merged(rows: Sequence[Sequence[str]], place: int) -> list[list[str]]:
    """Rows in which two neighbours are one number with a decimal comma; none if they are not whole numbers."""
    if not all(row[place].lstrip("-").isdecimal() and row[place + 1].isdecimal() for row in rows):
        return []
    return [[*row[:place], f"{row[place]}.{row[place + 1]}", *row[place + 2 :]] for row in rows]


def _fit(names: Sequence[str], rows: Sequence[Sequence[str]], variable_of: VariableOf) -> bool:
    """Whether columns of numbers hold no letters and columns of words no numbers alone."""
    kinds = [getattr(data_dictionary().get(str(variable_of(name))), "kind", "") for name in names]
    return all(_fits(row[i].strip(), kind) for i, kind in enumerate(kinds) if kind for row in rows)


def _fits(cell: str, kind: str) -> bool:
    is_word = cell[:1].isalpha()
    if kind in ("number", "count"):
        return not is_word or cell.casefold() in ("na", "nan", "null", "n/a", "nd")
    return kind != "category" or is_word or len(cell) <= 1


def refuse_blanks_between_cells(names: Sequence[str], where: str, variable_of: VariableOf) -> None:
    """Raise UnusableInputError if the only name of a header is several known names, separated by blanks."""
    parts = [part.strip("\"'") for part in names[0].split()] if len(names) == 1 else []
    if len([part for part in parts if variable_of(part)]) > 1:
        raise UnusableInputError(
            f"{where}: the cells are separated by blanks; separate them by commas, semicolons or tabs "
            "(R: write.csv; other programs: save as CSV)"
        )


def refuse_repeated_names(names: Sequence[str], where: str) -> None:
    """Raise UnusableInputError if a column name occurs twice."""
    repeated = sorted(name for name, n in Counter(names).items() if n > 1)
    if repeated:
        names_shown = shown_names(repeated[:5])
        raise UnusableInputError(
            f"{where}: column names must be unique; repeated: {names_shown}; rename or remove the further ones, and "
            "join a header of two lines"
        )
