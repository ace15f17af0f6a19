"""Tables of a cohort into files, a part at a time, whole or not at all.

A file does not depend on the size of the parts: CSV is written row by row, Parquet in row groups
of one size. Numbers are written in their shortest exact form, whole numbers as integers, missing
values empty.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from asthma_ml.errors import UnusableInputError
from asthma_ml.files.atomic import packing, replacing
from asthma_ml.files.fast_csv import CsvRows
from asthma_ml.files.table_files import with_text

ROW_GROUP = 65_536
MANY_ROWS = 100_000
"""From how many rows on CSV is written by compiled code."""
_DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": ",", "": ","}

Append: TypeAlias = Callable[[pd.DataFrame], None]


@contextmanager
def table_file(path: str | Path, *, whole: Collection[str] = (), n_rows: int = 0) -> Iterator[Append]:
    r"""A file that takes tables one after the other and appears when all is written.

    Parameters
    ----------
    path : path or "-"
        The suffix decides: ``.csv`` or ``.tsv`` (also ``.gz``) or ``.parquet``; ``-`` is standard output as CSV.
    whole : collection of str
        Columns that are written as integers though they are floats.
    n_rows : int
        Rows to come, where it is known. Many are written by compiled code, which takes a second to get ready.

    Yields
    ------
    callable
        Appends a DataFrame; all must have the same columns.

    Raises
    ------
    UnusableInputError
        If the folder is missing or cannot be written to, or the suffix is not known.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "cohort.csv")
    ...     with table_file(path) as append:
    ...         append(pd.DataFrame({"patient_id": ["P01-00000007"], "age_years": [61]}))
    ...         append(pd.DataFrame({"patient_id": ["P01-00000009"], "age_years": [44]}))
    ...     path.read_text()
    'patient_id,age_years\nP01-00000007,61\nP01-00000009,44\n'
    """
    if str(path) == "-":
        sys.stdout.flush()
        yield _csv(sys.stdout.buffer, ",", whole, n_rows)
        sys.stdout.buffer.flush()
        return
    suffix, packed = _kind(path)
    with replacing(path) as file:
        if suffix == ".parquet":
            with _parquet(file, whole) as append:
                yield append
        else:
            with packing(file, packed) as sink:
                yield _csv(sink, _DELIMITERS[suffix], whole, n_rows)


def _kind(path: str | Path) -> tuple[str, bool]:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    packed = suffixes[-1:] == [".gz"]
    suffix = "".join((suffixes[:-1] if packed else suffixes)[-1:])
    if suffix not in _DELIMITERS and (suffix != ".parquet" or packed):
        raise UnusableInputError(f"{path}: tables are written as .csv, .tsv (also .gz) or .parquet")
    return suffix, packed


def _csv(sink: Any, delimiter: str, whole: Collection[str], n_rows: int) -> Append:
    rows = CsvRows(delimiter, whole)
    header: list[str] = []

    def append(frame: pd.DataFrame) -> None:
        if not header:
            header.extend(map(str, frame.columns))
            sink.write((delimiter.join(header) + "\n").encode())
        text = rows.of(frame) if n_rows >= MANY_ROWS else None
        sink.write(_arrow_rows(_arrow(frame, whole), delimiter) if text is None else text)

    return append


def _arrow_rows(table: pa.Table, delimiter: str) -> pa.Buffer:
    text = pa.BufferOutputStream()
    options = pa.csv.WriteOptions(include_header=False, delimiter=delimiter, quoting_style="none")
    pa.csv.write_csv(table, text, options)
    return text.getvalue()


@contextmanager
def _parquet(file: BinaryIO, whole: Collection[str]) -> Iterator[Append]:
    """Row groups of one size, so that the bytes do not tell in which parts the rows came."""
    waiting: list[pa.Table] = []
    writer: pa.parquet.ParquetWriter | None = None

    def write(least: int) -> None:
        nonlocal writer
        rows = pa.concat_tables(waiting).combine_chunks()
        writer = writer or pa.parquet.ParquetWriter(file, rows.schema)
        start = 0
        while len(rows) - start >= least:
            writer.write_table(rows.slice(start, ROW_GROUP), row_group_size=ROW_GROUP)
            start += ROW_GROUP
        waiting[:] = [rows.slice(start)]

    def append(frame: pd.DataFrame) -> None:
        waiting.append(_arrow(frame, whole))
        if sum(map(len, waiting)) >= ROW_GROUP:
            write(ROW_GROUP)

    try:
        yield append
        write(1)
    finally:
        if writer is not None:
            writer.close()


def _arrow(frame: pd.DataFrame, whole: Collection[str]) -> pa.Table:
    integers = {name: "Int64" for name in frame.columns if name in whole}
    return pa.Table.from_pandas(with_text(frame).astype(integers), preserve_index=False)
