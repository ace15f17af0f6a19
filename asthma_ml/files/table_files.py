"""Tables written to CSV and Parquet files, atomically, as a whole or in parts."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeAlias

from asthma_ml.errors import UnusableInputError
from asthma_ml.files.atomic import compressing, encode_text, open_atomically, unencodable_refused
from asthma_ml.files.csv_text import csv_header
from asthma_ml.files.frame_columns import frame_columns
from asthma_ml.files.row_encoder import encode_rows

if TYPE_CHECKING:
    import pandas as pd

_ROWS_AT_ONCE = 10_000
_DELIMITER_OF = {".csv": ",", ".tsv": "\t", ".txt": ",", "": ","}

Append: TypeAlias = "Callable[[pd.DataFrame], None]"


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
    r"""Write a table of arbitrary cells, atomically.

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
    >>> import pandas as pd
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "table.csv")
    ...     write_table(pd.DataFrame({"patient_id": ["007"], "feno_ppb": [0.1 + 0.2]}), path)
    ...     path.read_text()
    'patient_id,feno_ppb\n007,0.30000000000000004\n'
    """
    form = table_form(path)
    with _opened(path, form) as sink:
        if form.is_parquet:
            _write_parquet(frame, sink, path)
        else:
            _csv_appender(sink, form.delimiter, path)(frame)


@contextmanager
def table_file(
    path: str | Path, *, whole: Collection[str] = (), n_rows: int = 0, companions: Collection[str | Path] = ()
) -> Iterator[Append]:
    r"""Open a file for a table that arrives in parts; it appears when all parts are written.

    Numbers are written in their shortest exact form, floats without decimals as integers, missing values as
    empty cells. The bytes do not depend on the sizes of the parts.

    Parameters
    ----------
    path : path or "-"
        The suffix decides the format, as in `write_table`.
    whole : collection of str
        Float columns that hold whole numbers; Parquet stores them as integers.
    n_rows : int
        Expected number of rows; for many, compiled code is loaded at once.
    companions : collection of path
        Files that belong to the old table, deleted just before it is replaced.

    Yields
    ------
    callable
        Appends a DataFrame; all must have the same columns.

    Raises
    ------
    UnusableInputError
        If the folder does not exist or is not writable, the suffix is not known, or another run is writing the file.

    Examples
    --------
    >>> import pandas as pd
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
    with _opened(path, form, alone=True, companions=companions) as sink:
        if form.is_parquet:
            with parquet_rows(sink) as append:
                yield lambda frame: append(arrow_table(frame, whole))
        else:
            yield _csv_appender(sink, form.delimiter, path, whole, n_rows)


@contextmanager
def _opened(path: str | os.PathLike[str], form: TableForm, **how: Any) -> Iterator[Any]:
    with open_atomically(path, **how) as file, compressing(file, form.compressed) as sink:
        yield sink


def _csv_appender(
    sink: Any, delimiter: str, path: str | os.PathLike[str], whole: Collection[str] = (), n_rows: int = 0
) -> Append:
    """A function that appends rows, after a header above the first."""
    header: list[str] = []

    def append(frame: pd.DataFrame) -> None:
        if not header:
            header.extend(map(str, frame.columns))
            sink.write(encode_text(csv_header(header, delimiter), path))
        for start in range(0, len(frame), _ROWS_AT_ONCE):
            columns = frame_columns(frame.iloc[start : start + _ROWS_AT_ONCE], whole)
            with unencodable_refused(path):
                sink.write(encode_rows(columns, delimiter, expected_rows=max(n_rows, len(frame))))

    return append


def _write_parquet(frame: pd.DataFrame, file: BinaryIO, path: str | os.PathLike[str]) -> None:
    import pyarrow as pa

    from asthma_ml.files.arrow_tables import parquet_rows

    try:
        table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
    except (ValueError, TypeError, OverflowError, NotImplementedError) as error:
        raise UnusableInputError(f"{os.fspath(path)}: the table does not fit Parquet ({error})") from error
    with parquet_rows(file) as append:
        append(table)
