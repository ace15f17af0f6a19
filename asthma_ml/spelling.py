"""Names in messages: the one that a misspelt name was probably meant to be, and control characters written out."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

# The time to compare two names grows with the square of their length.
_LONGEST_COMPARED = 200


def closest(name: str, allowed: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the allowed name that is most similar to a misspelt name, empty if none is similar.

    Parameters
    ----------
    name : str
        Misspelt name; case is ignored.
    allowed : iterable of str
        Names to choose from.
    cutoff : float
        Smallest similarity from 0 to 1, as defined by `difflib.get_close_matches`.

    Returns
    -------
    str
        One of `allowed`, or empty.

    Examples
    --------
    >>> closest("FENO_PBB", ["feno_ppb", "sex"])
    'feno_ppb'
    """
    by_lower = {each.casefold(): each for each in allowed}
    matches = get_close_matches(name.casefold()[:_LONGEST_COMPARED], by_lower, n=1, cutoff=cutoff)
    return by_lower[matches[0]] if matches else ""


def with_suggestion(name: str, allowed: Iterable[str]) -> str:
    """Return an unknown name, followed by the most similar allowed name if there is one.

    Examples
    --------
    >>> with_suggestion("feno_pbb", ["feno_ppb", "sex"]), with_suggestion("colour", ["feno_ppb", "sex"])
    ('feno_pbb (did you mean feno_ppb?)', 'colour')
    """
    close = closest(name, allowed)
    return f"{name} (did you mean {close}?)" if close else name


def visible(text: str) -> str:
    r"""Write out control and format characters, except line breaks and tabulators.

    Examples
    --------
    >>> visible("patient \x1b[2J7 \u202e8")
    'patient \\x1b[2J7 \\u202e8'
    """
    if text.isprintable():
        return text
    return "".join(sign.encode("unicode_escape").decode() if _is_control(sign) else sign for sign in text)


def _is_control(sign: str) -> bool:
    return unicodedata.category(sign).startswith("C") and sign not in "\n\t"
