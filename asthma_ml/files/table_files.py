"""Tables written to CSV and Parquet files, atomically, as a whole or in parts."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import pandas as pd

from asthma_ml.errors import UnusableInputError
from asthma_ml.files.atomic import compressing, encode_text, open_atomically, write_text
from asthma_ml.files.csv_text import csv_header, csv_rows, frame_cells

MANY_ROWS = 100_000
"""Number of rows from which compiled code writes CSV."""
_ROWS_AT_ONCE = 10_000
_DELIMITER_OF = {".csv": ",", ".tsv": "\t", ".txt": ",", "": ","}

Append: TypeAlias = Callable[[pd.DataFrame], None]


class TableForm(NamedTuple):
    """Format of a table file.

    Attributes
    ----------
    delimiter : str
        Delimiter of CSV; empty for Parquet.
    compressed : bool
        Whether the CSV is compressed with gzip.
    """

    delimiter: str
    compressed: bool = False

    @property
    def is_parquet(self) -> bool:
        """Whether the format is Parquet."""
        return not self.delimiter


def table_form(path: str | os.PathLike[str]) -> TableForm:
    """Format of a table file by its suffix; CSV for standard output (`-`).

    Raises
    ------
    UnusableInputError
        If the suffix is not known.

    Examples
    --------
    >>> table_form("predictions.tsv.gz").compressed, table_form("predictions.parquet").is_parquet
    (True, True)
    """
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    compressed = suffixes[-1:] == [".gz"]
    suffix = "".join((suffixes[:-1] if compressed else suffixes)[-1:])
    if suffix == ".parquet" and not compressed:
        return TableForm("")
    if suffix not in _DELIMITER_OF:
        raise UnusableInputError(f"{os.fspath(path)}: tables are written as .csv, .tsv (also .gz) or .parquet")
    return TableForm(_DELIMITER_OF[suffix], compressed)


def write_table(frame: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table of arbitrary cells, atomically.

    Parameters
    ----------
    frame : DataFrame
        The table; its index is not written.
    path : path or "-"
        The suffix decides the format: `.csv` or `.tsv` (UTF-8, LF; also `.gz`) or `.parquet`; `-` is standard
        output as CSV.

    Raises
    ------
    UnusableInputError
        If the folder does not exist or is not writable, the suffix is not known, or the table does not fit the format.

    Examples
    --------
    >>> write_table(pd.DataFrame({"patient_id": ["007"], "feno_ppb": [0.1 + 0.2]}), "-")
    patient_id,feno_ppb
    007,0.30000000000000004
    """
    form = table_form(path)
    if os.fspath(path) == "-":
        return write_text("".join(_csv_parts(frame, form.delimiter)), path)
    with _opened(path, form) as sink:
        if form.is_parquet:
            _write_parquet(frame, sink, path)
        else:
            for text in _csv_parts(frame, form.delimiter):
                sink.write(encode_text(text, path))
    return None


@contextmanager
def table_file(path: str | Path, *, whole: Collection[str] = (), n_rows: int = 0) -> Iterator[Append]:
    r"""Open a file for a table that arrives in parts; it appears when all parts are written.

    Numbers are written in their shortest exact form, floats without decimals as integers, missing values as
    empty cells. Texts must need no quotes. The bytes do not depend on the sizes of the parts.

    Parameters
    ----------
    path : path or "-"
        The suffix decides the format, as in `write_table`.
    whole : collection of str
        Float columns that hold whole numbers; Parquet stores them as integers.
    n_rows : int
        Expected number of rows. From `MANY_ROWS` on, compiled code writes CSV; loading it takes a second.

    Yields
    ------
    callable
        Appends a DataFrame; all must have the same columns.

    Raises
    ------
    UnusableInputError
        If the folder does not exist or is not writable, or the suffix is not known.

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
    from asthma_ml.files.arrow_tables import arrow_table, parquet_rows

    form = table_form(path)
    with _opened(path, form) as sink:
        if form.is_parquet:
            with parquet_rows(sink) as append:
                yield lambda frame: append(arrow_table(frame, whole))
        else:
            yield _csv_rows_of_numbers(sink, form.delimiter, whole, compiled=n_rows >= MANY_ROWS)


@contextmanager
def _opened(path: str | os.PathLike[str], form: TableForm) -> Iterator[Any]:
    with open_atomically(path) as file, compressing(file, form.compressed) as sink:
        yield sink


def _csv_parts(frame: pd.DataFrame, delimiter: str) -> Iterator[str]:
    """Text of a CSV file in parts of limited size."""
    yield csv_header(frame.columns, delimiter)
    for start in range(0, len(frame), _ROWS_AT_ONCE):
        yield csv_rows(frame_cells(frame.iloc[start : start + _ROWS_AT_ONCE]), delimiter)


def _csv_rows_of_numbers(sink: Any, delimiter: str, whole: Collection[str], *, compiled: bool) -> Append:
    from asthma_ml.files.csv_encoder import CsvEncoder

    encoder = CsvEncoder(delimiter, whole, compiled=compiled)
    header: list[str] = []

    def append(frame: pd.DataFrame) -> None:
        if not header:
            header.extend(map(str, frame.columns))
            sink.write((delimiter.join(header) + "\n").encode())
        sink.write(encoder.encode(frame))

    return append


def _write_parquet(frame: pd.DataFrame, file: BinaryIO, path: str | os.PathLike[str]) -> None:
    import pyarrow as pa

    from asthma_ml.files.arrow_tables import parquet_rows

    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (ValueError, TypeError, OverflowError, NotImplementedError) as error:
        raise UnusableInputError(f"{os.fspath(path)}: the table does not fit Parquet ({error})") from error
    with parquet_rows(file) as append:
        append(table)
