"""Who is learned from and who is measured on: patients, sites and times that a model has not seen."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import ID

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from asthma_ml.patients import PatientTable
    from asthma_ml.training.labels import LabelledPatients

Folds: TypeAlias = "list[tuple[NDArray[Any], NDArray[Any]]]"
"""Rows to learn from and rows to measure on."""

N_FOLDS = 5
_LINES_NAMED = 5


def held_together(patients: PatientTable, labelled: LabelledPatients, groups: str | None) -> NDArray[Any] | None:
    """Number the patient or group of each labelled row.

    Parameters
    ----------
    patients : PatientTable
        The whole table.
    labelled : LabelledPatients
        Its labelled rows.
    groups : str or None
        Column of groups.

    Returns
    -------
    ndarray of int of shape (n_labelled,) or None
        None where every row stands alone.

    Raises
    ------
    UnusableInputError
        If there is no such column.
    """
    from asthma_ml.classifier import content_hash, encode_features, same_patients

    features = encode_features(labelled.features)
    keys = [content_hash(features.to_numpy()) if _tells_patients_apart(features) else np.arange(len(features))]
    if ID in patients.values:
        keys.append(_present(patients.values[ID].iloc[labelled.rows]))
    if groups is not None:
        keys.append(_present(raw_column(patients, labelled, groups, "--groups")))
    together = same_patients(*keys)
    return together if len(np.unique(together)) < len(together) else None


def _tells_patients_apart(features: pd.DataFrame) -> bool:
    """Whether equal rows are the same patient: not where few coarse columns make that a coincidence.

    Fewer than one pair of patients would agree by chance, were the columns independent.
    """
    agree = [float((features[name].value_counts(normalize=True, dropna=False) ** 2).sum()) for name in features]
    return float(np.prod(agree)) * len(features) ** 2 / 2 < 1


def folds(labelled: LabelledPatients, together: NDArray[Any] | None, seed: int, fewest: int = N_FOLDS) -> Folds:
    """Hold each patient out once, stratified by class, rows of one patient or group together.

    Parameters
    ----------
    labelled : LabelledPatients
        Rows to deal out.
    together : ndarray of shape (n_labelled,) or None
        From `held_together`.
    seed : int
        Seed.
    fewest : int
        Patients of a class below which nothing can be learned.

    Returns
    -------
    list of (rows to learn from, rows to measure on)
        Every row is measured on once.

    Raises
    ------
    UnusableInputError
        If there are too few patients of a class, or groups that cannot be held out.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    refuse_few(labelled, fewest)
    y = labelled.labels.to_numpy(dtype=object)
    if together is None:
        return list(StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed).split(labelled.features, y))
    n_folds = min(N_FOLDS, len(np.unique(together)))
    if n_folds > 1:
        dealt = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed).split(labelled.features, y, together)
        found = [(seen, held_out) for seen, held_out in dealt if len(held_out)]
        if all(len(set(y[seen])) == len(labelled.class_counts) for seen, _ in found):
            return found
    raise UnusableInputError(
        "the groups cannot be held out in turn: each class is needed in two groups or more; choose another --groups"
    )


def later_folds(labelled: LabelledPatients, together: NDArray[Any] | None, times: NDArray[np.float64]) -> Folds:
    """Learn from the past and measure on what came after, in as many steps as there are folds.

    Parameters
    ----------
    labelled : LabelledPatients
        Rows to deal out.
    together : ndarray of shape (n_labelled,) or None
        A row is not measured on where one of the same patient was learned from.
    times : ndarray of shape (n_labelled,)
        From `times_of`. Rows of one time are never parted.

    Returns
    -------
    list of (rows to learn from, rows to measure on)
        The first rows are measured on never. A step whose past lacks a class is left out.

    Raises
    ------
    UnusableInputError
        If no step has a past with all classes.
    """
    refuse_few(labelled, N_FOLDS)
    y = labelled.labels.to_numpy(dtype=object)
    ends = np.unique(np.quantile(times, np.linspace(0, 1, N_FOLDS + 2)[1:], method="inverted_cdf"))
    found: Folds = []
    for start, end in pairwise(ends):
        seen, later = times <= start, (times > start) & (times <= end)
        if together is not None:
            later &= ~np.isin(together, together[seen])
        if later.any() and len(set(y[seen])) == len(labelled.class_counts):
            found.append((np.flatnonzero(seen), np.flatnonzero(later)))
    measured = y[np.concatenate([later for _, later in found])] if found else y[:0]
    if len(set(measured)) < len(labelled.class_counts):
        raise UnusableInputError(
            "--time: too few times to measure on later patients: each class is needed early and late"
        )
    return found


def times_of(patients: PatientTable, labelled: LabelledPatients, column: str) -> NDArray[np.float64]:
    """Read the time of each labelled row.

    Parameters
    ----------
    patients : PatientTable
        The whole table.
    labelled : LabelledPatients
        Its labelled rows.
    column : str
        Numbers, such as years, or dates as 2024-03-31 or 31.03.2024; the former with a time of day or without, in UTC
        where no zone is given.

    Returns
    -------
    ndarray of shape (n_labelled,)
        Larger is later.

    Raises
    ------
    UnusableInputError
        If there is no such column, or a row has no time that can be read; its lines are named.
    """
    raw = raw_column(patients, labelled, column, "--time")
    # A date that is missing would be a number, and earlier than all others.
    numbers = None if is_datetime64_any_dtype(raw) else numbers_of(patients, raw)
    if numbers is None or (numbers.isna().any() and not is_numeric_dtype(raw)):
        iso, with_dots = (
            pd.to_datetime(raw, errors="coerce", format=form, utc=True) for form in ("ISO8601", "%d.%m.%Y")
        )
        numbers = (iso.fillna(with_dots) - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
    wrong = numbers.isna()
    refuse_lines(patients, labelled, wrong, f"{column}: no number and no date such as 2024-03-31 or 31.03.2024")
    return np.asarray(numbers, dtype=np.float64)


def numbers_of(patients: PatientTable, column: pd.Series[Any]) -> pd.Series[float]:
    """Read numbers by the decimal sign of the table; NaN where a cell holds none.

    Parameters
    ----------
    patients : PatientTable
        The table.
    column : Series of shape (n_rows,)
        Some rows of one of its columns, as given.

    Returns
    -------
    Series of shape (n_rows,)
        With its index.
    """
    from asthma_ml.patients import read_number

    if is_numeric_dtype(column):
        return column.astype(np.float64)
    texts = column.astype("str").fillna("")
    read = {text: read_number(text, patients.decimal_comma).value for text in set(texts)}
    return texts.map(read).astype("float64")


def raw_column(patients: PatientTable, labelled: LabelledPatients, column: str, option: str) -> pd.Series[Any]:
    """Labelled rows of a column as it stands in the table, called as there or as the variable read from it."""
    if column not in patients.raw.columns and column in patients.columns:
        column = patients.columns[column].sources[0]
    if column not in patients.raw.columns:
        raise UnusableInputError(f"{patients.source}: no column {column}; name one with {option}")
    return patients.raw[column].iloc[labelled.rows]


def refuse_lines(patients: PatientTable, labelled: LabelledPatients, wrong: pd.Series[bool], what: str) -> None:
    """Stop where some labelled rows are wrong, and name their lines."""
    lines = patients.lines[labelled.rows[wrong.to_numpy()]]
    if len(lines):
        more = ", ..." if len(lines) > _LINES_NAMED else ""
        named = ", ".join(map(str, lines[:_LINES_NAMED]))
        raise UnusableInputError(f"{patients.source}: {what} in {len(lines)} labelled rows (lines {named}{more})")


def refuse_few(labelled: LabelledPatients, fewest: int) -> None:
    """Stop where a class has too few patients."""
    counts = labelled.class_counts
    if len(counts) < 2 or min(counts.values()) < fewest:
        found = ", ".join(f"{name} {n}" for name, n in counts.items())
        raise UnusableInputError(f"this needs two classes with {fewest} patients each or more; found {found}")


def refuse_few_groups(labelled: LabelledPatients, together: NDArray[Any] | None, fewest: int) -> None:
    """Stop where a class stands in too few groups to be held out again among those learned from."""
    if together is None:
        return
    n_groups = {name: len(np.unique(together[labelled.labels == name])) for name in labelled.class_counts}
    if min(n_groups.values()) < fewest:
        found = ", ".join(f"{name} {n}" for name, n in n_groups.items())
        raise UnusableInputError(f"--tune needs each class in {fewest} groups or more; found {found}")


def _present(texts: pd.Series[Any]) -> NDArray[Any]:
    """Texts of a column, None where there is none."""
    stripped = texts.astype("str").str.strip()
    return stripped.astype(object).where(stripped.notna() & (stripped != ""), None).to_numpy()
