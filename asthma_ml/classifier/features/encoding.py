"""Encoding of a table of patients as numbers.

All features become 32-bit numbers, on which tree thresholds compare exactly, so that contributions add up. A category
becomes the number of its level in the data dictionary. Native categorical splits of trees are not used, because
TreeSHAP explains them wrongly without a warning.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from asthma_ml.classifier.features.columns import refuse_without_features
from asthma_ml.classifier.features.frame_checks import (
    impossible_values,
    other_unit,
    refuse_other_names,
    refuse_values,
    warn_of_other_scales,
)
from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import OUTPUT_PREFIX, TRUTH_PREFIX, Variable, data_dictionary
from asthma_ml.wording import first_names

if TYPE_CHECKING:
    import pandas as pd


def as_frame(table: Any) -> Any:
    """Convert a data frame of any library that narwhals knows to pandas; return anything else as it is.

    Examples
    --------
    >>> import pyarrow as pa
    >>> as_frame(pa.table({"sex": ["male"]}))
        sex
    0  male
    >>> as_frame([[1.0]])
    [[1.0]]
    """
    if isinstance(table, np.ndarray | list) or type(table).__module__.startswith("pandas."):
        return table
    import narwhals

    known = narwhals.from_native(table, eager_only=True, pass_through=True)
    return table if known is table else known.to_pandas()


def encode_patients(table: Any, feature_names: Iterable[str]) -> pd.DataFrame:
    """Encode the features of a model in a table of patients.

    Parameters
    ----------
    table : DataFrame of shape (n_patients, n_columns)
        Any columns in any order, of pandas, polars or Arrow.
    feature_names : iterable of str
        Features of the model; one that the table lacks is NaN (not measured).

    Returns
    -------
    DataFrame of shape (n_patients, n_features)
        32-bit numbers, see `encode_features`.

    Raises
    ------
    UnusableInputError
        If the table has no column names, no feature, a feature in its index or under another name, or as
        `encode_features` does.

    Examples
    --------
    >>> import pandas as pd
    >>> encode_patients(pd.DataFrame({"note": [""], "feno_ppb": [18]}), ["feno_ppb", "sex"]).to_numpy().tolist()
    [[18.0, nan]]
    """
    frame, features = as_frame(table), [str(name) for name in feature_names]
    if not hasattr(frame, "columns"):
        raise UnusableInputError(f"{type(table).__name__}: give a data frame, whose columns have names")
    if held := [str(name) for name in frame.index.names if name in features and name not in frame.columns]:
        raise UnusableInputError(f"{first_names(held)}: in the index of the table; make it a column by reset_index")
    refuse_other_names(frame.columns, features)
    refuse_without_features(frame.columns, features)
    return encode_features(align_features(frame, features))


def encode_features(table: pd.DataFrame, known: Iterable[str] | None = None) -> pd.DataFrame:
    """Encode every column of a table as 32-bit numbers.

    Parameters
    ----------
    table : DataFrame of shape (n_patients, n_features)
        Columns of the data dictionary (categories as text) or any numeric columns.
    known : iterable of str, default=None
        Features of the model, used in the message about columns of text that are no features.

    Returns
    -------
    DataFrame of shape (n_patients, n_features)
        Same columns and rows; the table itself if it already contains 32-bit numbers. A category is encoded as its
        level number; numbers in a categorical column are taken as level numbers.

    Raises
    ------
    UnusableInputError
        If a column that is not categorical contains text or dates, or a column of the data dictionary an unknown
        level, a number outside its hard limits or evidently another unit; all such columns are named.

    Warns
    -----
    UserWarning
        If a column is evidently in another scale, such as FeNO in ppm.

    Examples
    --------
    >>> import pandas as pd
    >>> patients = pd.DataFrame({"sex": ["male", "female"], "feno_ppb": [18, 62]})
    >>> encode_features(patients).to_numpy().tolist()
    [[1.0, 18.0], [0.0, 62.0]]
    """
    import pandas as pd

    if len(table.columns) and (table.dtypes == np.float32).all():
        return table
    # Column-major memory, as pandas stores and trees read it.
    matrix = np.empty(table.shape[::-1], dtype=np.float32)
    not_numeric: list[str] = []
    problems: list[str] = []
    for row, (name, column) in zip(matrix, table.items(), strict=True):
        try:
            # A number too large for 32 bits becomes infinite, which scikit-learn then refuses by name.
            with np.errstate(over="ignore"):
                row[:] = _encode_column(str(name), column)
        except UnusableInputError as error:
            problems.append(str(error))
            row[:] = np.nan
        except (TypeError, ValueError):
            not_numeric.append(str(name))
            row[:] = np.nan
    if not_numeric:
        _refuse_text(table, not_numeric, not_numeric if known is None else known)
    columns = [(str(name), row) for name, row in zip(table.columns, matrix, strict=True)]
    unread = (impossible_values(*column) or other_unit(*column) for column in columns)
    refuse_values([*problems, *filter(None, unread)])
    warn_of_other_scales(columns)
    return pd.DataFrame(matrix.T, index=table.index, columns=table.columns, copy=False)


def align_features(table: pd.DataFrame, feature_names: Iterable[str]) -> pd.DataFrame:
    """Select the features of a model from a table, in the order of the model.

    Parameters
    ----------
    table : DataFrame of shape (n_patients, n_columns)
        Any columns in any order.
    feature_names : iterable of str
        Features of the model.

    Returns
    -------
    DataFrame of shape (n_patients, n_features)
        A column that the table lacks is NaN (not measured).

    Examples
    --------
    >>> import pandas as pd
    >>> patients = pd.DataFrame({"site": ["A"], "feno_ppb": [62.0]})
    >>> align_features(patients, ["bmi_kg_m2", "feno_ppb"]).to_dict("records")
    [{'bmi_kg_m2': nan, 'feno_ppb': 62.0}]
    """
    return table.reindex(columns=list(feature_names))


def refuse_forbidden_features(table: pd.DataFrame) -> None:
    """Refuse columns that must not be features, such as labels.

    Parameters
    ----------
    table : DataFrame
        Training table.

    Raises
    ------
    UnusableInputError
        If a column is an identifier, a label, a truth or a prediction of this package.
    """
    dictionary = data_dictionary()
    named = [str(name) for name in table.columns]
    forbidden = [
        name
        for name in named
        if name.startswith((TRUTH_PREFIX, OUTPUT_PREFIX)) or (name in dictionary and not dictionary[name].is_feature)
    ]
    if forbidden:
        raise UnusableInputError(
            f"{first_names(forbidden)}: identifiers, labels, truth and predictions cannot be features; drop them"
        )


def _refuse_text(table: pd.DataFrame, not_numeric: Iterable[str], known: Iterable[str]) -> NoReturn:
    """Refuse columns of text, with advice that depends on whether they are features."""
    known = set(known)
    if not known.issuperset(not_numeric):
        unknown = [str(name) for name in table.columns if str(name) not in known]
        raise UnusableInputError(
            f"{first_names(unknown)}: not a feature of the model; pass model.encode(table), which selects them, "
            "or drop the column"
        )
    raise UnusableInputError(
        f"{first_names(not_numeric)}: text or dates in a numeric column; give numbers, and leave missing values empty"
    )


def _encode_column(name: str, column: pd.Series) -> np.ndarray:
    import pandas as pd

    variable = _category(name, column)
    if variable is None and isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiu":
        return column.to_numpy()
    known = data_dictionary().get(name)
    if column.dtype.kind in "mMc" or (column.dtype.kind == "b" and known is not None and known.kind != "flag"):
        raise TypeError(f"{name}: dates, complex numbers or truth values")
    if variable is None:
        return pd.to_numeric(column).to_numpy(dtype=np.float32, na_value=np.nan)
    codes, distinct = pd.factorize(column)
    if unknown := sorted(repr(str(text)) for text in distinct if text not in variable.levels):
        allowed = ", ".join(variable.levels)
        raise UnusableInputError(f"{name}: unknown level {first_names(unknown)}, allowed: {allowed}")
    return np.array([*map(variable.levels.index, distinct), np.nan], dtype=np.float32)[codes]


def _category(name: str, column: pd.Series) -> Variable | None:
    """Data dictionary entry of a column that contains categories as text, else None."""
    from pandas.api.types import is_numeric_dtype

    variable = data_dictionary().get(name)
    if variable is None or variable.kind != "category" or is_numeric_dtype(column) or column.isna().all():
        return None
    return variable
