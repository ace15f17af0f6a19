"""Tables and files out: whole or not at all, text untouched, numbers that read back as the same number."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
import pandas as pd

from asthma_ml.errors import UnusableInputError
from asthma_ml.files.atomic import _encoded, packing, replacing, write_text
from asthma_ml.files.csv_layout import DELIMITERS

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


def as_text(category: pd.Categorical) -> Any:
    """Levels of a category as a text column.

    Examples
    --------
    >>> as_text(pd.Categorical(["current", None])).tolist()
    ['current', nan]
    """
    import pyarrow as pa

    missing = category.codes < 0
    codes = pa.array(category.codes, mask=missing if missing.any() else None)
    texts = pa.array(list(category.categories), pa.large_string()).take(codes)
    text: Any = pd.StringDtype(na_value=np.nan)
    return text.__from_arrow__(texts)


def with_text(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its categories as text; numbers are not copied.

    Examples
    --------
    >>> with_text(pd.DataFrame({"sex": pd.Categorical(["male"])})).dtypes.tolist()
    [<StringDtype(na_value=nan)>]
    """
    return pd.DataFrame({name: _handed_out(column.array) for name, column in table.items()}, copy=False)


def _handed_out(values: Any) -> Any:
    return as_text(values) if isinstance(values, pd.Categorical) else values
