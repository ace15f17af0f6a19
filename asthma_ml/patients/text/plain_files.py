"""Open a file of patients: a path or standard input. The content, not the name, decides the format."""

from __future__ import annotations

import gzip
import io
import os
import stat
import sys
import tempfile
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from asthma_ml.errors import UnusableInputError
from asthma_ml.files import write_all
from asthma_ml.patients.problems import Finding
from asthma_ml.patients.text.encodings import decoded_utf16, find_encoding, utf16_codec
from asthma_ml.patients.text.expansion import within_expansion, within_limits
from asthma_ml.patients.text.other_formats import SEEN_BYTES, refuse_other_binary, refuse_other_text

GZIP, ZSTD, PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
BZIP2, XZ = b"BZh", b"\xfd7zXZ\0"
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
"""First bytes of workbooks: of .xlsx, and of .xls and workbooks with a password."""
SPSS, SAS_TRANSPORT = (b"$FL2", b"$FL3"), (b"HEADER RECORD*******LIB",)
STATA = (b"<stata_dta>", *(bytes([release, order, 1]) for release in range(104, 116) for order in (1, 2)))
SAS = (bytes.fromhex("000000000000000000000000c2ea8160b31411cfbd92080009c7318c181f1011"),)
BINARY_TABLES = (PARQUET, ZIP, OLE, *SPSS, *STATA, *SAS_TRANSPORT, *SAS)
BLOCK_BYTES = 2**20
_COMPRESSED = {GZIP: "gzip", ZSTD: "zstd", BZIP2: "bz2", XZ: "xz"}

Progress: TypeAlias = Callable[[int, int], object]
"""Called with the number of bytes (rows of a Parquet file) just read and with their total."""


@dataclass(frozen=True, slots=True)
class PlainFile:
    """An uncompressed file that can be read more than once; text is UTF-8 without a byte order mark.

    Attributes
    ----------
    file : BinaryIO
        The file, or a temporary copy of it.
    name : str
        Its name for messages.
    encoding : str
        Encoding of the text in words; empty for Parquet.
    findings : tuple of Finding
        A warning if text is not UTF-8.
    start : int
        Byte at which the content begins.
    """

    file: BinaryIO
    name: str
    encoding: str = ""
    findings: tuple[Finding, ...] = ()
    start: int = 0

    def blocks(self, progress: Progress | None = None) -> Iterator[bytes]:
        """Yield the content in blocks."""
        return blocks(self.file, self.start, progress)


@contextmanager
def plain_file(source: str | os.PathLike[str], name: str, folder: Path | None = None) -> Iterator[PlainFile]:
    """Open a table as an uncompressed file that can be read more than once.

    Standard input, compressed files and text that is not UTF-8 are copied to a temporary file.

    Parameters
    ----------
    source : path or "-"
        CSV, TSV or Parquet, also compressed by gzip, zstd, bz2 or xz; `-` is standard input.
    name : str
        Name of the source for messages.
    folder : Path, optional
        Folder of the temporary file, which has no name and disappears with the process.

    Yields
    ------
    PlainFile
        The file.

    Raises
    ------
    UnusableInputError
        If the file does not exist or is damaged, or if the temporary file cannot be written.
    """
    with ExitStack() as opened:
        file = _opened(source, name, opened)
        if not _can_be_read_twice(file):
            file = _copied(_readable(file, name), name, folder, opened)
        if begins_with(file, *_COMPRESSED):
            file = _copied(_decompressed(file, name), name, folder, opened)
        if begins_with(file, *BINARY_TABLES):
            yield PlainFile(file, name)
            return
        text = _plain_text(file, name, folder, opened)
        refuse_other_text(next(text.blocks(), b"")[:SEEN_BYTES].decode(errors="replace"), name)
        yield text


def _plain_text(file: BinaryIO, name: str, folder: Path | None, opened: ExitStack) -> PlainFile:
    """A text as UTF-8; a copy of it if it is in another encoding."""
    beginning = next(blocks(file), b"")
    refuse_other_binary(beginning, name)
    if codec := utf16_codec(beginning[:SEEN_BYTES]):
        texts = (text.encode() for text in decoded_utf16(blocks(file), name, codec))
        return PlainFile(_copied(within_limits(texts, name), name, folder, opened), name, "UTF-16")
    start = len(BOM_UTF8) if begins_with(file, BOM_UTF8) else 0
    codec, findings = find_encoding(lambda: within_limits(blocks(file, start), name), name)
    if codec == "utf-8":
        return PlainFile(file, name, "UTF-8", start=start)
    recoded = (block.decode(codec).encode() for block in blocks(file, start))
    return PlainFile(_copied(recoded, name, folder, opened), name, "Windows-1252", findings)


def source_name(source: str | os.PathLike[str]) -> str:
    """Name of a file for messages."""
    return "standard input" if os.fspath(source) == "-" else os.fspath(source)


def blocks(file: BinaryIO, start: int = 0, progress: Progress | None = None) -> Iterator[bytes]:
    """Yield the bytes of a file from a position on."""
    size = file.seek(0, os.SEEK_END)
    file.seek(start)
    for block in _blocks(file):
        if progress is not None:
            progress(len(block), size)
        yield block


def begins_with(file: BinaryIO, *marks: bytes) -> bool:
    """Whether a file begins with one of the marks."""
    file.seek(0)
    start = file.read(max(map(len, marks)))
    file.seek(0)
    return start.startswith(marks)


def _opened(source: str | os.PathLike[str], name: str, opened: ExitStack) -> BinaryIO:
    if os.fspath(source) == "-":
        buffer = getattr(sys.stdin, "buffer", None)
        return buffer if buffer is not None else io.BytesIO(sys.stdin.read().encode())
    with _unreadable_refused(name):
        return _ending(opened.enter_context(Path(source).open("rb")), name)


def _ending(file: BinaryIO, name: str) -> BinaryIO:
    if stat.S_ISCHR(os.fstat(file.fileno()).st_mode) and not file.isatty():
        raise UnusableInputError(f"{name}: this is a device, which may never end; name one CSV or Parquet file")
    return file


@contextmanager
def _unreadable_refused(name: str) -> Iterator[None]:
    try:
        yield
    except UnusableInputError:
        raise
    except FileNotFoundError:
        raise UnusableInputError(f"{name}: there is no such file") from None
    except IsADirectoryError:
        raise UnusableInputError(f"{name}: this is a folder; name one CSV or Parquet file") from None
    except (OSError, ValueError) as error:
        raise UnusableInputError(f"{name}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


@contextmanager
def damaged_parquet_refused(name: str) -> Iterator[None]:
    """Raise UnusableInputError if a Parquet file cannot be read."""
    try:
        yield
    except UnusableInputError:
        raise
    except Exception as error:  # pyarrow raises many kinds, all of which mean the same to the user
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnusableInputError(f"{name}: damaged Parquet file ({reason})") from error


def _can_be_read_twice(file: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode) and file.tell() == 0
    except (OSError, ValueError):
        return False


def _readable(file: BinaryIO, name: str) -> Iterator[bytes]:
    """Blocks of a stream; that it cannot be read is not a failure of its temporary copy."""
    blocks = _blocks(file)
    while True:
        with _unreadable_refused(name):
            block = next(blocks, b"")
        if not block:
            return
        yield block


def _blocks(file: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    while block := file.read(BLOCK_BYTES):
        yield block


def _decompressed(file: BinaryIO, name: str) -> Iterator[bytes]:
    kind = next(each for mark, each in _COMPRESSED.items() if begins_with(file, mark))
    try:
        with _decompressing(file, kind) as stream:
            yield from within_expansion(_blocks(stream), os.fstat(file.fileno()).st_size, name)
    except UnusableInputError:
        raise
    except Exception as error:  # each library raises kinds of its own, all of which mean the same to the user
        raise UnusableInputError(f"{name}: damaged {kind} file ({error})") from error


def _decompressing(file: BinaryIO, kind: str) -> Any:
    if kind == "gzip":
        return gzip.GzipFile(fileobj=file, mode="rb")
    if kind == "zstd":
        import pyarrow as pa

        return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")
    return import_module("bz2").open(file) if kind == "bz2" else import_module("lzma").open(file)


def _copied(content: Iterable[bytes], name: str, folder: Path | None, opened: ExitStack) -> BinaryIO:
    with temporary_file_refused(name, folder):
        copy: BinaryIO = opened.enter_context(temporary_file(folder))
        for block in content:
            write_all(copy, block)
    copy.seek(0)
    return copy


def temporary_file(folder: Path | None) -> Any:
    """Open a temporary file without a name; unbuffered, because a full disk would keep a buffered one from closing."""
    return tempfile.TemporaryFile(dir=folder, buffering=0)


@contextmanager
def temporary_file_refused(name: str, folder: Path | None) -> Iterator[None]:
    """Raise UnusableInputError if a temporary file cannot be written."""
    try:
        yield
    except OSError as error:
        where, reason = folder or tempfile.gettempdir(), error.strerror or error
        raise UnusableInputError(f"{name}: a temporary file in {where} cannot be written ({reason})") from error
