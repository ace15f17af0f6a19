"""Encode one column of a data frame as numbers."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import Variable, data_dictionary
from asthma_ml.wording import first_names

if TYPE_CHECKING:
    import pandas as pd

_LONGEST_SHOWN, _MOST_SHOWN = 20, 3
_MIXED = ("mixed", "mixed-integer")


def encode_column(name: str, column: pd.Series[Any]) -> NDArray[np.float32]:
    """Encode a column as 32-bit numbers, NaN where it is missing.

    Parameters
    ----------
    name : str
        Column name; levels are known for the categories of the data dictionary.
    column : Series of shape (n_patients,)
        Levels, numbers, truth values or texts that are numbers.

    Returns
    -------
    ndarray of shape (n_patients,)
        Level numbers or values.

    Raises
    ------
    UnusableInputError
        If a cell is an unknown level or not a number. The message names cells of data dictionary columns only, because
        another column may hold the names of patients.

    Examples
    --------
    >>> import pandas as pd
    >>> encode_column("sex", pd.Series(["male", None])).tolist()
    [1.0, nan]
    """
    variable = data_dictionary().get(name)
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiu":
        return column.to_numpy()
    if variable is not None and variable.kind == "category" and not _is_numeric(column) and not column.isna().all():
        return _level_numbers(variable, column)
    instead = f"instead of {'numbers' if variable is None or not variable.levels else ', '.join(variable.levels)}"
    if wrong := _wrong_type(variable, column):
        raise UnusableInputError(f"{name}: {wrong} {instead}")
    try:
        return _to_numeric(column)
    except (TypeError, ValueError):
        raise UnusableInputError(f"{name}: {_cells_that_are_no_numbers(variable, column)} {instead}") from None


def _level_numbers(variable: Variable, column: pd.Series[Any]) -> NDArray[np.float32]:
    import pandas as pd

    codes, distinct = pd.factorize(column)
    if unknown := sorted(repr(str(text)) for text in distinct if text not in variable.levels):
        allowed = ", ".join(variable.levels)
        raise UnusableInputError(f"{variable.name}: unknown level {first_names(unknown)}, allowed: {allowed}")
    return np.array([*map(variable.levels.index, distinct), np.nan], dtype=np.float32)[codes]


def _wrong_type(variable: Variable | None, column: pd.Series[Any]) -> str:
    """Type of a column that has no numbers, empty if it may have."""
    import pandas as pd

    if column.dtype.kind in "mMc" or isinstance(column.dtype, pd.PeriodDtype | pd.IntervalDtype):
        return f"cells of type {column.dtype}"
    if variable is not None and variable.kind != "flag" and _has_truth_values(column):
        return "True or False"
    return ""


def _to_numeric(column: pd.Series[Any]) -> NDArray[np.float32]:
    import pandas as pd

    numbers = pd.to_numeric(column)
    if numbers.dtype.kind in "mMc":
        raise TypeError(f"{numbers.dtype} instead of numbers")
    return numbers.to_numpy(dtype=np.float32, na_value=np.nan)


def _has_truth_values(column: pd.Series[Any]) -> bool:
    from pandas.api.types import infer_dtype

    if column.dtype.kind != "O":
        return column.dtype.kind == "b"
    found = infer_dtype(column, skipna=True)
    # Only mixed cells must be looked at one by one, which is slow.
    return found == "boolean" or (found in _MIXED and any(isinstance(cell, bool | np.bool_) for cell in column))


def _cells_that_are_no_numbers(variable: Variable | None, column: pd.Series[Any]) -> str:
    """First distinct cells that are not numbers."""
    import pandas as pd

    cells = pd.Series(list({str(cell): cell for cell in column.dropna()}.values()), dtype=object)
    strange = cells[[not _is_number(cell) for cell in cells]]
    if variable is None or strange.empty:
        return "text or dates"
    return first_names([_shown(cell) for cell in strange], _MOST_SHOWN)


def _is_number(cell: object) -> bool:
    import pandas as pd

    try:
        return bool(pd.api.types.is_numeric_dtype(pd.to_numeric(pd.Series([cell], dtype=object))))
    except (TypeError, ValueError):
        return False


def _shown(cell: object) -> str:
    text = str(cell)
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}...")


def _is_numeric(column: pd.Series[Any]) -> bool:
    from pandas.api.types import is_numeric_dtype

    return is_numeric_dtype(column)


def warn_of_level_numbers(columns: Iterable[tuple[str, pd.Series[Any]]]) -> None:
    """Warn of categories that are given as numbers, whose order may be that of another table.

    Encoded features are 32-bit numbers and are not warned of.

    Examples
    --------
    >>> import pandas as pd
    >>> warn_of_level_numbers([("sex", pd.Series(["male"])), ("age_years", pd.Series([62]))])
    """
    dictionary = data_dictionary()
    numbered = [
        f"{name}: {', '.join(f'{i} as {level}' for i, level in enumerate(dictionary[name].levels))}"
        for name, column in columns
        if name in dictionary
        and dictionary[name].kind == "category"
        and column.dtype != np.float32
        and _is_numeric(column)
        and column.notna().any()
    ]
    if numbered:
        warnings.warn(f"numbers are read as levels: {'; '.join(numbered)}; give the levels as text", stacklevel=3)
