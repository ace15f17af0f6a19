"""How far a file may expand: a small file that is gigabytes once it is read was made to exhaust the memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from asthma_ml.errors import UnusableInputError

MOST_EXPANSION = 200
"""Largest ratio of content to file. Tables of patients compress 4 to 30 times."""

LEAST_LIMIT = 2**28
"""Bytes that any file may expand to, however small it is."""

MOST_BLANKS = 2**25
"""Largest number of blanks and line breaks in a row in a text file."""

LONGEST_ROW = 2**24
"""Largest number of bytes of a line or row. A header has at most a million characters."""

_BLANKS = b" \r\n"


def most_bytes(n_bytes: int) -> int:
    """Return the number of bytes that a file of `n_bytes` may expand to.

    Examples
    --------
    >>> most_bytes(10_000_000)
    2000000000
    """
    return max(LEAST_LIMIT, MOST_EXPANSION * n_bytes)


def within_expansion(blocks: Iterable[bytes], n_bytes: int, source: str) -> Iterator[bytes]:
    """Yield the decompressed blocks of a file of `n_bytes`.

    Raises
    ------
    UnusableInputError
        If they are larger than `most_bytes`.
    """
    seen, most = 0, most_bytes(n_bytes)
    for block in blocks:
        seen += len(block)
        if seen > most:
            raise UnusableInputError(
                f"{source}: expands to more than {MOST_EXPANSION} times its size, to over {most // 10**6:,} MB; if you "
                "trust the file, decompress it yourself and give the result"
            )
        yield block


def within_limits(blocks: Iterable[bytes], source: str) -> Iterator[bytes]:
    """Yield the blocks of a text before anything is split, so that no line takes more memory than it should.

    Raises
    ------
    UnusableInputError
        If more than `MOST_BLANKS` blanks and line breaks follow each other, or a line is longer than `LONGEST_ROW`.
    """
    blank = unbroken = lines = 0
    for block in blocks:
        blank = 0 if block.lstrip(_BLANKS) else blank + len(block)
        if blank > MOST_BLANKS:
            raise UnusableInputError(
                f"{source}, line {lines + 1}: more than {MOST_BLANKS // 10**6} million blanks and line breaks before "
                "this line; delete them"
            )
        last = max(block.rfind(b"\n"), block.rfind(b"\r"))
        unbroken = unbroken + len(block) if last < 0 else len(block) - last - 1
        lines += block.count(b"\n")
        if unbroken > LONGEST_ROW:
            raise row_too_long(source, lines + 1)
        yield block


def row_too_long(source: str, line: int) -> UnusableInputError:
    """Return the refusal of a row of more than `LONGEST_ROW` bytes."""
    return UnusableInputError(
        f"{source}, line {line}: the row has more than {LONGEST_ROW // 10**6} million bytes; give one row per patient, "
        "and close each quotation mark"
    )
