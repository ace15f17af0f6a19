"""Read rows of a Parquet file as a table of text and numbers."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from asthma_ml.columns import Column, Texts
from asthma_ml.errors import UnusableInputError
from asthma_ml.files import arrow_numbers, arrow_slices, arrow_texts
from asthma_ml.patients.problems import shown
from asthma_ml.patients.text.expansion import MOST_EXPANSION
from asthma_ml.patients.text.headers import refuse_repeated_names
from asthma_ml.patients.text.text_tables import TextTable

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_CELLS = 2**27
"""Cells that any file may have, however small it is: two million patients."""

_FEW_BYTES = 2**22


def table_of_arrow(rows: pa.Table, name: str, first_row: int = 0, *, compiled: bool = False) -> TextTable:
    """Read rows of a Parquet file.

    Parameters
    ----------
    rows : Table
        The rows.
    name : str
        Name of the file for messages.
    first_row : int, default=0
        Number of rows of the file before them.
    compiled : bool, default=False
        Whether machine code reads the texts; loading it takes a third of a second.

    Returns
    -------
    TextTable
        Numbers stay numbers, except integers of more than 53 bits; every other cell becomes text.

    Raises
    ------
    UnusableInputError
        If two columns have the same name, or values cannot be read as text.

    Examples
    --------
    >>> import pyarrow as pa
    >>> table = table_of_arrow(pa.table({"age_years": [50, None], "sex": ["male", None]}), "clinic.parquet")
    >>> table.texts("age_years"), table.texts("sex"), table.typed_names
    (['50', ''], ['male', ''], frozenset({'age_years'}))
    """
    rows = rows.combine_chunks().replace_schema_metadata()
    names = rows.column_names
    refuse_repeated_names(names, name)
    return TextTable(
        names,
        np.arange(rows.num_rows, dtype=np.int64) + first_row + 2,
        [_column(_array(rows.column(i)), each, name, compiled=compiled) for i, each in enumerate(names)],
        given=lambda: rows.to_pandas(ignore_metadata=True),
        layout="Parquet",
        typed_names=frozenset(field.name for field in rows.schema if not _is_text(field.type)),
        arrow=rows,
    )


def open_parquet(file: BinaryIO, name: str) -> tuple[Any, pa.Schema]:
    """Open a Parquet file whose texts are read as dictionaries, which are no larger than the file says.

    Returns
    -------
    parquet : ParquetFile
        The file.
    schema : Schema
        Its columns as they are read once `plain_texts` has expanded the texts.

    Raises
    ------
    UnusableInputError
        If a column is nested, or the file is far too small for its rows.
    """
    from pyarrow.parquet import ParquetFile

    n_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    schema = ParquetFile(file).schema_arrow
    _refuse_nested(schema, name)
    file.seek(0)
    texts = [field.name for field in schema if _is_text(field.type) and not _is_null(field.type)]
    parquet = ParquetFile(file, pre_buffer=False, buffer_size=2**20, read_dictionary=texts)
    n_cells = parquet.metadata.num_rows * len(schema)
    if n_cells > max(_MOST_CELLS, MOST_EXPANSION * n_bytes):
        raise UnusableInputError(
            f"{name}: {parquet.metadata.num_rows:,} rows of {len(schema)} columns in {n_bytes:,} bytes, which no table "
            "of patients is; write the table again"
        )
    return parquet, schema


def plain_texts(rows: pa.Table, schema: pa.Schema, name: str, first_row: int, most_bytes: int) -> pa.Table:
    """Return rows whose texts have the types of a schema instead of dictionaries.

    Raises
    ------
    UnusableInputError
        If the texts are larger than `most_bytes`.
    """
    n_bytes = 0
    for place, field in enumerate(schema):
        column = rows.column(place)
        n_bytes += sum(_text_bytes(chunk) for chunk in column.chunks if _is_dictionary_of_text(chunk.type))
        if n_bytes > most_bytes:
            raise UnusableInputError(
                f"{name}: the texts from line {first_row + 2} on take more than {most_bytes // 10**6:,} MB, far more "
                "than the file; write the table again"
            )
        if column.type != field.type:
            rows = rows.set_column(place, field, column.cast(field.type))
    return rows


def _text_bytes(array: Any) -> int:
    """Bytes of the texts of an array with a dictionary if each is written out; none if that cannot matter."""
    import pyarrow.compute as pc

    lengths = pc.binary_length(array.dictionary)
    longest = pc.max(lengths).as_py() or 0
    if longest * len(array) <= _FEW_BYTES:
        return 0
    return int(pc.sum(lengths.take(array.indices)).as_py() or 0)


def _refuse_nested(schema: pa.Schema, name: str) -> None:
    import pyarrow as pa

    if nested := [field for field in schema if pa.types.is_nested(field.type)]:
        raise UnusableInputError(
            f"{name}: column {shown(nested[0].name)} holds lists or structures, which no cell can hold; remove the "
            "column or write one column for each value"
        )


def range_indexes(schema: pa.Schema, n_rows: int) -> dict[str, range]:
    """Return the index of a data frame that pandas stored as a range, which is no column of the file, by its name.

    Parameters
    ----------
    schema : Schema
        Schema of the file with the metadata of pandas.
    n_rows : int
        Number of rows of the file.

    Returns
    -------
    dict of str to range
        Values by row; empty if the index has no name, is a column, or does not fit the rows.

    Examples
    --------
    >>> import pandas as pd, pyarrow as pa
    >>> frame = pd.DataFrame({"feno_ppb": [20, 85]}, index=pd.RangeIndex(7, 9, name="patient_id"))
    >>> range_indexes(pa.Schema.from_pandas(frame), 2)
    {'patient_id': range(7, 9)}
    """
    try:
        indexes = json.loads((schema.metadata or {}).get(b"pandas", b"{}")).get("index_columns", [])
        ranges = [each for each in indexes if isinstance(each, dict) and each.get("kind") == "range"]
        named = {each["name"]: range(each["start"], each["stop"], each["step"]) for each in ranges}
        fitting = [name for name, values in named.items() if isinstance(name, str) and len(values) == n_rows]
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError):
        return {}
    return {name: named[name] for name in fitting if name not in schema.names}


def with_indexes(rows: pa.Table, indexes: dict[str, range], first_row: int) -> pa.Table:
    """Return consecutive rows of a file with the values of its `range_indexes` as columns."""
    import pyarrow as pa

    for name, values in indexes.items():
        rows = rows.append_column(name, pa.array(values[first_row : first_row + rows.num_rows], pa.int64()))
    return rows


def _array(column: pa.ChunkedArray) -> Any:
    import pyarrow as pa

    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays([pa.nulls(0, column.type), *column.chunks])


def _is_null(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_null(kind))


def _is_dictionary_of_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_dictionary(kind) and _is_text(kind.value_type)


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    text = pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null
    return any(is_kind(kind) for is_kind in text) or (pa.types.is_dictionary(kind) and _is_text(kind.value_type))


def _column(array: Any, name: str, where: str, *, compiled: bool) -> Column:
    """Cells of a column; of a type or with values that cannot be shown as text, they are refused."""
    try:
        return _cells(array, compiled=compiled)
    except (ArithmeticError, LookupError, NotImplementedError, TypeError, ValueError) as error:
        raise UnusableInputError(
            f"{where}: column {shown(name)} of type {array.type} holds values that cannot be read as text, such as "
            "text that is not UTF-8, dates after the year 9999 or an unknown time zone; write it as text"
        ) from error


def _cells(array: Any, *, compiled: bool) -> Column:
    import pyarrow as pa

    kind = array.type
    if _is_null(kind):
        return Texts(np.full(len(array), -1, dtype=np.int32), ())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        # Some programs do not mark their texts as such.
        with suppress(pa.ArrowInvalid):
            return _cells(array.cast(pa.large_string()), compiled=compiled)
    if _is_text(kind):
        array.validate(full=True)
    if compiled and _is_text(kind) and not pa.types.is_dictionary(kind):
        return arrow_slices(array)
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        # An integer that is not exact as a float stays text.
        with suppress(pa.ArrowInvalid):
            return arrow_numbers(array)
    if isinstance(kind, pa.BaseExtensionType):
        return Texts.of([None if cell is None else str(cell) for cell in array.to_pylist()])
    return arrow_texts(array if pa.types.is_dictionary(kind) else array.dictionary_encode())
