"""Values of a data frame that cannot be what their columns say, such as codes of another table.

A hospital's own table belongs to `read_patients`, which knows other names, units and codes. An estimator takes the
columns of the data dictionary as they are, so it refuses what it would misunderstand.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import Variable, data_dictionary
from asthma_ml.wording import first_names

if TYPE_CHECKING:
    import pandas as pd

_COARSE_STEP = 10
_JUDGED_ROWS, _FEWEST_DISTINCT = 200, 5
_WAY_OUT = "read the table with asthma_ml.read_patients"


def impossible_values(name: str, values: NDArray[np.float32]) -> str:
    """Describe numbers that a variable of the data dictionary cannot have.

    Parameters
    ----------
    name : str
        Column name; other names than those of the data dictionary may have any value.
    values : ndarray of shape (n_patients,)
        Encoded values, NaN where missing.

    Returns
    -------
    str
        What is wrong and what is allowed, empty if nothing is.

    Examples
    --------
    >>> impossible_values("sex", np.array([1.0, 2.0], np.float32))
    'sex: 2 is not a valid code; allowed: 0 (female), 1 (male)'
    >>> impossible_values("age_years", np.array([61.0, 1962.0], np.float32))
    'age_years: 1962 is outside 0 to 110 years'
    """
    variable = data_dictionary().get(name)
    allowed = None if variable is None else _allowed(variable)
    if variable is None or allowed is None:
        return ""
    # Limits are rounded as the values are.
    lower, upper = (np.float32(limit) for limit in allowed)
    wrong = (values < lower) | (values > upper)
    if variable.kind in ("flag", "category"):
        wrong |= np.isfinite(values) & (values != np.floor(values))
    return f"{name}: {values[wrong][0]:.7g} is {_what_is_allowed(variable)}" if wrong.any() else ""


def other_unit(name: str, values: NDArray[np.float32]) -> str:
    """Describe a column that is evidently in another unit, such as cells in 10^9/L.

    Most positive values are then smaller than half the step in which clinics report the variable. `read_patients`
    judges columns more strictly; a model must also take the grid values of a partial dependence plot.

    Examples
    --------
    >>> other_unit("blood_eosinophils_cells_ul", np.array([0.31, 0.15, 0.62, 2.04], np.float32))
    'blood_eosinophils_cells_ul: most values, such as 0.31, are too small for cells/uL'
    """
    variable = data_dictionary().get(name)
    step = 0.0 if variable is None else variable.resolution or 0.0
    if variable is None or step < _COARSE_STEP:
        return ""
    positive = values[values > 0]
    small = positive[positive < step / 2]
    return (
        f"{name}: most values, such as {small[0]:.7g}, are too small for {variable.unit}"
        if 2 * len(small) > len(positive)
        else ""
    )


@contextmanager
def without_scale_checks() -> Iterator[None]:
    """Encode variations or twins of one patient, whose values are alike without being in another scale."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "values look like another scale", UserWarning)
        yield


def warn_of_other_scales(columns: Iterable[tuple[str, NDArray[np.float32]]]) -> None:
    """Warn of columns that are evidently in another scale, judged by some of their rows.

    A model must also take the grid of a partial dependence plot, so that columns of few distinct values are not judged.

    Parameters
    ----------
    columns : iterable of (str, ndarray)
        Name and encoded values of each column.

    Warns
    -----
    UserWarning
        With the name and the likely scale of each such column.

    Examples
    --------
    >>> warn_of_other_scales([("feno_ppb", np.array([38, 22, 55, 15, 41], np.float32))])
    """
    from asthma_ml.patients import likely_scale

    some = {name: values[:: max(len(values) // _JUDGED_ROWS, 1)].astype(np.float64) for name, values in columns}
    judged = {name: values for name, values in some.items() if len(set(values[~np.isnan(values)])) >= _FEWEST_DISTINCT}
    found = [f"{name} like {scale}" for name, values in judged.items() if (scale := likely_scale(name, values))]
    if found:
        warnings.warn(f"values look like another scale: {', '.join(found)}; {_WAY_OUT}", stacklevel=2)


def _allowed(variable: Variable) -> tuple[float, float] | None:
    """Lowest and highest value."""
    if variable.kind == "category":
        return 0, len(variable.levels) - 1
    return (0, 1) if variable.kind == "flag" else variable.limits


def _what_is_allowed(variable: Variable) -> str:
    if variable.kind == "category":
        numbered = ", ".join(f"{i} ({level})" for i, level in enumerate(variable.levels))
        return f"not a valid code; allowed: {numbered}"
    if variable.kind == "flag" or variable.limits is None:
        return "neither 0 nor 1"
    lower, upper = variable.limits
    return f"outside {lower:g} to {upper:g} {variable.unit}".rstrip()


def refuse_values(problems: Iterable[str]) -> None:
    """Raise UnusableInputError that names all problems of a table, if there are any.

    Examples
    --------
    >>> refuse_values([])
    """
    if found := list(problems):
        raise UnusableInputError("; ".join(found) + f"; {_WAY_OUT}, or correct it")


def refuse_array_of_text(X: NDArray[Any]) -> None:
    """Refuse an array with text, whose columns have no names.

    Examples
    --------
    >>> refuse_array_of_text(np.array([[1.0]]))
    """
    if X.dtype.kind not in "OUS":
        return
    try:
        X.astype(np.float32)
    except TypeError:
        return  # scikit-learn names the type of the cell
    except ValueError:
        raise UnusableInputError(
            "X: text in an array, whose columns have no names; give a data frame, or numbers from model.encode"
        ) from None


def refuse_features_in_index(table: pd.DataFrame, features: Iterable[str]) -> None:
    """Refuse a table with features in its index, which would be ignored.

    Examples
    --------
    >>> import pandas as pd
    >>> refuse_features_in_index(pd.DataFrame({"feno_ppb": [18]}), ["feno_ppb"])
    """
    known = set(features)
    if held := [str(name) for name in table.index.names if name in known and name not in table.columns]:
        raise UnusableInputError(f"{first_names(held)}: in the index of the table; make it a column by reset_index")


def refuse_other_columns(given: Iterable[object], features: Sequence[str]) -> None:
    """Refuse a table whose columns are not the features of a model in their order.

    Parameters
    ----------
    given : iterable of str
        Columns of the table.
    features : sequence of str
        Features of the model.

    Raises
    ------
    UnusableInputError
        If a column is missing, is no feature or has another place.

    Examples
    --------
    >>> refuse_other_columns(["feno_ppb", "age_years"], ["feno_ppb", "age_years"])
    """
    names = [str(name) for name in given]
    if names == list(features):
        return
    missing = [name for name in features if name not in set(names)]
    others = [name for name in names if name not in set(features)]
    what = (
        *([f"{first_names(missing)}: missing"] if missing else []),
        *([f"{first_names(others)}: not a feature of the model"] if others else []),
    )
    raise UnusableInputError(
        f"{'; '.join(what) or 'the features are in another order than in the model'}; pass model.encode(table), which "
        "selects and orders the features and treats missing ones as not measured"
    )


def warn_of_similar_names(given: Iterable[object], features: Iterable[str]) -> None:
    """Warn of columns whose names resemble those of features that the table lacks.

    Parameters
    ----------
    given : iterable of str
        Columns of the table.
    features : iterable of str
        Features of the model.

    Warns
    -----
    UserWarning
        With all such columns.

    Examples
    --------
    >>> warn_of_similar_names(["feno_ppb", "note"], ["feno_ppb", "age_years"])
    """
    from asthma_ml.patients import unread_columns

    names, features = list(map(str, given)), set(features)
    found = unread_columns([name for name in names if name not in features], {})
    if similar := [each.message for each in found if each.column in features.difference(names)]:
        warnings.warn(f"{'; '.join(similar)}; or rename the column", stacklevel=3)


def refuse_other_names(given: Iterable[object], features: Iterable[str]) -> None:
    """Refuse a table that has a feature under another name, which would be treated as missing.

    Parameters
    ----------
    given : iterable of str
        Columns of the table.
    features : iterable of str
        Features of the model.

    Raises
    ------
    UnusableInputError
        If a column has a usual name of a feature that the table lacks.

    Examples
    --------
    >>> refuse_other_names(["feno_ppb", "note"], ["feno_ppb", "age_years"])
    """
    from asthma_ml.patients import variable_of_name

    names, features = set(map(str, given)), set(features)
    meant_by = {name: variable_of_name(name) for name in names - features}
    others = {name: target for name, target in sorted(meant_by.items()) if target in features - names}
    if others:
        meant = first_names(f"{name} (for {target})" for name, target in others.items())
        raise UnusableInputError(f"{meant}: not the name in the data dictionary; {_WAY_OUT}, or rename the columns")


def warn_of_other_names(given: Iterable[object]) -> None:
    """Warn of training columns under other names than in the data dictionary, whose units and levels are unknown.

    Examples
    --------
    >>> warn_of_other_names(["feno_ppb", "home_made_index"])
    """
    from asthma_ml.patients import suggested_variable, variable_of_name

    names = [name for name in map(str, given) if name not in data_dictionary()]
    meant = {name: variable_of_name(name) or suggested_variable(name) for name in names}
    if others := [f"{name} (for {target})" for name, target in meant.items() if target]:
        warnings.warn(
            f"{first_names(others)}: not the name in the data dictionary, so that values are not checked; {_WAY_OUT}, "
            "or rename the columns",
            stacklevel=3,
        )


def refuse_labels(X: Any, y: Any) -> None:
    """Refuse labels that are missing, or that by their index belong to other rows.

    Parameters
    ----------
    X : {array-like, DataFrame} of shape (n_patients, n_features)
        Features.
    y : array-like of shape (n_patients,)
        Labels.

    Raises
    ------
    UnusableInputError
        If a label is missing, or if both have the same index labels in different orders.

    Examples
    --------
    >>> refuse_labels([[1.0], [2.0]], ["th2_high", "neutrophilic_th2_low"])
    """
    import pandas as pd

    if hasattr(y, "__len__") and (missing := int(np.sum(pd.isna(np.asarray(y, dtype=object))))):
        raise UnusableInputError(f"y: {missing} of {len(y)} labels are missing; drop these rows of X and y")
    if not isinstance(X, pd.DataFrame) or not isinstance(y, pd.DataFrame | pd.Series) or X.index.equals(y.index):
        return
    if len(X) == len(y) and X.index.is_unique and set(X.index) == set(y.index):
        raise UnusableInputError("y: the index has another order than that of X; align them by y.loc[X.index]")
