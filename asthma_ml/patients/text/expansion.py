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


def within_blanks(blocks: Iterable[bytes], source: str) -> Iterator[bytes]:
    """Yield the blocks of a text.

    Raises
    ------
    UnusableInputError
        If more than `MOST_BLANKS` blanks and line breaks follow each other.
    """
    blank = lines = 0
    for block in blocks:
        blank = 0 if block.lstrip(_BLANKS) else blank + len(block)
        if blank > MOST_BLANKS:
            raise UnusableInputError(
                f"{source}, line {lines + 1}: more than {MOST_BLANKS // 10**6} million blanks and line breaks before "
                "this line; delete them"
            )
        lines += block.count(b"\n")
        yield block
