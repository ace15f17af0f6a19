"""Tables and files out: whole or not at all, text untouched, numbers that read back as the same number."""

from __future__ import annotations

import csv
import gzip
import io
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.text_tables import DELIMITERS

_ROWS_AT_ONCE = 10_000
_DELIMITER_OF = {".csv": ",", ".tsv": "\t", ".txt": ",", "": ","}


def write_table(frame: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table, whole or not at all.

    Parameters
    ----------
    frame : DataFrame
        What to write; its index is left out.
    path : path or "-"
        The suffix decides: `.csv` or `.tsv` (UTF-8, LF; also `.gz`) or `.parquet`; `-` is standard output as CSV.

    Raises
    ------
    UnusableInputError
        If the folder is missing or cannot be written to, the suffix is not known, or the table does not fit the format.

    Examples
    --------
    >>> write_table(pd.DataFrame({"patient_id": ["007"], "feno_ppb": [0.1 + 0.2]}), "-")
    patient_id,feno_ppb
    007,0.30000000000000004
    """
    if os.fspath(path) == "-":
        return write_text("".join(_csv_lines(frame, ",")), path)
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    packed = suffixes[-1:] == [".gz"]
    suffix = (suffixes[:-1] if packed else suffixes)[-1:] or [""]
    if suffix == [".parquet"] and not packed:
        return write_bytes(_parquet(frame, path), path)
    if suffix[0] not in _DELIMITER_OF:
        raise UnusableInputError(f"{os.fspath(path)}: tables are written as .csv, .tsv (also .gz) or .parquet")
    with replacing(path) as file, packing(file, packed) as sink:
        for line in _csv_lines(frame, _DELIMITER_OF[suffix[0]]):
            sink.write(_encoded(line, path))
    return None


def write_text(text: str, path: str | os.PathLike[str]) -> None:
    """Write text as UTF-8, whole or not at all; `-` is standard output.

    Raises
    ------
    UnusableInputError
        If the folder is missing or cannot be written to.
    """
    if os.fspath(path) == "-" and not hasattr(sys.stdout, "buffer"):
        sys.stdout.write(text)
    else:
        write_bytes(_encoded(text, path), path)


def write_bytes(data: bytes, path: str | os.PathLike[str]) -> None:
    """Write bytes, whole or not at all; `-` is standard output.

    Raises
    ------
    UnusableInputError
        If the folder is missing or cannot be written to.
    """
    if os.fspath(path) == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` once all is written; nothing is left behind otherwise."""
    given = Path(path)
    try:
        if given.exists() and not given.is_file() and not given.is_dir():
            with given.open("wb") as device:
                yield device
            return
        # A link stays a link: what it points to is replaced.
        target = given.resolve()
        temporary = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.tmp")
        with _removed_on_failure(temporary):
            with temporary.open("xb") as file:
                yield file
            if target.exists():
                shutil.copymode(target, temporary)
            temporary.replace(target)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UnusableInputError(f"{os.fspath(path)}: {_reason(error, given)}") from error


@contextmanager
def _removed_on_failure(temporary: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def packing(file: BinaryIO, packed: bool) -> Iterator[BinaryIO | gzip.GzipFile]:
    """Compress where asked for, with neither name nor time inside, so that equal tables give equal bytes."""
    if not packed:
        yield file
        return
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as sink:
        yield sink


def _encoded(text: str, path: str | os.PathLike[str]) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise UnusableInputError(f"{os.fspath(path)}: text that is not Unicode cannot be written") from error


def _reason(error: OSError, target: Path) -> str:
    if not target.parent.is_dir():
        return f"there is no folder {target.parent}; create it first"
    if target.is_dir():
        return "this is a folder; name a file"
    return f"cannot be written ({error.strerror or error})"


def _csv_lines(frame: pd.DataFrame, delimiter: str) -> Iterator[str]:
    """Lines of a CSV file in blocks."""
    names = [str(name) for name in frame.columns]
    # A name that holds another delimiter is quoted, so that readers who look for one in the header find the right one.
    ambiguous = any(sign in name for name in names for sign in (*DELIMITERS, "\ufeff"))
    yield _block([names], delimiter, csv.QUOTE_ALL if ambiguous else csv.QUOTE_MINIMAL)
    for start in range(0, len(frame), _ROWS_AT_ONCE):
        block = frame.iloc[start : start + _ROWS_AT_ONCE]
        columns = [_cells(block.iloc[:, i]) for i in range(block.shape[1])]
        yield _block(zip(*columns, strict=True), delimiter, csv.QUOTE_MINIMAL)


def _block(rows: Any, delimiter: str, quoting: Any) -> str:
    lines = _Lines()
    csv.writer(lines, delimiter=delimiter, quoting=quoting, lineterminator="\r\n").writerows(rows)
    return lines.getvalue()


class _Lines(io.StringIO):
    """Ends lines with LF, while csv quotes cells that hold CR or LF because it believes in CRLF."""

    def write(self, line: str) -> int:
        return super().write(line.removesuffix("\r\n") + "\n")


def _cells(column: pd.Series[Any]) -> list[Any]:
    """Cells as csv writes them: None for missing, Python numbers with their shortest exact form."""
    missing = column.isna().to_numpy()
    return [None if gone else cell for cell, gone in zip(column.tolist(), missing, strict=True)]


def _parquet(frame: pd.DataFrame, path: str | os.PathLike[str]) -> bytes:
    try:
        return frame.to_parquet(None, index=False)
    except (ValueError, TypeError, OverflowError, NotImplementedError) as error:
        raise UnusableInputError(f"{os.fspath(path)}: the table does not fit Parquet ({error})") from error
