"""Draft a column map from the names and values of a table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.columns.cells import LIKELY_CODES, CellParser, parse_column
from asthma_ml.patients.columns.column_map import ColumnMap, MappedColumn
from asthma_ml.patients.columns.column_summary import ColumnSummary
from asthma_ml.patients.columns.column_verdicts import Verdict, judge
from asthma_ml.patients.columns.companions import likely_companions
from asthma_ml.patients.columns.hints import suggested_variable
from asthma_ml.patients.columns.matching import match_columns, unit_in_name, variable_of_name
from asthma_ml.patients.columns.scales import scale_names
from asthma_ml.patients.columns.units import known_units
from asthma_ml.patients.reading import whole_table
from asthma_ml.patients.text.text_tables import TextTable, text_codes
from asthma_ml.variables import OUTPUT_PREFIX, TRUTH_PREFIX, Variable, data_dictionary

if TYPE_CHECKING:
    from asthma_ml.patients.text.data_frames import Source

_MOST_NAMES = 300
_MOST_LEVELS = 12


def draft_map(source: Source, *, show_values: bool = False) -> str:
    """Draft a column map for a table.

    Parameters
    ----------
    source : path, "-" or data frame
        The table, as for `read_patients`.
    show_values : bool
        Whether to list texts that are not a known level; they are values of the table.

    Returns
    -------
    str
        TOML text. Guesses are commented out.

    Raises
    ------
    UnusableInputError
        If the table cannot be read.

    Examples
    --------
    >>> import pandas as pd
    >>> print(draft_map(pd.DataFrame({"EOS": ["0.3", "0.1"], "fenno": ["20", "-9"]})))
    # Draft of a column map for table in memory. Check each line; `asthma-ml variables` lists the variables.
    <BLANKLINE>
    # Codes in the table that usually mean missing; delete those that do not.
    missing = ["-9"]
    <BLANKLINE>
    [columns.blood_eosinophils_cells_ul]
    from = "EOS"
    unit = "10^9/L"  # values look like 10^9/L
    <BLANKLINE>
    # A guess from the name alone:
    # [columns.feno_ppb]
    # from = "fenno"
    <BLANKLINE>
    """
    table, name = whole_table(source)
    names = table.names
    try:
        matched, _ = match_columns(names, ColumnMap(), name)
    except UnusableInputError:
        matched = {}
    of_what = f"# Draft of a column map for {json.dumps(name)[1:-1]}."
    sections = [_section(column, table, names, show_values=show_values) for column in matched.values()]
    first = f"{of_what} Check each line; `asthma-ml variables` lists the variables."
    blocks = [first, _missing(table), *sections, *_in_companion_units(names, matched), *_guesses(names, matched)]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _missing(table: TextTable) -> str:
    seen = {text for place in range(min(len(table.names), _MOST_NAMES)) for text in _texts(table, place)}
    codes = sorted(LIKELY_CODES & seen)
    if not codes:
        return ""
    return f"# Codes in the table that usually mean missing; delete those that do not.\nmissing = {json.dumps(codes)}"


def _section(column: MappedColumn, table: TextTable, names: Sequence[str], *, show_values: bool) -> str:
    """One variable that was matched by name: its column, unit and unknown levels."""
    variable, place = data_dictionary()[column.target], names.index(column.sources[0])
    lines = [f"[columns.{column.target}]", f"from = {_quoted(column.sources[0])}"]
    parser = CellParser(variable, column, decimal_comma=table.decimal_comma)
    values, findings = parse_column(table.column(table.names[place]), parser)
    if variable.is_numeric and column.unit:
        lines.append(f"unit = {_quoted(column.unit)}")
    elif variable.is_numeric:
        lines += _unit_lines(judge(ColumnSummary.of(variable, np.asarray(values))), names)
        lines += [line for line in _companion_lines(variable, "", names) if not line.startswith("#")]
    if any(finding.rule == "unknown_level" for finding in findings):
        lines.append(_level_line(parser, _texts(table, place), show_values=show_values))
    if any(finding.rule == "thousands" for finding in findings):
        lines.insert(0, '# Some numbers may have thousands or decimals: state `decimal = "."` or "," at the top.')
    return "\n".join(lines)


def _unit_lines(verdict: Verdict | None, names: Sequence[str]) -> list[str]:
    """The unit that the values are in; a comment if the data dictionary has no such unit."""
    if verdict is None:
        return []
    variable, likely = verdict.summary.variable, verdict.scales[0]
    alike = f"# values look like {scale_names(verdict.scales)}"
    if likely.name not in known_units(variable):
        return [f"{alike}, not {variable.unit}"]
    return [f"unit = {_quoted(likely.name)}  {alike}", *_companion_lines(variable, likely.name, names)]


def _companion_lines(variable: Variable, unit: str, names: Sequence[str]) -> Iterator[str]:
    """The `with` of a conversion, commented out if no column has a usual name."""
    for companion in (name for name, of_unit in variable.companions.items() if of_unit == unit):
        likely = likely_companions(names, variable.name, companion)
        line = f"with = {{ {companion} = {_quoted(likely[0] if likely else 'COLUMN')} }}"
        yield line if likely else f"# {line}  # name the column"


def _level_line(parser: CellParser, texts: Sequence[str], *, show_values: bool) -> str:
    unknown = sorted(text for text in texts if parser(text).rule == "unknown_level")
    allowed = ", ".join(parser.variable.levels)
    if not show_values or len(unknown) > _MOST_LEVELS:
        return f'# levels = {{ "CODE" = "LEVEL" }}  # {len(unknown)} texts are not among {allowed}'
    pairs = ", ".join(f'{_quoted(text)} = ""' for text in unknown)
    return f"levels = {{ {pairs} }}  # allowed: {allowed}; empty means missing"


def _in_companion_units(names: Sequence[str], matched: Mapping[str, MappedColumn]) -> Iterator[str]:
    """Columns whose name has a unit that needs another column for the conversion."""
    for name in names[:_MOST_NAMES]:
        target, unit = variable_of_name(name), unit_in_name(name)
        if target and target not in matched and unit in data_dictionary()[target].companions.values():
            lines = [f"[columns.{target}]", f"from = {_quoted(name)}", f"unit = {_quoted(str(unit))}"]
            lines += _companion_lines(data_dictionary()[target], str(unit), names)
            complete = not any(line.startswith("#") for line in lines)
            yield "\n".join(lines if complete else [f"# {line.removeprefix('# ')}" for line in lines])


def _guesses(names: Sequence[str], matched: Mapping[str, MappedColumn]) -> Iterator[str]:
    used = {source for column in matched.values() for source in column.sources}
    for variable in data_dictionary().values():
        used.update(*(likely_companions(names, variable.name, companion) for companion in variable.companions))
    for name in [name for name in names if name not in used and variable_of_name(name) is None][:_MOST_NAMES]:
        target = suggested_variable(name)
        if target and target not in matched and not name.startswith((TRUTH_PREFIX, OUTPUT_PREFIX)):
            yield f"# A guess from the name alone:\n# [columns.{target}]\n# from = {_quoted(name)}"


def _texts(table: TextTable, place: int) -> list[str]:
    return list({text.strip() for text in text_codes(table.column(table.names[place])).distinct})


def _quoted(text: str) -> str:
    """Text in the spelling of TOML, which differs from JSON in one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
