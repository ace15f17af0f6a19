"""Match the columns of a table to variables: by the column map, then by name, alias or LOINC code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.columns.column_map import ColumnMap, MappedColumn, names_not_read, refuse
from asthma_ml.patients.columns.companions import (
    doses_of_drugs,
    lacks_companion,
    refuse_without_companions,
    unused_companions,
    without_companion,
)
from asthma_ml.patients.columns.header_forms import recognise, unit_of_header
from asthma_ml.patients.columns.header_words import plain_name
from asthma_ml.patients.columns.hints import suggested_variable, unread_columns
from asthma_ml.patients.problems import Finding, shown, shown_names
from asthma_ml.spelling import closest
from asthma_ml.variables import data_dictionary

# Number that pandas and R add to a repeated name.
_COPY = re.compile(r"\.\d+$")
_LOINC = re.compile(r"(?:loinc[\W_]*)?(\d{2,6})[-._](\d)")


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
    refuse_without_companions(stated, column_map)
    _refuse_label_as_feature(stated, column_map)
    taken = {name for column in stated.values() for name in column.sources}.union(column_map.ignore)
    by_name, findings = _match_by_name([name for name in names if name not in taken], stated)
    unnamed = {target: column_map.columns.get(target, MappedColumn(target)) for target in by_name}
    found = stated | {target: _with_source(unnamed[target], by_name[target]) for target in by_name}
    unread = [target for target, column in found.items() if lacks_companion(column)]
    findings = [finding for finding in findings if finding.column not in unread]
    findings += [without_companion(found.pop(target)) for target in unread]
    _refuse_unmatched(names, found, column_map, source)
    not_read = names_not_read(names, found, column_map)
    of_drugs = doses_of_drugs(not_read, found)
    others = [name for name in not_read if name not in of_drugs]
    findings += [*_second_columns(others, found), *of_drugs.values(), *unread_columns(others, found)]
    findings += unused_companions(names, found)
    return {target: found[target] for target in data_dictionary() if target in found}, findings


def variable_of_name(name: str) -> str | None:
    """Return the variable that a column name matches, None if it matches none.

    Examples
    --------
    >>> variable_of_name("Age"), variable_of_name("LOINC:711-2"), variable_of_name("Eosinophils (10^9/L)")
    ('age_years', 'blood_eosinophils_cells_ul', 'blood_eosinophils_cells_ul')
    >>> variable_of_name("IgE ng/mL"), variable_of_name("IgE_ng_mL"), variable_of_name("IgE peanut")
    ('total_ige_ku_l', 'total_ige_ku_l', None)
    """
    if target := _by_plain_name(name):
        return target
    found = recognise(name)
    return found.target if found and found.likeness == "same" else None


def unit_in_name(name: str) -> str | None:
    """Return the unit at the end of a column name, with or without brackets, in the spelling of the dictionary.

    Examples
    --------
    >>> unit_in_name("FEV1_pp (L)")
    'L'
    """
    target = variable_of_name(name)
    return _named_unit(name, target) if target else None


def _named_unit(name: str, target: str) -> str | None:
    """Unit in a column name; a unit that the dictionary itself writes is no evidence."""
    is_evidence = name.rstrip().endswith((")", "]")) or not _by_plain_name(name)
    return unit_of_header(name, target) if is_evidence else None


@cache
def _by_plain_alias() -> dict[str, str]:
    return {plain_name(alias): name for alias, name in data_dictionary().by_alias().items()}


def _by_plain_name(name: str) -> str | None:
    plain = plain_name(name)
    if plain in data_dictionary():
        return plain
    loinc = _LOINC.fullmatch(plain)
    return _by_plain_alias().get(f"{loinc[1]}_{loinc[2]}" if loinc else plain)


def _with_source(column: MappedColumn, name: str) -> MappedColumn:
    """The mapped column with its source column."""
    return _in_named_unit(replace(column, sources=(name,)))


def _in_named_unit(column: MappedColumn) -> MappedColumn:
    """The mapped column with the unit in its name, if the map states none."""
    if column.unit is not None or len(column.sources) != 1:
        return column
    return replace(column, unit=_named_unit(column.sources[0], column.target))


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


def _match_by_name(names: Sequence[str], stated: Mapping[str, MappedColumn]) -> tuple[dict[str, str], list[Finding]]:
    """Match by exact name, then by plain name, then by alias, then by words; a better match takes precedence."""
    dictionary = data_dictionary()
    free, findings = list(names), list[Finding]()
    ways: tuple[tuple[str, Callable[[str], str | None]], ...] = (
        ("name", lambda name: name if name in dictionary else None),
        ("name", lambda name: plain_name(name) if plain_name(name) in dictionary else None),
        ("alias", _by_plain_name),
        ("alias", variable_of_name),
    )
    matched: dict[str, str] = {}
    judged = set(stated)
    for way, target_of in ways:
        candidates = _candidates(free, target_of, judged)
        judged.update(candidates)
        for target, found in candidates.items():
            usable = [name for name in found if not lacks_companion(_with_source(MappedColumn(target), name))]
            if len(usable or found) > 1:
                findings.append(_ambiguous(target, usable or found))
                continue
            [matched[target]] = usable or found
            if way == "alias":
                findings.append(Finding(target, "alias", "warning", f"read {shown(matched[target])} as {target}"))
        free = [name for name in free if target_of(name) is None]
    return matched, findings


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
    return Finding(target, "ambiguous_name", "warning", message, unread=tuple(names))


def _second_columns(names: Iterable[str], found: Mapping[str, MappedColumn]) -> list[Finding]:
    """Warnings of further columns of features that are read from another column."""
    of_source = {column.sources[0]: target for target, column in found.items() if len(column.sources) == 1}
    findings: list[Finding] = []
    for name in names:
        target = of_source.get(_COPY.sub("", name)) or variable_of_name(name) or ""
        is_second = target in found and data_dictionary()[target].is_feature
        if is_second and not lacks_companion(_with_source(MappedColumn(target), name)):
            message = (
                f"not read: {shown(name)}, because {shown(found[target].sources[0])} is read; name the right one under "
                f"[columns.{target}] in a column map"
            )
            findings.append(Finding(target, "second_column", "warning", message, unread=(name,)))
    return findings


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
    guess = suggested_variable(name)
    return f" (did you mean {guess}?)" if guess else ""


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
        seen = shown_names(names[:8], _guess)
        raise UnusableInputError(
            f"{source}: no column is a known variable (found {seen}); the first line must name the columns; "
            "map other names with --columns MAP.toml"
        )
