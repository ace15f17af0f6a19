"""Read rows of a Parquet file as a table of text and numbers."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from asthma_ml.columns import Column, Texts
from asthma_ml.files import arrow_numbers, arrow_slices, arrow_texts
from asthma_ml.patients.text.headers import refuse_repeated_names
from asthma_ml.patients.text.text_tables import TextTable

if TYPE_CHECKING:
    import pyarrow as pa


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
        If two columns have the same name.

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
        [_column(_array(column), compiled=compiled) for column in rows.columns],
        given=lambda: rows.to_pandas(ignore_metadata=True),
        layout="Parquet",
        typed_names=frozenset(field.name for field in rows.schema if not _is_text(field.type)),
        arrow=rows,
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

    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays([pa.array([], column.type), *column.chunks])


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    text = pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null
    return any(is_kind(kind) for is_kind in text) or (pa.types.is_dictionary(kind) and _is_text(kind.value_type))


def _column(array: Any, *, compiled: bool) -> Column:
    import pyarrow as pa

    kind = array.type
    if pa.types.is_null(kind):
        return Texts(np.full(len(array), -1, dtype=np.int32), ())
    if compiled and _is_text(kind) and not pa.types.is_dictionary(kind):
        return arrow_slices(array)
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        # An integer that is not exact as a float stays text.
        with suppress(pa.ArrowInvalid):
            return arrow_numbers(array)
    return arrow_texts(array if pa.types.is_dictionary(kind) else array.dictionary_encode())
