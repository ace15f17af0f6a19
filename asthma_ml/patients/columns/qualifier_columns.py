"""Columns that qualify the values of another column: its unit, an operator such as <, a flag, a remark, a source."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.columns.column_map import ColumnMap, MappedColumn, canonical
from asthma_ml.patients.columns.header_forms import recognise, unit_of_text
from asthma_ml.patients.columns.header_words import Header, split_header
from asthma_ml.patients.columns.units import known_units
from asthma_ml.patients.problems import Finding, shown
from asthma_ml.patients.text.text_tables import TextTable, text_codes
from asthma_ml.variables import data_dictionary

_OF_NEIGHBOUR = ("unit", "operator", "flag")
_KINDS = (*_OF_NEIGHBOUR, "validity", "comment", "source", "method")
# Texts that leave the value as it is.
_SILENT = {
    "operator": frozenset({"=", "==", "eq", "equal", "none"}),
    "flag": frozenset({"n", "normal", "ok", "valid"}),
    "validity": frozenset({"valid", "ok", "good", "acceptable", "pass", "passed", "usable", "yes", "y", "true", "1"}),
}
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Beside:
    """A column that qualifies the values of a variable.

    Attributes
    ----------
    target : str
        The variable.
    name : str
        The qualifying column.
    kind : {"unit", "operator", "flag", "validity", "comment", "source", "method"}
        What it holds.
    """

    target: str
    name: str
    kind: str


def columns_beside(names: Sequence[str], columns: Mapping[str, MappedColumn], column_map: ColumnMap) -> list[Beside]:
    """Find the columns that qualify a value, by their names.

    A column belongs to the value whose name it repeats, such as `ige_unit`; a column called `unit` belongs to the
    column before it. Columns that the map names and variables whose unit it states are left out.

    Examples
    --------
    >>> columns = {"total_ige_ku_l": MappedColumn("total_ige_ku_l", ("IgE",))}
    >>> columns_beside(["IgE", "IgE unit"], columns, ColumnMap())
    [Beside(target='total_ige_ku_l', name='IgE unit', kind='unit')]
    """
    used = {name for column in columns.values() for name in (*column.sources, *column.companions.values())}
    source_of = {column.sources[0]: column for column in columns.values() if data_dictionary()[column.target].unit}
    found: list[Beside] = []
    for before, name in zip(["", *names], names, strict=False):
        kind = _kind(name) if name not in used and name not in column_map.ignore else ""
        target = _target(split_header(name), kind, before, source_of) if kind else ""
        stated = target in column_map.columns and column_map.columns[target].unit
        if target and not (stated and kind == "unit"):
            found.append(Beside(target, name, kind))
    return found


def distinct_texts(parts: Iterable[TextTable], names: Collection[str]) -> dict[str, set[str]]:
    """Distinct texts of some columns, over all parts of a table."""
    found: dict[str, set[str]] = {name: set() for name in names}
    for part in parts:
        for name, texts in found.items():
            texts.update(text.strip() for text in text_codes(part.column(name)).distinct)
    return found


def with_units_beside(
    columns: Mapping[str, MappedColumn],
    beside: Iterable[Beside],
    texts: Mapping[str, Collection[str]],
    missing: Collection[str],
    source: str,
) -> tuple[dict[str, MappedColumn], list[Finding]]:
    """Take over the units that columns beside the values state for the whole table.

    Parameters
    ----------
    columns : mapping of str to MappedColumn
        Source columns and units of the variables.
    beside : iterable of Beside
        The qualifying columns.
    texts : mapping of str to collection of str
        All distinct texts of each qualifying column.
    missing : collection of str
        Codes for missing, in canonical spelling.
    source : str
        Name of the table for messages.

    Returns
    -------
    columns : dict of str to MappedColumn
        The same with the units that were found.
    findings : list of Finding
        Units that were taken over, and what other columns say of the values.

    Raises
    ------
    UnusableInputError
        If a column holds several units, or one that its variable does not have.
    """
    settled, findings = dict(columns), list[Finding]()
    for each in beside:
        given = sorted(text for text in texts[each.name] if canonical(text) not in missing and text != each.name)
        column = settled[each.target]
        if each.kind == "unit" and given:
            settled[each.target] = replace(column, unit=_unit(column, each, given, source))
            message = f"unit {settled[each.target].unit} taken from {shown(each.name)}"
            findings.append(Finding(each.target, "unit_column", "warning", message))
        elif len(given) > (each.kind in ("source", "method")) and not _SILENT.get(each.kind, frozenset()).issuperset(
            map(canonical, given)
        ):
            findings.append(_of_qualifier(each, column))
    return settled, findings


def _unit(column: MappedColumn, each: Beside, given: Sequence[str], source: str) -> str:
    """The one unit that a column states."""
    variable = data_dictionary()[each.target]
    units = {text: unit_of_text(text, variable) for text in given}
    factors = {known_units(variable)[unit] if unit else None for unit in units.values()}
    unit = next(iter(units.values()))
    held = ", ".join(map(shown, given[:_MOST_NAMED])) + f" and {len(given) - _MOST_NAMED} more" * (
        len(given) > _MOST_NAMED
    )
    if len(factors) > 1:
        problem = f"several units ({held}); convert {shown(column.sources[0])} to one unit"
    elif unit is None:
        problem = f"{held}, which is no unit of {each.target} ({', '.join(known_units(variable))})"
    elif unit in variable.companions.values():
        problem = f"{held}, which needs another column for its conversion"
    elif column.unit and known_units(variable)[column.unit] not in factors:
        problem = f"{held}, but {shown(column.sources[0])} names the unit {column.unit}"
    else:
        return unit
    raise UnusableInputError(
        f"{source}: {each.target}: the unit column {shown(each.name)} holds {problem}; state `unit` under "
        f"[columns.{each.target}] in MAP.toml and run again with --columns MAP.toml"
    )


def _of_qualifier(each: Beside, column: MappedColumn) -> Finding:
    value = shown(column.sources[0])
    invalid = f"empty the cells of {value} that it marks as not valid"
    way_out = {
        "operator": f"the numbers in {value} are taken as they are",
        "source": f"it names several sources, so check that all of {value} may be compared",
        "method": f"it names several methods, so check that all of {value} may be compared",
    }.get(each.kind, invalid)
    message = f"{shown(each.name)} beside {value} is not read; {way_out}, or list it under `ignore` in a column map"
    return Finding(each.target, f"{each.kind}_column", "warning", message)


def _kind(name: str) -> str:
    words = split_header(name).words
    return next((kind for kind in _KINDS if kind in words), "")


def _target(header: Header, kind: str, before: str, source_of: Mapping[str, MappedColumn]) -> str:
    """Variable that a column qualifies, empty if it qualifies none."""
    words = tuple(word for word in header.words if word not in _KINDS and not word.isdecimal())
    if not words:
        return source_of[before].target if before in source_of and kind in _OF_NEIGHBOUR else ""
    for source, column in source_of.items():
        if set(words) == set(split_header(source).words):
            return column.target
    meant = recognise(" ".join(words))
    same = meant is not None and meant.likeness == "same"
    return meant.target if meant and same and any(meant.target == each.target for each in source_of.values()) else ""
