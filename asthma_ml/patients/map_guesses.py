"""Guesses of a draft column map, for columns that are not found by their names; all are commented out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from asthma_ml.patients.columns.column_map import MappedColumn
from asthma_ml.patients.columns.companions import likely_companions
from asthma_ml.patients.columns.header_words import split_header
from asthma_ml.patients.columns.hints import Hint, hint_of, level_of_choice
from asthma_ml.patients.columns.matching import unit_in_name, variable_of_name
from asthma_ml.patients.map_sections import companion_lines, dates_only, distinct_texts_of, quoted
from asthma_ml.patients.problems import shown
from asthma_ml.patients.text.text_tables import TextTable
from asthma_ml.variables import ID, LABEL, data_dictionary

# Columns whose values are looked at.
_MOST_NAMES = 300
_MOST_CLASSES = 6
_CLASS_WORDS = ("th2", "t2", "eosinophilic", "neutrophilic", "granulocytic")


def guesses(table: TextTable, matched: Mapping[str, MappedColumn]) -> Iterator[str]:
    """Yield what the other columns may be, by their names and then by their values."""
    used = _used(table.names, matched)
    names = [name for name in table.names if name not in used]
    for target, group in _by_name(names, matched).items():
        yield _several(target, group) if len(group) > 1 else _in_companion_unit(target, group[0], table.names)
    hinted: dict[Hint, list[str]] = {}
    for name in names:
        hint = hint_of(name)
        if hint and hint.target not in matched:
            hinted.setdefault(hint, []).append(name)
    for hint, group in hinted.items():
        yield from _by_hint(hint, group)
    seen = {name for group in hinted.values() for name in group}
    yield from _by_values(table, [name for name in names if name not in seen][:_MOST_NAMES], matched)


def _used(names: Sequence[str], matched: Mapping[str, MappedColumn]) -> set[str]:
    """Columns that are read or that a conversion needs."""
    used = {source for column in matched.values() for source in column.sources}
    for variable in data_dictionary().values():
        used.update(*(likely_companions(names, variable.name, companion) for companion in variable.companions))
    return used


def _by_name(names: Sequence[str], matched: Mapping[str, MappedColumn]) -> dict[str, list[str]]:
    """Columns that name a variable and still are not read."""
    alike: dict[str, list[str]] = {}
    for name in names:
        target = variable_of_name(name)
        if target and target not in matched:
            alike.setdefault(target, []).append(name)
    return alike


def _several(target: str, names: Sequence[str]) -> str:
    lines = [f"[columns.{target}]", f"from = {quoted(names[0])}  # or {', '.join(map(quoted, names[1:]))}"]
    return _commented(["Several columns match; choose one:", *lines])


def _in_companion_unit(target: str, name: str, names: Sequence[str]) -> str:
    """A column whose name has a unit that needs another column for the conversion."""
    unit = unit_in_name(name) or ""
    lines = [f"[columns.{target}]", f"from = {quoted(name)}"]
    lines += [f"unit = {quoted(unit)}", *companion_lines(data_dictionary()[target], unit, names)] if unit else []
    complete = not any(line.startswith("#") for line in lines)
    return "\n".join(lines) if complete else _commented(lines)


def _by_hint(hint: Hint, names: Sequence[str]) -> Iterator[str]:
    section = f"[columns.{hint.target}]"
    if hint.rule in ("similar_name", "unit_in_name"):
        for name in names:
            yield _commented(["A guess from the name alone:", section, f"from = {quoted(name)}"])
    elif hint.rule == "one_column_per_choice":
        pairs = ", ".join(level_of_choice(hint.target, names, i) for i in range(len(names)))
        sources = ", ".join(map(quoted, names))
        lines = [section, f"from = [{sources}]", f"levels = {{ {pairs} }}"]
        yield _commented(["One column for each choice; add the combinations that occur:", *lines])
    elif hint.rule == "other_words":
        which = ", ".join(shown(name) for name in names)
        yield f"# {which} may be {hint.target} or another quantity; name it under {section} if it is the same."
    elif hint.target == "age_years" and any(_is_birth(name) for name in names):
        yield f"# {', '.join(map(shown, names))}: compute the age in years from the date of birth for {section}."


def _by_values(table: TextTable, names: Sequence[str], matched: Mapping[str, MappedColumn]) -> Iterator[str]:
    """The identifier and the label, as their values look."""
    texts = {name: distinct_texts_of(table, name) for name in names}
    if ID not in matched and (ids := [name for name in names if _is_identifier(texts[name], len(table))]):
        yield _commented(["Each row has another value here:", f"[columns.{ID}]", f"from = {quoted(ids[0])}"])
    if LABEL not in matched and (labels := [name for name in names if _is_label(texts[name])]):
        levels = ", ".join(data_dictionary()[LABEL].levels)
        lines = [f"[columns.{LABEL}]", f"from = {quoted(labels[0])}"]
        yield _commented(["The values look like the label:", *lines, f"levels = {{ }}  # {levels}"])


def _is_identifier(texts: Sequence[str], n_rows: int) -> bool:
    """Whether all rows have different texts that are no measurements."""
    is_decimal = any("." in text or "," in text or " " in text for text in texts)
    return n_rows > 1 and len(texts) == n_rows and "" not in texts and not is_decimal and not dates_only(texts)


def _is_label(texts: Sequence[str]) -> bool:
    given = [text.casefold() for text in texts if text]
    return 1 < len(given) <= _MOST_CLASSES and any(word in text for text in given for word in _CLASS_WORDS)


def _is_birth(name: str) -> bool:
    return "birthdate" in split_header(name).words


def _commented(lines: Sequence[str]) -> str:
    return "\n".join(f"# {line.removeprefix('# ')}" for line in lines)
