"""Find the encoding of a text file: UTF-8, UTF-16 with a byte order mark, else Windows-1252 or Latin-1."""

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
    codec : {"utf-8", "cp1252", "latin-1"}
        Windows-1252 (cp1252); ISO 8859-1 (latin-1) if the text has bytes that Windows-1252 does not define.
    findings : tuple of Finding
        A warning if the text is not UTF-8.

    Raises
    ------
    UnusableInputError
        If the file is binary.
    """
    line = _first_line_beyond_utf8(blocks(), source)
    if line is None:
        return "utf-8", ()
    if any(_CONTROL.search(block) for block in blocks()):
        raise UnusableInputError(f"{source}, line {line}: neither UTF-8 nor Latin-1 text; save the table as CSV")
    windows = not any(_UNDEFINED_IN_WINDOWS.search(block) for block in blocks())
    message = f"not UTF-8 from line {line} on; read as Windows-1252; check the accented letters"
    return "cp1252" if windows else "latin-1", (Finding("", "encoding", "warning", message),)


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


def decoded_utf16(blocks: Iterable[bytes], source: str) -> Iterator[str]:
    """Yield the text of a UTF-16 file that begins with a byte order mark, in parts."""
    decoder = codecs.getincrementaldecoder("utf-16")()
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
