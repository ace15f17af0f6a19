"""Columns of a table as features: their kinds, known directions and order, and tables without any feature."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import TWO_CLASSES, data_dictionary
from asthma_ml.wording import first_names


def category_features(names: Sequence[str] | np.ndarray | None, n_features: int) -> np.ndarray:
    """Features that are categories in the data dictionary, of shape (n_features,); none without names."""
    dictionary = data_dictionary()
    names = [""] * n_features if names is None else names
    return np.array([name in dictionary and dictionary[name].kind == "category" for name in names])


def known_directions(names: Sequence[str] | np.ndarray | None, classes: np.ndarray) -> list[int] | None:
    """Known signs of the features towards the second class.

    Parameters
    ----------
    names : sequence of str or None
        Names of the features.
    classes : ndarray of shape (n_classes,)
        Classes of the model.

    Returns
    -------
    list of n_features ints or None
        1, -1, or 0 if unknown; None without names or outside the default two-class task.
    """
    if names is None or set(classes) != set(TWO_CLASSES):
        return None
    dictionary, towards = data_dictionary(), str(classes[1])
    return [dictionary[name].direction(towards) if name in dictionary else 0 for name in names]


def reading_order(names: Sequence[str] | np.ndarray | None) -> np.ndarray | None:
    """Order of the features in the data dictionary, others by name, so that folds do not depend on the column order."""
    if names is None:
        return None
    place = {name: i for i, name in enumerate(data_dictionary())}
    return np.array(sorted(range(len(names)), key=lambda i: (place.get(str(names[i]), len(place)), str(names[i]))))


def refuse_without_features(
    found: Iterable[object], features: Sequence[str], source: str = "the table", warnings: Iterable[str] = ()
) -> None:
    """Refuse a table without any feature of a model.

    Parameters
    ----------
    found : iterable of str
        Columns of the table after mapping.
    features : sequence of str
        Features of the model.
    source : str, default="the table"
        Name of the table in the message.
    warnings : iterable of str, default=()
        What was found out about its columns.

    Raises
    ------
    UnusableInputError
        If no column is a feature.

    Examples
    --------
    >>> refuse_without_features(["patient_id", "feno_ppb"], ["feno_ppb", "age_years"])
    """
    if not features or set(map(str, found)) & set(features):
        return
    raise UnusableInputError(
        f"{source}: no column is one of the {len(features)} features: {first_names(features)}; "
        "asthma-ml variables lists them all, a column map gives other names"
        + "".join(f"\n{source}: {warning}" for warning in warnings)
    )
