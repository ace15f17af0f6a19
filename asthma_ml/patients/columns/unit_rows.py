"""Use a row of units below the header, as laboratory systems and SAS listings write it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.columns.column_map import MappedColumn
from asthma_ml.patients.columns.header_forms import unit_of_text
from asthma_ml.patients.columns.units import known_units
from asthma_ml.patients.problems import Finding
from asthma_ml.variables import data_dictionary

_ROWS_SEARCHED, _FEWEST_UNITS = 3, 2


def with_units_of_row(
    columns: Mapping[str, MappedColumn], names: Sequence[str], rows: Iterable[Sequence[str]], source: str
) -> tuple[dict[str, MappedColumn], list[Finding]]:
    """Take over the units that one of the first rows states; a unit in the column map or the header takes precedence.

    Parameters
    ----------
    columns : mapping of str to MappedColumn
        Source columns and units of the variables.
    names : sequence of str
        Columns of the table.
    rows : iterable of sequence of str
        Cells of the first rows.
    source : str
        Name of the table for messages.

    Returns
    -------
    columns : dict of str to MappedColumn
        The same with the units that were found.
    findings : list of Finding
        Other units than those of the dictionary that were taken over.

    Raises
    ------
    UnusableInputError
        If a conversion needs another column.

    Examples
    --------
    >>> columns = {name: MappedColumn(name, (name,)) for name in ("total_ige_ku_l", "feno_ppb")}
    >>> found, _ = with_units_of_row(columns, ["total_ige_ku_l", "feno_ppb"], [["ng/mL", "ppb"]], "clinic.csv")
    >>> found["total_ige_ku_l"].unit
    'ng/mL'
    """
    settled, findings = dict(columns), list[Finding]()
    for target, unit in _units(columns, names, rows).items():
        variable = data_dictionary()[target]
        if unit in variable.companions.values():
            raise UnusableInputError(
                f"{source}: {target}: the row of units says {unit}, which needs another column for its conversion; "
                f"state `unit` and `with` under [columns.{target}] in MAP.toml and run again with --columns MAP.toml"
            )
        if known_units(variable)[unit] != 1.0:
            settled[target] = replace(columns[target], unit=unit)
            message = f"unit {unit} taken from the row of units below the header"
            findings.append(Finding(target, "unit_row", "warning", message))
    return settled, findings


def _units(columns: Mapping[str, MappedColumn], names: Sequence[str], rows: Iterable[Sequence[str]]) -> dict[str, str]:
    """Unit of each variable without a stated one, from the first row that holds units and no numbers."""
    places = {
        target: names.index(column.sources[0])
        for target, column in columns.items()
        if data_dictionary()[target].unit and len(column.sources) == 1
    }
    for row in [*rows][:_ROWS_SEARCHED]:
        cells = {target: row[place].strip().strip("()[]") for target, place in places.items() if place < len(row)}
        units = {
            target: unit for target, cell in cells.items() if (unit := unit_of_text(cell, data_dictionary()[target]))
        }
        numbers = [cell for cell in cells.values() if cell[:1].isdigit() and cell.replace(".", "").isdecimal()]
        if len(units) >= _FEWEST_UNITS and not numbers:
            return {target: unit for target, unit in units.items() if columns[target].unit is None}
    return {}
