"""Convert values with other columns of the same row: leukocyte count, height, drug of a dose."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.columns import ColumnTable, numbers, texts
from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.columns.column_map import MappedColumn, canonical
from asthma_ml.patients.columns.drugs import unit_of_drug
from asthma_ml.patients.columns.number_text import read_number
from asthma_ml.patients.columns.units import convert
from asthma_ml.patients.problems import Finding
from asthma_ml.patients.text.text_tables import TextTable
from asthma_ml.variables import Variable, data_dictionary

_LEUKOCYTES_10_9_L = (0.1, 100.0)
_HEIGHT_CM = (100.0, 230.0)
_GLI_AGES = (3.0, 95.0)
_LARGEST_FEV1_L = 8.0

Converted = tuple["NDArray[np.float64]", list[Finding]]


def convert_with_companions(
    values: ColumnTable,
    table: TextTable,
    matched: Mapping[str, MappedColumn],
    *,
    missing: Collection[str],
    decimal_comma: bool,
    source: str,
) -> list[Finding]:
    """Convert the columns whose map names other columns; each row is converted by itself.

    Parameters
    ----------
    values : ColumnTable of n_patients rows
        Values before conversion, changed in place; values that cannot be converted become NaN.
    table : TextTable of n_patients rows
        The table.
    matched : mapping of str to MappedColumn
        Source columns, unit and levels of each variable.
    missing : collection of str
        Codes for missing, in canonical spelling.
    decimal_comma : bool
        Whether numbers have a decimal comma.
    source : str
        Name of the table for messages.

    Returns
    -------
    list of Finding
        Values that could not be converted.

    Raises
    ------
    UnusableInputError
        If FEV1 is in litres and the columns or the library that its conversion needs are missing.
    """
    findings: list[Finding] = []
    for target, column in matched.items():
        for companion, name in column.companions.items():
            variable = data_dictionary()[target]
            if companion == "height":
                _refuse_without_age_and_sex(values, variable, source)
            comma = decimal_comma and name not in table.typed_names
            cells = ["" if canonical(text) in missing else text for text in table.texts(name)]
            values.columns[target], found = _CONVERSIONS[companion](values, variable, cells, comma)
            findings += found
    return findings


def dose_factor(drug: str, variable: Variable) -> float | None:
    """Return the conversion factor of a dose of a drug, None if the drug is not in the dictionary.

    Examples
    --------
    >>> dose_factor("Fluticasone Propionate", data_dictionary()["ics_dose_ug_day"])
    2
    >>> dose_factor("methylprednisolone", data_dictionary()["ocs_dose_mg_day"])
    1.25
    """
    unit = unit_of_drug(drug, variable)
    return variable.units[unit] if unit else None


def percent_predicted(
    litres: NDArray[np.float64], age_years: NDArray[np.float64], height_cm: NDArray[np.float64], sex: Sequence[str]
) -> NDArray[np.float64]:
    """FEV1 in percent of the prediction of the race-neutral GLI Global equations of 2022.

    Parameters
    ----------
    litres, age_years, height_cm : ndarray of shape (n_patients,)
        FEV1 [L], age [years] from 3 to 95 and height [cm].
    sex : sequence of str
        `female` or `male`.

    Returns
    -------
    ndarray of shape (n_patients,)
        FEV1 [% predicted].

    Raises
    ------
    UnusableInputError
        If the optional package `pyspiro`, which contains the equations, is not installed.

    References
    ----------
    Bowerman C et al. Am J Respir Crit Care Med 2023;207:768. doi:10.1164/rccm.202205-0963OC
    """
    import pandas as pd

    try:
        from pyspiro import BOWERMAN_2022
    except ImportError:
        raise UnusableInputError(
            "FEV1 in litres: the GLI equations need the package pyspiro; run `pip install asthma-ml[gli]` or give FEV1 "
            "as % predicted"
        ) from None
    equations = BOWERMAN_2022()
    equations.set_silence(True)
    male = np.array([each == "male" for each in sex], dtype=int)
    table = pd.DataFrame({"sex": male, "age": age_years, "height": height_cm, "litres": litres})
    found = equations.compute(table, equations.Parameters.FEV1, value_col="litres", metrics=("percent",))
    return np.asarray(found["percent"], dtype=float)


def _convert_percent_of_leukocytes(
    values: ColumnTable, variable: Variable, cells: Sequence[str], decimal_comma: bool
) -> Converted:
    """Percent of leukocytes [10^9/L] to cells/uL."""
    percent = numbers(values, variable.name)
    leukocytes = _numbers(cells, decimal_comma)
    outside = ~np.isnan(percent) & ((percent < 0) | (percent > 100))
    unusable = ~np.isnan(percent) & ~np.isnan(leukocytes) & ~_within(leukocytes, _LEUKOCYTES_10_9_L)
    incomplete = ~np.isnan(percent) & np.isnan(leukocytes)
    usable = ~(outside | unusable | incomplete)
    counts = [convert(each, 10.0) for each in np.where(usable, percent, np.nan) * np.where(usable, leukocytes, np.nan)]
    return np.array(counts, dtype=float), _found(
        variable,
        ("limits", "error", "outside 0-100 % of leukocytes", outside),
        ("conversion", "error", "not converted, leukocytes are outside 0.1-100 10^9/L", unusable & ~outside),
        ("conversion", "warning", "not converted, the leukocyte count is missing", incomplete & ~outside),
    )


def _convert_litres(values: ColumnTable, variable: Variable, cells: Sequence[str], decimal_comma: bool) -> Converted:
    """Litres to percent predicted, by height [cm], age and sex of the same row."""
    litres = numbers(values, variable.name)
    height, age = _numbers(cells, decimal_comma), numbers(values, "age_years")
    given = ~np.isnan(litres)
    outside = given & ((litres <= 0) | (litres > _LARGEST_FEV1_L))
    unusable = given & ~outside & ~np.isnan(height) & ~_within(height, _HEIGHT_CM)
    complete = _within(age, _GLI_AGES) & ~texts(values, "sex").missing & ~np.isnan(height)
    incomplete = given & ~outside & ~unusable & ~complete
    rows = np.flatnonzero(given & ~outside & ~unusable & ~incomplete)
    result = np.full(len(litres), np.nan)
    sexes = texts(values, "sex").take(rows).strings().tolist()
    result[rows] = percent_predicted(litres[rows], age[rows], height[rows], sexes)
    return result, _found(
        variable,
        ("limits", "error", "outside 0-8 L", outside),
        ("conversion", "error", "not converted, height is outside 100-230 cm", unusable),
        ("conversion", "warning", "not converted, height, sex or an age of 3 to 95 years is missing", incomplete),
    )


def _convert_dose(values: ColumnTable, variable: Variable, cells: Sequence[str], _decimal_comma: bool) -> Converted:
    """Dose of a named drug to the equivalent dose."""
    dose = numbers(values, variable.name)
    known = {text: dose_factor(text, variable) for text in set(cells)}
    factors = np.array([np.nan if known[text] is None else known[text] for text in cells], dtype=float)
    named = np.array([bool(text.strip()) for text in cells], dtype=bool)
    taken = dose > 0
    incomplete, unusable = taken & ~named, taken & named & np.isnan(factors)
    doses = np.array([convert(*pair) for pair in zip(dose.tolist(), factors.tolist(), strict=True)], dtype=float)
    drugs = ", ".join(unit.removeprefix(variable.unit).strip() for unit in variable.units if unit != "mg/day")
    return np.where(taken, doses, dose), _found(
        variable,
        ("conversion", "error", f"not converted, the drug is not one of {drugs}", unusable),
        ("conversion", "warning", "not converted, the drug is missing", incomplete),
    )


_CONVERSIONS: Mapping[str, Callable[[ColumnTable, Variable, Sequence[str], bool], Converted]] = {
    "leukocytes": _convert_percent_of_leukocytes,
    "height": _convert_litres,
    "drug": _convert_dose,
}


def _refuse_without_age_and_sex(values: ColumnTable, variable: Variable, source: str) -> None:
    absent = [name for name in ("age_years", "sex") if name not in values]
    if absent:
        raise UnusableInputError(
            f"{source}: {variable.name}: the conversion of litres needs height, age and sex, and the table has no "
            f"{' and no '.join(absent)}; map them, or give FEV1 as % predicted"
        )


def _numbers(cells: Sequence[str], decimal_comma: bool) -> NDArray[np.float64]:
    read = {text: read_number(text, decimal_comma).value for text in set(cells)}
    return np.array([np.nan if read[text] is None else read[text] for text in cells], dtype=float)


def _within(numbers: NDArray[np.float64], limits: tuple[float, float]) -> NDArray[np.bool_]:
    return np.asarray((numbers >= limits[0]) & (numbers <= limits[1]))


def _found(variable: Variable, *kinds: tuple[str, Any, str, NDArray[np.bool_]]) -> list[Finding]:
    return [
        Finding(variable.name, rule, severity, message, np.flatnonzero(rows))
        for rule, severity, message, rows in kinds
        if rows.any()
    ]
