"""Encoding of a table of patients as numbers.

All features become 32-bit numbers, on which tree thresholds compare exactly, so that contributions add up. A category
becomes the number of its level in the data dictionary. Native categorical splits of trees are not used, because
TreeSHAP explains them wrongly without a warning.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from asthma_ml.classifier.features.columns import refuse_without_features
from asthma_ml.classifier.features.frame_checks import (
    impossible_values,
    other_unit,
    refuse_array_of_text,
    refuse_features_in_index,
    refuse_other_columns,
    refuse_other_names,
    refuse_values,
    warn_of_other_scales,
    warn_of_similar_names,
)
from asthma_ml.classifier.features.frame_columns import encode_column, warn_of_level_numbers
from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import OUTPUT_PREFIX, TRUTH_PREFIX, data_dictionary
from asthma_ml.wording import first_names

if TYPE_CHECKING:
    import pandas as pd


def as_frame(table: Any) -> Any:
    """Convert a data frame of any library that narwhals knows to pandas; return an array as it is.

    Raises
    ------
    UnusableInputError
        If the columns have several levels of names or the same name, if an array contains text, or if the table is of a
        kind that would lose its names, such as a dict or one row.

    Examples
    --------
    >>> import pyarrow as pa
    >>> as_frame(pa.table({"sex": ["male"]}))
        sex
    0  male
    >>> as_frame([[1.0]])
    [[1.0]]
    """
    if type(table) is np.ndarray and table.dtype.names is None:
        refuse_array_of_text(table)
        return table
    from asthma_ml.patients import known_frame, refuse_table_of_other_kind, refuse_unclear_names

    frame = known_frame(table)
    if frame is None:
        refuse_table_of_other_kind(table)
        return table
    refuse_unclear_names(frame)
    return frame


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
    refuse_features_in_index(frame, features)
    refuse_other_names(frame.columns, features)
    refuse_without_features(frame.columns, features)
    warn_of_similar_names(frame.columns, features)
    return encode_features(align_features(frame, features))


def encode_in_order(table: pd.DataFrame, feature_names: Iterable[str] | None) -> pd.DataFrame:
    """Encode a table that has exactly the features of a model in their order.

    Parameters
    ----------
    table : DataFrame of shape (n_patients, n_features)
        Features of the model; scikit-learn compares the names that are not in the data dictionary.
    feature_names : iterable of str or None
        Features of the model, None if it was fitted without names.

    Returns
    -------
    DataFrame of shape (n_patients, n_features)
        32-bit numbers, see `encode_features`.

    Raises
    ------
    UnusableInputError
        If the columns are not the features of the model, or as `encode_features` does.

    Examples
    --------
    >>> import pandas as pd
    >>> encode_in_order(pd.DataFrame({"feno_ppb": [18]}), ["feno_ppb"]).to_numpy().tolist()
    [[18.0]]
    """
    features = [] if feature_names is None else [str(name) for name in feature_names]
    if not data_dictionary().keys().isdisjoint(features):
        refuse_features_in_index(table, features)
        refuse_other_names(table.columns, features)
        refuse_without_features(table.columns, features)
        refuse_other_columns(table.columns, features)
    return encode_features(table)


def encode_features(table: pd.DataFrame) -> pd.DataFrame:
    """Encode every column of a table as 32-bit numbers.

    Parameters
    ----------
    table : DataFrame of shape (n_patients, n_features)
        Columns of the data dictionary (categories as text) or any numeric columns.

    Returns
    -------
    DataFrame of shape (n_patients, n_features)
        Same columns and rows; the table itself if it already contains 32-bit numbers. A category is encoded as its
        level number; numbers are taken as level numbers.

    Raises
    ------
    UnusableInputError
        If a column contains text or dates instead of numbers, or a column of the data dictionary an unknown level, a
        number outside its hard limits or evidently another unit; all such columns are named.

    Warns
    -----
    UserWarning
        If a column is evidently in another scale, such as FeNO in ppm, or if levels are given as numbers.

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
    problems: list[str] = []
    for row, (name, column) in zip(matrix, table.items(), strict=True):
        try:
            # A number too large for 32 bits becomes infinite, which scikit-learn then refuses by name.
            with np.errstate(over="ignore"):
                row[:] = encode_column(str(name), column)
        except UnusableInputError as error:
            problems.append(str(error))
            row[:] = np.nan
    columns = [(str(name), row) for name, row in zip(table.columns, matrix, strict=True)]
    unread = (impossible_values(*column) or other_unit(*column) for column in columns)
    refuse_values([*problems, *filter(None, unread)])
    warn_of_other_scales(columns)
    warn_of_level_numbers((str(name), column) for name, column in table.items())
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
        If a column is an identifier, a label, a truth or a prediction of this package, a feature is in the index, or
        there are no columns.
    """
    dictionary = data_dictionary()
    named = [str(name) for name in table.columns]
    if not named:
        raise UnusableInputError("X: the table has no columns; give the features of the patients")
    refuse_features_in_index(table, dictionary.features)
    forbidden = [
        name
        for name in named
        if name.startswith((TRUTH_PREFIX, OUTPUT_PREFIX)) or (name in dictionary and not dictionary[name].is_feature)
    ]
    if forbidden:
        raise UnusableInputError(
            f"{first_names(forbidden)}: identifiers, labels, truth and predictions cannot be features; drop them"
        )
