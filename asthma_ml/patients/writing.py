"""Tables and files out: whole or not at all, text untouched, numbers that read back as the same number."""

from __future__ import annotations

import csv
import gzip
import io
import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import pandas as pd

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.dialect import DELIMITERS

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 65_536
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
    form = table_form(path)
    with replacing(path) as file:
        if form.is_parquet:
            _write_parquet(frame, file, path)
        else:
            with packing(file, form.packed) as sink:
                for line in _csv_lines(frame, form.delimiter):
                    sink.write(_encoded(line, path))
    return None


class TableForm(NamedTuple):
    """How a table is written.

    Attributes
    ----------
    delimiter : str
        What separates cells; empty for Parquet.
    packed : bool
        Whether the text is compressed.
    """

    delimiter: str
    packed: bool = False

    @property
    def is_parquet(self) -> bool:
        """Whether it is no text."""
        return not self.delimiter


def table_form(path: str | os.PathLike[str]) -> TableForm:
    """Return how a table is written to a path, by its suffix.

    Raises
    ------
    UnusableInputError
        If the suffix is not known.

    Examples
    --------
    >>> table_form("predictions.tsv.gz").packed, table_form("predictions.parquet").is_parquet
    (True, True)
    """
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    packed = suffixes[-1:] == [".gz"]
    suffix = "".join((suffixes[:-1] if packed else suffixes)[-1:])
    if suffix == ".parquet" and not packed:
        return TableForm("")
    if suffix not in _DELIMITER_OF:
        raise UnusableInputError(f"{os.fspath(path)}: tables are written as .csv, .tsv (also .gz) or .parquet")
    return TableForm(_DELIMITER_OF[suffix], packed)


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
                synced(file)
            if target.exists():
                shutil.copymode(target, temporary)
            temporary.replace(target)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritable(path, error, given) from error


def synced(file: BinaryIO) -> None:
    """Wait until what was written is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write to a file without a buffer, which may take less than it is given."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def unwritable(path: str | os.PathLike[str], error: OSError, target: Path, then: str = "") -> UnusableInputError:
    """Return the error that says why a file cannot be written, and what then."""
    return UnusableInputError(f"{os.fspath(path)}: {_reason(error, target)}{then}")


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
    yield csv_header(frame.columns, delimiter)
    for start in range(0, len(frame), _ROWS_AT_ONCE):
        block = frame.iloc[start : start + _ROWS_AT_ONCE]
        yield csv_rows(frame_cells(block), delimiter)


def csv_header(names: Iterable[object], delimiter: str) -> str:
    """First line of a CSV file."""
    texts = [str(name) for name in names]
    # A name that holds another delimiter is quoted, so that readers who look for one in the header find the right one.
    ambiguous = any(sign in text for text in texts for sign in (*DELIMITERS, "\ufeff"))
    return _block([texts], delimiter, csv.QUOTE_ALL if ambiguous else csv.QUOTE_MINIMAL)


def csv_rows(columns: Iterable[Sequence[Any]], delimiter: str) -> str:
    """Lines of a CSV file from cells column by column, None where there is nothing."""
    return _block(zip(*columns, strict=True), delimiter, csv.QUOTE_MINIMAL)


def _block(rows: Any, delimiter: str, quoting: Any) -> str:
    lines = _Lines()
    csv.writer(lines, delimiter=delimiter, quoting=quoting, lineterminator="\r\n").writerows(rows)
    return lines.getvalue()


class _Lines(io.StringIO):
    """Ends lines with LF, while csv quotes cells that hold CR or LF because it believes in CRLF."""

    def write(self, line: str) -> int:
        return super().write(line.removesuffix("\r\n") + "\n")


def frame_cells(frame: pd.DataFrame) -> list[list[Any]]:
    """Cells as csv writes them, column by column: None for missing, numbers with their shortest exact form."""
    columns = (frame.iloc[:, i] for i in range(frame.shape[1]))
    return [
        [None if gone else cell for cell, gone in zip(column.tolist(), column.isna().tolist(), strict=True)]
        for column in columns
    ]


def _write_parquet(frame: pd.DataFrame, file: BinaryIO, path: str | os.PathLike[str]) -> None:
    import pyarrow as pa

    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (ValueError, TypeError, OverflowError, NotImplementedError) as error:
        raise UnusableInputError(f"{os.fspath(path)}: the table does not fit Parquet ({error})") from error
    write_row_groups(table.to_batches() or [], table.schema, file)


def write_row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema, file: BinaryIO) -> None:
    """Write Parquet in row groups of one size, so that the bytes do not tell in which parts the rows came."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    waiting = schema.empty_table()
    with ParquetWriter(file, schema) as writer:
        for batch in batches:
            waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch])])
            while len(waiting) >= ROW_GROUP:
                writer.write_table(waiting.slice(0, ROW_GROUP).combine_chunks(), row_group_size=ROW_GROUP)
                waiting = waiting.slice(ROW_GROUP)
        if len(waiting):
            writer.write_table(waiting.combine_chunks(), row_group_size=ROW_GROUP)
