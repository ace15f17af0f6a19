"""Columns of a data frame as the writers of CSV and Parquet take them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from asthma_ml.columns import Column, Texts
from asthma_ml.files.arrow_columns import arrow_slices

if TYPE_CHECKING:
    import pandas as pd

_LARGEST_EXACT = 2**53


def frame_columns(frame: pd.DataFrame, whole: Collection[str] = ()) -> list[Column]:
    """Columns of a data frame: floats and whole numbers as numbers, everything else as text.

    Parameters
    ----------
    frame : DataFrame
        Any table.
    whole : collection of str
        Float columns that hold whole numbers; they are written without negative zero, as integers are.

    Examples
    --------
    >>> import pandas as pd
    >>> sex, age = frame_columns(pd.DataFrame({"sex": pd.Categorical(["male", None]), "age": [61, 44]}))
    >>> sex.strings().tolist(), age.tolist()
    (['male', None], [61.0, 44.0])
    """
    columns = [_column(frame.iloc[:, i]) for i in range(frame.shape[1])]
    return [
        column + 0.0 if name in whole and isinstance(column, np.ndarray) else column
        for name, column in zip(frame.columns, columns, strict=True)
    ]


def _column(column: pd.Series[Any]) -> Column:
    import pandas as pd

    values: Any = column.array
    if isinstance(column.dtype, pd.CategoricalDtype):
        return Texts(values.codes.astype(np.int32), [str(level) for level in values.categories])
    if column.dtype == np.float64:
        return column.to_numpy()
    if pd.api.types.is_integer_dtype(column.dtype):
        numbers = column.to_numpy(dtype=float, na_value=np.nan)
        if not np.any(np.abs(numbers) > _LARGEST_EXACT):
            return numbers
    if isinstance(column.dtype, pd.StringDtype) and column.dtype.storage == "pyarrow":
        import pyarrow as pa

        return arrow_slices(pa.array(values))
    missing = column.isna().tolist()
    return Texts.of(None if gone else str(cell) for cell, gone in zip(column.tolist(), missing, strict=True))
