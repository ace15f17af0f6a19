"""Tables in Arrow's formats: conversion from pandas, and Parquet files whose bytes depend on the rows alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from asthma_ml.columns import Column, Joined, Slices, Texts

ROW_GROUP = 65_536
"""Rows of a Parquet row group."""


@contextmanager
def parquet_rows(file: BinaryIO, schema: pa.Schema | None = None) -> Iterator[Callable[[pa.Table], None]]:
    """Write Parquet in row groups of one size, whatever the sizes of the tables that are appended.

    Parameters
    ----------
    file : binary file
        Receives the rows.
    schema : Schema, optional
        Columns of the file; those of the first table by default.

    Yields
    ------
    callable
        Appends a Table.
    """
    waiting: Any = None if schema is None else schema.empty_table()
    writer: pa.parquet.ParquetWriter | None = None

    def write(least: int) -> None:
        nonlocal writer, waiting
        writer = writer or pa.parquet.ParquetWriter(file, waiting.schema)
        while len(waiting) >= least:
            writer.write_table(waiting.slice(0, ROW_GROUP).combine_chunks(), row_group_size=ROW_GROUP)
            waiting = waiting.slice(ROW_GROUP)

    def append(rows: pa.Table) -> None:
        nonlocal waiting
        waiting = rows if waiting is None else pa.concat_tables([waiting, rows])
        write(ROW_GROUP)

    try:
        yield append
        write(1)
    finally:
        if writer is not None:
            writer.close()


def arrow_array(column: Column) -> pa.Array:
    """Convert a column to Arrow; NaN and missing texts become null.

    Examples
    --------
    >>> arrow_array(Texts.of(["male", None])).to_pylist()
    ['male', None]
    """
    if isinstance(column, np.ndarray):
        return pa.array(column, from_pandas=True)
    if isinstance(column, Texts):
        texts = pa.array(list(column.distinct), pa.large_string())
        return texts.take(pa.array(column.codes, mask=column.missing))
    if isinstance(column, Joined):
        return _joined(column)
    return _slices(column) if isinstance(column, Slices) else pa.array(column.strings(), pa.large_string())


def _joined(column: Joined) -> pa.Array:
    """Join the parts as if missing ones were empty, which Arrow does faster than with nulls."""
    nothing, null = pa.scalar("", pa.large_string()), pa.scalar(None, pa.large_string())
    parts = [arrow_array(Texts(part.codes % (len(part.distinct) + 1), [*part.distinct, ""])) for part in column.parts]
    missing = np.all([part.missing for part in column.parts], axis=0)
    joined = pyarrow.compute.binary_join_element_wise(*parts, nothing)
    return pyarrow.compute.if_else(pa.array(missing), null, joined)


def _slices(column: Slices) -> pa.Array:
    lengths = column.stops - column.starts
    ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    places = np.repeat(column.starts - ends[:-1], lengths) + np.arange(ends[-1])
    return pa.LargeStringArray.from_buffers(len(column), pa.py_buffer(ends), pa.py_buffer(column.data[places]))


def arrow_table(frame: pd.DataFrame, whole: Collection[str] = ()) -> pa.Table:
    """Convert a table to Arrow, categories to text and the columns `whole` to integers."""
    integers = {name: "Int64" for name in frame.columns if name in whole}
    return pa.Table.from_pandas(categories_to_text(frame).astype(integers), preserve_index=False)


def categories_to_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Convert the categorical columns of a table to text, without a copy of the others.

    Examples
    --------
    >>> categories_to_text(pd.DataFrame({"sex": pd.Categorical(["male"])})).dtypes.tolist()
    [<StringDtype(na_value=nan)>]
    """
    return pd.DataFrame({name: _to_text(column.array) for name, column in frame.items()}, copy=False)


def category_to_text(category: pd.Categorical) -> Any:
    """Convert a categorical column to text.

    Examples
    --------
    >>> category_to_text(pd.Categorical(["current", None])).tolist()
    ['current', nan]
    """
    missing = category.codes < 0
    codes = pa.array(category.codes, mask=missing if missing.any() else None)
    texts = pa.array(list(category.categories), pa.large_string()).take(codes)
    text: Any = pd.StringDtype(na_value=np.nan)
    return text.__from_arrow__(texts)


def _to_text(values: Any) -> Any:
    return category_to_text(values) if isinstance(values, pd.Categorical) else values
