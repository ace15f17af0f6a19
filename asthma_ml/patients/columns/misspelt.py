"""Find the word that a misspelt one was meant to be: at most one letter is wrong, missing or too many."""

from __future__ import annotations

from collections.abc import Iterable

# Shorter words differ from too many others in one letter only.
_SHORTEST = 4


class WordIndex:
    """Words that are found by any spelling with one wrong letter, in a time that does not grow with their number.

    Examples
    --------
    >>> index = WordIndex(["feno", "eosinophils"])
    >>> [index.meant(word) for word in ("fen0", "fenno", "eosinophles", "colour")]
    ['feno', 'feno', 'eosinophils', '']
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._by_shorter: dict[str, str] = {}
        for word in sorted(words):
            for shorter in {word, *_shorter(word)} if len(word) >= _SHORTEST else ():
                self._by_shorter.setdefault(shorter, word)

    def meant(self, word: str) -> str:
        """Word with at most one other letter; empty if there is none."""
        if len(word) < _SHORTEST:
            return ""
        found = (self._by_shorter.get(each, "") for each in (word, *_shorter(word)))
        return next((each for each in found if each and _is_near(word, each)), "")


def _is_near(word: str, other: str) -> bool:
    """Whether one letter differs; in a word of four letters a substitute must be a digit."""
    if len(word) != len(other) or len(word) > _SHORTEST:
        return True
    return any(a != b and a.isdigit() for a, b in zip(word, other, strict=True))


def _shorter(word: str) -> tuple[str, ...]:
    return tuple(word[:i] + word[i + 1 :] for i in range(len(word)))
