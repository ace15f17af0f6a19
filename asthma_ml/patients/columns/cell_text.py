"""Normalise the text of a cell: entities, invisible characters, minus signs, digits of other scripts, quotation."""

from __future__ import annotations

import re
import unicodedata

# Characters without a shape that are not of the category "format", such as variation selectors and fillers.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(code) for code in range(0xFE00, 0xFE10)
}
# Invisible signs that stand for an operation or separate numbers.
_OPERATORS = frozenset("\u2061\u2062\u2063\u2064")
_SIGNS = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u02d7\u2796\ufe58\ufe63", "-")
    | dict.fromkeys("\u2018\u2019\u02bc\u00b4\u066c", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f", '"')
    | {"\u066b": ".", "\u060c": ",", "\u066a": "%", "\u2795": "+", "\u00b5": "\u03bc"}
)
_FORMULA_TEXT = re.compile(r'=\s*"((?:[^"]|"")*)"', re.DOTALL)
_FORMULA_NUMBER = re.compile(r"=\s*([+-]?\d[\d.,]*)", re.ASCII)
_QUOTED = re.compile(r"""(["'])(.*)\1""", re.DOTALL)
_MOST_ESCAPES = 3


def cell_text(text: str) -> str:
    r"""Return the text of a cell as a reader sees it.

    HTML entities are resolved and invisible characters removed. Minus signs, blanks and full-width characters become
    ASCII, digits of other scripts 0 to 9, composed characters one character. The quotation of spreadsheets (`="52"`, a
    leading apostrophe) is taken off. Superscripts and fractions stay, since 10² is not 102.

    Examples
    --------
    >>> (
    ...     cell_text('="52"'),
    ...     cell_text("\u22123.5"),
    ...     cell_text("&lt;&nbsp;5"),
    ...     cell_text("\u0664\u0664"),
    ...     cell_text("'045"),
    ... )
    ('52', '-3.5', '< 5', '44', '045')
    >>> cell_text("ma\u0308nnlich") == "m\u00e4nnlich", cell_text("10\u00b2")
    (True, '10²')
    """
    if "&" in text:
        text = _unescaped(text)
    if not text.isascii():
        text = _plain_signs(text)
    text = text.strip()
    return _unquoted(text) if text[:1] in ("=", "'", '"') else text


def _unescaped(text: str) -> str:
    """Text without HTML entities, also if they were escaped twice."""
    import html

    for _ in range(_MOST_ESCAPES):
        text, before = html.unescape(text), text
        if text == before:
            break
    return text


def _plain_signs(text: str) -> str:
    return unicodedata.normalize("NFC", "".join(map(_plain_sign, text))).translate(_SIGNS)


def _plain_sign(sign: str) -> str:
    """A blank, digit or full-width character in ASCII, nothing for an invisible character, others unchanged."""
    if sign.isascii():
        return sign
    category = unicodedata.category(sign)
    if sign in _INVISIBLE or (category == "Cf" and sign not in _OPERATORS):
        return ""
    if category == "Zs":
        return " "
    if category == "Nd":
        return str(unicodedata.decimal(sign))
    compatible = unicodedata.decomposition(sign).startswith(("<wide>", "<narrow>", "<font>", "<small>"))
    return unicodedata.normalize("NFKC", sign) if compatible else sign


def _unquoted(text: str) -> str:
    """Text without the quotation by which spreadsheets keep a number as text."""
    if formula := _FORMULA_TEXT.fullmatch(text):
        return formula[1].replace('""', '"').strip()
    if formula := _FORMULA_NUMBER.fullmatch(text):
        return formula[1]
    if quoted := _QUOTED.fullmatch(text):
        return quoted[2].strip()
    return text[1:].strip() if text[0] == "'" else text
