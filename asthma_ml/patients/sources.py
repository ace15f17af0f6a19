"""Open a table of patients: a path, standard input or a data frame. The content, not the name, decides the format."""

from __future__ import annotations

import gzip
import io
import os
import stat
import sys
import tempfile
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np
import pandas as pd

from asthma_ml.errors import UnusableInputError
from asthma_ml.files import write_all
from asthma_ml.patients.dialect import refuse_repeated_names
from asthma_ml.patients.encodings import UTF16, decoded_utf16
from asthma_ml.patients.problems import shown
from asthma_ml.patients.text_tables import TextTable, parse_text_table

if TYPE_CHECKING:
    from narwhals.typing import IntoDataFrame

    Source: TypeAlias = str | os.PathLike[str] | pd.DataFrame | IntoDataFrame

GZIP, ZSTD, PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
BLOCK_BYTES = 2**20
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")

Progress: TypeAlias = Callable[[int, int], object]
"""Called with the number of bytes (rows of a Parquet file) just read and with their total."""


def read_source(source: Source, known: Collection[str] = ()) -> tuple[TextTable, str]:
    """Read a whole table into memory, with every cell as given.

    Parameters
    ----------
    source : path, "-" or data frame
        CSV, TSV or Parquet, also compressed by gzip or zstd; `-` is standard input.
    known : collection of str
        Column names in the column map; they help to find the header of a text file.

    Returns
    -------
    table : TextTable
        All cells.
    name : str
        Name of the table for messages.

    Raises
    ------
    UnusableInputError
        If the file does not exist or is no CSV, TSV or Parquet table.
    """
    if isinstance(source, str | os.PathLike):
        name = source_name(source)
        return _parse(_content(source, name), name, known), name
    name = "table in memory"
    return given_table(_pandas(source), name), name


@contextmanager
def plain_file(source: str | os.PathLike[str], name: str, folder: Path | None = None) -> Iterator[BinaryIO]:
    """Open a table as an uncompressed file that can be read more than once.

    Standard input, compressed files and UTF-16 text (converted to UTF-8) are copied to a temporary file.

    Parameters
    ----------
    source : path or "-"
        CSV, TSV or Parquet, also compressed by gzip or zstd; `-` is standard input.
    name : str
        Name of the source for messages.
    folder : Path, optional
        Folder of the temporary file, which has no name and disappears with the process.

    Yields
    ------
    BinaryIO
        Positioned at the start.

    Raises
    ------
    UnusableInputError
        If the file does not exist or is damaged, or if the temporary file cannot be written.
    """
    with ExitStack() as opened:
        file = _opened(source, name, opened)
        if not _can_be_read_twice(file):
            file = _copied(_blocks(file), name, folder, opened)
        if begins_with(file, GZIP, ZSTD):
            file = _copied(_decompressed(file, name), name, folder, opened)
        file.seek(0)
        refuse_workbook(file.read(4), name)
        if begins_with(file, *UTF16):
            texts = decoded_utf16(blocks(file), name)
            # With a byte order mark of its own, so that one that belongs to the text is not taken for it.
            file = _copied(chain([BOM_UTF8], (text.encode() for text in texts)), name, folder, opened)
        file.seek(0)
        yield file


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


def _content(source: str | os.PathLike[str], name: str) -> bytes:
    with ExitStack() as opened:
        file = _opened(source, name, opened)
        with _unreadable_refused(name):
            return file.read()


def _opened(source: str | os.PathLike[str], name: str, opened: ExitStack) -> BinaryIO:
    if os.fspath(source) == "-":
        buffer = getattr(sys.stdin, "buffer", None)
        return buffer if buffer is not None else io.BytesIO(sys.stdin.read().encode())
    with _unreadable_refused(name):
        return opened.enter_context(Path(source).open("rb"))


@contextmanager
def _unreadable_refused(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UnusableInputError(f"{name}: there is no such file") from None
    except IsADirectoryError:
        raise UnusableInputError(f"{name}: this is a folder; name one CSV or Parquet file") from None
    except (OSError, ValueError) as error:
        raise UnusableInputError(f"{name}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def _parse(data: bytes, name: str, known: Collection[str]) -> TextTable:
    if data.startswith((GZIP, ZSTD)):
        data = b"".join(_decompressed(io.BytesIO(data), name))
    if data.startswith(PARQUET):
        with damaged_parquet_refused(name):
            frame = pd.read_parquet(io.BytesIO(data))
        return given_table(frame, name, "Parquet")
    refuse_workbook(data[:4], name)
    return parse_text_table(data, name, known)


def refuse_workbook(start: bytes, name: str) -> None:
    """Raise UnusableInputError if a file begins as an Excel workbook does."""
    if start.startswith(_WORKBOOKS):
        raise UnusableInputError(f"{name}: an Excel workbook or archive; save the sheet as CSV (UTF-8) and read that")


@contextmanager
def damaged_parquet_refused(name: str) -> Iterator[None]:
    """Raise UnusableInputError if a Parquet file cannot be read."""
    try:
        yield
    except Exception as error:  # pyarrow raises many kinds, all of which mean the same to the user
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnusableInputError(f"{name}: damaged Parquet file ({reason})") from error


def _pandas(table: pd.DataFrame | IntoDataFrame) -> pd.DataFrame:
    if isinstance(table, pd.DataFrame):
        return table
    import narwhals

    try:
        return narwhals.from_native(table, eager_only=True).to_pandas()
    except TypeError:
        kind = type(table).__name__
        raise UnusableInputError(f"patients must be a path, `-` or a data frame, not {shown(kind)}") from None


def given_table(frame: pd.DataFrame, name: str, layout: str = "data frame") -> TextTable:
    """Wrap a data frame: rows by position, a named index as a column."""
    frame = frame.reset_index(drop=frame.index.name is None or frame.index.name in frame.columns)
    refuse_repeated_names([str(column) for column in frame.columns], name)
    return TextTable.of_frame(frame, np.arange(len(frame), dtype=np.int64) + 2, layout)


def _can_be_read_twice(file: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode) and file.tell() == 0
    except (OSError, ValueError):
        return False


def _blocks(file: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    while block := file.read(BLOCK_BYTES):
        yield block


def _decompressed(file: BinaryIO, name: str) -> Iterator[bytes]:
    kind = "gzip" if begins_with(file, GZIP) else "zstd"
    try:
        if kind == "gzip":
            with gzip.GzipFile(fileobj=file, mode="rb") as compressed:
                yield from _blocks(compressed)
        else:
            import pyarrow as pa

            with pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd") as stream:
                yield from _blocks(stream)
    except (EOFError, zlib.error, OSError, MemoryError) as error:
        raise UnusableInputError(f"{name}: damaged {kind} file ({error})") from error


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
