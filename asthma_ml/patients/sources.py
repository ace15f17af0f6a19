"""Where a table comes from: a path, standard input or a table in memory; the content decides the format."""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.dialect import refuse_repeated_names
from asthma_ml.patients.problems import shown
from asthma_ml.patients.text_tables import TextTable, parse_text_table

if TYPE_CHECKING:
    from narwhals.typing import IntoDataFrame

    Source: TypeAlias = str | os.PathLike[str] | pd.DataFrame | IntoDataFrame

GZIP, ZSTD, PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def read_source(source: Source, known: Collection[str] = ()) -> tuple[TextTable, str]:
    """Read a table and its name for messages, with every cell as it was given.

    Parameters
    ----------
    source : path, "-" or data frame
        Where the table is.
    known : collection of str
        Column names that a column map speaks of; they tell the header of a text from lines before it.

    Raises
    ------
    UnusableInputError
        If there is no such file, or it is no CSV, TSV or Parquet table.
    """
    if isinstance(source, str | os.PathLike):
        name = "standard input" if os.fspath(source) == "-" else os.fspath(source)
        return _parse(_content(source), name, known), name
    name = "table in memory"
    return given_table(_pandas(source), name), name


def _content(source: str | os.PathLike[str]) -> bytes:
    """Bytes of a file or of standard input."""
    if os.fspath(source) == "-":
        buffer = getattr(sys.stdin, "buffer", None)
        return buffer.read() if buffer is not None else sys.stdin.read().encode()
    try:
        return Path(source).read_bytes()
    except FileNotFoundError:
        raise UnusableInputError(f"{os.fspath(source)}: there is no such file") from None
    except IsADirectoryError:
        raise UnusableInputError(f"{os.fspath(source)}: this is a folder; name one CSV or Parquet file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnusableInputError(f"{os.fspath(source)}: cannot be read ({reason})") from error


def _parse(data: bytes, name: str, known: Collection[str] = ()) -> TextTable:
    if data.startswith((GZIP, ZSTD)):
        data = _unpacked(data, name)
    if data.startswith(PARQUET):
        return given_table(_parquet(data, name), name, "Parquet")
    refuse_workbook(data[:4], name)
    return parse_text_table(data, name, known)


def refuse_workbook(start: bytes, name: str) -> None:
    """Raise UnusableInputError where a file begins as a workbook does."""
    if start.startswith(_WORKBOOKS):
        raise UnusableInputError(f"{name}: an Excel workbook or archive; save the sheet as CSV (UTF-8) and read that")


def _unpacked(data: bytes, name: str) -> bytes:
    kind = "gzip" if data.startswith(GZIP) else "zstd"
    try:
        if kind == "gzip":
            return gzip.decompress(data)
        import pyarrow as pa

        with pa.input_stream(pa.py_buffer(data), compression="zstd") as stream:
            return bytes(stream.read())
    except (OSError, EOFError, zlib.error, MemoryError) as error:
        raise UnusableInputError(f"{name}: damaged {kind} file ({error})") from error


def _parquet(data: bytes, name: str) -> pd.DataFrame:
    with damaged_parquet_refused(name):
        return pd.read_parquet(io.BytesIO(data))


@contextmanager
def damaged_parquet_refused(name: str) -> Iterator[None]:
    """Raise UnusableInputError where a Parquet file cannot be read."""
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
    """Accept a table from memory: rows by position, a named index as a column."""
    frame = frame.reset_index(drop=frame.index.name is None or frame.index.name in frame.columns)
    refuse_repeated_names([str(column) for column in frame.columns], name)
    return TextTable.of_frame(frame, np.arange(len(frame), dtype=np.int64) + 2, layout)
