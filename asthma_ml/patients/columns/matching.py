"""Match the columns of a table to variables: by the column map, then by name, alias or LOINC code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.columns.column_map import ColumnMap, MappedColumn, refuse
from asthma_ml.patients.columns.units import find_unit
from asthma_ml.patients.problems import Finding, shown
from asthma_ml.spelling import closest
from asthma_ml.variables import OUTPUT_PREFIX, TRUTH_PREFIX, data_dictionary

_NEVER_READ = (TRUTH_PREFIX, OUTPUT_PREFIX)
# Usual names of the other columns that a conversion needs, including LOINC codes; `{}` is ics or ocs.
_COMPANION_NAMES = {
    "leukocytes": ("wbc", "leukocytes", "leucocytes", "white_cell_count", "white_blood_cells", "6690_2", "leukozyten"),
    "height": ("height", "height_cm", "body_height", "body_height_cm", "8302_2", "groesse", "größe"),
    "drug": ("{}_drug", "{}_name", "{}_product", "{}_molecule", "{}_type", "{}_wirkstoff"),
}
# Comparing one name with all aliases takes a millisecond.
_MOST_COMPARED = 100
_ALIKE = 0.8
_UNIT_IN_NAME = re.compile(r"(.+?)\s*[\(\[]\s*([^()\[\]]+?)\s*[\)\]]\s*", re.DOTALL)
# The time to find a unit in a name grows with the square of its length.
_LONGEST_NAME = 200
_BETWEEN_WORDS = re.compile(r"[\s_,]+")


def match_columns(
    names: Sequence[str], column_map: ColumnMap, source: str
) -> tuple[dict[str, MappedColumn], list[Finding]]:
    """Find the variables of the dictionary among the columns of a table.

    Parameters
    ----------
    names : sequence of str
        Columns of the table.
    column_map : ColumnMap
        Column map of the user; it takes precedence.
    source : str
        Name of the table for messages.

    Returns
    -------
    columns : dict of str to MappedColumn
        Variables found, in the order of the dictionary, with their source columns.
    findings : list of Finding
        Matches by alias, ambiguous names and similar names.

    Raises
    ------
    UnusableInputError
        If the map names columns that the table does not have, or if no column is known.

    Examples
    --------
    >>> columns, findings = match_columns(["Patient ID", "eos"], ColumnMap(), "clinic.csv")
    >>> [column.sources for column in columns.values()]
    [('Patient ID',), ('eos',)]
    >>> findings[0].message
    'read `eos` as blood_eosinophils_cells_ul'
    """
    _refuse_absent(names, column_map, source)
    stated = {target: _in_named_unit(column) for target, column in column_map.columns.items() if column.sources}
    _refuse_without_companions(stated, column_map)
    _refuse_label_as_feature(stated, column_map)
    taken = {name for column in stated.values() for name in column.sources}.union(column_map.ignore)
    by_name, findings = _match_by_name([name for name in names if name not in taken], stated)
    unnamed = {target: column_map.columns.get(target, MappedColumn(target)) for target in by_name}
    found = stated | {target: _with_source(unnamed[target], by_name[target]) for target in by_name}
    unread = [target for target, column in found.items() if _lacks_companion(column)]
    findings = [finding for finding in findings if finding.column not in unread]
    findings += [_without_companion(found.pop(target)) for target in unread]
    _refuse_unmatched(names, found, column_map, source)
    findings += [*_similar_names(names, found, column_map), *_unused_companions(names, found)]
    return {target: found[target] for target in data_dictionary() if target in found}, findings


def plain_name(name: str) -> str:
    """Return a column name in lower case, with underscores for spaces and hyphens."""
    return re.sub(r"[\s\-]+", "_", name.strip().casefold())


def variable_of_name(name: str) -> str | None:
    """Return the variable that a column name matches, None if it matches none.

    Examples
    --------
    >>> variable_of_name("Age"), variable_of_name("LOINC:711-2"), variable_of_name("Eosinophils (10^9/L)")
    ('age_years', 'blood_eosinophils_cells_ul', 'blood_eosinophils_cells_ul')
    >>> variable_of_name("IgE ng/mL"), variable_of_name("IgE_ng_mL"), variable_of_name("IgE peanut")
    ('total_ige_ku_l', 'total_ige_ku_l', None)
    """
    target = _by_plain_name(name)
    if target is None and (parts := _with_brackets(name)):
        return variable_of_name(parts[1])
    for before, unit in [] if target else _last_words(name):
        meant = _by_plain_name(before)
        if meant and find_unit(unit, data_dictionary()[meant]):
            return meant
    return target


def nearest_variable(name: str, cutoff: float = 0.6) -> str:
    """Return the variable whose name or alias is most similar to a column name, empty if none is similar.

    Examples
    --------
    >>> nearest_variable("feno_pbb"), nearest_variable("eosinophles"), nearest_variable("colour")
    ('feno_ppb', 'blood_eosinophils_cells_ul', '')
    """
    guess = closest(plain_name(name), [*data_dictionary(), *_by_plain_alias()], cutoff)
    return _by_plain_alias().get(guess, guess)


def unit_in_name(name: str) -> str | None:
    """Return the unit at the end of a column name, with or without brackets, in the spelling of the dictionary.

    Examples
    --------
    >>> unit_in_name("FEV1_pp (L)")
    'L'
    """
    target = variable_of_name(name)
    return _unit_behind(name, target) if target else None


def _unit_behind(name: str, target: str) -> str | None:
    """Unit of a variable at the end of a column name."""
    variable = data_dictionary()[target]
    if parts := _with_brackets(name):
        return find_unit(parts[2], variable)
    units = (find_unit(unit, variable) for _, unit in ([] if _by_plain_name(name) else _last_words(name)))
    return next(filter(None, units), None)


def _last_words(name: str) -> Iterator[tuple[str, str]]:
    """Yield a column name split before its last word and before its last two, as in `eos_G_l` for G/l."""
    name = name.strip()
    for gap in [*_BETWEEN_WORDS.finditer(name)][:-3:-1]:
        yield name[: gap.start()], _BETWEEN_WORDS.sub("/", name[gap.end() :])


def _with_brackets(name: str) -> re.Match[str] | None:
    """Match of a column name and the text in brackets at its end."""
    return _UNIT_IN_NAME.fullmatch(name) if len(name) <= _LONGEST_NAME else None


def likely_companions(names: Iterable[str], target: str, companion: str) -> list[str]:
    """Columns that have a usual name of another column which a conversion needs.

    Examples
    --------
    >>> likely_companions(["ICS drug", "OCS drug"], "ics_dose_ug_day", "drug")
    ['ICS drug']
    """
    usual = {name.format(target.partition("_")[0]) for name in _COMPANION_NAMES[companion]}
    return [name for name in names if plain_name(name.partition("(")[0]).removeprefix("loinc:") in usual]


def _unused_companions(names: Sequence[str], found: Mapping[str, MappedColumn]) -> list[Finding]:
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
                )
                for name in likely_companions(names, target, companion)
            ]
    return findings


@cache
def _by_plain_alias() -> dict[str, str]:
    return {plain_name(alias): name for alias, name in data_dictionary().by_alias().items()}


def _by_plain_name(name: str) -> str | None:
    plain = plain_name(name)
    return plain if plain in data_dictionary() else _by_plain_alias().get(plain.removeprefix("loinc:"))


def _with_source(column: MappedColumn, name: str) -> MappedColumn:
    """The mapped column with its source column."""
    return _in_named_unit(replace(column, sources=(name,)))


def _in_named_unit(column: MappedColumn) -> MappedColumn:
    """The mapped column with the unit in its name, if the map states none."""
    if column.unit is not None or len(column.sources) != 1:
        return column
    return replace(column, unit=_unit_behind(column.sources[0], column.target))


def _lacks_companion(column: MappedColumn) -> bool:
    needed = data_dictionary()[column.target].companions
    return any(unit and unit == column.unit and name not in column.companions for name, unit in needed.items())


def _refuse_without_companions(stated: Mapping[str, MappedColumn], column_map: ColumnMap) -> None:
    """Refuse a map with a column whose unit needs other columns that the map does not name."""
    refuse(
        [
            f"[columns.{target}] {shown(column.sources[0])} has the unit {column.unit} in its name: add `with` "
            f'{_companions_needed(column)} and `unit = "{column.unit}"`, or state its actual unit'
            for target, column in stated.items()
            if _lacks_companion(column)
        ],
        column_map.source,
    )


def _refuse_label_as_feature(stated: Mapping[str, MappedColumn], column_map: ColumnMap) -> None:
    """Refuse a map that reads a feature from the column of the label."""
    labels = {variable.name for variable in data_dictionary().values() if variable.kind == "label"}
    refuse(
        [
            f"[columns.{target}] {shown(name)} is the label, which is never a feature"
            for target, column in stated.items()
            if target in data_dictionary().features
            for name in column.sources
            if variable_of_name(name) in labels
        ],
        column_map.source,
    )


def _companions_needed(column: MappedColumn) -> str:
    needed = data_dictionary()[column.target].companions
    return " and ".join(f'{name} = "COLUMN"' for name, unit in needed.items() if unit == column.unit)


def _without_companion(column: MappedColumn) -> Finding:
    given = _companions_needed(column)
    message = f"not read: {shown(column.sources[0])} is in {column.unit}; convert it in a column map `with` {given}"
    return Finding(column.target, "conversion", "warning", message)


def _match_by_name(names: Sequence[str], stated: Mapping[str, MappedColumn]) -> tuple[dict[str, str], list[Finding]]:
    """Match by exact name, then by plain name, then by alias; a better match takes precedence."""
    dictionary = data_dictionary()
    free, findings = _without_unknown_units(names)
    ways: tuple[tuple[str, Callable[[str], str | None]], ...] = (
        ("name", lambda name: name if name in dictionary else None),
        ("name", lambda name: plain_name(name) if plain_name(name) in dictionary else None),
        ("alias", variable_of_name),
    )
    matched: dict[str, str] = {}
    for way, target_of in ways:
        candidates = _candidates(free, target_of, {*stated, *matched})
        for target, found in candidates.items():
            if len(found) > 1:
                findings.append(_ambiguous(target, found))
                continue
            matched[target] = found[0]
            if way == "alias":
                findings.append(Finding(target, "alias", "warning", f"read {shown(found[0])} as {target}"))
        free = [name for name in free if target_of(name) is None]
    return matched, findings


def _without_unknown_units(names: Iterable[str]) -> tuple[list[str], list[Finding]]:
    """Remove names with a text in brackets that is not a unit of the variable they match."""
    free: list[str] = []
    findings: list[Finding] = []
    for name in names:
        parts, target = _with_brackets(name), variable_of_name(name)
        if parts and target and find_unit(parts[2], data_dictionary()[target]) is None:
            message = f"not read: the unit in {shown(name)} is not known; state the unit in a column map"
            findings.append(Finding(target, "unit_in_name", "warning", message))
        else:
            free.append(name)
    return free, findings


def _candidates(names: Iterable[str], target_of: Callable[[str], str | None], taken: set[str]) -> dict[str, list[str]]:
    candidates: dict[str, list[str]] = {}
    for name in names:
        target = target_of(name)
        if target is not None and target not in taken:
            candidates.setdefault(target, []).append(name)
    return candidates


def _ambiguous(target: str, names: Sequence[str]) -> Finding:
    which = " and ".join(shown(name) for name in names)
    message = f"not read: {which} both match; name one of them in a column map"
    return Finding(target, "ambiguous_name", "warning", message)


def _refuse_absent(names: Sequence[str], column_map: ColumnMap, source: str) -> None:
    """Refuse a map that names columns which the table does not have."""
    used = [(f"[columns.{target}] ", name) for target, column in column_map.columns.items() for name in column.sources]
    used += [
        (f"[columns.{target}] `with` ", name)
        for target, column in column_map.columns.items()
        for name in column.companions.values()
    ]
    used += [("`ignore` ", name) for name in column_map.ignore]
    present = set(names)
    absent = ((where, name) for where, name in used if name not in present)
    refuse(
        [f"{where}{shown(name)} is not in {source}{_hint(name, names)}" for where, name in absent], column_map.source
    )


def _guess(name: str) -> str:
    guess = nearest_variable(name)
    return f" (did you mean {guess}?)" if guess else ""


def _similar_names(names: Sequence[str], found: Mapping[str, MappedColumn], column_map: ColumnMap) -> list[Finding]:
    """Warnings of columns that are not read but have names similar to variables that the table lacks."""
    used = {name for column in found.values() for name in (*column.sources, *column.companions.values())}
    unread = (name for name in names if name not in used and name not in column_map.ignore)
    unmatched = [name for name in islice(unread, _MOST_COMPARED) if variable_of_name(name) is None]
    near = {
        name: nearest_variable(name.partition("(")[0], _ALIKE) for name in unmatched if not name.startswith(_NEVER_READ)
    }
    return [
        Finding(
            target,
            "similar_name",
            "warning",
            f"not read; did you mean {target} by {shown(name)}? Map it in a column map",
        )
        for name, target in near.items()
        if target and target not in found
    ]


def _hint(name: str, names: Iterable[str]) -> str:
    guess = closest(name, names)
    return f" (did you mean {shown(guess)}?)" if guess else ""


def _refuse_unmatched(
    names: Sequence[str], found: Mapping[str, MappedColumn], column_map: ColumnMap, source: str
) -> None:
    """Refuse a table without any known column, and a map that has no `from` for a variable the table lacks."""
    lost = sorted(column_map.columns.keys() - found)
    refuse(
        [f"[columns.{target}] has no `from`, and {source} no such column" for target in lost],
        column_map.source,
    )
    if not found:
        seen = ", ".join(shown(name) + _guess(name) for name in names[:8])
        raise UnusableInputError(
            f"{source}: no column is a known variable (found {seen}); the first line must name the columns; "
            "map other names with --columns MAP.toml"
        )
