"""Find rows that hold text where values are expected: a repeated header, units, labels, rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from asthma_ml.columns import Column, Texts
from asthma_ml.patients.columns.column_map import MappedColumn
from asthma_ml.patients.columns.units import find_unit
from asthma_ml.patients.problems import Finding
from asthma_ml.patients.text.text_tables import TextTable, rows_of, text_codes
from asthma_ml.variables import data_dictionary

_RULE = re.compile(r"[-=+_*~.|─━═]*[-=_*~─━═]{2}[-=+_*~.|─━═]*")
_IMPORT_ID = re.compile(r"""\{\s*"+ImportId"+\s*:""")
_LABEL = re.compile(r"[^\W\d_]{3}")
_MISSING = re.compile(r"[-./]?|n/?a|nan|null|none", re.IGNORECASE)
_BETWEEN_WORDS, _UNIT_SIGN = re.compile(r"[\s\-_.]+"), re.compile(r"[/%^]")
_BY_MOST_CELLS = ("header", "other_header", "import")
_FEWEST_LABELS, _LONGEST_UNIT = 3, 20
_UNIT_WORDS = """
    1 years year yrs yr y jahre ans anos anni jaar % ppb kg/m2 kg/m^2 cells/ul /ul 10^9/l 10^3/ul x10^9/l g/l ku/l iu/ml
    ng/ml l ml ug/day ug/d mg/day mg/d pack-years py score m/f f/m 0/1 1/0 y/n j/n yes/no unit units einheit einheiten
    unite unites unidad unidades unita text string numeric number integer int float double date char
"""
_UNITS = frozenset(_UNIT_WORDS.split())


def rows_of_text(
    table: TextTable, columns: Mapping[str, MappedColumn], rows: NDArray[np.intp], found: Iterable[Finding]
) -> dict[str, NDArray[np.intp]]:
    """Find rows that hold text where values are expected.

    Parameters
    ----------
    table : TextTable
        The table as given.
    columns : mapping of str to MappedColumn
        Source columns of each variable.
    rows : ndarray of int
        Rows that have an error or no value.
    found : iterable of Finding
        Findings of the cells.

    Returns
    -------
    dict of str to ndarray of int
        Rows by kind: header, other_header (of another table), rule, import, units, labels.

    Examples
    --------
    >>> names, cells = ["age", "feno"], [Texts.of(["44", "age", "years"]), Texts.of(["52", "feno", "ppb"])]
    >>> columns = {"age_years": MappedColumn("age_years", ("age",)), "feno_ppb": MappedColumn("feno_ppb", ("feno",))}
    >>> kinds = rows_of_text(TextTable(names, np.arange(2, 5), cells), columns, np.arange(3), [])
    >>> kinds["header"].tolist(), kinds["units"].tolist()
    ([1], [2])
    """
    cells = {
        target: text_codes(rows_of(table.column(column.sources[0]), rows))
        for target, column in columns.items()
        if len(column.sources) == 1 and data_dictionary()[target].is_feature
    }
    n_filled = _count(cells, lambda text, _: True, len(rows))
    n_errors = _error_counts(found, len(table))[rows]
    kinds: dict[str, NDArray[np.intp]] = {}
    left = n_filled > 0
    for kind, test in _tests(columns).items():
        n_passed = _count(cells, test, len(rows))
        holds = left & (2 * n_passed > n_filled if kind in _BY_MOST_CELLS else n_passed == n_filled)
        if kind == "other_header":
            holds &= (n_passed > 1) & (_count(cells, _is_of_other_column(columns), len(rows)) > 0)
        if kind == "labels":
            holds &= (n_errors >= _FEWEST_LABELS) & (2 * n_errors > len(cells))
        kinds[kind], left = rows[holds], left & ~holds
    return kinds


def rows_with_titles(
    cells: Mapping[str, Column], columns: Mapping[str, MappedColumn], codes: Mapping[str, Iterable[str]]
) -> NDArray[np.intp]:
    """Rows in which a flag or category has the text of a header, a unit or a rule.

    Parameters
    ----------
    cells : mapping of str to Column
        Cells of flags and categories.
    columns : mapping of str to MappedColumn
        Source columns of each variable.
    codes : mapping of str to iterable of str
        Distinct texts of the cells.

    Examples
    --------
    >>> columns, cells = {"sex": MappedColumn("sex", ("Sex",))}, {"sex": Texts.of(["F", "Sex", "M"])}
    >>> rows_with_titles(cells, columns, {"sex": ["F", "Sex", "M"]}).tolist()
    [1]
    """
    tests = [test for kind, test in _tests(columns).items() if kind != "labels"]
    found = [np.empty(0, dtype=np.intp)]
    for target, texts in codes.items():
        long = (text for text in texts if len(text.strip()) > 1)
        titles = {text for text in long if any(test(text.strip(), target) for test in tests)}
        if titles:
            coded = text_codes(cells[target])
            found.append(
                np.flatnonzero(np.isin(coded.codes, [i for i, each in enumerate(coded.distinct) if each in titles]))
            )
    return np.unique(np.concatenate(found))


def _tests(columns: Mapping[str, MappedColumn]) -> dict[str, Callable[[str, str], bool]]:
    """Whether a text in the column of a variable is of each kind."""

    def is_name(text: str, target: str) -> bool:
        return _is_name(text, target, columns[target].sources[0])

    return {
        "other_header": lambda text, target: _is_other_name(text, target) or is_name(text, target),
        "header": is_name,
        "rule": lambda text, _: _RULE.fullmatch(text) is not None,
        "import": lambda text, _: _IMPORT_ID.match(text) is not None,
        "units": _is_unit,
        "labels": lambda text, _: _LABEL.search(text) is not None,
    }


def _count(cells: Mapping[str, Texts], test: Callable[[str, str], bool], n_rows: int) -> NDArray[np.intp]:
    """Number of filled cells of each row that pass a test, which sees each distinct text of a column once."""
    count = np.zeros(n_rows, dtype=np.intp)
    for target, column in cells.items():
        texts = [text.strip() for text in column.distinct]
        passed = [_MISSING.fullmatch(text) is None and test(text, target) for text in texts]
        count += np.array(passed, dtype=np.intp)[column.codes]
    return count


def _error_counts(found: Iterable[Finding], n_rows: int) -> NDArray[np.intp]:
    """Number of errors of each row."""
    count = np.zeros(n_rows, dtype=np.intp)
    for each in found:
        if each.severity == "error" and each.rows is not None:
            count[each.rows] += 1
    return count


def _is_name(text: str, target: str, name: str) -> bool:
    """Whether a text is the name of a column or, before a bracket, of its variable; many texts are tested."""
    plain = _plain(text)
    return plain == _plain(name) or _known_names().get(_plain(text.partition("(")[0])) == target


def _is_other_name(text: str, target: str) -> bool:
    """Whether a text is the name of a variable and no answer, as `atopic` is in the column of atopy."""
    named = _known_names().get(_plain(text.partition("(")[0]))
    return named is not None and (named != target or data_dictionary()[target].kind in ("number", "count"))


def _is_of_other_column(columns: Mapping[str, MappedColumn]) -> Callable[[str, str], bool]:
    """Whether a text names a variable that its column does not hold."""
    return lambda text, target: _is_other_name(text, target) and not _is_name(text, target, columns[target].sources[0])


def _plain(text: str) -> str:
    return _BETWEEN_WORDS.sub("_", text.strip().casefold())


@cache
def _known_names() -> dict[str, str]:
    dictionary = data_dictionary()
    return {
        _plain(alias): target for alias, target in (dictionary.by_alias() | {each: each for each in dictionary}).items()
    }


def _is_unit(text: str, target: str) -> bool:
    plain, variable = text.strip("()[]").strip(), data_dictionary()[target]
    if plain.casefold() in _UNITS or plain.casefold() == variable.unit.casefold():
        return True
    return (
        len(plain) <= _LONGEST_UNIT and _UNIT_SIGN.search(plain) is not None and find_unit(plain, variable) is not None
    )
