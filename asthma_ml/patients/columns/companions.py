"""Other columns that a conversion needs: their usual names, and what to say if they are not named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from asthma_ml.patients.columns.column_map import ColumnMap, MappedColumn, refuse
from asthma_ml.patients.columns.drugs import drugs_named
from asthma_ml.patients.columns.header_words import plain_name
from asthma_ml.patients.problems import Finding, shown
from asthma_ml.variables import Variable, data_dictionary

# Usual names, including LOINC codes; `{}` is ics or ocs.
_USUAL_NAMES = {
    "leukocytes": ("wbc", "leukocytes", "leucocytes", "white_cell_count", "white_blood_cells", "6690_2", "leukozyten"),
    "height": ("height", "height_cm", "body_height", "body_height_cm", "8302_2", "groesse", "größe"),
    "drug": (
        *("{}_drug", "{}_name", "{}_product", "{}_molecule", "{}_type", "{}_wirkstoff", "{}_agent", "{}_substance"),
        *("{}_medication", "{}_preparation", "steroid_drug", "steroid_name", "steroid_type"),
    ),
}


def likely_companions(names: Iterable[str], target: str, companion: str) -> list[str]:
    """Columns that have a usual name of another column which a conversion needs.

    Examples
    --------
    >>> likely_companions(["ICS drug", "OCS drug"], "ics_dose_ug_day", "drug")
    ['ICS drug']
    """
    usual = {name.format(target.partition("_")[0]) for name in _USUAL_NAMES[companion]}
    return [name for name in names if plain_name(name.partition("(")[0]).removeprefix("loinc:") in usual]


def lacks_companion(column: MappedColumn) -> bool:
    """Whether the unit of a column needs another column that it does not name."""
    needed = data_dictionary()[column.target].companions
    return any(unit and unit == column.unit and name not in column.companions for name, unit in needed.items())


def refuse_without_companions(stated: Mapping[str, MappedColumn], column_map: ColumnMap) -> None:
    """Refuse a map with a column whose unit needs other columns that the map does not name."""
    refuse(
        [
            f"[columns.{target}] {shown(column.sources[0])} has the unit {column.unit} in its name: add `with` "
            f'{_needed(column)} and `unit = "{column.unit}"`, or state its actual unit'
            for target, column in stated.items()
            if lacks_companion(column)
        ],
        column_map.source,
    )


def without_companion(column: MappedColumn) -> Finding:
    """Warning of a column that is not read because its unit needs another column."""
    given = _needed(column)
    message = f"not read: {shown(column.sources[0])} is in {column.unit}; convert it in a column map `with` {given}"
    return Finding(column.target, "conversion", "warning", message, unread=column.sources)


def unused_companions(names: Sequence[str], found: Mapping[str, MappedColumn]) -> list[Finding]:
    """Warnings of columns that a conversion could use but does not, such as the drug of a dose."""
    findings: list[Finding] = []
    for target, column in found.items():
        free = [name for name, unit in data_dictionary()[target].companions.items() if not unit]
        for companion in free if column.unit is None and not column.companions else []:
            findings += [
                Finding(
                    target,
                    "companion",
                    "warning",
                    f"not converted; is {shown(name)} the {companion}? Then add it to `with` in a column map",
                    unread=(name,),
                )
                for name in likely_companions(names, target, companion)
            ]
    return findings


def doses_of_drugs(names: Iterable[str], found: Mapping[str, MappedColumn]) -> dict[str, Finding]:
    """Warnings of unread columns that name a corticosteroid, whose dose may be missing in the equivalent dose.

    Parameters
    ----------
    names : iterable of str
        Columns that are not read.
    found : mapping of str to MappedColumn
        Variables that are read.

    Examples
    --------
    >>> [each.column for each in doses_of_drugs(["hydrocortisone_mg", "colour"], {}).values()]
    ['ocs_dose_mg_day']
    """
    doses = [variable for variable in data_dictionary().values() if "drug" in variable.companions]
    return {
        name: Finding(variable.name, "other_drug", "warning", _of_drug(name, units, variable, variable.name in found))
        for name in names
        for variable in doses
        if (units := drugs_named(name, variable))
    }


def _of_drug(name: str, units: Sequence[str], variable: Variable, is_read: bool) -> str:
    if is_read:
        factors = " or ".join(f"{variable.units[unit]:.3g}" for unit in units)
        return f"not added: if {shown(name)} is a daily dose, add it to the other dose, multiplied by {factors}"
    stated = " or ".join(f'`unit = "{unit}"`' for unit in units)
    return (
        f'not read: if {shown(name)} is a daily dose, state `from = "{shown(name)[1:-1]}"` and {stated} '
        f"under [columns.{variable.name}] in a column map"
    )


def _needed(column: MappedColumn) -> str:
    needed = data_dictionary()[column.target].companions
    return " and ".join(f'{name} = "COLUMN"' for name, unit in needed.items() if unit == column.unit)
