"""Checks of values in our units: limits of each variable, what must hold between variables, repeated patients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.patients.problems import Finding, Severity
from asthma_ml.variables import ID, Variable, data_dictionary

# Two percentages rounded to whole numbers may exceed 100 together by this much.
_ROUNDING_PCT = 1.0
# Spirometry repeats within about 5 %; a fall of 10 % after a bronchodilator is more likely a swapped pair.
_LEAST_POST_TO_PRE = 0.9
_REVERSIBILITY_TOLERANCE_PCT = 10.0

# Column, rule, severity, message and whether each row breaks it.
Relation: TypeAlias = "tuple[str, str, Severity, str, pd.Series[bool]]"


def check_limits(values: pd.DataFrame) -> list[Finding]:
    """Find numbers outside the limits of the dictionary.

    Parameters
    ----------
    values : DataFrame of shape (n_patients, n_variables)
        Values in the dictionary's units.

    Returns
    -------
    list of Finding
        An error where a value is impossible, a warning where it is unusual in severe asthma.

    Examples
    --------
    >>> [finding.message for finding in check_limits(pd.DataFrame({"feno_ppb": [25.0, 900.0, 250.0]}))]
    ['outside 0-400 ppb', 'unusual, outside 5-200 ppb']
    """
    dictionary = data_dictionary()
    numbers = [dictionary[name] for name in values.columns if dictionary[name].is_numeric]
    return [finding for variable in numbers for finding in _outside(values[variable.name], variable)]


def check_relations(values: pd.DataFrame) -> list[Finding]:
    """Find values that contradict each other.

    Parameters
    ----------
    values : DataFrame of shape (n_patients, n_variables)
        Values in the dictionary's units; a check is left out where one of its columns is.

    Returns
    -------
    list of Finding
        Errors for what cannot be, warnings for what is unlikely.

    Examples
    --------
    >>> check_relations(pd.DataFrame({"age_years": [40.0], "age_at_onset_years": [50.0]}))[0].message
    'above age_years'
    """
    absent = pd.Series(np.nan, index=values.index)
    relations = _relations({name: values.get(name, absent) for name in data_dictionary()})
    return [
        Finding(column, rule, severity, message, np.flatnonzero(broken))
        for column, rule, severity, message, broken in relations
        if broken.any()
    ]


def check_identifiers(values: pd.DataFrame, repeated: NDArray[np.bool_] | None = None) -> list[Finding]:
    """Find patients without an identifier and identifiers used twice; both are warnings.

    Parameters
    ----------
    values : DataFrame of shape (n_patients, n_variables)
        Uses ``patient_id`` where there.
    repeated : ndarray of bool of shape (n_patients,), optional
        Whose identifier is used twice, where these patients are a part of a larger table.

    Examples
    --------
    >>> check_identifiers(pd.DataFrame({"patient_id": ["007", "7", "007"]}))[0].rows
    array([0, 2])
    """
    if ID not in values:
        return []
    empty = values[ID].str.strip() == ""
    twice = values[ID].duplicated(keep=False) if repeated is None else repeated
    found = (("identifier", "empty", empty), ("identifier_repeated", "used by more than one row", twice & ~empty))
    return [Finding(ID, rule, "warning", message, np.flatnonzero(rows)) for rule, message, rows in found if rows.any()]


def _outside(column: pd.Series[Any], variable: Variable) -> Iterator[Finding]:
    impossible = np.zeros(len(column), dtype=bool)
    if variable.limits:
        impossible = column.notna().to_numpy() & ~column.between(*variable.limits).to_numpy()
        if impossible.any():
            message = f"outside {_range(variable.limits, variable)}"
            yield Finding(variable.name, "limits", "error", message, np.flatnonzero(impossible))
    if variable.usual:
        unusual = column.notna().to_numpy() & ~column.between(*variable.usual).to_numpy() & ~impossible
        if unusual.any():
            message = f"unusual, outside {_range(variable.usual, variable)}"
            yield Finding(variable.name, "usual", "warning", message, np.flatnonzero(unusual))


def _range(limits: tuple[float, float], variable: Variable) -> str:
    lower, upper = limits
    dash = " to " if lower < 0 else "-"
    return f"{lower:g}{dash}{upper:g} {variable.unit}".rstrip()


def _relations(value: Mapping[str, pd.Series[Any]]) -> Iterator[Relation]:
    """Nothing is broken where a value is missing."""
    onset, age = value["age_at_onset_years"], value["age_years"]
    yield "age_at_onset_years", "onset_after_age", "error", "above age_years", onset > age

    granulocytes = value["sputum_eosinophils_pct"] + value["sputum_neutrophils_pct"]
    message = "above 100 % together with sputum_neutrophils_pct"
    yield "sputum_eosinophils_pct", "sputum_total", "error", message, granulocytes > 100 + _ROUNDING_PCT

    latest, highest = value["blood_eosinophils_cells_ul"], value["blood_eosinophils_max_cells_ul"]
    message = "below blood_eosinophils_cells_ul, though the highest on record"
    yield "blood_eosinophils_max_cells_ul", "highest_below_latest", "warning", message, highest < latest

    smokes = value["smoking_status"] == "current"
    message = "of no pack-years for a current smoker"
    yield "pack_years", "smoker_without_pack_years", "warning", message, smokes & (value["pack_years"] == 0)

    yield from _spirometry(value)


def _spirometry(value: Mapping[str, pd.Series[Any]]) -> Iterator[Relation]:
    """Before and after the bronchodilator."""
    for before, after in (
        ("fev1_pct_predicted", "fev1_post_bd_pct_predicted"),
        ("fev1_fvc_ratio", "fev1_fvc_post_bd_ratio"),
    ):
        message = f"more than 10 % below {before}; are the two swapped?"
        yield after, "falls_after_bronchodilator", "warning", message, value[after] < _LEAST_POST_TO_PRE * value[before]
    gain = 100 * (value["fev1_post_bd_pct_predicted"] / value["fev1_pct_predicted"] - 1)
    apart = (value["bronchodilator_reversibility_pct"] - gain).abs() > _REVERSIBILITY_TOLERANCE_PCT
    message = "more than 10 points from what fev1_pct_predicted and fev1_post_bd_pct_predicted give"
    yield "bronchodilator_reversibility_pct", "reversibility", "warning", message, apart
