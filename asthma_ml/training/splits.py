"""Training and held-out rows: by patient, by group and by time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients import read_number
from asthma_ml.spelling import with_suggestion
from asthma_ml.training.same_patient import texts_or_none

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from asthma_ml.patients import PatientTable
    from asthma_ml.training.labels import LabelledPatients

Folds: TypeAlias = "list[tuple[NDArray[Any], NDArray[Any]]]"
"""Pairs of training rows and held-out rows."""

N_FOLDS = 5
_NAMED_LINES = 5


def group_rows(patients: PatientTable, labelled: LabelledPatients, groups: str | None) -> NDArray[Any] | None:
    """Number the patient or group of each labelled row, whose rows are never split.

    Parameters
    ----------
    patients : PatientTable
        The whole table.
    labelled : LabelledPatients
        Labelled rows of the table.
    groups : str or None
        Column of the groups.

    Returns
    -------
    ndarray of int of shape (n_labelled,) or None
        Number of the group of each row; None if every row is a group of its own.

    Raises
    ------
    UnusableInputError
        If the column is absent.
    """
    from asthma_ml.classifier import same_patients

    keys = [labelled.patient]
    if groups is not None:
        keys.append(texts_or_none(raw_column(patients, labelled, groups, "--groups")))
    group_ids = same_patients(*keys)
    return group_ids if len(np.unique(group_ids)) < len(group_ids) else None


def cross_validation_folds(
    labelled: LabelledPatients, group_ids: NDArray[Any] | None, seed: int, fewest: int = N_FOLDS
) -> Folds:
    """Folds that hold out each row once, stratified by class, without splitting a group.

    Parameters
    ----------
    labelled : LabelledPatients
        Labelled rows.
    group_ids : ndarray of shape (n_labelled,) or None
        From `group_rows`.
    seed : int
        Seed.
    fewest : int
        Smallest number of patients of a class.

    Returns
    -------
    list of (training rows, held-out rows)
        Every row is held out once.

    Raises
    ------
    UnusableInputError
        If a class has too few patients, or the groups cannot be held out.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    refuse_few(labelled, fewest)
    y = labelled.labels.to_numpy(dtype=object)
    if group_ids is None:
        return list(StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed).split(labelled.features, y))
    n_folds = min(N_FOLDS, len(np.unique(group_ids)))
    if n_folds > 1:
        pairs = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed).split(labelled.features, y, group_ids)
        found = [(training, held_out) for training, held_out in pairs if len(held_out)]
        if all(len(set(y[training])) == len(labelled.class_counts) for training, _ in found):
            return found
    raise UnusableInputError(
        "the groups cannot be held out: every class must occur in at least two groups; choose another --groups column"
    )


def temporal_folds(labelled: LabelledPatients, group_ids: NDArray[Any] | None, times: NDArray[np.float64]) -> Folds:
    """Folds that train on earlier rows and hold out later rows, with an expanding training window.

    Parameters
    ----------
    labelled : LabelledPatients
        Labelled rows.
    group_ids : ndarray of shape (n_labelled,) or None
        From `group_rows`. A row is not held out if its group has a training row.
    times : ndarray of shape (n_labelled,)
        From `times_of`. Rows with the same time are never split.

    Returns
    -------
    list of (training rows, held-out rows)
        The earliest rows are never held out. A fold whose training rows lack a class is skipped.

    Raises
    ------
    UnusableInputError
        If no fold has training rows of all classes.
    """
    refuse_few(labelled, N_FOLDS)
    windows = []
    for earlier, later in _windows(times):
        # A patient, or a group, of the training rows is not held out.
        apart = later if group_ids is None else later & ~np.isin(group_ids, group_ids[earlier])
        windows.append((earlier, apart))
    return _with_every_class(labelled, windows)


def temporal_group_folds(
    labelled: LabelledPatients, group_ids: NDArray[Any] | None, times: NDArray[np.float64], seed: int
) -> Folds:
    """Folds that hold out later rows of other groups than those of the training rows.

    Parameters
    ----------
    labelled, group_ids, times
        As in `temporal_folds`.
    seed : int
        Seed of the folds of the groups.

    Returns
    -------
    list of (training rows, held-out rows)
        One for each pair of a period and a fifth of the groups: the rows of this period and these groups are held
        out, all earlier rows of the other groups train. A fold whose training rows lack a class is skipped.

    Raises
    ------
    UnusableInputError
        If the groups cannot be held out, or no fold has training rows of all classes.
    """
    others = [
        np.isin(np.arange(len(times)), training) for training, _ in cross_validation_folds(labelled, group_ids, seed)
    ]
    return _with_every_class(
        labelled, [(earlier & other, later & ~other) for earlier, later in _windows(times) for other in others]
    )


def _windows(times: NDArray[np.float64]) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Earlier rows and the rows of the next period, for each period but the first."""
    ends = np.unique(np.quantile(times, np.linspace(0, 1, N_FOLDS + 2)[1:], method="inverted_cdf"))
    return ((times <= start, (times > start) & (times <= end)) for start, end in pairwise(ends))


def _with_every_class(labelled: LabelledPatients, pairs: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]) -> Folds:
    """Row numbers of the folds that can be fitted; refused if a class is never held out."""
    y, n_classes = labelled.labels.to_numpy(dtype=object), len(labelled.class_counts)
    found = [
        (np.flatnonzero(earlier), np.flatnonzero(later))
        for earlier, later in pairs
        if later.any() and len(set(y[earlier])) == n_classes
    ]
    held_out = y[np.concatenate([later for _, later in found])] if found else y[:0]
    if len(set(held_out)) < n_classes:
        raise UnusableInputError(
            "--time: too few distinct times: every class must occur among the earlier and the later rows"
        )
    return found


def times_of(patients: PatientTable, labelled: LabelledPatients, column: str) -> NDArray[np.float64]:
    """Time of each labelled row [days, or the unit of the column].

    Parameters
    ----------
    patients : PatientTable
        The whole table.
    labelled : LabelledPatients
        Labelled rows of the table.
    column : str
        Column of numbers, such as years, or of dates such as 2024-03-31 or 31.03.2024. ISO dates may have a time of
        day; it is in UTC unless a time zone is given.

    Returns
    -------
    ndarray of shape (n_labelled,)
        Times; larger is later.

    Raises
    ------
    UnusableInputError
        If the column is absent, or the time of a row cannot be read; the message gives its line.
    """
    raw = raw_column(patients, labelled, column, "--time")
    # Converted to a number, a missing date would be the earliest.
    numbers = None if is_datetime64_any_dtype(raw) else numbers_of(patients, raw)
    if numbers is None or (numbers.isna().any() and not is_numeric_dtype(raw)):
        iso, with_dots = (
            pd.to_datetime(raw, errors="coerce", format=form, utc=True) for form in ("ISO8601", "%d.%m.%Y")
        )
        numbers = (iso.fillna(with_dots) - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
    wrong = numbers.isna()
    refuse_lines(patients, labelled, wrong, f"{column} is neither a number nor a date such as 2024-03-31 or 31.03.2024")
    return np.asarray(numbers, dtype=np.float64)


def numbers_of(patients: PatientTable, column: pd.Series[Any]) -> pd.Series[float]:
    """Numbers of a column, read with the decimal sign of the table; NaN where a cell is not a number.

    Parameters
    ----------
    patients : PatientTable
        Table of the column.
    column : Series of shape (n_rows,)
        Rows of a raw column of the table.

    Returns
    -------
    Series of shape (n_rows,)
        Numbers with the index of the column.
    """
    if is_numeric_dtype(column):
        return column.astype(np.float64)
    texts = column.astype("str").fillna("")
    read = {text: read_number(text, patients.decimal_comma).value for text in set(texts)}
    return texts.map(read).astype("float64")


def raw_column(patients: PatientTable, labelled: LabelledPatients, column: str, option: str) -> pd.Series[Any]:
    """Labelled rows of a raw column, by its name or by the variable that was read from it."""
    if column not in patients.raw.columns and column in patients.columns:
        column = patients.columns[column].sources[0]
    if column not in patients.raw.columns:
        named = with_suggestion(column, map(str, patients.raw.columns))
        raise UnusableInputError(f"{patients.source}: no column {named}; name one with {option}")
    return patients.raw[column].iloc[labelled.rows]


def refuse_lines(patients: PatientTable, labelled: LabelledPatients, wrong: pd.Series[bool], what: str) -> None:
    """Stop where labelled rows are wrong, and give their lines."""
    lines = patients.lines[labelled.rows[wrong.to_numpy()]]
    if len(lines):
        more = ", ..." if len(lines) > _NAMED_LINES else ""
        named = ", ".join(map(str, lines[:_NAMED_LINES]))
        raise UnusableInputError(f"{patients.source}: {what} in {len(lines)} labelled rows (lines {named}{more})")


def refuse_few(labelled: LabelledPatients, fewest: int) -> None:
    """Stop if a class has too few patients."""
    counts = labelled.class_counts
    if len(counts) < 2 or min(counts.values()) < fewest:
        found = ", ".join(f"{name} {n}" for name, n in counts.items())
        raise UnusableInputError(f"at least two classes with at least {fewest} patients each are needed; found {found}")


def refuse_few_groups(labelled: LabelledPatients, group_ids: NDArray[Any] | None, fewest: int) -> None:
    """Stop if a class occurs in too few groups for nested cross-validation."""
    if group_ids is None:
        return
    n_groups = {name: len(np.unique(group_ids[labelled.labels == name])) for name in labelled.class_counts}
    if min(n_groups.values()) < fewest:
        found = ", ".join(f"{name} {n}" for name, n in n_groups.items())
        raise UnusableInputError(f"--tune needs every class in at least {fewest} groups; found {found}")
