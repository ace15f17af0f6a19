"""A part of a file of patients, and all that is needed to read it: both travel to other processes."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.patients.column_map import ColumnMap, MappedColumn
from asthma_ml.patients.dialect import Dialect
from asthma_ml.patients.parsing import CellParser, Reading
from asthma_ml.patients.reading import (
    ReadPatients,
    cell_parsers,
    cells_of_variables,
    check_patients,
    convert_cells,
    parse_cells,
)
from asthma_ml.patients.sources import given_table
from asthma_ml.patients.text_rows import numbered_rows
from asthma_ml.patients.text_tables import GatheredRows, TextTable

if TYPE_CHECKING:
    import pyarrow as pa

_REMEMBERED = 2**14


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file, not yet read; light enough to be sent to another process.

    Attributes
    ----------
    content : bytes or RecordBatch
        Lines of text, or rows of a Parquet file.
    first_row : int
        Rows of the table before these.
    lines_before : int
        Lines of the file before these.
    repeated : ndarray of bool of shape (n_rows,)
        Whose identifier is used by another row of the table.
    """

    content: Any
    first_row: int
    lines_before: int
    repeated: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.repeated)


class Format(Protocol):
    """How a part of a file becomes rows."""

    @property
    def decimal_comma(self) -> bool:
        """Whether a comma inside a number is its decimal sign."""

    @property
    def source(self) -> str:
        """Name of the file for messages."""

    @property
    def typed(self) -> frozenset[str]:
        """Columns that hold something else than text."""

    def table(self, part: Part) -> TextTable:
        """Read the rows of a part."""


@dataclass(frozen=True, slots=True)
class TextFormat:
    """Rows of a text file."""

    dialect: Dialect
    codec: str
    source: str

    @property
    def decimal_comma(self) -> bool:
        """Whether a comma inside a number is its decimal sign."""
        return self.dialect.decimal_comma

    @property
    def typed(self) -> frozenset[str]:
        """Columns that hold something else than text: none of a text file."""
        return frozenset()

    def table(self, part: Part) -> TextTable:
        """Read the rows of a part."""
        lines = io.StringIO(part.content.decode(self.codec), newline="")
        rows = numbered_rows(lines, self.dialect.delimiter, self.source, part.lines_before)
        return GatheredRows(self.dialect, rows).table()


@dataclass(frozen=True, slots=True)
class ParquetFormat:
    """Rows of a Parquet file; a column of integers or flags with a gap anywhere is of another kind in pandas."""

    with_gaps: frozenset[str]
    source: str
    decimal_comma: bool = False
    typed: frozenset[str] = frozenset()

    def table(self, part: Part) -> TextTable:
        """Read the rows of a part."""
        table = given_table(self.frame(part.content), self.source)
        return TextTable.of_frame(table.frame, table.lines + part.first_row)

    def frame(self, batch: pa.RecordBatch) -> pd.DataFrame:
        """Rows as pandas reads them from the whole file."""
        import pyarrow as pa

        columns = [
            column.cast(pa.float64(), safe=False)
            if name in self.with_gaps and pa.types.is_integer(column.type)
            else column
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        ]
        named = pa.schema([field.with_type(column.type) for field, column in zip(batch.schema, columns, strict=True)])
        frame = pa.Table.from_arrays(columns, schema=named.with_metadata(batch.schema.metadata)).to_pandas()
        flags = {name: object for name in frame.columns if name in self.with_gaps and frame[name].dtype == bool}
        flags_with_gaps: pd.DataFrame = frame.astype(flags)
        return flags_with_gaps


class RememberingParser(CellParser):
    """Reads a text that it has read before without looking at it again; not for what is never repeated."""

    @cached_property
    def _read(self) -> Callable[[str], Reading]:
        return lru_cache(_REMEMBERED)(super().__call__)

    def __call__(self, text: str) -> Reading:
        """Read one cell."""
        return self._read(text)


def remembering_parsers(
    matched: Mapping[str, MappedColumn], column_map: ColumnMap, how: Format
) -> dict[str, CellParser]:
    """What reads the cells of each variable, part after part."""
    parsers = cell_parsers(matched, column_map, how.decimal_comma, how.typed)
    repeated = {target: parser for target, parser in parsers.items() if parser.variable.kind != "id"}
    return parsers | {
        target: RememberingParser(**{each.name: getattr(parser, each.name) for each in fields(parser)})
        for target, parser in repeated.items()
    }


@dataclass(frozen=True)
class Layout:
    """All that is needed to read a part of a file; travels to other processes.

    Attributes
    ----------
    format : Format
        How bytes become rows.
    columns : mapping of str to MappedColumn
        Which columns each variable is read from, and how.
    column_map : ColumnMap
        What the user stated.
    """

    format: Format
    columns: dict[str, MappedColumn]
    column_map: ColumnMap

    @cached_property
    def _parsers(self) -> dict[str, CellParser]:
        return remembering_parsers(self.columns, self.column_map, self.format)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what was remembered."""
        return {name: value for name, value in self.__dict__.items() if name != "_parsers"}

    def read(self, part: Part) -> tuple[TextTable, ReadPatients]:
        """Read a part as `read_patients` reads these rows."""
        table = self.format.table(part)
        cells = cells_of_variables(table, self.columns)
        values, findings = parse_cells(cells, self._parsers)
        findings += convert_cells(values, table, self.columns, self.column_map, self.format.source)
        return table, check_patients(cells, values, findings, table, self.columns, part.repeated)
