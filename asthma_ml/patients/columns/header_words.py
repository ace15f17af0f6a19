"""Split the header of a column into words and a unit, whatever its spelling, order of words and language."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from asthma_ml.variables import data_dictionary

# Longer names are no headers; the time to split one grows with its length.
LONGEST_NAME = 200
_ALIKE_SIGNS = str.maketrans(
    {"²": "^2", "³": "^3", "⁶": "^6", "⁹": "^9", "×": "x", "*": "^", "µ": "u", "μ": "u", "ø": "o"}
    | {"Δ": "delta ", "∆": "delta ", "√": "sqrt "}
)
_WORD = re.compile(r"[^\W_]+(?:\^\d+)?|\^\d+|%|#")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
# Steps of a scikit-learn ColumnTransformer that leave values as they are.
_STEP = re.compile(r"(?:num|numeric|cat|categorical|remainder|passthrough|keep)__(?!_)", re.IGNORECASE)
# Ends that pandas, R and Salesforce add; and fields of UK Biobank, of any visit.
_ADDED = re.compile(r"\.[xy]$|__c$")
_BIOBANK = re.compile(r"(?:f\.|[px])?(\d{2,5})(?:[-.]\d\.\d+|_i\d)")
_VISIT = re.compile(r"\b(?:visit \d+|visit[0-9]+|v ?\d{1,2}|[tdmw]0|(?:week|day|months?) ?0)(?= |$)")
_YEAR_BEFORE = re.compile(
    r"\b(?:past )+(?:12 ?months|12 ?mo?|1? ?years|12)\b|\b12 ?(?:months|mo?)(?: past)?\b|\b1 ?years past\b"
    r"|\bper (?:1 )?years\b"
)
_YES_NO = re.compile(r"\b(?:y(?:es)?|0|ja|s[ií]|oui)\s*/\s*(?:no?|1|nein|non)\b", re.IGNORECASE)
_MALE_FEMALE = re.compile(r"\b(?:m|f|w)\s*/\s*(?:m|f|w)\b", re.IGNORECASE)
_SHORTEST_PART, _LONGEST_SPLIT = 3, 40
_SHORT_PARTS = frozenset({"yr", "bl", "bd", "id", "nr", "pp", "ul", "at"})
_POWER = re.compile(r"\b(?:x ?)?10 ?(?:e ?\+?0?|\^ ?|exp ?)?([369])\b")
_VOLUME = r"(?:ul|mm\^?3|mcl|cumm|cmm|microl|mikroliter|microliter|microlitre)"
# Patterns of units; the longer spelling of a unit comes first.
_UNIT_PATTERNS = (
    ("%predicted", r"% (?:of |v |vom |del |de |de la |the )?predicted(?: value)?|predicted %|pp|ppred"),
    ("%", r"% of (?:nonsquamous|leukocytes|total)(?: cells)?|(?:100 )leukocytes"),
    ("10^3/ul", rf"(?:10\^3|k|thou|thousands?|tsd)(?: cells)?(?: per)? {_VOLUME}|10\^3"),
    ("10^9/l", r"(?:10\^9|g|giga|gpt)(?: cells)?(?: per)? l|(?:cells )?nl|10\^9"),
    (
        "cells/ul",
        rf"(?:cells?|zellen|celulas|cellules|cel|cellule|#|number|count)?(?: per)? ?{_VOLUME}|(?:10\^6) l",
    ),
    ("iu/ml", r"k?(?:i?u|ie|ui)(?: per)? ml|k(?:iu|ui|ie)(?: per)? l"),
    ("ku/l", r"ku(?: per)? l"),
    ("ng/ml", r"ng(?: per)? ml|(?:u|mc)g(?: per)? l"),
    ("pg/ml", r"pg(?: per)? ml|ng(?: per)? l"),
    ("ug/m3", r"ug(?: per)? m ?\^?3"),
    ("mg/m3", r"mg(?: per)? m ?\^?3"),
    ("ug/day", r"(?:ug|mcg|microgram|mikrogramm)s?(?: per)?(?: (?:day|d|tag|dia|jour|daily))?"),
    ("mg/day", r"mg(?: per)?(?: (?:day|d|tag|dia|jour|daily))"),
    ("mg", r"mg"),
    ("kg/m2", r"kg(?: per)? m ?\^?2"),
    ("ppb", r"ppb|parts per billion"),
    ("ppm", r"ppm|parts per million"),
    ("nm", r"nm"),
    ("mm", r"mm"),
    ("um", r"um|microns?"),
    ("years", r"years"),
    ("months", r"months"),
    ("pack-years", r"py"),
    ("ml", r"ml"),
    ("L", r"l"),
    ("fraction", r"fraction"),
    ("%", r"%"),
)


class Header(NamedTuple):
    """Words of a header in order and the unit among them, empty if it names none."""

    words: tuple[str, ...]
    unit: str


@cache
def lexicon() -> Mapping[str, Any]:
    """Words of headers: their spellings, phrases, and what they mean for a variable."""
    text = files("asthma_ml.patients.columns").joinpath("header_words.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def changes(target: str = "") -> Mapping[str, str]:
    """What another quantity a variable becomes by each word: the logarithm, a date, a flag."""
    of_variable = lexicon()["changes_of"].get(target, {})
    of_all = [*lexicon()["changes"].items(), *of_variable.items()]
    return {word: what for what, words in of_all for word in words.split()}


def visible_name(name: str) -> str:
    r"""Return a name in composed Unicode form, without invisible characters and outer blanks.

    Examples
    --------
    >>> visible_name("\ufefffe\u200bno ")
    'feno'
    """
    if name.isascii():
        return name.strip()
    return "".join(sign for sign in unicodedata.normalize("NFC", name) if unicodedata.category(sign) != "Cf").strip()


def plain_name(name: str) -> str:
    """Return a column name in lower case, with underscores for spaces and hyphens, without invisible characters."""
    return re.sub(r"[\s\-]+", "_", visible_name(name).casefold())


@lru_cache(maxsize=1 << 15)
def split_header(name: str) -> Header:
    """Split a header into words in one spelling and its unit.

    Examples
    --------
    >>> split_header("Blood.Eosinophils_x10_3_uL")
    Header(words=('blood', 'eosinophils'), unit='10^3/ul')
    >>> split_header("FeNO level [ppb] Visit 2")
    Header(words=('feno', 'level'), unit='ppb')
    >>> split_header("totalIgE_kU_L")
    Header(words=('total', 'ige'), unit='ku/l')
    """
    text = " ".join(_words(visible_name(name)[:LONGEST_NAME]))
    text = _VISIT.sub("", _YEAR_BEFORE.sub("12m", _phrases(text)))
    text, unit = _without_unit(_POWER.sub(r"10^\1", text))
    return Header(tuple(text.split()), unit)


def _words(name: str) -> list[str]:
    """Words of a name in their usual spelling."""
    if field := _BIOBANK.fullmatch(name.casefold()):
        return [f"ukb{field[1]}"]
    name = _ADDED.sub("", _STEP.sub("", name.translate(_ALIKE_SIGNS)))
    name = _MALE_FEMALE.sub("mf", _YES_NO.sub("yesno", name))
    same = _spellings()
    found: list[str] = []
    for chunk in _WORD.findall(_plain(name)):
        found += [same.get(word, word) for word in _parts(chunk)]
    return found


def _plain(name: str) -> str:
    """Name with compatible Unicode forms and without accents; upper case stays."""
    if name.isascii():
        return name
    return "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))


def _parts(chunk: str) -> list[str]:
    """Known words that a chunk consists of; else its parts in camel case."""
    word = chunk.casefold()
    if word in known_words():
        return [word]
    parts = _split(word)
    if parts or "^" in word:
        return parts or [word]
    pieces = [piece.casefold() for piece in _CAMEL.findall(chunk)]
    # A sign of another script, as in `ΔFEV1`, is no joint of words.
    known = "".join(pieces) == word and any(len(piece) >= _SHORTEST_PART and piece in known_words() for piece in pieces)
    return pieces if len(pieces) > 1 and known else [word]


def _split(word: str) -> list[str]:
    """Split a word into known words that cover it, longest first; empty if they do not."""
    if len(word) > _LONGEST_SPLIT:
        return []
    for end in range(len(word) - 2, 1, -1):
        first, rest = word[:end], word[end:]
        if _is_part(first):
            tail = [rest] if _is_part(rest) else _split(rest)
            if tail:
                return [first, *tail]
    return []


def _is_part(word: str) -> bool:
    return word in _SHORT_PARTS or (len(word) >= _SHORTEST_PART and word in known_words())


@cache
def _spellings() -> dict[str, str]:
    return {spelling: word for word, spellings in lexicon()["same"].items() for spelling in spellings.split()}


@cache
def known_words() -> frozenset[str]:
    """All words and spellings of the lexicon, and the words in the names of variables."""
    content = lexicon()
    names = " ".join(data_dictionary()).replace("_", " ")
    texts = [*content["same"], *content["phrases"], *content["same"].values(), *content["phrases"].values()]
    texts += [*content["filler"].values(), *content["optional"].values()]
    texts += [words.replace("+", " ") for words in content["stems"].values()]
    texts += [*content["changes"].values(), names]
    return frozenset(word for text in texts for word in text.split())


@cache
def _phrase_pattern() -> re.Pattern[str]:
    longest_first = sorted(lexicon()["phrases"], key=len, reverse=True)
    return re.compile(rf"(?:^|(?<= ))(?:{'|'.join(map(re.escape, longest_first))})(?= |$)")


def _phrases(text: str) -> str:
    """Replace phrases by their word, until none is left."""
    meaning = lexicon()["phrases"]
    while (replaced := _phrase_pattern().sub(lambda found: meaning[found[0]], text)) != text:
        text = replaced
    return text


def _without_unit(text: str) -> tuple[str, str]:
    """Text without its unit, and the unit."""
    for unit, pattern in _units():
        if found := pattern.search(text):
            return f"{text[: found.start()]} {text[found.end() :]}", unit
    return text, ""


@cache
def _units() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((unit, re.compile(rf"(?:^|(?<= ))(?:{pattern})(?= |$)")) for unit, pattern in _UNIT_PATTERNS)
