"""Any source as a plain file that can be read twice: standard input and packed files go into a temporary one."""

from __future__ import annotations

import gzip
import io
import os
import stat
import sys
import tempfile
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from asthma_ml.errors import UnusableInputError
from asthma_ml.files import write_all
from asthma_ml.patients.encodings import UTF16, decoded_utf16
from asthma_ml.patients.sources import GZIP, ZSTD, refuse_workbook

BLOCK_BYTES = 2**20

Told = Callable[[int, int], object]
"""Takes the number of bytes that were just read, and of all there are."""


@contextmanager
def plain_file(source: str | os.PathLike[str], name: str, folder: Path | None = None) -> Iterator[BinaryIO]:
    """Open a source as a file that can be read more than once, unpacked, text in an encoding that extends ASCII.

    Parameters
    ----------
    source : path or "-"
        CSV, TSV or Parquet, also packed by gzip or zstd; `-` is standard input.
    name : str
        Name of the source for messages.
    folder : Path, optional
        Where a temporary file may lie; it has no name there and is gone with the process.

    Yields
    ------
    BinaryIO
        At its beginning.

    Raises
    ------
    UnusableInputError
        If there is no such file, it is damaged, or there is no room for a temporary one.
    """
    with ExitStack() as opened:
        file = _opened(source, name, opened)
        if not _can_be_read_twice(file):
            file = _copied(_pieces(file), name, folder, opened)
        if begins_with(file, GZIP, ZSTD):
            file = _copied(_unpacked(file, name), name, folder, opened)
        file.seek(0)
        refuse_workbook(file.read(4), name)
        if begins_with(file, *UTF16):
            texts = decoded_utf16(blocks(file), name)
            # With a mark of its own, so that one that belongs to the text is not taken for it.
            file = _copied(chain([BOM_UTF8], (text.encode() for text in texts)), name, folder, opened)
        file.seek(0)
        yield file


def blocks(file: BinaryIO, start: int = 0, told: Told | None = None) -> Iterator[bytes]:
    """Bytes of a file from a place on."""
    size = file.seek(0, os.SEEK_END)
    file.seek(start)
    while block := file.read(BLOCK_BYTES):
        if told is not None:
            told(len(block), size)
        yield block


def begins_with(file: BinaryIO, *marks: bytes) -> bool:
    """Whether a file begins with one of some marks."""
    file.seek(0)
    start = file.read(max(map(len, marks)))
    file.seek(0)
    return start.startswith(marks)


def _opened(source: str | os.PathLike[str], name: str, opened: ExitStack) -> BinaryIO:
    if os.fspath(source) == "-":
        buffer = getattr(sys.stdin, "buffer", None)
        return buffer if buffer is not None else io.BytesIO(sys.stdin.read().encode())
    try:
        return opened.enter_context(Path(source).open("rb"))
    except FileNotFoundError:
        raise UnusableInputError(f"{name}: there is no such file") from None
    except IsADirectoryError:
        raise UnusableInputError(f"{name}: this is a folder; name one CSV or Parquet file") from None
    except (OSError, ValueError) as error:
        raise UnusableInputError(f"{name}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def _can_be_read_twice(file: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode) and file.tell() == 0
    except (OSError, ValueError):
        return False


def _pieces(file: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    while block := file.read(BLOCK_BYTES):
        yield block


def _unpacked(file: BinaryIO, name: str) -> Iterator[bytes]:
    kind = "gzip" if begins_with(file, GZIP) else "zstd"
    try:
        if kind == "gzip":
            with gzip.GzipFile(fileobj=file, mode="rb") as packed:
                yield from _pieces(packed)
        else:
            import pyarrow as pa

            with pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd") as stream:
                yield from _pieces(stream)
    except (EOFError, zlib.error, OSError) as error:
        raise UnusableInputError(f"{name}: damaged {kind} file ({error})") from error


def _copied(content: Iterable[bytes], name: str, folder: Path | None, opened: ExitStack) -> BinaryIO:
    """A temporary file with something in it."""
    with no_room_told(name, folder):
        copy: BinaryIO = opened.enter_context(nameless_file(folder))
        for block in content:
            write_all(copy, block)
    copy.seek(0)
    return copy


def nameless_file(folder: Path | None) -> Any:
    """A temporary file that goes with the process; without a buffer, which a full disk would not let it close."""
    return tempfile.TemporaryFile(dir=folder, buffering=0)


@contextmanager
def no_room_told(name: str, folder: Path | None) -> Iterator[None]:
    """Raise UnusableInputError where a temporary file cannot be written."""
    try:
        yield
    except OSError as error:
        where, reason = folder or tempfile.gettempdir(), error.strerror or error
        raise UnusableInputError(f"{name}: a temporary file in {where} cannot be written ({reason})") from error
