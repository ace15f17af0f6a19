"""Read data frames of any library as tables of text and numbers."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from asthma_ml.columns import Column, Texts
from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.problems import shown
from asthma_ml.patients.text.headers import refuse_repeated_names
from asthma_ml.patients.text.text_tables import TextTable

_LABELS_SEEN = 20
_IN_MEMORY = "table in memory"

if TYPE_CHECKING:
    import pandas as pd
    from narwhals.typing import IntoDataFrame

    Source: TypeAlias = str | os.PathLike[str] | pd.DataFrame | IntoDataFrame


def pandas_frame(table: pd.DataFrame | IntoDataFrame) -> pd.DataFrame:
    """Convert a data frame of any library to pandas; raises UnusableInputError for anything else."""
    frame = known_frame(table)
    if frame is None:
        kind = type(table).__name__
        raise UnusableInputError(
            f"patients must be a path, `-` or a data frame, not {shown(kind)}{_way_to_frame(table)}"
        )
    return frame


def known_frame(table: Any) -> pd.DataFrame | None:
    """Convert a data frame or an Arrow table of any library to pandas; return None for anything else.

    Examples
    --------
    >>> import pyarrow as pa
    >>> known_frame(pa.record_batch({"sex": ["male"]}))
        sex
    0  male
    >>> known_frame([[1.0]])
    """
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(table, pandas.DataFrame):
        return cast("pd.DataFrame", table)
    if isinstance(table, np.ndarray | list | str | os.PathLike):
        return None
    import narwhals
    from narwhals.exceptions import DuplicateError

    if type(table).__module__.startswith("pyarrow") and hasattr(table, "schema"):
        refuse_repeated_names(table.schema.names, _IN_MEMORY)
        return cast("pd.DataFrame", table.to_pandas())
    try:
        known = narwhals.from_native(table, eager_only=True, pass_through=True)
    except DuplicateError as error:
        raise UnusableInputError(f"{_IN_MEMORY}: {' '.join(str(error).split())}") from None
    return known.to_pandas() if isinstance(known, narwhals.DataFrame) else None


def refuse_table_of_other_kind(table: Any) -> None:
    """Refuse a table with names that is no data frame, such as a dict; arrays of numbers pass.

    Examples
    --------
    >>> refuse_table_of_other_kind([[1.0], [2.0]])
    """
    if advice := _way_to_frame(table):
        raise UnusableInputError(
            f"X must be a data frame or an array of numbers, not {shown(type(table).__name__)}{advice}"
        )


def _way_to_frame(table: Any) -> str:
    """How to make a data frame of a table of another kind; empty for arrays of numbers."""
    if isinstance(table, str | os.PathLike):
        return "; read the file with asthma_ml.read_patients"
    if hasattr(table, "collect"):
        return "; collect it first"
    if hasattr(table, "iloc"):
        return "; one row of a table is `table.iloc[[0]]`"
    first = table[0] if isinstance(table, list | tuple) and table else table
    dtype = getattr(table, "dtype", None)
    if isinstance(first, Mapping) if dtype is None else getattr(dtype, "names", None):
        return "; make one with pandas.DataFrame"
    if hasattr(type(table), "columns") or table is None:
        return "; give its attribute `values`" if hasattr(type(table), "values") else "; give a table of patients"
    return ""


def refuse_unclear_names(frame: pd.DataFrame, name: str = _IN_MEMORY) -> None:
    """Raise UnusableInputError if the columns have several levels of names, or if two have the same name.

    Examples
    --------
    >>> import pandas as pd
    >>> refuse_unclear_names(pd.DataFrame({"feno_ppb": [12.5]}))
    """
    if frame.columns.nlevels > 1:
        raise UnusableInputError(
            f"{name}: the columns have {frame.columns.nlevels} levels of names; keep one, such as "
            "`table.columns = table.columns.get_level_values(-1)`"
        )
    refuse_repeated_names([str(column) for column in frame.columns], name)


def table_of_frame(frame: pd.DataFrame, name: str, layout: str = "data frame", first_line: int = 2) -> TextTable:
    """Read a data frame: rows by position, named levels of the index as columns.

    Parameters
    ----------
    frame : DataFrame
        The table.
    name : str
        Its name for messages.
    layout : str, default="data frame"
        Its kind in words.
    first_line : int, default=2
        Line of its first row.

    Returns
    -------
    TextTable
        Floats stay numbers; every other cell becomes text.

    Raises
    ------
    UnusableInputError
        If two columns have the same name, or if the columns have several levels of names.

    Examples
    --------
    >>> import pandas as pd
    >>> table = table_of_frame(pd.DataFrame({"feno_ppb": [12.5], "sex": ["male"]}), "table in memory")
    >>> table.texts("feno_ppb"), table.typed_names
    (['12.5'], frozenset({'feno_ppb'}))
    """
    labels = _row_labels(frame)
    levels = [frame.index.names.index(level) for level in index_columns(frame)]
    frame = frame.reset_index(level=levels).reset_index(drop=True) if levels else frame.reset_index(drop=True)
    refuse_unclear_names(frame, name)
    names = [str(column) for column in frame.columns]
    columns = [frame.iloc[:, i] for i in range(len(names))]
    return TextTable(
        names,
        np.arange(len(frame), dtype=np.int64) + first_line,
        [_column(column) for column in columns],
        given=partial(_itself, frame),
        layout=layout,
        typed_names=frozenset(each for each, column in zip(names, columns, strict=True) if not _holds_text(column)),
        row_labels=labels,
    )


def _itself(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame; a lambda could not be pickled."""
    return frame


def index_columns(frame: pd.DataFrame) -> list[Any]:
    """Names of the levels of the index that are read as columns.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"site": ["A"], "patient_id": ["007"], "feno_ppb": [12.5]})
    >>> index_columns(frame.set_index(["site", "patient_id"])), index_columns(frame)
    (['site', 'patient_id'], [])
    """
    return [level for level in frame.index.names if level is not None and level not in frame.columns]


def _row_labels(frame: pd.DataFrame) -> Column | None:
    """Labels of an index without a name, None if they are numbers."""
    index = frame.index
    if (
        index.nlevels > 1
        or index.name is not None
        or not any(isinstance(label, str) for label in index[-_LABELS_SEEN:])
    ):
        return None
    return Texts.of(label if isinstance(label, str) else None for label in index)


def _column(column: pd.Series[Any]) -> Column:
    if column.dtype == np.float64:
        return column.to_numpy()
    missing = column.isna().to_numpy()
    return Texts.of(None if gone else str(cell) for cell, gone in zip(column.tolist(), missing, strict=True))


def _holds_text(column: pd.Series[Any]) -> bool:
    """Whether all cells are text or missing, so that a stated decimal sign applies to them."""
    import pandas as pd

    return pd.api.types.infer_dtype(column, skipna=True) in ("string", "empty")
