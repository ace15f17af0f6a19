"""Refuse tables whose rows are no patients: long tables of measurements, and transposed tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.problems import shown
from asthma_ml.patients.text.preamble import VariableOf
from asthma_ml.variables import ID, data_dictionary

FIRST_ROWS = 50
_MOST_NAMES = 2000
_MOST_CELLS_LONG, _MOST_FEATURES_LONG, _MOST_FEATURES = 60, 6, 2
_CODES = """
    code codes test testname testcode testcd lbtest lbtestcd vstest vstestcd param paramcd parameter parametername
    analyte analytename item itemid itemname measurement measurementname measurementconceptid measurementsourcevalue
    variable variablename loinc loinccode component componentname observation observationname description
    displayname concept
    conceptid conceptname biomarker marker examination exam assay labtest labname labcode characteristic attribute
    parametro parametre kuerzel bezeichnung untersuchung messgroesse
"""
_VALUES = """
    value values result results resultvalue testresult testvalue numericvalue valuenum valuenumeric valueasnumber
    valueasstring labvalue labresult lborres lbstresn lbstresc vsorres vsstresn aval avalc reading measure measuredvalue
    wert messwert ergebnis befund valeur resultat valor resultado valore risultato waarde resultaat varde verdi
    observationvalue
"""
_OF_CODES, _OF_VALUES = frozenset(_CODES.split()), frozenset(_VALUES.split())
_CODE_LIKE = re.compile(r"(?:LOINC:)?\d{1,5}-\d|[^\W\d_]")
_LONG = "make one row of each patient first, with one column for each test (pandas: pivot; R: pivot_wider)"
_TRANSPOSED = "swap rows and columns first (spreadsheet: paste transposed; pandas: .T; R: t())"


def refuse_other_shape(
    names: Sequence[str], rows: Sequence[Sequence[str]], variable_of: VariableOf, source: str
) -> None:
    """Raise UnusableInputError if a table is evidently a long or a transposed one.

    Parameters
    ----------
    names : sequence of str
        Column names.
    rows : sequence of sequence of str
        Cells of the first rows.
    variable_of : callable
        Returns what a known column name stands for, and None for any other name.
    source : str
        Name of the table for messages.

    Examples
    --------
    >>> known = {"age": "age_years", "feno": "feno_ppb"}.get
    >>> rows = [["S01", "age", "44"], ["S01", "feno", "52"], ["S02", "age", "63"]]
    >>> refuse_other_shape(["patient", "test", "value"], rows, known, "clinic.csv")
    Traceback (most recent call last):
        ...
    asthma_ml.errors.UnusableInputError: clinic.csv: this is a long table, with one row for each measurement (`test`
    holds their names); make one row of each patient first, with one column for each test (pandas: pivot; R:
    pivot_wider)
    """
    known = [variable_of(name) for name in names[:_MOST_NAMES]]
    features = {each for each in known if each and each != ID}
    unread = {_plain(name): i for i, (name, target) in enumerate(zip(names, known, strict=False)) if target is None}
    codes = [i for plain, i in unread.items() if plain in _OF_CODES]
    if codes and not _OF_VALUES.isdisjoint(unread) and len(features) <= _MOST_FEATURES_LONG:
        named = next((i for i in codes if _names_variables(_column(rows, i), variable_of)), None)
        if named is None and len(features) <= _MOST_FEATURES:
            # A code of each patient is no code of a test, which other patients have as well.
            named = next((i for i in codes if len(set(_column(rows, i))) < len(_column(rows, i))), None)
        if named is not None:
            raise UnusableInputError(_message_of_long(source, names[named]))
    if len(features) <= _MOST_FEATURES and rows:
        _refuse_by_cells(names, rows, variable_of, source, has_features=bool(features))


def _refuse_by_cells(
    names: Sequence[str], rows: Sequence[Sequence[str]], variable_of: VariableOf, source: str, *, has_features: bool
) -> None:
    """Refuse a table that has names of variables in its cells."""
    for place, name in enumerate(islice(names, _MOST_CELLS_LONG)):
        column = _column(rows, place)
        if not _names_variables(column, variable_of):
            continue
        if len(set(column)) < len(column):
            raise UnusableInputError(_message_of_long(source, name))
        if place == 0 and not has_features:
            some = " and ".join(map(shown, column[:2]))
            raise UnusableInputError(
                f"{source}: this is a transposed table, with variables such as {some} below each other and patients "
                f"side by side; {_TRANSPOSED}"
            )


def _message_of_long(source: str, name: str) -> str:
    return (
        f"{source}: this is a long table, with one row for each measurement ({shown(name)} holds their names); {_LONG}"
    )


def _names_variables(cells: Sequence[str], variable_of: VariableOf) -> bool:
    """Whether at least two different cells, and half of all different ones, are names of features."""
    distinct = [*dict.fromkeys(cells)]
    features = [
        cell for cell in distinct if _CODE_LIKE.match(cell) and len(cell) <= 60 and _is_feature(cell, variable_of)
    ]
    return len(features) >= 2 and 2 * len(features) >= len(distinct)


def _is_feature(cell: str, variable_of: VariableOf) -> bool:
    target = variable_of(cell)
    return isinstance(target, str) and target in data_dictionary() and data_dictionary()[target].is_feature


def _column(rows: Sequence[Sequence[str]], place: int) -> list[str]:
    return [cell for row in rows[:FIRST_ROWS] if place < len(row) and (cell := row[place].strip())]


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())
