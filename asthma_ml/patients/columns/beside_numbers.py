"""Read numbers with text beside them: flags of laboratories, units, limits such as `90+`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from asthma_ml.patients.columns.column_map import MappedColumn
from asthma_ml.patients.columns.number_text import CENSORED, Reading, without_bound
from asthma_ml.patients.columns.units import convert, find_unit, known_units
from asthma_ml.patients.columns.words import plain_unit, spellings_of_unit, words_beside_numbers
from asthma_ml.variables import Variable

ReadNumber = Callable[[str], Reading]
_DIGITS = r"[1-9]\d{0,2}(?:[ ']\d{3})+(?!\d)|\d[\d.,]*|[.,]\d+"
_PARTS = re.compile(
    rf"(?P<before>(?:[^\d+\-.,]|\.(?!\d))*?)(?P<gap>\s*)(?P<number>[+-]?(?:{_DIGITS})(?:e[+-]?\d+)?)\s*(?P<behind>.*)",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
_LONGEST = 60
_PER_DAY = "/day"
# Ages, counts and exposures are capped as `90+`; of a concentration, `3+` is a grade.
_CAPPED_UNITS = frozenset({"years", "pack-years"})
_FLAG = "with a flag such as H, L or * beside the number; read as the number alone"
_UNIT = "with the unit of the variable behind the number; read as the number alone"
_DAILY = "with a dose that does not say for what time; read as the daily dose"
_ABOUT = "with a word for a rough value; read as the number alone"
_CONVERTED = "with the unit {} behind the number; converted to {}"
_OTHER_UNIT = "with the unit {} behind the number, unlike the rest of the column; read in this unit"


class _Beside(NamedTuple):
    """What stands beside a number."""

    number: str
    unit: str = ""
    flag: bool = False
    bound: bool = False
    about: bool = False
    daily: bool = False


def read_beside(text: str, variable: Variable, mapped: MappedColumn, read: ReadNumber) -> Reading | None:
    """Read a number with text beside it, in the unit of the data dictionary; None if the text is not understood.

    Parameters
    ----------
    text : str
        Cell, normalised by `cell_text`.
    variable : Variable
        Variable of the column.
    mapped : MappedColumn
        Unit of the column.
    read : callable
        Reads the number itself.

    Examples
    --------
    >>> from asthma_ml.patients.columns.number_text import read_number
    >>> from asthma_ml.variables import data_dictionary
    >>> eosinophils = data_dictionary()["blood_eosinophils_cells_ul"]
    >>> for text in ("430 H", "320 cells/uL", "0.43 10^9/L"):
    ...     print(read_beside(text, eosinophils, MappedColumn(eosinophils.name), read_number)[::2])
    (430.0, 'with a flag such as H, L or * beside the number; read as the number alone')
    (320.0, 'with the unit of the variable behind the number; read as the number alone')
    (430.0, 'with the unit 10^9/L behind the number; converted to cells/uL')
    """
    found = _parts(text, variable)
    if found is None:
        return None
    number = read(found.number)
    if not isinstance(number.value, float):
        return number
    reading = _in_unit(number.value, found.unit, variable, mapped)
    return reading if reading.value is None else _with_reasons(reading, found)


def _with_reasons(reading: Reading, found: _Beside) -> Reading:
    """A reading with all that stands beside its number."""
    marks = (
        (found.bound, CENSORED),
        (bool(reading.rule), reading[1:]),
        (found.daily, ("unit_beside", _DAILY, "warning")),
        (found.flag, ("text_beside", _FLAG, "warning")),
        (found.about, ("rough", _ABOUT, "warning")),
    )
    reasons = [reason for holds, reason in marks if holds]
    if not reasons:
        return reading
    return Reading(reading.value, reasons[0][0], "; ".join(message for _, message, _ in reasons), "warning")


def text_beside(text: str, variable: Variable) -> Reading | None:
    """Error of a number with text behind it that is not understood, None if the text does not begin with a number.

    Examples
    --------
    >>> from asthma_ml.variables import data_dictionary
    >>> print(text_beside("44 kg", data_dictionary()["age_years"]).message)
    with text behind the number that is no unit of the variable (years, months); write the number alone
    """
    parts = _split(text)
    if parts is None or parts["before"] or not re.match(r"[^\W\d]|[(\[%]", parts["behind"]):
        return None
    units = ", ".join(known_units(variable)) or "it has none"
    message = f"with text behind the number that is no unit of the variable ({units}); write the number alone"
    return Reading(None, "text_beside", message)


def _split(text: str) -> re.Match[str] | None:
    return _PARTS.fullmatch(text) if len(text) <= _LONGEST else None


def _parts(text: str, variable: Variable) -> _Beside | None:
    """The number and what stands beside it, None if anything is not understood."""
    parts = _split(text)
    if parts is None:
        return None
    apart = not parts["before"][-1:].isalpha() or parts["gap"] != ""
    found = _before(_Beside(parts["number"]), parts["before"].strip(), apart)
    return found and _behind(found, parts["behind"].strip(), variable)


def _before(found: _Beside, word: str, apart: bool) -> _Beside | None:
    """Add what stands before the number; letters without a gap belong to a code such as A1."""
    plain = word.casefold().rstrip(".: ")
    if not word:
        return found
    if without_bound(f"{word}1") == "1":
        return found._replace(bound=True)
    if plain in words_beside_numbers("before"):
        return found._replace(bound=True)
    if plain in words_beside_numbers("about"):
        return found._replace(about=True)
    return found._replace(flag=True) if apart and _is_flag(word.rstrip(": ")) else None


def _behind(found: _Beside, text: str, variable: Variable) -> _Beside | None:
    """Add what stands behind the number: one mark, or two such as a unit and a flag."""
    if not text:
        return found
    for words in ((text,), tuple(text.split(" ", 1)), tuple(text.rsplit(" ", 1))):
        marks = [_mark(word, variable) for word in words]
        if None not in marks:
            return found._replace(**{field: value for mark in marks for field, value in (mark or {}).items()})
    return None


def _mark(text: str, variable: Variable) -> dict[str, Any] | None:
    """Field of `_Beside` that a text behind a number fills."""
    if unit := _unit(text, variable):
        return {"unit": unit}
    if variable.unit.endswith(_PER_DAY) and (unit := _unit(f"{text}{_PER_DAY}", variable)):
        return {"unit": unit, "daily": True}
    if _is_flag(text):
        return {"flag": True}
    return {"bound": True} if _is_bound(text, variable) else None


def _is_flag(text: str) -> bool:
    plain = text[1:-1].strip() if text[:1] + text[-1:] in ("()", "[]") else text
    flags, bare = words_beside_numbers("flags"), plain.rstrip("*!#")
    return plain in flags or bare in flags or (len(bare) > 2 and bare.casefold() in flags)


def _is_bound(text: str, variable: Variable) -> bool:
    capped = variable.kind == "count" or variable.unit in _CAPPED_UNITS
    return (text == "+" and capped) or text.casefold() in words_beside_numbers("behind")


def _unit(text: str, variable: Variable) -> str | None:
    """Unit of the dictionary for a text behind a number."""
    text = text[1:-1] if text[:1] + text[-1:] in ("()", "[]") else text
    if unit := find_unit(text, variable):
        return unit
    plain = plain_unit(text)
    return next((unit for unit in known_units(variable) if plain in spellings_of_unit(unit)), None)


def _in_unit(value: float, unit: str, variable: Variable, mapped: MappedColumn) -> Reading:
    """A value whose cell states its unit, converted to the unit of the dictionary."""
    of_column = mapped.unit or variable.unit
    if not unit or unit == of_column:
        silent = not unit or unit.startswith("%")
        value = convert(value, mapped.factor)
        return Reading(value) if silent else Reading(value, "unit_beside", _UNIT, "warning")
    if unit in variable.companions.values() or any(mapped.companions.values()):
        message = (
            f"with the unit {unit} behind the number, which differs from {of_column}; state `unit` in a column map"
        )
        return Reading(None, "unit_beside", message)
    factor, of_drug = known_units(variable)[unit], f"{variable.unit} "
    if of_column.startswith(of_drug) and not unit.startswith(of_drug):
        factor *= mapped.factor
    converted = _OTHER_UNIT if unit == variable.unit else _CONVERTED
    message = _UNIT if factor == mapped.factor else converted.format(unit, variable.unit)
    return Reading(convert(value, factor), "unit_beside", message, "warning")
