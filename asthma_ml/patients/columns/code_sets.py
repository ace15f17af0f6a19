"""Judge the codes of a whole column together: H and M are hombre and mujer, F and M female and male."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from asthma_ml.patients.columns.code_text import code_of
from asthma_ml.patients.columns.words import Meaning, codes_of, is_marker, level_of, means_missing
from asthma_ml.patients.problems import Severity
from asthma_ml.variables import Variable

_WHOLE = re.compile(r"-?\d+", re.ASCII)
_BINARY = frozenset({"0", "1"})
# Codes for missing beside 0 and 1.
_CODES_FOR_MISSING = frozenset(
    map(str, (7, 8, 9, 77, 88, 98, 99, 777, 888, 998, 999, 9999, -1, -7, -8, -9, -77, -88, -99, -999, -9999))
)
_MOST_SHOWN, _LONGEST_SHOWN = 6, 3
_NOT_NOW = (
    "not smoking now, and no cell of the column says former; state whether never or former in a column map: "
    '[columns.smoking_status] levels = { "CODE" = "never" }'
)


@dataclass(frozen=True, slots=True)
class CodeVerdict:
    """What the codes of a column mean, judged together.

    Attributes
    ----------
    levels : mapping of str to str, float or None
        Level of each code that means something else in other columns; None means missing. Codes are spelled as by
        `code_of`.
    doubtful : frozenset of str
        Codes that are ambiguous.
    message : str
        Why they are ambiguous and what to do; empty if there are none.
    severity : {"error", "warning"}
        Whether a row with such a code is invalid: if the column also holds unknown codes.
    missing : frozenset of str
        Numbers such as 9 and 99 that are usual for missing and stand beside known codes.
    """

    levels: Mapping[str, Meaning | None] = field(default_factory=dict)
    doubtful: frozenset[str] = frozenset()
    message: str = ""
    severity: Severity = "warning"
    missing: frozenset[str] = frozenset()


NO_VERDICT = CodeVerdict()
"""Verdict without the codes of the column: each code has its usual meaning."""


def believable(codes: Iterable[str], variable: Variable) -> CodeVerdict:
    """Judge all distinct codes of a column of a flag or category.

    A code with several meanings is believed only beside codes that settle it. 0 and 1 are ambiguous beside other
    numbers, since 1 and 2 may mean no and yes.

    Parameters
    ----------
    codes : iterable of str
        Distinct cells of the whole column whose meaning the column map does not state, in any spelling and order.
    variable : Variable
        Variable of the column.

    Returns
    -------
    CodeVerdict
        Levels for this column and codes that are ambiguous.

    Examples
    --------
    >>> from asthma_ml.variables import data_dictionary
    >>> sex, polyps = data_dictionary()["sex"], data_dictionary()["nasal_polyps"]
    >>> believable(["H", "M", ""], sex).levels == {"h": "male", "m": "female"}
    True
    >>> believable(["F", "M"], sex).levels == {"f": "female", "m": "male"}
    True
    >>> believable(["M"], sex).doubtful, believable(["1", "2"], polyps).doubtful
    (frozenset({'m'}), frozenset({'1'}))
    """
    codes = {*codes}
    if codes <= {"", *_BINARY, *variable.levels} and variable.kind in ("flag", "category"):
        return NO_VERDICT
    column = _Column(frozenset(code_of(text) for text in codes if _is_code(text, variable)), variable)
    levels, missing = column.levels_of_letters(), column.codes_for_missing
    doubtful = column.doubtful_letters(levels) | column.doubtful_numbers()
    if doubtful:
        severity: Severity = "error" if column.unknown else "warning"
        return CodeVerdict(levels, doubtful, column.message(doubtful), severity, missing)
    if column.doubtful_non_smokers():
        return CodeVerdict(levels, column.doubtful_non_smokers(), _NOT_NOW, missing=missing)
    return CodeVerdict(levels, missing=missing)


@dataclass(frozen=True)
class _Column:
    """Distinct codes of a column, sorted by what is known of them."""

    codes: frozenset[str]
    variable: Variable

    @cached_property
    def letters(self) -> frozenset[str]:
        """Codes with several meanings."""
        return self.codes & _letters(self.variable)

    @cached_property
    def words(self) -> dict[str, Meaning]:
        """Codes with one meaning, and their levels."""
        levels = {code: level_of(code, self.variable) for code in self.codes - self.letters}
        return {code: level for code, level in levels.items() if level is not None}

    @cached_property
    def unknown(self) -> frozenset[str]:
        """Codes without a meaning."""
        return self._without_level - self.codes_for_missing

    @cached_property
    def codes_for_missing(self) -> frozenset[str]:
        """Usual codes for missing, if the column has known codes and no other number is unknown."""
        numbers = {code for code in self._without_level if _WHOLE.fullmatch(code)}
        binary = self.codes & _BINARY if self.variable.kind == "flag" else frozenset()
        known = self.letters | self.words.keys()
        stand_out = bool(known) and numbers <= _CODES_FOR_MISSING and binary in (frozenset(), _BINARY)
        return frozenset(numbers) if stand_out else frozenset()

    @cached_property
    def _without_level(self) -> frozenset[str]:
        left = self.codes - self.letters - self.words.keys() - codes_of(self.variable).not_now
        return self._not_missing(left)

    def _not_missing(self, codes: Iterable[str]) -> frozenset[str]:
        return frozenset(code for code in codes if not means_missing(code, self.variable))

    def levels_of_letters(self) -> dict[str, Meaning | None]:
        """Levels of the letters that the column settles."""
        found = self._of_sets(self.letters) or self._of_sets(self._not_missing(self.letters)) or self._of_mixed_sets()
        if not found:
            found = {letter: level for letter in self.letters if (level := self._alone(letter)) is not None}
        return {letter: level if level != "" else None for letter, level in found.items() if self._fits(letter, level)}

    def _of_sets(self, letters: frozenset[str]) -> dict[str, Meaning]:
        """Levels of letters on which all sets agree that contain them; two levels at least."""
        sets = [each for each in codes_of(self.variable).letters if letters <= each.keys() and self._fits_words(each)]
        readings = {letter: {each[letter] for each in sets} for letter in letters}
        if any(len(levels) != 1 for levels in readings.values()):
            return {}
        agreed = {letter: levels.pop() for letter, levels in readings.items()}
        return agreed if len({*agreed.values()} - {""}) > 1 else {}

    def _of_mixed_sets(self) -> dict[str, Meaning]:
        """Levels of letters of a complete usual set among others: F and M beside N, but not M beside F and H."""
        usual = {**self.variable.codes, **codes_of(self.variable).alone}
        sets = [
            {code: level for code, level in each.items() if level != ""} for each in codes_of(self.variable).letters
        ]
        complete = [each for each in sets if each.keys() <= self.letters]
        as_usual = {letter for each in complete if each.items() <= usual.items() for letter in each}
        unlike = [each.items() - usual.items() for each in complete]
        contradicted = {letter for different in unlike if len(different) == 1 for letter, _ in different}
        return {letter: usual[letter] for letter in as_usual - contradicted}

    def _alone(self, letter: str) -> Meaning | None:
        """Level of a letter whose set is incomplete."""
        meanings, usual = self._meanings(letter), codes_of(self.variable).alone.get(letter)
        if len(meanings) > 1 and len(self._with_level(self.letters)) > 1:
            return None
        if usual is None:
            return self._by_words(letter, meanings)
        if usual not in meanings:
            return usual if len(self.codes) == 1 else None
        return None if self.unknown and len(meanings) > 1 else usual

    def _meanings(self, letter: str) -> set[Meaning]:
        return {each[letter] for each in codes_of(self.variable).letters if letter in each}

    def _with_level(self, letters: Iterable[str]) -> frozenset[str]:
        """Letters that may have a level, other than U or X of a sex."""
        return frozenset(each for each in self._not_missing(letters) if self._meanings(each) != {""})

    def _by_words(self, letter: str, meanings: Iterable[Meaning]) -> Meaning | None:
        """Level of `M` beside a word with this initial, `male`, or beside a word for the other level, `female`."""
        if spelled := [level for level in meanings if self._has_word(letter, level)]:
            return spelled[0]
        usual, spelled_out = self.variable.codes.get(letter), {*self.words.values()}
        return usual if spelled_out and usual not in spelled_out and not self.unknown else None

    def _has_word(self, letter: str, level: Meaning) -> bool:
        return any(word.startswith(letter) and meant == level for word, meant in self.words.items())

    def _fits(self, letter: str, level: Meaning) -> bool:
        """Whether no word for another level has this initial."""
        return not any(word.startswith(letter) and meant != level for word, meant in self.words.items())

    def _fits_words(self, letters: Mapping[str, Meaning]) -> bool:
        """Whether the words of the column allow a set: beside `vyras`, V is not `vrouw`."""
        return all(level == "" or self._fits(letter, level) for letter, level in letters.items())

    def doubtful_letters(self, levels: Mapping[str, Meaning | None]) -> frozenset[str]:
        """Letters that are not settled; a dash is missing then."""
        return self._not_missing(self.letters - levels.keys() - {"-"})

    def doubtful_numbers(self) -> frozenset[str]:
        """0 and 1 of a flag beside other numbers that are not for missing."""
        others = any(_WHOLE.fullmatch(code) for code in self.unknown)
        return self.codes & _BINARY if self.variable.kind == "flag" and others else frozenset()

    def doubtful_non_smokers(self) -> frozenset[str]:
        """Words for not smoking now where no code is of former smokers: they may have smoked."""
        return frozenset() if "former" in self.words.values() else self.codes & codes_of(self.variable).not_now

    def message(self, doubtful: frozenset[str]) -> str:
        """Why codes are ambiguous, and the line of a column map that settles it."""
        short = sorted(code for code in doubtful | self.unknown if len(code) <= _LONGEST_SHOWN)[:_MOST_SHOWN]
        levels = "no or yes" if self.variable.kind == "flag" else " or ".join(self.variable.levels)
        line = ", ".join(f'"{code}" = "..."' for code in short)
        why = "depend on the language" if doubtful <= self.letters else "may mean different things"
        return (
            f"ambiguous, read as missing: the codes of the column ({', '.join(short)}) {why}; state each as "
            f"{levels} in a column map: [columns.{self.variable.name}] levels = {{ {line} }}"
        )


def _is_code(text: str, variable: Variable) -> bool:
    """Whether a cell is not what software writes for missing; a dash may be a code."""
    return code_of(text) in _letters(variable) or level_of(text, variable) is not None or not is_marker(text)


def _letters(variable: Variable) -> frozenset[str]:
    return frozenset(letter for letters in codes_of(variable).letters for letter in letters)
