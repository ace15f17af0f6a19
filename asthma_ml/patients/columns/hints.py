"""Name the columns that are not read although words of their headers point at a variable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from asthma_ml.patients.columns.column_map import NEVER_READ, MappedColumn
from asthma_ml.patients.columns.header_forms import Recognised, recognise, recognise_misspelt
from asthma_ml.patients.columns.header_names import levels_named
from asthma_ml.patients.columns.header_words import changes, split_header
from asthma_ml.patients.columns.units import known_units
from asthma_ml.patients.problems import Finding, shown
from asthma_ml.spelling import closest
from asthma_ml.variables import Variable, data_dictionary

_LONGEST_COMPARED = 20
_ID_WORDS, _OF_PERSON = frozenset({"id", "number", "code"}), frozenset({"patient", "subject", "participant"})


class Hint(NamedTuple):
    """What an unread column may be: the variable, the kind of finding, and the words of its header that differ."""

    target: str
    rule: str
    what: str = ""


def hint_of(name: str) -> Hint | None:
    """Return what the header of an unread column points at, None if it points at no variable.

    Examples
    --------
    >>> hint_of("fen0_ppb"), hint_of("log10 IgE"), hint_of("colour")
    (Hint(target='feno_ppb', rule='similar_name', what=''),
     Hint(target='total_ige_ku_l', rule='other_quantity', what='a logarithm'), None)
    """
    if name.startswith(NEVER_READ):
        return None
    found = recognise(name)
    if found is None:
        found = recognise_misspelt(name)
        return _hint(name, found, misspelt=True) if found else None
    return _hint(name, found, misspelt=False)


def suggested_variable(name: str) -> str:
    """Variable that a header probably means; empty if it may be another quantity.

    Examples
    --------
    >>> suggested_variable("fen0_ppb"), suggested_variable("ACT score")
    ('feno_ppb', '')
    """
    hint = hint_of(name)
    return hint.target if hint and hint.rule in ("similar_name", "unit_in_name") else ""


def unread_columns(names: Iterable[str], found: Mapping[str, MappedColumn]) -> list[Finding]:
    """Warnings of columns that are not read, of variables that the table lacks; columns of one kind share a warning.

    Parameters
    ----------
    names : iterable of str
        Columns that are not read.
    found : mapping of str to MappedColumn
        Variables that are read.
    """
    groups: dict[Hint, list[str]] = {}
    for name in names:
        hint = hint_of(name)
        if hint and hint.target not in found:
            groups.setdefault(hint, []).append(name)
    return [
        Finding(hint.target, hint.rule, "warning", _message(hint, group), unread=tuple(group))
        for hint, group in groups.items()
    ]


def _hint(name: str, found: Recognised, *, misspelt: bool) -> Hint | None:
    variable = data_dictionary()[found.target]
    of_words = changes(found.target)
    change = next((of_words[word] for word in found.extra if word in of_words), "")
    if found.likeness == "unit" and split_header(name).unit == "%predicted":
        change = "a percentage of predicted"
    if not variable.is_feature and not _is_near_identifier(name, variable, found):
        return None
    if found.likeness == "choice":
        return Hint(found.target, "one_column_per_choice")
    if change:
        return Hint(found.target, "other_quantity", change)
    if variable.unit and (found.likeness == "unit" or (found.likeness == "near" and not found.extra)):
        return Hint(found.target, "unit_in_name", found.likeness)
    if found.likeness == "unit" or (found.extra and not all(_is_misspelt(word, variable) for word in found.extra)):
        return Hint(found.target, "other_words")
    return Hint(found.target, "similar_name") if misspelt or found.likeness != "same" else None


def _is_near_identifier(name: str, variable: Variable, found: Recognised) -> bool:
    """Whether a header resembles the name of an identifier, which `visit date` and `patient weight` do not."""
    words = split_header(name).words
    is_id = variable.kind == "id" and not _ID_WORDS.isdisjoint(words)
    # A number or code of a visit, a sample or a ward is none of a patient.
    of_person = not found.extra or any(closest(word, _OF_PERSON, 0.8) for word in words)
    return is_id and of_person and changes().keys().isdisjoint(found.extra)


def _is_misspelt(word: str, variable: Variable) -> bool:
    """Whether a word resembles one of the name of the variable, such as its unit."""
    own = [each for each in variable.name.split("_") if not word.startswith(each)]
    # A number is no misspelling: 24m is another time than 12m.
    is_word = len(word) <= _LONGEST_COMPARED and not word[:1].isdigit()
    return is_word and bool(closest(word, own))


def _message(hint: Hint, names: Sequence[str]) -> str:
    which = _listed(names)
    match hint.rule:
        case "one_column_per_choice":
            return _of_choices(hint.target, names)
        case "other_quantity":
            return f"not read: {which} {_is(names)} {hint.what}, another quantity than {hint.target}"
        case "other_words":
            return (
                f"not read: {which} may be another quantity than {hint.target}; if not, map it: "
                f"`from = {_quoted(names[0])}` under [columns.{hint.target}] in a column map"
            )
        case "unit_in_name":
            return _of_unit(hint, which)
    return f"not read; did you mean {hint.target} by {which}? Map it in a column map"


def _of_unit(hint: Hint, which: str) -> str:
    variable = data_dictionary()[hint.target]
    allowed = ", ".join(unit for unit in known_units(variable) if not unit.startswith(f"{variable.unit} "))
    if hint.what == "unit":
        return f"not read: the unit in {which} is no unit of {hint.target} ({allowed}); state it in a column map"
    return (
        f"not read: {which} may be another quantity than {hint.target}; if not, state `from` and "
        f"`unit` ({allowed}) under [columns.{hint.target}] in a column map"
    )


def level_of_choice(target: str, names: Sequence[str], place: int) -> str:
    """Level of the combination in which only one of several columns is checked, in the spelling of a column map.

    Examples
    --------
    >>> level_of_choice("smoking_status", ["smoking_never", "smoking_current"], 1)
    '"0|1" = "current"'
    """
    pattern = "|".join("1" if i == place else "0" for i in range(len(names)))
    found, variable = recognise(names[place]), data_dictionary()[target]
    levels = levels_named(found.extra, variable) if found else frozenset()
    level = next(iter(levels)) if len(levels) == 1 else "LEVEL"
    return f'"{pattern}" = {level}' if level in ("0", "1") else f'"{pattern}" = "{level}"'


def _of_choices(target: str, names: Sequence[str]) -> str:
    levels = " and ".join(level_of_choice(target, names, i) for i in range(min(len(names), 3)))
    return (
        f"not read: {_listed(names)} {_is(names)} one column for each choice of {target}; map them together, with a "
        f"level for each combination that occurs: `from = [{', '.join(map(_quoted, names))}]` and `levels` "
        f"such as {levels} (or the words in the cells) under [columns.{target}] in a column map"
    )


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(shown(name) for name in names)


def _quoted(name: str) -> str:
    return f'"{shown(name)[1:-1]}"'
