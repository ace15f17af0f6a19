"""Tables in Arrow's formats: conversion from pandas, and Parquet files whose bytes depend on the rows alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet

if TYPE_CHECKING:
    import pandas as pd

ROW_GROUP = 65_536
"""Rows of a Parquet row group."""

_DICTIONARY_BYTES = 2**16
"""Size of a dictionary from which a column is written plainly: larger ones take more time and more space."""


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
    waiting: Any = None if schema is None else pa.Table.from_batches([], schema)
    writer: pa.parquet.ParquetWriter | None = None

    def write(least: int) -> None:
        nonlocal writer, waiting
        writer = writer or pa.parquet.ParquetWriter(file, waiting.schema, dictionary_pagesize_limit=_DICTIONARY_BYTES)
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


def arrow_table(frame: pd.DataFrame, whole: Collection[str] = ()) -> pa.Table:
    """Convert a table to Arrow, categories to text and the columns `whole` to integers."""
    integers = {name: "Int64" for name in frame.columns if name in whole}
    return pa.Table.from_pandas(categories_to_text(frame).astype(integers), preserve_index=False)


def categories_to_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Convert the categorical columns of a table to text, without a copy of the others.

    Examples
    --------
    >>> import pandas as pd
    >>> categories_to_text(pd.DataFrame({"sex": pd.Categorical(["male"])})).dtypes.tolist()
    [<StringDtype(na_value=nan)>]
    """
    import pandas as pd

    return pd.DataFrame({name: _to_text(column.array) for name, column in frame.items()}, copy=False)


def category_to_text(category: pd.Categorical) -> Any:
    """Convert a categorical column to text.

    Examples
    --------
    >>> import pandas as pd
    >>> category_to_text(pd.Categorical(["current", None])).tolist()
    ['current', nan]
    """
    import pandas as pd

    missing = category.codes < 0
    codes = pa.array(category.codes, mask=missing if missing.any() else None)
    texts = pa.array(list(category.categories), pa.large_string()).take(codes)
    text: Any = pd.StringDtype(na_value=np.nan)
    return text.__from_arrow__(texts)


def _to_text(values: Any) -> Any:
    import pandas as pd

    return category_to_text(values) if isinstance(values, pd.Categorical) else values
