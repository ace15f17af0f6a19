"""Recognise headers by their words: which variable a column holds, in which unit, and what speaks against it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from asthma_ml.patients.columns.header_names import (
    filler,
    forms,
    forms_with_unit,
    levels_named,
    optional,
    own_words,
    stems,
    telling,
    word_index,
)
from asthma_ml.patients.columns.header_words import LONGEST_NAME, Header, changes, split_header
from asthma_ml.patients.columns.units import find_unit
from asthma_ml.variables import Variable, data_dictionary

Likeness = Literal["same", "unit", "choice", "near"]
_BRACKETS = re.compile(r"(.+?)\s*[\(\[]\s*([^()\[\]]+?)\s*[\)\]]\s*", re.DOTALL)
_CHECKBOX = re.compile(r"(.+?)___(\w+)")


@dataclass(frozen=True, slots=True)
class Recognised:
    """What the words of a header say.

    Attributes
    ----------
    target : str
        Variable that the header names or points at.
    likeness : {"same", "unit", "choice", "near"}
        The variable itself; with a unit that it does not have; one of its choices; a name with other words.
    unit : str or None
        Unit in the header, in the spelling of the dictionary.
    extra : tuple of str
        Words that the variable does not have.
    """

    target: str
    likeness: Likeness
    unit: str | None = None
    extra: tuple[str, ...] = ()


@lru_cache(maxsize=1 << 15)
def recognise(name: str) -> Recognised | None:
    """Recognise a header by its words, None if none of them points at a variable.

    Examples
    --------
    >>> recognise("Count of blood eosinophils (10^9/L) at visit 2")
    Recognised(target='blood_eosinophils_cells_ul', likeness='same', unit='10^9/L', extra=())
    >>> recognise("ln IgE"), recognise("sex_male"), recognise("colour")
    (Recognised(target='total_ige_ku_l', likeness='near', unit=None, extra=('log',)),
     Recognised(target='sex', likeness='choice', unit=None, extra=('male',)), None)
    """
    if len(name) > LONGEST_NAME:
        return None
    if checkbox := _CHECKBOX.fullmatch(name):
        meant = recognise(checkbox[1])
        return Recognised(meant.target, "choice", extra=(checkbox[2],)) if meant else None
    found = [each for header in _readings(name) for each in _candidates(header)]
    return min(found, key=_distance, default=None)


@lru_cache(maxsize=1 << 15)
def recognise_misspelt(name: str) -> Recognised | None:
    """Recognise a header after the correction of words with one wrong letter, None if that does not help.

    Examples
    --------
    >>> recognise_misspelt("fen0_ppb")
    Recognised(target='feno_ppb', likeness='same', unit='ppb', extra=())
    """
    header = split_header(name)
    words = tuple(word_index().meant(word) or word for word in header.words)
    corrected = _candidates(Header(words, header.unit)) if words != header.words else iter(())
    return min(corrected, key=_distance, default=None)


def unit_of_text(text: str, variable: Variable) -> str | None:
    """Unit of a variable that a text states, in the spelling of the dictionary.

    Examples
    --------
    >>> unit_of_text("[IU]/mL", data_dictionary()["total_ige_ku_l"])
    'IU/mL'
    """
    return _unit_of(text, variable) or (_unit_of(split_header(text).unit, variable) if text else None)


def unit_of_header(name: str, target: str) -> str | None:
    """Unit of a variable in a header, in the spelling of the dictionary.

    Examples
    --------
    >>> unit_of_header("FEV1_pp (L)", "fev1_pct_predicted"), unit_of_header("Allergy lab (ng/mL)", "total_ige_ku_l")
    ('L', 'ng/mL')
    """
    if name in data_dictionary():
        return None
    found = recognise(name)
    if found and found.target == target and found.likeness == "same":
        return found.unit
    units = (_unit_of(header.unit, data_dictionary()[target]) for header in (*_readings(name),)[::-1])
    return next(filter(None, units), None)


def _distance(each: Recognised) -> tuple[bool, int, int]:
    return (each.likeness != "same", len(each.extra), ("same", "unit", "choice", "near").index(each.likeness))


def _readings(name: str) -> Iterator[Header]:
    """The words of a name; also those before a bracket that holds a unit in another spelling."""
    yield split_header(name)
    if parts := _BRACKETS.fullmatch(name):
        before = split_header(parts[1])
        yield Header(before.words, f"={parts[2]}")


def _candidates(header: Header) -> Iterator[Recognised]:
    given = set(header.words)
    for target, form in dict.fromkeys(pair for word in header.words for pair in forms().get(word, ())):
        if form <= given:
            yield from _judged(header, target, form)
    if not header.unit.startswith("="):
        yield from _pointed_at(header)


def _pointed_at(header: Header) -> Iterator[Recognised]:
    """Variables that a single word points at; the name of a drug is one of the choices."""
    for word in header.words:
        for target in (target for target, others in stems().get(word, ()) if others.issubset(header.words)):
            own = frozenset() if word in changes() else own_words(target) | {word}
            extra = _left_over(header, target, own)
            is_choice = len(levels_named((word, *extra), data_dictionary()[target])) == 1
            yield Recognised(target, "choice", None, (word,)) if is_choice else Recognised(target, "near", None, extra)


def _judged(header: Header, target: str, form: frozenset[str]) -> Iterator[Recognised]:
    variable = data_dictionary()[target]
    extra, unit = _left_over(header, target, form), _unit_of(header.unit, variable)
    if header.unit.startswith("=") and unit is None:
        return
    if extra and (drug := find_unit(f"{unit or variable.unit} {' '.join(extra)}", variable)):
        extra, unit = (), drug
    n_levels = len(levels_named(extra, variable))
    if n_levels > 1 and "choice" not in extra:
        # The header lists the levels: `Sex (male/female)`.
        extra = ()
    if extra and n_levels == 1 and not (header.unit and variable.unit):
        yield Recognised(target, "choice", None, extra)
    elif extra or (not header.unit and form in forms_with_unit(target)):
        yield Recognised(target, "near", unit, extra)
    elif header.unit and unit is None:
        yield Recognised(target, "unit")
    else:
        yield Recognised(target, "same", unit)


def _left_over(header: Header, target: str, form: frozenset[str]) -> tuple[str, ...]:
    """Words of a header that carry meaning and do not belong to the variable."""
    silent = (form | optional(target) | filler(target)) - (telling(target) - form)
    return tuple(word for word in header.words if word not in silent)


def _unit_of(text: str, variable: Variable) -> str | None:
    """Unit of a variable in the spelling of the dictionary; a daily dose may leave out the day."""
    text = text.removeprefix("=")
    if not text:
        return None
    return find_unit(text, variable) or (find_unit(f"{text}/day", variable) if variable.unit == "mg/day" else None)
