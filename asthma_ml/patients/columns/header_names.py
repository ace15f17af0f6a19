"""The words that name each variable of the data dictionary in a header."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from asthma_ml.patients.columns.header_words import lexicon, split_header
from asthma_ml.patients.columns.misspelt import WordIndex
from asthma_ml.variables import Variable, data_dictionary

# Words around the name of a choice, and those of yes and no; `no` is read as an abbreviation of number.
_AROUND_CHOICES = frozenset({"choice", "is", "t", "checked"})
_YES_NO = {"yes": "1", "ja": "1", "oui": "1", "si": "1", "number": "0", "nein": "0", "non": "0"}


@cache
def forms() -> dict[str, tuple[tuple[str, frozenset[str]], ...]]:
    """Variables and the words that name them, by each of their words."""
    found: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for name, variable in data_dictionary().items():
        for alias in (name, *variable.aliases):
            form = _form(split_header(alias).words, name)
            for word in form:
                found.setdefault(word, []).append((name, form))
    return {word: tuple(dict.fromkeys(pairs)) for word, pairs in found.items()}


@cache
def forms_with_unit(target: str) -> frozenset[frozenset[str]]:
    """Forms that name the variable only together with a unit: FEV1 alone is in litres."""
    found: dict[bool, set[frozenset[str]]] = {True: set(), False: set()}
    for alias in (target, *data_dictionary()[target].aliases):
        header = split_header(alias)
        found[bool(header.unit)].add(_form(header.words, target))
    return frozenset(found[True] - found[False])


def _form(words: Iterable[str], target: str) -> frozenset[str]:
    """Words that carry the meaning of a name."""
    given = frozenset(words)
    return given - (filler(target) - telling(target)) or given


@cache
def word_index() -> WordIndex:
    """Words of features and their English spellings."""
    words = {word for word, pairs in forms().items() if any(data_dictionary()[name].is_feature for name, _ in pairs)}
    words |= stems().keys()
    same = lexicon()["same"]
    return WordIndex(words | {each for word in words for each in same.get(word, "").split() if each[:4] == word[:4]})


@cache
def stems() -> dict[str, tuple[tuple[str, frozenset[str]], ...]]:
    """Variables that a word points at, and the words that must stand beside it."""
    found: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for target, words in lexicon()["stems"].items():
        for stem in words.split():
            *others, word = stem.split("+")
            found.setdefault(word, []).append((target, frozenset(others)))
    for code in data_dictionary()["biologic"].codes:
        found.setdefault(code, []).append(("biologic", frozenset()))
    return {word: tuple(targets) for word, targets in found.items()}


@cache
def filler(target: str) -> frozenset[str]:
    """Words without meaning for a variable; in the name of an identifier almost every word counts."""
    is_feature = data_dictionary()[target].is_feature
    return frozenset(lexicon()["filler"]["words"].split()) if is_feature else frozenset({"baseline"})


@cache
def optional(target: str) -> frozenset[str]:
    """Words without meaning in a header of one variable."""
    return frozenset(lexicon()["optional"].get(target, "").split())


@cache
def telling(target: str) -> frozenset[str]:
    """Words with a meaning for one variable, although they are filler elsewhere."""
    return frozenset(lexicon()["telling"].get(target, "").split())


def levels_named(words: Iterable[str], variable: Variable) -> frozenset[str]:
    """Levels that words name; empty if any of them belongs to no level.

    Examples
    --------
    >>> levels_named(["anti", "il5"], data_dictionary()["biologic"]), levels_named(["max"], data_dictionary()["sex"])
    (frozenset({'anti_il5'}), frozenset())
    >>> sorted(levels_named(["male", "female"], data_dictionary()["sex"]))
    ['female', 'male']
    """
    given = frozenset(words) - _AROUND_CHOICES
    named = [(level, spelt) for spelt, level in _levels(variable.name).items() if spelt <= given]
    covered = frozenset(word for _, spelt in named for word in spelt)
    return frozenset(level for level, _ in named) if covered == given else frozenset()


@cache
def _levels(target: str) -> dict[frozenset[str], str]:
    """Level of each spelling, as words; yes and no of a flag."""
    variable = data_dictionary()[target]
    if variable.kind == "flag":
        return {frozenset({word}): level for word, level in _YES_NO.items()}
    own = own_words(target)
    spelt: dict[frozenset[str], str] = {}
    for text, level in ({level: level for level in variable.levels} | dict(variable.codes)).items():
        for words in (split_header(text).words, re.split(r"[\W_]+", text.casefold())):
            spelt.setdefault(frozenset(words) - own, level)
    spelt.pop(frozenset(), None)
    return spelt


@cache
def own_words(target: str) -> frozenset[str]:
    """Words of all names of a variable."""
    return frozenset(word for pairs in forms().values() for name, form in pairs if name == target for word in form)
