"""Read data frames of any library as tables of text and numbers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from asthma_ml.columns import Column, Texts
from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.problems import shown
from asthma_ml.patients.text.headers import refuse_repeated_names
from asthma_ml.patients.text.text_tables import TextTable

_LABELS_SEEN = 20

if TYPE_CHECKING:
    import pandas as pd
    from narwhals.typing import IntoDataFrame

    Source: TypeAlias = str | os.PathLike[str] | pd.DataFrame | IntoDataFrame


def pandas_frame(table: pd.DataFrame | IntoDataFrame) -> pd.DataFrame:
    """Convert any data frame that narwhals knows to pandas; raises UnusableInputError for anything else."""
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        return table
    import narwhals

    try:
        return narwhals.from_native(table, eager_only=True).to_pandas()
    except TypeError:
        kind = type(table).__name__
        raise UnusableInputError(f"patients must be a path, `-` or a data frame, not {shown(kind)}") from None


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
    if frame.columns.nlevels > 1:
        raise UnusableInputError(
            f"{name}: the columns have {frame.columns.nlevels} levels of names; keep one, such as "
            "`table.columns = table.columns.get_level_values(-1)`"
        )
    names = [str(column) for column in frame.columns]
    refuse_repeated_names(names, name)
    columns = [frame.iloc[:, i] for i in range(len(names))]
    return TextTable(
        names,
        np.arange(len(frame), dtype=np.int64) + first_line,
        [_column(column) for column in columns],
        given=lambda: frame,
        layout=layout,
        typed_names=frozenset(each for each, column in zip(names, columns, strict=True) if not _holds_text(column)),
        row_labels=labels,
    )


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
