"""Encode a table of columns as numbers, without a data frame."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from asthma_ml.columns import ColumnTable, numbers, texts
from asthma_ml.variables import data_dictionary


def encode_columns(patients: ColumnTable, feature_names: Iterable[object]) -> NDArray[np.float32]:
    """Encode the features of a model as 32-bit numbers, as `encode_features` does for a data frame.

    Parameters
    ----------
    patients : ColumnTable of n_patients rows
        Columns of the data dictionary.
    feature_names : iterable of str
        Features of the model; NaN where the table lacks one.

    Returns
    -------
    ndarray of shape (n_patients, n_features)
        Stored column by column.

    Examples
    --------
    >>> from asthma_ml.columns import Texts
    >>> patients = ColumnTable({"sex": Texts.of(["male", "female", None])}, 3)
    >>> encode_columns(patients, ["sex", "feno_ppb"]).tolist()
    [[1.0, nan], [0.0, nan], [nan, nan]]
    """
    names = [str(name) for name in feature_names]
    encoded = np.full((len(names), len(patients)), np.nan, dtype=np.float32)
    for row, name in zip(encoded, names, strict=True):
        if name in patients:
            row[:] = _numbers(patients, name)
    return encoded.T


def _numbers(patients: ColumnTable, name: str) -> NDArray[np.float64]:
    if isinstance(patients[name], np.ndarray):
        return numbers(patients, name)
    levels, column = data_dictionary()[name].levels, texts(patients, name)
    places = [levels.index(text) if text in levels else np.nan for text in column.distinct]
    return np.array([*places, np.nan], dtype=np.float64)[column.codes]
