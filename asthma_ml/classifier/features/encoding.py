"""From a table of patients to the numbers that the trees see.

Everything becomes 32-bit: tree thresholds compare exactly on 32-bit values, so that explanations add
up. Categories become the place of their level in the data dictionary, never the tree's own categories,
which TreeSHAP explains wrongly without a word.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

import numpy as np
import pandas as pd

from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import OUTPUT_PREFIX, TRUTH_PREFIX, Variable, data_dictionary
from asthma_ml.wording import first_names


def encode_features(table: pd.DataFrame, known: Iterable[str] | None = None) -> pd.DataFrame:
    """Turn every column of a table into 32-bit numbers.

    Parameters
    ----------
    table : DataFrame of shape (n_patients, n_features)
        Columns of the data dictionary, categories as text, or any numeric columns.
    known : iterable of str, default=None
        Columns of the model that the table is for, to say which text is in others.

    Returns
    -------
    DataFrame of shape (n_patients, n_features)
        Same columns, rows and order; the table itself if it holds 32-bit numbers already. A category is the
        place of its level in the dictionary; a level that the dictionary does not know is NaN, see
        `unknown_levels`. Numbers in the column of a category are taken for places already.

    Raises
    ------
    UnusableInputError
        If a column that is no category of the dictionary holds text; all such columns are named.

    Examples
    --------
    >>> patients = pd.DataFrame({"sex": ["male", "female"], "feno_ppb": [18, 62]})
    >>> encode_features(patients).to_numpy().tolist()
    [[1.0, 18.0], [0.0, 62.0]]
    """
    if len(table.columns) and (table.dtypes == np.float32).all():
        return table
    columns: list[np.ndarray] = []
    not_numeric: list[str] = []
    for name, column in table.items():
        try:
            columns.append(_encode_column(str(name), column))
        except (TypeError, ValueError):
            not_numeric.append(str(name))
    if not_numeric:
        _refuse_text(table, not_numeric, not_numeric if known is None else known)
    # Column by column in memory, as pandas keeps them and trees read them.
    matrix = np.stack(columns) if columns else np.empty(table.shape[::-1], dtype=np.float32)
    return pd.DataFrame(matrix.T, index=table.index, columns=table.columns)


def unknown_levels(table: pd.DataFrame) -> dict[str, list[str]]:
    """Name the levels that the data dictionary does not know.

    Parameters
    ----------
    table : DataFrame
        Patients, categories as text.

    Returns
    -------
    dict of str to list of str
        Column and its unknown levels, sorted; columns without any are left out.

    Examples
    --------
    >>> unknown_levels(pd.DataFrame({"sex": ["male", "m", None]}))
    {'sex': ['m']}
    """
    unknown: dict[str, list[str]] = {}
    for name, column in table.items():
        variable = _category(str(name), column)
        if variable is None:
            continue
        strange = column[column.notna() & ~column.isin(variable.levels)]
        if len(strange):
            unknown[str(name)] = sorted(strange.astype(str).unique())
    return unknown


def align_features(table: pd.DataFrame, feature_names: Iterable[str]) -> pd.DataFrame:
    """Give a table exactly the columns of a model, in the order of the model.

    Parameters
    ----------
    table : DataFrame of shape (n_patients, n_columns)
        Patients with any columns in any order.
    feature_names : iterable of str
        What the model was fitted on.

    Returns
    -------
    DataFrame of shape (n_patients, n_features)
        Columns the table lacks are NaN throughout: not measured.

    Examples
    --------
    >>> patients = pd.DataFrame({"site": ["A"], "feno_ppb": [62.0]})
    >>> align_features(patients, ["bmi_kg_m2", "feno_ppb"]).to_dict("records")
    [{'bmi_kg_m2': nan, 'feno_ppb': 62.0}]
    """
    return table.reindex(columns=list(feature_names))


def refuse_forbidden_features(table: pd.DataFrame) -> None:
    """Stop before a classifier learns from the answer.

    Parameters
    ----------
    table : DataFrame
        What is about to be learned from.

    Raises
    ------
    UnusableInputError
        If there are identifiers, labels, columns of the truth or predictions of this package among the
        columns, or levels that the data dictionary does not know.
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
    if unknown := unknown_levels(table):
        raise UnusableInputError(
            "; ".join(
                f"{name}: unknown level {first_names(map(repr, levels))}, allowed: {', '.join(dictionary[name].levels)}"
                for name, levels in unknown.items()
            )
        )


def _refuse_text(table: pd.DataFrame, not_numeric: Iterable[str], known: Iterable[str]) -> NoReturn:
    """Say what to do about columns of text: those that are no features are not to be made numbers."""
    known = set(known)
    if not known.issuperset(not_numeric):
        unknown = [str(name) for name in table.columns if str(name) not in known]
        raise UnusableInputError(
            f"{first_names(unknown)}: not among the columns of the model; give model.encode(table), which picks its "
            "columns, or drop them"
        )
    raise UnusableInputError(
        f"{first_names(not_numeric)}: text in a column of numbers; give numbers, leave empty what was not measured"
    )


def _encode_column(name: str, column: pd.Series) -> np.ndarray:
    variable = _category(name, column)
    if variable is None:
        # A number too large for 32 bits becomes infinite, which scikit-learn then refuses by name.
        with np.errstate(over="ignore"):
            return pd.to_numeric(column).to_numpy(dtype=np.float32, na_value=np.nan)
    codes = pd.Index(variable.levels).get_indexer(pd.Index(column)).astype(np.float32)
    codes[codes < 0] = np.nan
    return codes


def _category(name: str, column: pd.Series) -> Variable | None:
    """The dictionary's entry of a column that holds categories as text."""
    variable = data_dictionary().get(name)
    holds_text = not (pd.api.types.is_numeric_dtype(column) or column.isna().all())
    return variable if variable is not None and variable.kind == "category" and holds_text else None
