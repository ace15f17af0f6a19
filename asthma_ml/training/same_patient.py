"""Which rows of a table are of one patient: equal identifiers, or equal rows that are no coincidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray


def patient_numbers(features: pd.DataFrame, ids: pd.Series[Any] | None = None) -> NDArray[np.intp]:
    """Number of the patient of each row.

    Parameters
    ----------
    features : DataFrame of shape (n_rows, n_columns)
        Columns of the data dictionary.
    ids : Series of shape (n_rows,), optional
        Identifiers of the patients; empty ones say nothing.

    Returns
    -------
    ndarray of int of shape (n_rows,)
        Rows with one identifier are of one patient, and so are equal rows, also under different identifiers. Rows
        that are equal by coincidence, because little was measured in coarse columns, are of different patients.

    Examples
    --------
    >>> patient_numbers(pd.DataFrame({"feno_ppb": [20.0, 20.0, 30.0]}), pd.Series(["a", "b", "a"]))
    array([0, 1, 0], dtype=int32)
    """
    from asthma_ml.classifier import content_hash, encode_features, same_patients

    encoded = encode_features(features).to_numpy()
    content = content_hash(encoded).astype(object)
    content[~is_no_coincidence(encoded, content)] = None
    return same_patients(content, *([] if ids is None else [texts_or_none(ids)]))


def is_no_coincidence(encoded: NDArray[Any], content: NDArray[Any]) -> NDArray[np.bool_]:
    """Rows whose measured values are so rare together that no other patient is expected to have them.

    With independent columns, fewer than one pair of equal rows is expected among patients of that probability. Copies
    of a table change neither the frequencies nor the number of distinct rows.
    """
    log_probability = np.zeros(len(encoded))
    for column in encoded.T:
        measured = ~np.isnan(column)
        _, place, counts = np.unique(column[measured], return_inverse=True, return_counts=True)
        log_probability[measured] += np.log(counts / max(len(place), 1))[place]
    n_distinct = len(np.unique(content))
    return np.asarray(log_probability + 2 * np.log(max(n_distinct, 1)) < np.log(2))


def texts_or_none(texts: pd.Series[Any]) -> NDArray[Any]:
    """Texts of a column, None where empty."""
    stripped = texts.astype("str").str.strip()
    return stripped.astype(object).where(stripped.notna() & (stripped != ""), None).to_numpy()
