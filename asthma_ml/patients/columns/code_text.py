"""Spell codes and words of cells alike, so that they can be compared."""

from __future__ import annotations

import re
import unicodedata

from asthma_ml.patients.columns.cell_text import cell_text

SMALLEST = 1e-60
"""Smallest number that is a measurement: SAS transport files write 0 as 2**-260."""
# Readers of SAS files give a missing value as a smaller number.
_SMALLEST_NORMAL = 1e-300
# Tags behind the terms of SNOMED CT.
_TAG = re.compile(r"\s*\((finding|person|qualifier value|disorder|situation|observable entity|life style)\)$")
_BETWEEN = re.compile(r"[\s_\-./\\,;:=|]+")
_SHORT_MARKER = re.compile(r"\.[a-z_]?|\\n", re.ASCII)
_SYSTEM = re.compile(r"^(?:snomed ?ct|snomed|sct|loinc|omop|hl7) (?=\S)")
_AROUND = "()[]{}<>*!\"' "
# A code before its word: `1 - Yes`, `F - Female`.
_CODE_BEFORE = re.compile(r"^(?:\d+|([^\W\d])(?= \1)) (?=[^\W\d]{2})")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,4})?", re.ASCII)
# Letters with a stroke or without a dot, which have no accent to take off.
_STROKES = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe"})
# Without accents, shorter words mean something else: Hungarian `nő` is a woman.
_LEAST_LETTERS = 3
_LEAST_JOINED = 6
# Longer texts are notes.
_LONGEST = 200


def code_of(text: str) -> str:
    """Return the spelling in which codes are compared: lower case, one blank between words, `8507.0` as `8507`.

    Examples
    --------
    >>> code_of("Ex-Smoker"), code_of("8507.0"), code_of("Never smoked tobacco (finding)"), code_of("+")
    ('ex smoker', '8507', 'never smoked tobacco', '+')
    """
    plain = cell_text(text).casefold()
    if len(plain) > _LONGEST or _SHORT_MARKER.fullmatch(plain):
        return plain
    if _NUMBER.fullmatch(plain):
        return number_code(plain)
    words = _BETWEEN.sub(" ", _TAG.sub("", plain).strip(_AROUND)).strip()
    return _SYSTEM.sub("", words) or plain.strip(_AROUND) or plain


def number_code(text: str) -> str:
    """Return the spelling of a number as a code: `1.0` as `1`, the zero of SAS transport files as `0`.

    Examples
    --------
    >>> number_code("1.0"), number_code("5.397605346934028e-79"), number_code("0.5")
    ('1', '0', '0.5')
    """
    number = float(text)
    if is_zero(number):
        return "0"
    return repr(int(number)) if number.is_integer() else repr(number)


def is_zero(number: float) -> bool:
    """Whether a number is 0, also as SAS transport files write it.

    Examples
    --------
    >>> is_zero(5.397605346934028e-79), is_zero(9.38e-312), is_zero(1e-9)
    (True, False, False)
    """
    return number == 0 or _SMALLEST_NORMAL < abs(number) < SMALLEST


def is_missing_of_sas(number: float) -> bool:
    """Whether a number is as small as what readers of SAS files give for a missing value.

    Examples
    --------
    >>> is_missing_of_sas(9.38e-312), is_missing_of_sas(0.0)
    (True, False)
    """
    return 0 < abs(number) <= _SMALLEST_NORMAL


def forms_of(code: str) -> tuple[str, ...]:
    """Return a code, also without accents, without a code before its word, and, if it is long, without blanks.

    Examples
    --------
    >>> forms_of("1 não feito")
    ('1 não feito', '1 nao feito', 'não feito', '1naofeito')
    """
    plain = _plain(code)
    joined = plain.replace(" ", "")
    return code, plain, _CODE_BEFORE.sub("", code), joined if len(joined) >= _LEAST_JOINED else code


def _plain(code: str) -> str:
    """A code without accents; a short one is unchanged."""
    if code.isascii():
        return code
    parts = unicodedata.normalize("NFD", code.translate(_STROKES))
    plain = unicodedata.normalize("NFC", "".join(part for part in parts if not unicodedata.combining(part)))
    return plain if len(plain) >= _LEAST_LETTERS else code
