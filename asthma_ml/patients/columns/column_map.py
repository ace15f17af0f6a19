"""The column map: a TOML file that maps other column names, units and codes to the data dictionary."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from asthma_ml.errors import UnusableInputError
from asthma_ml.files import read_toml
from asthma_ml.patients.columns.cell_text import cell_text
from asthma_ml.patients.columns.code_text import number_code
from asthma_ml.patients.columns.units import find_unit, known_units
from asthma_ml.patients.problems import shown
from asthma_ml.spelling import closest
from asthma_ml.variables import OUTPUT_PREFIX, TRUTH_PREFIX, Variable, data_dictionary

NEVER_READ = (TRUTH_PREFIX, OUTPUT_PREFIX)
"""Begin of the names of columns that are never read."""
JOINT = "|"
DECIMAL_SIGNS = (".", ",")
FLAGS = {"0": 0.0, "no": 0.0, "n": 0.0, "false": 0.0, "1": 1.0, "yes": 1.0, "y": 1.0, "true": 1.0}
"""Value of each spelling of yes and no, in canonical spelling."""
FLAGS_NAMED = ("0", "1", "no", "yes", "false", "true")
"""Spellings of yes and no that messages list."""

_MAP_KEYS = ("missing", "ignore", "decimal", "columns")
_COLUMN_KEYS = ("from", "unit", "with", "levels", "missing")
_MOST_LISTED = 8
INDEX_NAME = re.compile(
    r"|unnamed[:_. ]+\d+(?:_level_\d+)?|index|level_\d|row_?names?|__index_level_\d+__", re.IGNORECASE
)
"""Name of a column of numbers or names of rows, as pandas and R write it."""

Level = float | str | None


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """Source columns, unit and levels of one variable.

    Attributes
    ----------
    target : str
        Variable of the data dictionary.
    sources : tuple of str
        Columns of the table; if empty, the column is found by its name.
    unit : str or None
        Stated unit, in the spelling of the dictionary.
    levels : mapping of str to float, str or None
        Level of each code, or of each combination of codes joined by `|`; None means missing.
    missing : tuple of str
        Codes for missing in this column.
    companions : mapping of str to str
        Other columns of the table that the conversion needs, such as the height.
    """

    target: str
    sources: tuple[str, ...] = ()
    unit: str | None = None
    levels: Mapping[str, Level] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    companions: Mapping[str, str] = field(default_factory=dict)

    @property
    def factor(self) -> float:
        """Factor that converts the stated unit to the unit of the dictionary."""
        return known_units(data_dictionary()[self.target])[self.unit] if self.unit else 1.0


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Maps columns of a table to variables; other columns are matched by name.

    Attributes
    ----------
    columns : mapping of str to MappedColumn
        Mapped variables.
    missing : tuple of str
        Codes for missing in all columns except the identifier.
    ignore : tuple of str
        Columns of the table that are not read.
    decimal : {".", ","} or None
        Decimal sign of all numbers; the other sign then separates thousands. None: found from the file.
    source : str
        Name of the file for messages.

    Examples
    --------
    >>> eosinophils = MappedColumn("blood_eosinophils_cells_ul", ("eos",), unit="10^9/L")
    >>> ColumnMap({"blood_eosinophils_cells_ul": eosinophils}).columns["blood_eosinophils_cells_ul"].factor
    1000
    """

    columns: Mapping[str, MappedColumn] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    source: str = "column map"
    decimal: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """Columns of the table that the map names."""
        read = (name for column in self.columns.values() for name in (*column.sources, *column.companions.values()))
        return frozenset((*read, *self.ignore))

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> ColumnMap:
        """Read a column map.

        Parameters
        ----------
        path : path
            TOML file with one `[columns.VARIABLE]` table for each variable (keys `from`, `unit`, `with`, `levels`,
            `missing`) and, at the top, `missing`, `ignore` and `decimal`.

        Returns
        -------
        ColumnMap
            The checked map.

        Raises
        ------
        UnusableInputError
            If the file cannot be read or is not a valid column map; the message lists all faults.
        """
        return cls.from_mapping(read_toml(path), os.fspath(path))

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any], source: str = "column map") -> ColumnMap:
        """Check the content of a column map, with the keys of the TOML file."""
        faults = [_unknown(f"key {shown(key)}", key, _MAP_KEYS) for key in content if key not in _MAP_KEYS]
        tables = content.get("columns", {})
        if not isinstance(tables, Mapping):
            faults, tables = [*faults, "`columns` must contain one table for each variable"], {}
        columns = {target: _mapped_column(target, table, faults) for target, table in tables.items()}
        missing = _texts(content.get("missing", []), "`missing`", faults)
        ignore = _texts(content.get("ignore", []), "`ignore`", faults)
        decimal = content.get("decimal")
        if decimal is not None and decimal not in DECIMAL_SIGNS:
            faults.append('`decimal` must be "." or ","')
        refuse(faults, source)
        return cls(columns, missing, ignore, source, decimal)


def names_not_read(
    names: Iterable[str], columns: Mapping[str, MappedColumn], column_map: ColumnMap | None = None
) -> list[str]:
    """Columns of a table of which no variable is read, without those that a map ignores or that never are.

    Examples
    --------
    >>> names_not_read(["Unnamed: 0", "id", "note"], {"patient_id": MappedColumn("patient_id", ("id",))})
    ['note']
    """
    read = {name for column in columns.values() for name in (*column.sources, *column.companions.values())}
    decided = read.union(column_map.ignore if column_map else ())
    return [
        name
        for name in names
        if name not in decided and not name.startswith(NEVER_READ) and not INDEX_NAME.fullmatch(name.strip())
    ]


def refuse(faults: Sequence[str], source: str) -> None:
    """Raise UnusableInputError with all faults of a map, one line each."""
    if faults:
        raise UnusableInputError("\n".join(f"{source}: {fault}" for fault in faults))


def canonical(text: str) -> str:
    """Return the canonical spelling of a code: lower case, without outer spaces, `1.0` as `1`.

    Examples
    --------
    >>> canonical(" 1.0|Yes ")
    '1|yes'
    """
    return JOINT.join(_canonical_part(part) for part in text.split(JOINT))


def _canonical_part(text: str) -> str:
    text = cell_text(text).casefold()
    if not text.lstrip("+-")[:1].isdecimal():
        return text
    try:
        return number_code(text.replace("_", "x"))
    except ValueError:
        return text


def _mapped_column(target: str, table: Any, faults: list[str]) -> MappedColumn:
    """One table of the map; its faults are appended."""
    where = f"[columns.{target}]"
    variable = data_dictionary().get(target)
    if variable is None:
        meant = data_dictionary().by_alias().get(target.casefold(), target)
        faults.append(_unknown(where, meant, data_dictionary()))
        return MappedColumn(target)
    if not isinstance(table, Mapping):
        faults.append(f"{where} must be a table with keys {', '.join(_COLUMN_KEYS)}")
        return MappedColumn(target)
    faults += [_unknown(f"{where} key {shown(key)}", key, _COLUMN_KEYS) for key in table if key not in _COLUMN_KEYS]
    sources, levels = _sources(table, where, faults), _levels(table.get("levels", {}), variable, where, faults)
    if len(sources) > 1 and not levels:
        faults.append(f"{where} several source columns need `levels` for their combinations")
    missing = _texts(table.get("missing", []), f"{where} `missing`", faults)
    unit = _unit(table, variable, where, faults)
    companions = _companions(table.get("with", {}), unit, variable, where, faults)
    return MappedColumn(target, sources, unit, levels, missing, companions)


def _sources(table: Mapping[str, Any], where: str, faults: list[str]) -> tuple[str, ...]:
    sources = _texts(table.get("from", []), f"{where} `from`", faults)
    truths = [name for name in sources if name.casefold().startswith(TRUTH_PREFIX)]
    faults += [f"{where} {shown(name)} is a column of the simulated truth and is never read" for name in truths]
    return sources


def _unit(table: Mapping[str, Any], variable: Variable, where: str, faults: list[str]) -> str | None:
    if "unit" not in table:
        return None
    unit = find_unit(str(table["unit"]), variable)
    if unit is None:
        allowed = ", ".join(known_units(variable)) or "none"
        faults.append(f"{where} unit {shown(str(table['unit']))} is not known; allowed: {allowed}")
    return unit


def _companions(given: Any, unit: str | None, variable: Variable, where: str, faults: list[str]) -> dict[str, str]:
    """Other columns that the conversion needs; a missing one is a fault."""
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given.values()):
        faults.append(f'{where} `with` must be a table such as {{ height = "COLUMN" }}')
        return {}
    faults += [
        _unknown(f"{where} `with` {shown(key)}", key, variable.companions or ("nothing",))
        for key in given
        if key not in variable.companions
    ]
    for companion, of_unit in variable.companions.items():
        if of_unit and of_unit == unit and companion not in given:
            faults.append(f'{where} unit {shown(of_unit)} needs `with = {{ {companion} = "COLUMN" }}`')
        if companion in given and of_unit and of_unit != unit:
            faults.append(f'{where} `with` {companion} needs `unit = "{of_unit}"`')
        if companion in given and unit and unit.startswith(f"{variable.unit} "):
            faults.append(f"{where} unit {shown(unit)} already states the {companion}; remove `with`")
    return {str(key): name for key, name in given.items() if key in variable.companions}


def _levels(levels: Any, variable: Variable, where: str, faults: list[str]) -> dict[str, Level]:
    if not isinstance(levels, Mapping):
        faults.append(f'{where} `levels` must be a table such as {{ "0" = "never" }}')
        return {}
    if levels and variable.kind in ("id", "group"):
        faults.append(f"{where} is kept unchanged and has no `levels`")
        return {}
    bad = [level for level in levels.values() if not _is_level(level, variable)]
    faults += [_unknown(f"{where} level {shown(str(level))}", str(level), _allowed(variable)) for level in bad]
    return {canonical(str(code)): _level(level, variable) for code, level in levels.items()}


def _is_level(level: Any, variable: Variable) -> bool:
    """Whether a level is valid for the variable; an empty text means missing."""
    if level == "" or level in variable.levels:
        return True
    if variable.kind == "flag":
        return canonical(str(level)) in FLAGS
    number = isinstance(level, int | float) and not isinstance(level, bool)
    return variable.is_numeric and number and math.isfinite(level)


def _level(level: Any, variable: Variable) -> Level:
    if variable.kind == "flag":
        return FLAGS.get(canonical(str(level)))
    if isinstance(level, int | float):
        return float(level)
    return str(level) or None


def _allowed(variable: Variable) -> tuple[str, ...]:
    """Valid levels, in the spelling of the map."""
    known = FLAGS_NAMED if variable.kind == "flag" else variable.levels or ("a number without quotes",)
    return (*known, '"" for missing')


def _texts(given: Any, where: str, faults: list[str]) -> tuple[str, ...]:
    """A text or a list of texts; numbers are converted to text."""
    texts = given if isinstance(given, list | tuple) else [given]
    if any(isinstance(text, bool) or not isinstance(text, str | int | float) for text in texts):
        faults.append(f"{where} must be a text or a list of texts")
        return ()
    return tuple(str(text) for text in texts)


def _unknown(what: str, name: str, allowed: Iterable[str]) -> str:
    allowed = tuple(allowed)
    guess = closest(name, allowed)
    hint = f"; did you mean {guess}?" if guess else ""
    names = f"allowed: {', '.join(allowed)}" if len(allowed) <= _MOST_LISTED else "`asthma-ml variables` lists them"
    return f"{what} is not known{hint or ';'} {names}"
