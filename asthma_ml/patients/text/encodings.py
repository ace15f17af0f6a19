"""Find the encoding of a text file: UTF-8, UTF-16, else Windows-1252; others are refused."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.problems import Finding

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_UNDEFINED_IN_WINDOWS = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_WORD = re.compile(rb"[A-Za-z]*[\x80-\x9f\xa1-\xff][A-Za-z\x80-\xff]*")
_MOST_WORDS = 10_000
_SHARE_OF_ZEROS = 0.5
# Western words have accented letters among others; three in a row, or nothing else, are another script.
_OTHER_SCRIPT = re.compile(rb"[\xa1-\xff]{2,}|.*[\x80-\xff]{3}.*", re.DOTALL)
# A capital or a sign within a word, such as `m\u0160nnlich`, is a letter of another code page.
_LETTER = r"[^\W\d_]"
_OTHER_LETTER = re.compile(
    "[a-z\u00df-\u00ff][\u0160\u017d\u0152\u0178\u00c0-\u00de]|"
    f"{_LETTER}[\u201a\u201e\u2020\u2021\u02c6\u2030\u2039\u203a\u201c\u201d\u2022\u02dc\u00a1-\u00a9\u00ab\u00b3\u00b9\u00bb\u00bd"
    f"\u00bf]{_LETTER}|{_LETTER}[\u00a6\u00ac\u00af\u00b6\u00b8\u00bc\u00be]|[\u00a6\u00ac\u00af\u00b6\u00b8\u00bc\u00be]{_LETTER}"
)
_SCRIPTS = "of another script, such as Shift-JIS, GBK, EUC-KR or Windows-1251"
_CODE_PAGES = "in another code page, such as Mac Roman, DOS 850 or ISO 8859-2"


def find_encoding(blocks: Callable[[], Iterable[bytes]], source: str) -> tuple[str, tuple[Finding, ...]]:
    """Find the encoding of a text that is not UTF-16.

    Parameters
    ----------
    blocks : callable
        Returns the bytes of the text from its start, without a byte order mark, in blocks of any size.
    source : str
        Name of the file for messages.

    Returns
    -------
    codec : {"utf-8", "cp1252"}
        Windows-1252 (cp1252) if the text is not UTF-8 and its words are Western European.
    findings : tuple of Finding
        A warning if the text is not UTF-8.

    Raises
    ------
    UnusableInputError
        If the file is binary, or its letters are not those of Windows-1252.
    """
    line = _first_line_beyond_utf8(blocks(), source)
    if line is None:
        return "utf-8", ()
    if any(_CONTROL.search(block) for block in blocks()):
        raise UnusableInputError(f"{source}, line {line}: neither UTF-8 nor Windows-1252 text; save the table as CSV")
    if other := _other_encoding(blocks()):
        raise UnusableInputError(f"{source}: not UTF-8 from line {line} on; looks like text {other}; save it as UTF-8")
    message = f"not UTF-8 from line {line} on; read as Windows-1252; check the accented letters"
    return "cp1252", (Finding("", "encoding", "warning", message),)


def _other_encoding(blocks: Iterable[bytes]) -> str:
    """What a text is in that is neither UTF-8 nor Windows-1252, judged by its words; empty if it may be the latter."""
    words: set[bytes] = set()
    undefined = False
    for block in blocks:
        undefined = undefined or _UNDEFINED_IN_WINDOWS.search(block) is not None
        if len(words) < _MOST_WORDS:
            words.update(_WORD.findall(block))
    if 2 * sum(_OTHER_SCRIPT.fullmatch(word) is not None for word in words) >= max(len(words), 1):
        return _SCRIPTS
    n_odd = sum(_OTHER_LETTER.search(word.decode("cp1252", "replace")) is not None for word in words)
    return _CODE_PAGES if undefined or 3 * n_odd > len(words) else ""


def _first_line_beyond_utf8(blocks: Iterable[bytes], source: str) -> int | None:
    """Line of the first byte that is not UTF-8; a NUL byte is refused."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    found, lines = None, 0
    for block in chain(blocks, [b""]):
        if b"\0" in block:
            line = lines + block.count(b"\n", 0, block.index(b"\0")) + 1
            raise UnusableInputError(f"{source}, line {line}: a NUL byte; this is not a text table, save it as CSV")
        if found is None:
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                # Bytes kept from the previous block are part of one character, so they contain no line break.
                found = lines + error.object.count(b"\n", 0, error.start) + 1
        lines += block.count(b"\n")
    return found


def utf16_codec(start: bytes) -> str:
    r"""Codec of a text that begins as UTF-16: with a byte order mark, or with every other byte 0; empty if it does not.

    Examples
    --------
    >>> utf16_codec("age".encode("utf-16")), utf16_codec("age".encode("utf-16-le")), utf16_codec(b"age,sex\n44,\0\n")
    ('utf-16', 'utf-16-le', '')
    """
    if start.startswith(UTF16):
        return "utf-16"
    zeros = [start[place::2].count(0) / max(len(start[place::2]), 1) for place in (0, 1)]
    codec = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    return codec if min(zeros) == 0 and max(zeros) > _SHARE_OF_ZEROS else ""


def decoded_utf16(blocks: Iterable[bytes], source: str, codec: str) -> Iterator[str]:
    """Yield the text of a UTF-16 file in parts."""
    decoder = codecs.getincrementaldecoder(codec)()
    lines = 0
    for block in chain(blocks, [b""]):
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise UnusableInputError(f"{source}: damaged UTF-16 text; save the table as UTF-8 CSV") from error
        if "\0" in text:
            line = lines + text.count("\n", 0, text.index("\0")) + 1
            raise UnusableInputError(f"{source}, line {line}: a NUL character")
        lines += text.count("\n")
        yield text
