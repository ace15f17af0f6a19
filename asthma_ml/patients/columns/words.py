"""Words of cells: yes and no, levels of categories in other languages, what stands for missing (`vocabulary/`)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from asthma_ml.patients.columns.cell_text import cell_text
from asthma_ml.patients.columns.code_text import code_of, forms_of
from asthma_ml.variables import Variable, data_dictionary

Meaning: TypeAlias = "str | float"

_DIGITS_AND_SIGNS = "0123456789()[]"
_EXPLAINED = re.compile(r"\s*[(:;,\-]")
_LEAST_EXPLAINED = 6


@dataclass(frozen=True, slots=True)
class CodesOfVariable:
    """Codes of a variable in other tables, in the spelling of `code_of`.

    Attributes
    ----------
    levels : mapping of str to str or float
        Level of each word and code with one meaning.
    letters : tuple of mapping of str to str or float
        Sets of codes that belong together; an empty text means missing.
    alone : mapping of str to str or float
        Level of each code of such a set that is believed without the others.
    not_stated : frozenset of str
        Words for missing.
    not_now : frozenset of str
        Words for not smoking now.
    beside : frozenset of str
        Words that may stand beside one with a level, such as the route of a drug.
    """

    levels: Mapping[str, Meaning]
    letters: tuple[Mapping[str, Meaning], ...]
    alone: Mapping[str, Meaning]
    not_stated: frozenset[str]
    not_now: frozenset[str]
    beside: frozenset[str]


def is_marker(text: str) -> bool:
    r"""Whether a cell holds what software writes for missing.

    Examples
    --------
    >>> is_marker("#NULL!"), is_marker(r"\N"), is_marker(".a"), is_marker("not done")
    (True, True, True, False)
    """
    return cell_text(text).casefold() in _markers()


def is_failed_formula(text: str) -> bool:
    """Whether a cell holds the error of a spreadsheet formula, such as `#DIV/0!`."""
    return cell_text(text).casefold() in _words("missing")["failed"]


def means_missing(text: str, variable: Variable) -> bool:
    """Whether a cell holds a word for missing, such as `not done`; `Other` is one of a category without that level.

    Examples
    --------
    >>> dictionary = data_dictionary()
    >>> means_missing("not done", dictionary["feno_ppb"]), means_missing("Other", dictionary["sex"])
    (True, True)
    """
    code = code_of(text)
    if not _missing_words().isdisjoint(forms_of(code)):
        return True
    if variable.is_numeric and variable.kind != "flag":
        return _begins_with_missing(text)
    return code in _missing_codes() or not codes_of(variable).not_stated.isdisjoint(forms_of(code))


def _begins_with_missing(text: str) -> bool:
    """Whether a cell without digits explains why a value is missing: `not done: patient refused`."""
    word = _EXPLAINED.split(cell_text(text), maxsplit=1)[0]
    return len(word) >= _LEAST_EXPLAINED and code_of(word) in _missing_words() and not any(map(str.isdigit, text))


def means_none(text: str) -> bool:
    """Whether a cell says none, which may be 0 or missing.

    Examples
    --------
    >>> means_none("None"), means_none("keine")
    (True, True)
    """
    return code_of(text) in _words("missing")["none"]


def level_of(text: str, variable: Variable) -> Meaning | None:
    """Return the level of a word or code with one meaning, None if it has none; `1 - Yes` has the level of its word.

    Examples
    --------
    >>> dictionary = data_dictionary()
    >>> level_of("Féminin", dictionary["sex"]), level_of("já", dictionary["atopy"]), level_of("M", dictionary["sex"])
    ('female', 1.0, None)
    """
    code, codes = code_of(text), codes_of(variable)
    level = next((codes.levels[form] for form in forms_of(code) if form in codes.levels), None)
    return _level_among_words(code, codes) if level is None and codes.beside else level


def _level_among_words(code: str, codes: CodesOfVariable) -> Meaning | None:
    """Level of a word beside which only doses and the like stand: `Omalizumab 300 mg s.c.`."""
    words = [word for each in code.split() if (word := each.strip(_DIGITS_AND_SIGNS)) not in codes.beside | {""}]
    levels = {codes.levels.get(word) for word in words}
    return levels.pop() if len(levels) == 1 else None


def codes_of(variable: Variable) -> CodesOfVariable:
    """Return the codes of a variable in other tables.

    Examples
    --------
    >>> codes_of(data_dictionary()["sex"]).alone["w"]
    'female'
    """
    return _codes_of(variable.name)


@cache
def _codes_of(name: str) -> CodesOfVariable:
    """Codes of a variable: its levels, its codes in the data dictionary, its words."""
    variable = data_dictionary()[name]
    content = _words("flag" if variable.kind == "flag" else name)
    letters = tuple(_with_codes(each) for each in content.get("letters", ()))
    doubtful = {letter for each in letters for letter in each}
    words = [(variable.codes, variable.levels), (_levels_of_words(content), ()), (_negations(variable), ())]
    levels: dict[str, Meaning] = {}
    for codes, own in words:
        for code, level in [*((level, level) for level in own), *codes.items()]:
            for form in forms_of(code_of(code)):
                levels.setdefault(form, level)
    known = {code: level for code, level in levels.items() if code not in doubtful}
    lists = (frozenset(_spelled(content.get(key, ()))) for key in ("not_stated", "not_now", "beside"))
    return CodesOfVariable(known, letters, _with_codes(content.get("alone", {})), *lists)


def _with_codes(letters: Mapping[str, Meaning]) -> dict[str, Meaning]:
    return {code_of(letter): _meaning(level) for letter, level in letters.items()}


def _meaning(level: Meaning) -> Meaning:
    return level if isinstance(level, str) else float(level)


def _levels_of_words(content: Mapping[str, Any]) -> dict[str, Meaning]:
    values = {"yes": 1.0, "no": 0.0}
    return {word: values.get(level, level) for level, words in content.get("words", {}).items() for word in words}


def _negations(variable: Variable) -> dict[str, Meaning]:
    """Words of no and none for a variable with the level `none`; numbers are left out."""
    if "none" not in variable.levels:
        return {}
    words = [*_words("flag")["words"]["no"], *_words("missing")["none"]]
    return {word: "none" for word in words if not word.isdecimal()}


@cache
def words_beside_numbers(kind: str) -> frozenset[str]:
    """Flags of laboratories (as they are written), and words for limits and rough values.

    Parameters
    ----------
    kind : {"flags", "before", "behind", "about"}
        What the words say.
    """
    words = _words("number")[kind]
    return frozenset(words if kind == "flags" else map(str.casefold, words))


@cache
def spellings_of_unit(unit: str) -> frozenset[str]:
    """Other spellings of the unit of a variable behind a number, in the spelling of `plain_unit`.

    Examples
    --------
    >>> "yrs" in spellings_of_unit("years")
    True
    """
    return frozenset(map(plain_unit, _words("number")["units"].get(unit, ())))


def plain_unit(text: str) -> str:
    """Return a unit behind a number without case, points and blanks."""
    return re.sub(r"[\s.]", "", cell_text(text).casefold())


@cache
def _words(part: str) -> dict[str, Any]:
    """Content of a file of the vocabulary, empty if there is none."""
    file = files("asthma_ml.patients.columns").joinpath("vocabulary", f"{part}.toml")
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


@cache
def _markers() -> frozenset[str]:
    return frozenset(_words("missing")["markers"])


@cache
def _missing_words() -> frozenset[str]:
    return frozenset(_spelled(_words("missing")["words"]))


@cache
def _missing_codes() -> frozenset[str]:
    return frozenset(_spelled(_words("missing")["of_codes"]))


def _spelled(words: Iterable[str]) -> Iterable[str]:
    """Codes of words in all their forms."""
    return (form for word in words for form in forms_of(code_of(word)))
