"""Check values: limits of each variable, relations between variables, repeated identifiers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.patients.problems import ROW, Finding, Severity, shown
from asthma_ml.patients.text_rows import Misfit
from asthma_ml.patients.text_tables import TextTable
from asthma_ml.patients.units import fits_other_unit
from asthma_ml.variables import ID, Variable, data_dictionary

# Two percentages rounded to whole numbers may exceed 100 together by this much.
_ROUNDING_PCT = 1.0
# Spirometry is repeatable within about 5 %; a fall of 10 % after a bronchodilator suggests swapped values.
_LEAST_POST_TO_PRE = 0.9
_REVERSIBILITY_TOLERANCE_PCT = 10.0
# IL-5 antibodies reduce counts below 100 cells/uL; 300 is the threshold for starting treatment.
_MOST_EOSINOPHILS_ON_ANTI_IL5 = 300.0
# Three packs a day from the age of 10 on.
_MOST_PACKS_A_DAY, _EARLIEST_SMOKING_YEARS = 3.0, 10.0
_FORMULA_SIGNS = tuple("=@+- \t\r\n")
# Text that a spreadsheet would run; `+ve` and `-` alone are clinical shorthand.
_FORMULA = re.compile(r"\s*(?:[=@]|[+\-]\s*[A-Za-z0-9]+[\w.+\-*/]*[(|!])")

# Column, rule, severity, message and whether each row violates the rule.
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
        An error for each impossible value, a warning for each unusual one.

    Examples
    --------
    >>> [finding.message for finding in check_limits(pd.DataFrame({"feno_ppb": [25.0, 900.0, 250.0]}))]
    ['outside 0-400 ppb', 'unusual, outside 5-200 ppb']
    """
    dictionary = data_dictionary()
    numbers = [dictionary[name] for name in values.columns if dictionary[name].is_numeric]
    return [finding for variable in numbers for finding in _outside(values[variable.name], variable)]


def check_values(values: pd.DataFrame, stated_units: Collection[str] = ()) -> list[Finding]:
    """Check each row by itself and set impossible values to missing, so that no model uses them.

    Parameters
    ----------
    values : DataFrame of shape (n_patients, n_variables)
        Values in the units of the dictionary, changed in place. Parts of a table may be checked one after another.
    stated_units : collection of str
        Variables whose unit the user has stated; their units are not checked.

    Returns
    -------
    list of Finding
        Values that are in another unit, outside their limits, or contradictory.

    Examples
    --------
    >>> values = pd.DataFrame({"blood_eosinophils_cells_ul": [300.0, 0.3], "feno_ppb": [25.0, 900.0]})
    >>> [(finding.column, finding.rule) for finding in check_values(values)]
    [('blood_eosinophils_cells_ul', 'unit'), ('feno_ppb', 'limits')]
    >>> values["blood_eosinophils_cells_ul"].tolist()
    [300.0, nan]
    """
    findings = _set_missing(check_units(values, stated_units), values)
    findings += _set_missing(check_limits(values), values)
    return [*findings, *check_relations(values)]


def _set_missing(findings: list[Finding], values: pd.DataFrame) -> list[Finding]:
    for finding in findings:
        if finding.severity == "error":
            values.loc[finding.rows, finding.column] = np.nan
    return findings


def check_units(values: pd.DataFrame, stated_units: Collection[str] = ()) -> list[Finding]:
    """Find single values that are plausible in another unit only.

    Examples
    --------
    >>> check_units(pd.DataFrame({"fev1_fvc_ratio": [0.7, 66.0]}))[0].message
    'plausible in % but not in ratio, unlike the rest of the column'
    """
    findings: list[Finding] = []
    dictionary = data_dictionary()
    for name in (name for name in values.columns if dictionary[name].is_numeric and name not in stated_units):
        left = np.ones(len(values), dtype=bool)
        for unit, fits in fits_other_unit(values[name].to_numpy(dtype=float), dictionary[name]).items():
            rows = np.flatnonzero(fits & left)
            left &= ~fits
            if rows.size:
                message = f"plausible in {unit} but not in {dictionary[name].unit}, unlike the rest of the column"
                findings.append(Finding(name, "unit", "error", message, rows))
    return findings


def check_rows(table: TextTable) -> list[Finding]:
    """Find rows that do not fit the header.

    Examples
    --------
    >>> table = TextTable(["age"], np.arange(2, 4), [["50", "5,5"]], misfits={1: Misfit("row_length", "with 2 cells")})
    >>> check_rows(table)[0].rows
    array([1])
    """
    alike: dict[Misfit, list[int]] = {}
    for row, misfit in table.misfits.items():
        alike.setdefault(misfit, []).append(row)
    return [Finding(ROW, misfit.rule, "error", misfit.message, np.array(rows)) for misfit, rows in alike.items()]


def check_formulas(table: TextTable, parsed: Collection[str] = ()) -> list[Finding]:
    """Find text that a spreadsheet would run as a formula; the output contains it unchanged.

    Parameters
    ----------
    table : TextTable of n_patients rows
        The table.
    parsed : collection of str
        Columns whose cells are parsed and checked elsewhere.

    Examples
    --------
    >>> table = TextTable(["note"], np.arange(2, 5), [["=1+1", "-", "+ve"]])
    >>> check_formulas(table)[0].rows
    array([0])
    """
    findings: list[Finding] = []
    for place, name in enumerate(table.names):
        if name in parsed or not table.holds_text(name):
            continue
        cells = table.columns[place] if table.given is None else table.given.iloc[:, place].tolist()
        rows = np.array([row for row, cell in enumerate(cells) if _is_formula(cell)], dtype=np.intp)
        if rows.size:
            message = "that a spreadsheet would run as a formula; copied unchanged, so import the output as text"
            findings.append(Finding(shown(name), "formula", "warning", message, rows))
    return findings


def _is_formula(cell: Any) -> bool:
    return isinstance(cell, str) and cell[:1] in _FORMULA_SIGNS and _FORMULA.match(cell) is not None


def check_relations(values: pd.DataFrame) -> list[Finding]:
    """Find contradictory values.

    Parameters
    ----------
    values : DataFrame of shape (n_patients, n_variables)
        Values in the units of the dictionary; checks of missing columns are skipped.

    Returns
    -------
    list of Finding
        An error for each impossible relation, a warning for each unlikely one.

    Examples
    --------
    >>> check_relations(pd.DataFrame({"age_years": [40.0], "age_at_onset_years": [50.0]}))[0].message
    'above age_years'
    """
    absent = pd.Series(np.nan, index=values.index)
    relations = _relations({name: values.get(name, absent) for name in data_dictionary()})
    return [
        Finding(column, rule, severity, message, np.flatnonzero(violated))
        for column, rule, severity, message, violated in relations
        if violated.any()
    ]


def check_identifiers(values: pd.DataFrame, repeated: NDArray[np.bool_] | None = None) -> list[Finding]:
    """Find missing and repeated identifiers; both are warnings.

    Parameters
    ----------
    values : DataFrame of shape (n_patients, n_variables)
        Uses ``patient_id`` if present.
    repeated : ndarray of bool of shape (n_patients,), optional
        Whether another row has the same identifier; needed if the patients are a part of a larger table.

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
    """Yield the relations; a relation holds if one of its values is missing."""
    onset, age = value["age_at_onset_years"], value["age_years"]
    yield "age_at_onset_years", "onset_after_age", "error", "above age_years", onset > age

    granulocytes = value["sputum_eosinophils_pct"] + value["sputum_neutrophils_pct"]
    message = "above 100 % together with sputum_neutrophils_pct"
    yield "sputum_eosinophils_pct", "sputum_total", "error", message, granulocytes > 100 + _ROUNDING_PCT

    latest, highest = value["blood_eosinophils_cells_ul"], value["blood_eosinophils_max_cells_ul"]
    message = "below blood_eosinophils_cells_ul, although it is the highest on record"
    yield "blood_eosinophils_max_cells_ul", "highest_below_latest", "warning", message, highest < latest

    yield from _smoking(value)
    yield from _treatment(value)
    yield from _spirometry(value)


def _smoking(value: Mapping[str, pd.Series[Any]]) -> Iterator[Relation]:
    """Relations of smoking status and pack-years."""
    status, pack_years = value["smoking_status"], value["pack_years"]
    message = "0 for a current smoker"
    yield "pack_years", "smoker_without_pack_years", "warning", message, (status == "current") & (pack_years == 0)
    message = "above 0 for a never-smoker"
    yield "pack_years", "pack_years_without_smoking", "warning", message, (status == "never") & (pack_years > 0)
    years = (value["age_years"] - _EARLIEST_SMOKING_YEARS).clip(lower=0)
    message = "above three packs a day since the age of 10"
    yield "pack_years", "pack_years_above_age", "warning", message, pack_years > _MOST_PACKS_A_DAY * years


def _treatment(value: Mapping[str, pd.Series[Any]]) -> Iterator[Relation]:
    """Relations of treatment and its effects."""
    eosinophils = value["blood_eosinophils_cells_ul"]
    message = "high for a patient on an IL-5 antibody; was the sample taken before treatment?"
    high = (value["biologic"] == "anti_il5") & (eosinophils > _MOST_EOSINOPHILS_ON_ANTI_IL5)
    yield "blood_eosinophils_cells_ul", "eosinophils_on_anti_il5", "warning", message, high
    taken = (value["ics_dose_ug_day"] == 0) & (value["ics_adherence_fraction"] > 0)
    message = "present although no inhaled corticosteroid is prescribed"
    yield "ics_adherence_fraction", "adherence_without_ics", "warning", message, taken


def _spirometry(value: Mapping[str, pd.Series[Any]]) -> Iterator[Relation]:
    """Relations of spirometry before and after a bronchodilator."""
    for before, after in (
        ("fev1_pct_predicted", "fev1_post_bd_pct_predicted"),
        ("fev1_fvc_ratio", "fev1_fvc_post_bd_ratio"),
    ):
        message = f"more than 10 % below {before}; are the two columns swapped?"
        yield after, "falls_after_bronchodilator", "warning", message, value[after] < _LEAST_POST_TO_PRE * value[before]
    gain = 100 * (value["fev1_post_bd_pct_predicted"] / value["fev1_pct_predicted"] - 1)
    apart = (value["bronchodilator_reversibility_pct"] - gain).abs() > _REVERSIBILITY_TOLERANCE_PCT
    message = "more than 10 points from the gain computed from fev1_pct_predicted and fev1_post_bd_pct_predicted"
    yield "bronchodilator_reversibility_pct", "reversibility", "warning", message, apart
