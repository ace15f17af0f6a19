"""Parse cells: numbers, flags, levels and codes for missing.

Each distinct text of a column is parsed once; plain numbers of a large table are read by machine code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from asthma_ml.columns import Column, Slices, Texts
from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.columns.beside_numbers import read_beside, text_beside
from asthma_ml.patients.columns.cell_text import cell_text
from asthma_ml.patients.columns.code_sets import NO_VERDICT, CodeVerdict, believable
from asthma_ml.patients.columns.code_text import SMALLEST, is_missing_of_sas, is_zero
from asthma_ml.patients.columns.column_map import JOINT, MappedColumn, canonical
from asthma_ml.patients.columns.level_text import MISSING_OF_SAS, read_level, read_missing
from asthma_ml.patients.columns.missing_codes import is_usual_negative
from asthma_ml.patients.columns.number_text import Reading, read_number
from asthma_ml.patients.columns.units import convert
from asthma_ml.patients.problems import Finding, Severity
from asthma_ml.patients.text.text_tables import rows_of, text_codes
from asthma_ml.variables import ID, Variable

MISSING_TOKENS = frozenset({"", "na", "n/a", "nan", "null", "."})
JOIN = "\x1f"
_CACHED_TEXTS = 2**14
NOT_WHOLE: tuple[str, Severity, str] = ("whole_number", "warning", "not a whole number")
"""Rule, severity and message of a count that is not a whole number."""
# Common codes for missing; they are read as missing only if the column map says so.
LIKELY_CODES = frozenset({"-9", "-99", "-999", "-9999", "999", "9999", "99999"})
_LIKELY_CODE = "that looks like a code for missing; if it is one, add it to `missing` in a column map"


@dataclass(frozen=True)
class CellParser:
    """Parses the cells of one variable.

    Attributes
    ----------
    variable : Variable
        Variable of the column.
    mapped : MappedColumn
        Its unit, level map and codes for missing.
    missing : frozenset of str
        Codes for missing, in canonical spelling.
    decimal_comma : bool
        Whether numbers have a decimal comma.
    decimal_stated : bool
        Whether the column map states the decimal sign; the other sign then separates thousands.
    verdict : CodeVerdict
        What the codes of the whole column of a flag or category mean, see `judged`.
    """

    variable: Variable
    mapped: MappedColumn
    missing: frozenset[str] = MISSING_TOKENS
    decimal_comma: bool = False
    decimal_stated: bool = False
    verdict: CodeVerdict = NO_VERDICT

    @property
    def reads_codes(self) -> bool:
        """Whether the codes of the whole column decide what each of them means."""
        return self.variable.kind in ("flag", "category") and len(self.mapped.sources) < 2

    def codes(self, column: Column) -> frozenset[str]:
        """Distinct cells of a column, or of a part of it, whose meaning the column map does not state."""
        texts = text_codes(column)
        found = (texts.distinct[code] for code in np.unique(texts.codes).tolist())
        return frozenset(text for text in found if not self._is_stated(canonical(text)))

    def judged(self, codes: Iterable[str]) -> CodeVerdict:
        """What the codes of the whole column mean; `replace(parser, verdict=...)` reads its cells accordingly.

        Examples
        --------
        >>> from asthma_ml.variables import data_dictionary
        >>> parser = CellParser(data_dictionary()["sex"], MappedColumn("sex"))
        >>> verdict = parser.judged(parser.codes(Texts.of(["H", "M", "M"])))
        >>> replace(parser, verdict=verdict)("M").value
        'female'
        """
        return believable(codes, self.variable)

    @property
    def reads_numbers(self) -> bool:
        """Whether the cells are numbers of one source column, so that plain ones need no further look."""
        return self.variable.kind in ("number", "count") and not self.empty_has_level and len(self.mapped.sources) < 2

    @property
    def empty_has_level(self) -> bool:
        """Whether the column map gives a level to empty cells."""
        return "" in self.mapped.levels

    @cached_property
    def special(self) -> NDArray[np.float64]:
        """Numbers that may be codes, so that their text decides."""
        codes = map(_as_float, (*LIKELY_CODES, *self.missing, *self.mapped.levels))
        return np.array([code for code in codes if not np.isnan(code)])

    @cached_property
    def factor(self) -> float:
        """Conversion factor of the stated unit."""
        return self.mapped.factor

    def __call__(self, text: str) -> Reading:
        """Parse one cell; cells of several source columns are joined by `JOIN`."""
        if self.variable.kind == "id":
            return Reading(text)
        codes = [canonical(part) for part in text.split(JOIN)]
        if JOINT.join(codes) in self.mapped.levels:
            return Reading(self.mapped.levels[JOINT.join(codes)])
        if not self.missing.isdisjoint(codes):
            return Reading(None)
        if len(codes) > 1:
            return Reading(None, "unknown_level", "not among the combinations in the column map")
        return Reading(text) if self.variable.kind == "group" else self._plain(cell_text(text))

    def _is_stated(self, code: str) -> bool:
        return code in self.mapped.levels or code in self.missing

    def _plain(self, text: str) -> Reading:
        """Parse a normalised cell whose meaning the column map does not state."""
        if self.variable.kind in ("flag", "category", "label"):
            return read_level(text, self.variable, self.verdict)
        reading = self._number(text)
        if reading.rule != "number":
            return reading
        found = read_missing(text, self.variable) or read_beside(text, self.variable, self.mapped, self._read_number)
        return found or text_beside(text, self.variable) or reading

    def _read_number(self, text: str) -> Reading:
        return read_number(text, self.decimal_comma, self.decimal_stated)

    def _number(self, text: str) -> Reading:
        reading = self._read_number(text)
        if not isinstance(reading.value, float):
            return reading
        if canonical(text) in LIKELY_CODES and not is_usual_negative(self.variable, reading.value * self.factor):
            return self._likely_code(reading.value)
        if is_missing_of_sas(reading.value):
            return MISSING_OF_SAS
        value = 0.0 if is_zero(reading.value) else convert(reading.value, self.factor)
        if self.variable.kind == "count" and not reading.rule and not value.is_integer():
            return Reading(value, NOT_WHOLE[0], NOT_WHOLE[2], NOT_WHOLE[1])
        return reading._replace(value=value) if value != reading.value else reading

    def _likely_code(self, value: float) -> Reading:
        """A number that looks like a code for missing: a warning if it is within the hard limits, else an error."""
        lower, upper = self.variable.limits or (-np.inf, np.inf)
        if lower <= convert(value, self.factor) <= upper:
            return Reading(convert(value, self.factor), "missing_code", _LIKELY_CODE, "warning")
        return Reading(None, "missing_code", _LIKELY_CODE)


class CachingParser(CellParser):
    """Cell parser that remembers the texts that it has parsed."""

    @cached_property
    def _read(self) -> Callable[[str], Reading]:
        return lru_cache(_CACHED_TEXTS)(super().__call__)

    def __call__(self, text: str) -> Reading:
        """Parse one cell."""
        return self._read(text)


def parse_column(column: Column, parser: CellParser) -> tuple[Column, list[Finding]]:
    """Parse the cells of a column.

    Parameters
    ----------
    column : Column of n_patients rows
        Cells: texts, or numbers of a typed column.
    parser : CellParser
        Parser of the variable.

    Returns
    -------
    values : Column
        Numbers (NaN where missing) for a number, a count or a flag, otherwise texts. Identifiers are unchanged.
    findings : list of Finding
        Problems of the cells.

    Raises
    ------
    UnusableInputError
        If a text is not valid Unicode, such as half of a surrogate pair.

    Examples
    --------
    >>> from asthma_ml.variables import data_dictionary
    >>> parser = CellParser(data_dictionary()["feno_ppb"], MappedColumn("feno_ppb"))
    >>> parse_column(Texts.of(["25", "n/a", "<5"]), parser)[0].tolist()
    [25.0, nan, 5.0]
    """
    if parser.variable.kind == "id":
        if not isinstance(column, Slices):
            _refuse_surrogates(text_codes(column).distinct, ID)
        return (text_codes(column) if isinstance(column, np.ndarray) else column), []
    if parser.reads_numbers and isinstance(column, Slices | np.ndarray):
        return _parse_numbers(column, parser)
    return _parse_distinct(text_codes(column), parser)


def _parse_numbers(column: Slices | NDArray[np.float64], parser: CellParser) -> tuple[Column, list[Finding]]:
    """Numbers of a column: plain ones by machine code, other texts one by one."""
    if isinstance(column, Slices):
        values, others = _plain_numbers(column, parser.decimal_comma)
    else:
        values, others = np.array(column), np.isinf(column) | ((column != 0) & (np.abs(column) < SMALLEST))
    others |= np.isin(values, parser.special)
    values = _converted(values, parser.factor)
    findings = _not_whole(values, others, parser)
    rows = np.flatnonzero(others)
    if rows.size:
        rest, found = _parse_distinct(text_codes(rows_of(column, rows)), parser)
        values[rows] = np.asarray(rest)
        findings += [replace(each, rows=None if each.rows is None else rows[each.rows]) for each in found]
    return values, findings


def _plain_numbers(column: Slices, decimal_comma: bool) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Plain numbers of a column, NaN where a cell is empty, and the rows that hold another text."""
    from asthma_ml.patients.text import text_kernel

    values, others = np.empty(len(column)), np.zeros(len(column), dtype=bool)
    rows = np.empty(len(column), dtype=np.int64)
    point = ord("," if decimal_comma else ".")
    n = text_kernel.read_plain_numbers(column.data, column.starts, column.stops, point, values, rows)
    others[rows[:n]] = True
    return values, others


def _converted(values: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Values in the unit of the dictionary; each distinct value is converted once."""
    if factor == 1.0:
        return values
    distinct, place = np.unique(values, return_inverse=True)
    return np.array([convert(value, factor) for value in distinct.tolist()])[place]


def _not_whole(values: NDArray[np.float64], others: NDArray[np.bool_], parser: CellParser) -> list[Finding]:
    if parser.variable.kind != "count":
        return []
    rows = np.flatnonzero((np.isfinite(values)) & (values != np.floor(values)) & ~others)
    return [Finding(parser.variable.name, *NOT_WHOLE, rows)] if rows.size else []


def _parse_distinct(texts: Texts, parser: CellParser) -> tuple[Column, list[Finding]]:
    """Values of texts, each parsed once."""
    readings = [parser(text) for text in texts.distinct]
    findings = _findings(parser.variable.name, texts.codes, readings)
    if parser.variable.is_numeric:
        numbers = [np.nan if reading.value is None else reading.value for reading in readings]
        return np.array([*numbers, np.nan], dtype=np.float64)[texts.codes], findings
    levels = Texts.of(None if reading.value is None else str(reading.value) for reading in readings)
    _refuse_surrogates(levels.distinct, parser.variable.name)
    return Texts(np.append(levels.codes, np.int32(-1))[texts.codes], levels.distinct), findings


def _refuse_surrogates(texts: Sequence[str], name: str) -> None:
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        raise UnusableInputError(f"{name}: a cell contains text that is not Unicode") from None


def _findings(name: str, codes: NDArray[np.int32], readings: Sequence[Reading]) -> list[Finding]:
    """Group the problems of the distinct texts by rule and message."""
    groups: dict[tuple[str, Severity, str], list[int]] = {}
    for code, reading in enumerate(readings):
        if reading.rule:
            groups.setdefault((reading.rule, reading.severity, reading.message), []).append(code)
    found = [Finding(name, *key, np.flatnonzero(np.isin(codes, group))) for key, group in groups.items()]
    return [finding for finding in found if finding.rows is not None and finding.rows.size]


def _as_float(code: str) -> float:
    try:
        return float(code)
    except ValueError:
        return np.nan
