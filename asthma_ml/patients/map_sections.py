"""Sections of a draft column map for the columns that are found by their names: unit, codes, other columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np

from asthma_ml.patients.columns.column_map import FLAGS_NAMED, MappedColumn
from asthma_ml.patients.columns.column_summary import ColumnSummary
from asthma_ml.patients.columns.column_verdicts import Verdict, judge
from asthma_ml.patients.columns.companions import likely_companions
from asthma_ml.patients.columns.scales import scale_names
from asthma_ml.patients.columns.units import known_units
from asthma_ml.patients.reading import Parsed
from asthma_ml.patients.text.text_tables import TextTable, rows_of, text_codes
from asthma_ml.variables import LABEL, Variable, data_dictionary

_MOST_LEVELS = 12
# Longer texts may be remarks about patients.
_LONGEST_CODE = 3
# Lines of a section that names a column and says nothing of it.
_NOTHING_STATED = 2
_UNKNOWN_CODES = ("unknown_level", "flag", "ambiguous_code")


def section(column: MappedColumn, parsed: Parsed, *, show_values: bool) -> str:
    """One variable that was matched by its name: what remains to be stated; empty if that is nothing."""
    table, variable, source = parsed.table, data_dictionary()[column.target], column.sources[0]
    rules = {found.rule for found in parsed.findings if found.column == column.target}
    lines = [f"[columns.{column.target}]", f"from = {quoted(source)}"]
    if variable.is_numeric and variable.unit:
        verdict = judge(ColumnSummary.of(variable, np.asarray(parsed.values[column.target])))
        lines += _contradiction(verdict, column.unit) if column.unit else _unit_lines(verdict, table.names)
    if variable.is_numeric and variable.unit and not column.unit:
        lines += [line for line in companion_lines(variable, "", table.names) if not line.startswith("#")]
    if rules.intersection(_UNKNOWN_CODES):
        lines.append(_level_line(column, parsed, show_values=show_values))
    if "thousands" in rules:
        lines.insert(0, '# Some numbers may have thousands or decimals: state `decimal = "."` or "," at the top.')
    if variable.is_numeric and dates_only(distinct_texts_of(table, source)):
        lines.insert(0, f"# The column holds dates and not {variable.unit or 'codes'}: compute the values first.")
    if column.target == LABEL:
        lines.insert(0, "# The label; `train` learns it and `predict` does not read it.")
    return "\n".join(lines) if len(lines) > _NOTHING_STATED else ""


def known_columns(columns: Sequence[MappedColumn]) -> str:
    """Comment on the columns that are read by their names."""
    if not columns:
        return ""
    of_columns = [
        f"# {column.target}: {quoted(column.sources[0])}" + (f" in {column.unit}" if column.unit else "")
        for column in columns
    ]
    return "\n".join(["# Read by their names without a line in this map:", *of_columns])


def companion_lines(variable: Variable, unit: str, names: Sequence[str]) -> Iterator[str]:
    """The `with` of a conversion, commented out if no column has a usual name."""
    for companion in (name for name, of_unit in variable.companions.items() if of_unit == unit):
        likely = likely_companions(names, variable.name, companion)
        line = f"with = {{ {companion} = {quoted(likely[0] if likely else 'COLUMN')} }}"
        yield line if likely else f"# {line}  # name the column"


def distinct_texts_of(table: TextTable, name: str) -> list[str]:
    """Distinct texts of a column, without outer spaces."""
    return sorted({text.strip() for text in text_codes(table.column(name)).distinct})


def dates_only(texts: Sequence[str]) -> bool:
    """Whether a column holds dates and nothing else.

    Examples
    --------
    >>> dates_only(["1961-02-03", "03.05.1977", ""]), dates_only(["61", "48"]), dates_only([""])
    (True, False, False)
    """
    given = [text.partition(" ")[0].partition("T")[0] for text in texts if text]
    return bool(given) and all(_is_date(text) for text in given)


def _is_date(text: str) -> bool:
    for sign in "-./":
        parts = text.split(sign)
        if len(parts) == 3 and all(part.isdecimal() for part in parts):
            return sorted(map(len, parts))[-1] in (2, 4)
    return False


def quoted(text: str) -> str:
    r"""Text in the spelling of TOML, which differs from JSON in one character and has no half characters.

    Examples
    --------
    >>> print(quoted('a "name"'), quoted("line\nbreak"))
    "a \"name\"" "line\nbreak"
    """
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")


def _unit_lines(verdict: Verdict | None, names: Sequence[str]) -> list[str]:
    """The unit that the values are in; a comment if the data dictionary has no such unit."""
    if verdict is None:
        return []
    variable, likely = verdict.summary.variable, verdict.scales[0]
    alike = f"# values look like {scale_names(verdict.scales)}"
    if likely.name not in known_units(variable):
        return [f"{alike}, not {variable.unit}"]
    lines = [f"unit = {quoted(likely.name)}  {alike}", *companion_lines(variable, likely.name, names)]
    complete = not any(line.startswith("#") for line in lines)
    return lines if complete else [f"# {line.removeprefix('# ')}" for line in lines]


def _contradiction(verdict: Verdict | None, unit: str) -> list[str]:
    """The unit of the header, commented out if the values look otherwise."""
    if verdict is None:
        return []
    return [f"# unit = {quoted(unit)}  # in the header, but the values look like {scale_names(verdict.scales)}"]


def _level_line(column: MappedColumn, parsed: Parsed, *, show_values: bool) -> str:
    """Unknown codes as missing, to be filled in; long texts only on request."""
    variable = data_dictionary()[column.target]
    allowed = ", ".join(variable.levels or FLAGS_NAMED)
    unknown = _unknown_codes(column, parsed)
    is_shown = show_values or all(len(text) <= _LONGEST_CODE for text in unknown)
    if not is_shown or len(unknown) > _MOST_LEVELS:
        return f'# levels = {{ "CODE" = "LEVEL" }}  # {len(unknown)} texts are not among {allowed}'
    pairs = ", ".join(f'{quoted(text)} = ""' for text in unknown)
    return f"levels = {{ {pairs} }}  # allowed: {allowed}; empty means missing"


def _unknown_codes(column: MappedColumn, parsed: Parsed) -> list[str]:
    """Distinct texts of the rows whose code is not known."""
    cells = parsed.table.column(column.sources[0])
    rows = [
        found.rows
        for found in parsed.findings
        if found.column == column.target and found.rule in _UNKNOWN_CODES and found.rows is not None
    ]
    return sorted({text.strip() for each in rows for text in text_codes(rows_of(cells, each)).distinct})
