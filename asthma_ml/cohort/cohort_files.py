"""Tables of a cohort into files, a part at a time, whole or not at all.

A file does not depend on the size of the parts: CSV is written row by row, Parquet in row groups
of one size. Numbers are written in their shortest exact form, whole numbers as integers, missing
values empty.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from asthma_ml.cohort.table_columns import with_text
from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.writing import packing, replacing

ROW_GROUP = 65_536
_DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": ",", "": ","}

Append: TypeAlias = Callable[[pd.DataFrame], None]


@contextmanager
def table_file(path: str | Path) -> Iterator[Append]:
    r"""A file that takes tables one after the other and appears when all is written.

    Parameters
    ----------
    path : path or "-"
        The suffix decides: ``.csv`` or ``.tsv`` (also ``.gz``) or ``.parquet``; ``-`` is standard output as CSV.

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
        yield _csv(sys.stdout.buffer, ",")
        sys.stdout.buffer.flush()
        return
    suffix, packed = _kind(path)
    with replacing(path) as file:
        if suffix == ".parquet":
            with _parquet(file) as append:
                yield append
        else:
            with packing(file, packed) as sink:
                yield _csv(sink, _DELIMITERS[suffix])


def _kind(path: str | Path) -> tuple[str, bool]:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    packed = suffixes[-1:] == [".gz"]
    suffix = "".join((suffixes[:-1] if packed else suffixes)[-1:])
    if suffix not in _DELIMITERS and (suffix != ".parquet" or packed):
        raise UnusableInputError(f"{path}: tables are written as .csv, .tsv (also .gz) or .parquet")
    return suffix, packed


def _csv(sink: Any, delimiter: str) -> Append:
    options: dict[str, Any] = {"delimiter": delimiter, "quoting_style": "none", "quoting_header": "none"}
    started = False

    def append(frame: pd.DataFrame) -> None:
        nonlocal started
        text = pa.BufferOutputStream()
        pa.csv.write_csv(_arrow(frame), text, pa.csv.WriteOptions(include_header=not started, **options))
        sink.write(text.getvalue())
        started = True

    return append


@contextmanager
def _parquet(file: BinaryIO) -> Iterator[Append]:
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
        waiting.append(_arrow(frame))
        if sum(map(len, waiting)) >= ROW_GROUP:
            write(ROW_GROUP)

    try:
        yield append
        write(1)
    finally:
        if writer is not None:
            writer.close()


def _arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(with_text(frame), preserve_index=False)
