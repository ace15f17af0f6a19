"""Read a table of patients: convert any hospital's table to the columns, units and levels of the data dictionary."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.columns import Column, ColumnTable, Texts, numbers
from asthma_ml.html import html_summary
from asthma_ml.patients.checks import check_formulas, check_identifiers, check_rows, check_values
from asthma_ml.patients.column_evidence import ColumnEvidence, findings_of_columns
from asthma_ml.patients.columns.cells import JOIN, MISSING_TOKENS, CachingParser, parse_column
from asthma_ml.patients.columns.code_sets import NO_VERDICT, CodeVerdict
from asthma_ml.patients.columns.column_map import JOINT, ColumnMap, MappedColumn, canonical, names_not_read
from asthma_ml.patients.columns.column_summary import ColumnSummary
from asthma_ml.patients.columns.conversions import convert_with_companions
from asthma_ml.patients.columns.matching import match_columns
from asthma_ml.patients.columns.missing_codes import RareValues
from asthma_ml.patients.columns.qualifier_columns import columns_beside, distinct_texts, with_units_beside
from asthma_ml.patients.columns.thousands import Thousands, may_have_thousands
from asthma_ml.patients.columns.unit_rows import with_units_of_row
from asthma_ml.patients.non_patient_rows import (
    check_patients,
    findings_of_patients,
    named_by_initials,
    refuse_second_table,
    rows_beside_patients,
)
from asthma_ml.patients.opening import Rows, whole_table
from asthma_ml.patients.problems import (
    Finding,
    Problem,
    findings_of_length,
    invalid_rows,
    locate_problems,
    summarise_problems,
)
from asthma_ml.patients.text.identifiers import repeated_cells
from asthma_ml.patients.text.text_tables import TextTable, cell_texts, rows_of, text_codes
from asthma_ml.variables import ID, data_dictionary

if TYPE_CHECKING:
    import pandas as pd

    from asthma_ml.patients.text.data_frames import Source


@dataclass(frozen=True, repr=False)
class ReadPatients:
    """Patients in the columns of the data dictionary; row i is the same patient in all attributes.

    Attributes
    ----------
    values : ColumnTable of n_patients rows
        Columns of the data dictionary, in its order, units and levels; missing where missing or impossible.
        Identifiers are unchanged.
    findings : list of Finding
        Problems by column and rule.
    invalid : ndarray of shape (n_patients,)
        Whether a row has an error.
    table : TextTable of n_patients rows
        The table as given.
    columns : mapping of str to MappedColumn
        Source columns, unit and levels of each variable.
    """

    values: ColumnTable
    findings: list[Finding]
    invalid: NDArray[np.bool_]
    table: TextTable
    columns: Mapping[str, MappedColumn]

    def __repr__(self) -> str:
        return f"<ReadPatients: {len(self.table)} patients, {len(self.columns)} variables>"

    @property
    def lines(self) -> NDArray[np.int64]:
        """File line on which each row begins; the header is line 1."""
        return self.table.lines

    @cached_property
    def problems(self) -> list[Problem]:
        """Problems, in file order."""
        return locate_problems(self.findings, self.lines, self._cells)

    def _cells(self, target: str) -> list[str]:
        """Cells of a variable; cells of several columns are joined by a bar."""
        if target not in self.columns:
            return []
        return [text.replace(JOIN, JOINT) for text in cell_texts(cells_of_variable(self.table, self.columns[target]))]


@dataclass(frozen=True, repr=False)
class PatientTable:
    """A table of patients, as given and in the columns of the data dictionary; row i is the same patient in both.

    Attributes
    ----------
    read : ReadPatients of n_patients rows
        The patients without a data frame.
    source : str
        Name of the table for messages.
    layout : str
        Encoding, delimiter and decimal sign in words.
    decimal_comma : bool
        Whether numbers have a decimal comma.
    not_read : sequence of str
        Columns that are not read, without those that the map ignores or that qualify a value.
    """

    read: ReadPatients
    source: str
    layout: str = ""
    decimal_comma: bool = False
    not_read: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.read.table)

    def __repr__(self) -> str:
        invalid = int(self.invalid.sum())
        return f"<PatientTable {self.source}: {len(self)} patients, {len(self.columns)} variables, {invalid} invalid>"

    def _repr_html_(self) -> str:
        """Columns read, problems and first patients, for notebooks."""
        sources = {name: " and ".join(column.sources) for name, column in self.columns.items()}
        renamed = ", ".join(f"{source} as {name}" for name, source in sources.items() if source != name)
        return html_summary(
            repr(self), {"read under another name": renamed, "problems": summarise_problems(self.problems)}, self.values
        )

    @cached_property
    def raw(self) -> pd.DataFrame:
        """The table as given; text if it came from a text file."""
        return self.read.table.frame

    @cached_property
    def values(self) -> pd.DataFrame:
        """Columns of the data dictionary, in its order, units and levels; NaN where missing or impossible."""
        import pandas as pd

        columns = {name: _series(self.read.values[name]) for name in self.read.values}
        return pd.DataFrame(columns, index=pd.RangeIndex(len(self)))

    @property
    def lines(self) -> NDArray[np.int64]:
        """File line on which each row begins; the header is line 1."""
        return self.read.lines

    @property
    def findings(self) -> list[Finding]:
        """Problems by column and rule."""
        return self.read.findings

    @property
    def problems(self) -> list[Problem]:
        """Problems, in file order."""
        return self.read.problems

    @property
    def invalid(self) -> NDArray[np.bool_]:
        """Whether a row has an error."""
        return self.read.invalid

    @property
    def columns(self) -> Mapping[str, MappedColumn]:
        """Source columns, unit and levels of each variable."""
        return self.read.columns


def read_patients(source: Source, columns: ColumnMap | str | os.PathLike[str] | None = None) -> PatientTable:
    """Read a table of patients and check it.

    Parameters
    ----------
    source : path, "-" or data frame
        CSV or TSV (UTF-8, UTF-16 or Latin-1; comma, semicolon, tab or bar), Parquet, Excel, SPSS, Stata or SAS, also
        compressed by gzip or zstd; the content decides the format. `-` is standard input. Any data frame that
        narwhals converts.
    columns : ColumnMap or path, optional
        Maps other column names, units and codes. Other columns are matched by name, alias or LOINC code.

    Returns
    -------
    PatientTable
        One row for each row of the source, in its order. Unusable cells are problems, not exceptions.

    Raises
    ------
    UnusableInputError
        If the table cannot be read, the map does not fit it, or a column is evidently in another unit.

    Examples
    --------
    >>> import pandas as pd
    >>> patients = read_patients(pd.DataFrame({"patient_id": ["007", "008"], "FeNO": ["<5", "42"]}))
    >>> patients.values
      patient_id  feno_ppb
    0        007       5.0
    1        008      42.0
    >>> [problem.rule for problem in patients.problems]
    ['alias', 'censored']
    """
    column_map = as_column_map(columns)
    table, name = whole_table(source, column_map)
    reader = PatientReader.of(table, column_map, name).with_units_beside(table.names, [table])
    reader = reader.judged(reader.look(table))
    cells = cells_of_variable(table, reader.columns[ID]) if ID in reader.columns else None
    repeated = np.zeros(len(table), dtype=bool) if cells is None else repeated_cells(cells)
    read = reader.read(table, repeated, (*table.findings, *reader.findings, *findings_of_length(len(table))))
    layout = table.layout + (", decimal comma" if reader.decimal_comma else "")
    return PatientTable(read, name, layout, reader.decimal_comma, reader.not_read(table.names))


def as_column_map(columns: ColumnMap | str | os.PathLike[str] | None) -> ColumnMap:
    """Return a column map; read it from its file if a path is given."""
    if isinstance(columns, ColumnMap):
        return columns
    return ColumnMap() if columns is None else ColumnMap.from_toml(columns)


@dataclass(frozen=True, slots=True)
class Parsed:
    """Values of a table before conversion and checks, with the findings of its cells."""

    table: TextTable
    values: ColumnTable
    findings: list[Finding]


@dataclass(frozen=True)
class PatientReader:
    """Reads the rows of one table, all at once or part by part, also in several threads.

    Attributes
    ----------
    columns : dict of str to MappedColumn
        Source columns, unit and levels of each variable.
    column_map : ColumnMap
        Column map of the user.
    decimal_comma : bool
        Whether numbers have a decimal comma.
    typed_names : frozenset of str
        Columns whose type is not text.
    source : str
        Name of the table for messages.
    findings : tuple of Finding
        Warnings about the columns.
    code_verdicts : mapping of str to CodeVerdict
        What the codes of flags and categories mean, judged by the whole table.
    initials : bool
        Whether the patients are named by initials.
    """

    columns: dict[str, MappedColumn]
    column_map: ColumnMap
    decimal_comma: bool
    typed_names: frozenset[str]
    source: str
    findings: tuple[Finding, ...] = ()
    code_verdicts: Mapping[str, CodeVerdict] = field(default_factory=dict)
    initials: bool = False

    @classmethod
    def of(cls, table: TextTable | Rows, column_map: ColumnMap, source: str) -> PatientReader:
        """Match the columns of a table; raises UnusableInputError as `match_columns` does."""
        matched, findings = match_columns(table.names, column_map, source)
        rows = table.first_rows()
        matched, of_units = with_units_of_row(matched, table.names, rows, source)
        comma = column_map.decimal == "," if column_map.decimal else table.decimal_comma
        first = table.names.index(matched[ID].sources[0]) if ID in matched else len(table.names)
        initials = named_by_initials([row[first] for row in rows if first < len(row)])
        return cls(matched, column_map, comma, table.typed_names, source, (*findings, *of_units), initials=initials)

    def with_units_beside(self, names: Sequence[str], parts: Iterable[TextTable]) -> PatientReader:
        """The reader with the units that columns beside the values state for all parts of the table."""
        beside = columns_beside(names, self.columns, self.column_map)
        if not beside:
            return self
        texts = distinct_texts(parts, {each.name for each in beside})
        columns, found = with_units_beside(self.columns, beside, texts, self._missing, self.source)
        return replace(self, columns=columns, findings=(*self.findings, *found))

    def not_read(self, names: Sequence[str]) -> list[str]:
        """Columns that are not read and about which neither the map nor the reader has decided."""
        qualifiers = {each.name for each in columns_beside(names, self.columns, self.column_map)}
        return [name for name in names_not_read(names, self.columns, self.column_map) if name not in qualifiers]

    @cached_property
    def parsers(self) -> dict[str, CachingParser]:
        """One parser for each variable, which remembers the texts that it has parsed."""
        stated = self.column_map.decimal is not None
        parsers = {}
        for target, column in self.columns.items():
            missing = self._missing.union(map(canonical, column.missing))
            # Numbers of a typed column always have a decimal point.
            typed = stated and not self.typed_names.isdisjoint(column.sources)
            signs = (False, False) if typed else (self.decimal_comma, stated)
            verdict = self.code_verdicts.get(target, NO_VERDICT)
            parsers[target] = CachingParser(data_dictionary()[target], column, missing, *signs, verdict)
        return parsers

    def look(self, table: TextTable) -> ColumnEvidence:
        """Evidence of a part of the table on its columns; that of all parts adds up."""
        return self._evidence(self.parse(table, self.judged_numbers)) + ColumnEvidence(codes=self.codes(table))

    def judged(self, evidence: ColumnEvidence) -> PatientReader:
        """The reader that knows the evidence of the whole table; refuses a column in another unit or scale."""
        found = findings_of_columns(evidence, self.columns, self.source)
        return replace(self, findings=(*self.findings, *found)).with_codes(evidence.codes)

    def read(self, table: TextTable, repeated: NDArray[np.bool_], found: Sequence[Finding] = ()) -> ReadPatients:
        """Read a part of the table; `repeated` says which of its identifiers other rows have as well."""
        return self.check(self.parse(table), repeated, found)

    def parse(self, table: TextTable, targets: Sequence[str] | None = None) -> Parsed:
        """Parse the cells of all variables, or of some of them."""
        values: dict[str, Column] = {}
        findings: list[Finding] = []
        for target in self.columns if targets is None else targets:
            column = cells_of_variable(table, self.columns[target])
            values[target], found = parse_column(column, self.parsers[target])
            findings += found
        return Parsed(table, ColumnTable(values, len(table)), findings)

    def check(self, parsed: Parsed, repeated: NDArray[np.bool_], found: Sequence[Finding] = ()) -> ReadPatients:
        """Convert values with other columns, check them, and set impossible ones to missing.

        Parameters
        ----------
        parsed : Parsed
            Values, changed in place.
        repeated : ndarray of bool of shape (n_patients,)
            Whether another row has the same identifier.
        found : sequence of Finding
            Earlier findings.
        """
        table, values = parsed.table, parsed.values
        of_rows = check_patients(table, self.columns, values, parsed.findings, initials=self.initials)
        refuse_second_table(of_rows, table.lines, self.source)
        converted = convert_with_companions(
            values,
            table,
            self.columns,
            missing=self._missing,
            decimal_comma=self.decimal_comma,
            source=self.source,
        )
        of_values = check_values(values, self.columns.keys() - self.without_stated_unit)
        of_cells = [*check_rows(table), *found, *parsed.findings, *converted, *of_values]
        of_cells += [*check_identifiers(values, repeated), *check_formulas(table, self._parsed_names)]
        findings = [*of_rows, *findings_of_patients(of_cells, of_rows)]
        return ReadPatients(values, findings, invalid_rows(findings, len(table)), table, self.columns)

    def _evidence(self, parsed: Parsed) -> ColumnEvidence:
        """Evidence on the numbers of a part of the table; the judged ones must be parsed."""
        beside = rows_beside_patients(parsed.table, self.columns, {}, initials=self.initials)
        values = {name: numbers(parsed.values, name) for name in self.judged_numbers}
        if beside.size:
            values = {name: np.delete(column, beside) for name, column in values.items()}
        summaries = {name: ColumnSummary.of(data_dictionary()[name], column) for name, column in values.items()}
        rare = {name: RareValues.of(data_dictionary()[name], column) for name, column in values.items()}
        grouped = [name for name in self.judged_numbers if may_have_thousands(self.parsers[name])]
        cells = {name: cells_of_variable(parsed.table, self.columns[name]) for name in grouped}
        thousands = {
            name: Thousands.of(self.parsers[name], cells[name], numbers(parsed.values, name)) for name in grouped
        }
        return ColumnEvidence(summaries, rare, thousands=thousands)

    def codes(self, table: TextTable) -> dict[str, frozenset[str]]:
        """Distinct cells of flags and categories in a part of the table."""
        coded = {name: parser for name, parser in self.parsers.items() if parser.reads_codes}
        cells = {name: cells_of_variable(table, self.columns[name]) for name in coded}
        codes = {name: each.codes(cells[name]) for name, each in coded.items()}
        beside = rows_beside_patients(table, self.columns, codes, initials=self.initials)
        if not beside.size:
            return codes
        rows = np.delete(np.arange(len(table)), beside)
        return {name: each.codes(rows_of(cells[name], rows)) for name, each in coded.items()}

    def with_codes(self, codes: Mapping[str, frozenset[str]]) -> PatientReader:
        """The reader that knows all codes of flags and categories of the table."""
        verdicts = {name: self.parsers[name].judged(found) for name, found in codes.items()}
        return replace(self, code_verdicts={name: each for name, each in verdicts.items() if each != NO_VERDICT})

    @cached_property
    def judged_numbers(self) -> list[str]:
        """Numeric variables that the column map does not explain: neither unit nor levels are stated.

        A unit in the header is not enough, because exports repeat the header of their form whatever the values are.
        """
        mapped = self.column_map.columns
        explained = {name for name, column in mapped.items() if column.unit or column.companions or column.levels}
        return [name for name in self.columns if name not in explained and self._is_measured(name)]

    def _is_measured(self, name: str) -> bool:
        """Whether the values of a variable are numbers that need no other column."""
        variable = data_dictionary()[name]
        return variable.kind in ("number", "count") and not self.columns[name].companions

    @cached_property
    def without_stated_unit(self) -> list[str]:
        """Variables whose unit the column map does not state."""
        return [target for target, column in self.columns.items() if not (column.unit or column.companions)]

    @cached_property
    def _missing(self) -> frozenset[str]:
        """Codes for missing in all columns, in canonical spelling."""
        return MISSING_TOKENS.union(map(canonical, self.column_map.missing))

    @cached_property
    def _parsed_names(self) -> set[str]:
        """Columns whose cells are parsed as numbers, flags or levels."""
        verbatim = ("id", "group")
        read = (column for target, column in self.columns.items() if data_dictionary()[target].kind not in verbatim)
        return {name for column in read for name in column.sources}


def cells_of_variable(table: TextTable, column: MappedColumn) -> Column:
    """Cells of a variable; those of several source columns are joined. Misfits have only their identifier."""
    if column.target == ID:
        return table.columns[table.names.index(column.sources[0])]
    if len(column.sources) == 1:
        return table.column(column.sources[0])
    rows = zip(*(table.texts(name) for name in column.sources), strict=True)
    return Texts.of([JOIN.join(row) for row in rows])


def _series(column: Column) -> Any:
    import pandas as pd

    if isinstance(column, np.ndarray):
        return column
    coded = column if isinstance(column, Texts) else text_codes(column)
    return pd.Series(pd.array(list(coded.distinct), dtype="str").take(coded.codes, allow_fill=True))
