"""Check values: limits of each variable, relations between variables, repeated identifiers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from asthma_ml.columns import Column, ColumnTable, Slices, numbers, texts
from asthma_ml.patients.columns.units import fits_other_unit
from asthma_ml.patients.problems import ROW, Finding, Severity, shown
from asthma_ml.patients.text.identifiers import blank_cells
from asthma_ml.patients.text.text_rows import Misfit
from asthma_ml.patients.text.text_tables import TextTable, cell_texts, rows_beginning_with, rows_of, text_codes
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
_FORMULA_BYTES = [ord(sign) for sign in _FORMULA_SIGNS]
# Text that a spreadsheet would run; `+ve` and `-` alone are clinical shorthand.
_FORMULA = re.compile(r"\s*(?:[=@]|[+\-]\s*[A-Za-z0-9]+[\w.+\-*/]*[(|!])")

# Column, rule, severity, message and whether each row violates the rule.
Relation: TypeAlias = "tuple[str, str, Severity, str, NDArray[np.bool_]]"


def check_limits(values: ColumnTable) -> list[Finding]:
    """Find numbers outside the limits of the dictionary.

    Parameters
    ----------
    values : ColumnTable of n_patients rows
        Values in the dictionary's units.

    Returns
    -------
    list of Finding
        An error for each impossible value, a warning for each unusual one.

    Examples
    --------
    >>> values = ColumnTable({"feno_ppb": np.array([25.0, 900.0, 250.0])}, 3)
    >>> [finding.message for finding in check_limits(values)]
    ['outside 0-400 ppb', 'unusual, outside 5-200 ppb']
    """
    return [found for variable in _numeric(values) for found in _outside(numbers(values, variable.name), variable)]


def check_values(values: ColumnTable, stated_units: Collection[str] = ()) -> list[Finding]:
    """Check each row by itself and set impossible values to missing, so that no model uses them.

    Parameters
    ----------
    values : ColumnTable of n_patients rows
        Values in the units of the dictionary, changed in place. Parts of a table may be checked one after another.
    stated_units : collection of str
        Variables whose unit the user has stated; their units are not checked.

    Returns
    -------
    list of Finding
        Values that are in another unit, outside their limits, or contradictory.

    Examples
    --------
    >>> eosinophils, feno = np.array([300.0, 0.3]), np.array([25.0, 900.0])
    >>> values = ColumnTable({"blood_eosinophils_cells_ul": eosinophils, "feno_ppb": feno}, 2)
    >>> [(finding.column, finding.rule) for finding in check_values(values)]
    [('blood_eosinophils_cells_ul', 'unit'), ('feno_ppb', 'limits')]
    >>> values["blood_eosinophils_cells_ul"].tolist()
    [300.0, nan]
    """
    findings = _set_missing(check_units(values, stated_units), values)
    findings += _set_missing(check_limits(values), values)
    return [*findings, *check_relations(values)]


def _set_missing(findings: list[Finding], values: ColumnTable) -> list[Finding]:
    for finding in findings:
        if finding.severity == "error":
            numbers(values, finding.column)[finding.rows] = np.nan
    return findings


def check_units(values: ColumnTable, stated_units: Collection[str] = ()) -> list[Finding]:
    """Find single values that are plausible in another unit only.

    Examples
    --------
    >>> check_units(ColumnTable({"fev1_fvc_ratio": np.array([0.7, 66.0])}, 2))[0].message
    'plausible in % but not in ratio, unlike the rest of the column'
    """
    findings: list[Finding] = []
    for variable in (each for each in _numeric(values) if each.name not in stated_units):
        left = np.ones(len(values), dtype=bool)
        for unit, fits in fits_other_unit(numbers(values, variable.name), variable).items():
            rows = np.flatnonzero(fits & left)
            left &= ~fits
            if rows.size:
                message = f"plausible in {unit} but not in {variable.unit}, unlike the rest of the column"
                findings.append(Finding(variable.name, "unit", "error", message, rows))
    return findings


def check_rows(table: TextTable) -> list[Finding]:
    """Find rows that do not fit the header.

    Examples
    --------
    >>> from asthma_ml.columns import Texts
    >>> cells, misfits = Texts.of(["50", "5,5"]), {1: Misfit("row_length", "with 2 cells")}
    >>> check_rows(TextTable(["age"], np.arange(2, 4), [cells], misfits=misfits))[0].rows
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
    >>> from asthma_ml.columns import Texts
    >>> table = TextTable(["note"], np.arange(2, 5), [Texts.of(["=1+1", "-", "+ve"])])
    >>> check_formulas(table)[0].rows
    array([0])
    """
    message = "that a spreadsheet would run as a formula; copied unchanged, so import the output as text"
    findings: list[Finding] = []
    for name, column in zip(table.names, table.columns, strict=True):
        if name in parsed or name in table.typed_names:
            continue
        if (rows := _formulas(column)).size:
            findings.append(Finding(shown(name), "formula", "warning", message, rows))
    return findings


def _formulas(column: Column) -> NDArray[np.intp]:
    """Rows with a formula."""
    if isinstance(column, Slices):
        rows = rows_beginning_with(column, _FORMULA_BYTES)
        found = [_is_formula(text) for text in cell_texts(rows_of(column, rows))]
        return np.asarray(rows[np.array(found, dtype=bool)])
    distinct = text_codes(column)
    formulas = [code for code, text in enumerate(distinct.distinct) if _is_formula(text)]
    return np.flatnonzero(np.isin(distinct.codes, formulas))


def _is_formula(cell: str) -> bool:
    return cell[:1] in _FORMULA_SIGNS and _FORMULA.match(cell) is not None


def check_relations(values: ColumnTable) -> list[Finding]:
    """Find contradictory values.

    Parameters
    ----------
    values : ColumnTable of n_patients rows
        Values in the units of the dictionary; checks of missing columns are skipped.

    Returns
    -------
    list of Finding
        An error for each impossible relation, a warning for each unlikely one.

    Examples
    --------
    >>> ages = {"age_years": np.array([40.0]), "age_at_onset_years": np.array([50.0])}
    >>> check_relations(ColumnTable(ages, 1))[0].message
    'above age_years'
    """
    return [
        Finding(column, rule, severity, message, np.flatnonzero(violated))
        for column, rule, severity, message, violated in _relations(values)
        if violated.any()
    ]


def check_identifiers(values: ColumnTable, repeated: NDArray[np.bool_]) -> list[Finding]:
    """Find missing and repeated identifiers; both are warnings.

    Parameters
    ----------
    values : ColumnTable of n_patients rows
        Uses ``patient_id`` if present.
    repeated : ndarray of bool of shape (n_patients,)
        Whether another row of the table has the same identifier.

    Examples
    --------
    >>> from asthma_ml.columns import Texts
    >>> values = ColumnTable({"patient_id": Texts.of(["007", " ", "007"])}, 3)
    >>> [finding.message for finding in check_identifiers(values, np.array([True, False, True]))]
    ['empty', 'used by more than one row']
    """
    if ID not in values:
        return []
    empty = blank_cells(values[ID])
    found = (("identifier", "empty", empty), ("identifier_repeated", "used by more than one row", repeated & ~empty))
    return [Finding(ID, rule, "warning", message, np.flatnonzero(rows)) for rule, message, rows in found if rows.any()]


def _numeric(values: ColumnTable) -> list[Variable]:
    """Variables of a table that are numbers."""
    return [variable for name in values if (variable := data_dictionary()[name]).is_numeric]


def _outside(column: NDArray[np.float64], variable: Variable) -> Iterator[Finding]:
    impossible = np.zeros(len(column), dtype=bool)
    if variable.limits:
        lower, upper = variable.limits
        impossible = (column < lower) | (column > upper)
        if impossible.any():
            message = f"outside {_range(variable.limits, variable)}"
            yield Finding(variable.name, "limits", "error", message, np.flatnonzero(impossible))
    if variable.usual:
        lower, upper = variable.usual
        unusual = ((column < lower) | (column > upper)) & ~impossible
        if unusual.any():
            message = f"unusual, outside {_range(variable.usual, variable)}"
            yield Finding(variable.name, "usual", "warning", message, np.flatnonzero(unusual))


def _range(limits: tuple[float, float], variable: Variable) -> str:
    lower, upper = limits
    dash = " to " if lower < 0 else "-"
    return f"{lower:g}{dash}{upper:g} {variable.unit}".rstrip()


def _relations(values: ColumnTable) -> Iterator[Relation]:
    """Yield the relations; a relation holds if one of its values is missing."""
    onset, age = numbers(values, "age_at_onset_years"), numbers(values, "age_years")
    yield "age_at_onset_years", "onset_after_age", "error", "above age_years", onset > age

    granulocytes = numbers(values, "sputum_eosinophils_pct") + numbers(values, "sputum_neutrophils_pct")
    message = "above 100 % together with sputum_neutrophils_pct"
    yield "sputum_eosinophils_pct", "sputum_total", "error", message, granulocytes > 100 + _ROUNDING_PCT

    latest = numbers(values, "blood_eosinophils_cells_ul")
    highest = numbers(values, "blood_eosinophils_max_cells_ul")
    message = "below blood_eosinophils_cells_ul, although it is the highest on record"
    yield "blood_eosinophils_max_cells_ul", "highest_below_latest", "warning", message, highest < latest

    yield from _smoking(values)
    yield from _treatment(values)
    yield from _spirometry(values)


def _smoking(values: ColumnTable) -> Iterator[Relation]:
    """Relations of smoking status and pack-years."""
    status, pack_years = texts(values, "smoking_status"), numbers(values, "pack_years")
    message = "0 for a current smoker"
    yield "pack_years", "smoker_without_pack_years", "warning", message, status.equal("current") & (pack_years == 0)
    message = "above 0 for a never-smoker"
    yield "pack_years", "pack_years_without_smoking", "warning", message, status.equal("never") & (pack_years > 0)
    years = np.maximum(numbers(values, "age_years") - _EARLIEST_SMOKING_YEARS, 0.0)
    message = "above three packs a day since the age of 10"
    yield "pack_years", "pack_years_above_age", "warning", message, pack_years > _MOST_PACKS_A_DAY * years


def _treatment(values: ColumnTable) -> Iterator[Relation]:
    """Relations of treatment and its effects."""
    eosinophils = numbers(values, "blood_eosinophils_cells_ul")
    message = "high for a patient on an IL-5 antibody; was the sample taken before treatment?"
    high = texts(values, "biologic").equal("anti_il5") & (eosinophils > _MOST_EOSINOPHILS_ON_ANTI_IL5)
    yield "blood_eosinophils_cells_ul", "eosinophils_on_anti_il5", "warning", message, high
    taken = (numbers(values, "ics_dose_ug_day") == 0) & (numbers(values, "ics_adherence_fraction") > 0)
    message = "present although no inhaled corticosteroid is prescribed"
    yield "ics_adherence_fraction", "adherence_without_ics", "warning", message, taken


def _spirometry(values: ColumnTable) -> Iterator[Relation]:
    """Relations of spirometry before and after a bronchodilator."""
    for before, after in (
        ("fev1_pct_predicted", "fev1_post_bd_pct_predicted"),
        ("fev1_fvc_ratio", "fev1_fvc_post_bd_ratio"),
    ):
        message = f"more than 10 % below {before}; are the two columns swapped?"
        falls = numbers(values, after) < _LEAST_POST_TO_PRE * numbers(values, before)
        yield after, "falls_after_bronchodilator", "warning", message, falls
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = 100 * (numbers(values, "fev1_post_bd_pct_predicted") / numbers(values, "fev1_pct_predicted") - 1)
    apart = np.abs(numbers(values, "bronchodilator_reversibility_pct") - gain) > _REVERSIBILITY_TOLERANCE_PCT
    message = "more than 10 points from the gain computed from fev1_pct_predicted and fev1_post_bd_pct_predicted"
    yield "bronchodilator_reversibility_pct", "reversibility", "warning", message, apart
