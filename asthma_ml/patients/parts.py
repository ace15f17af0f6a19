"""A part of a file of patients and the layout that reads it; both can be sent to other processes."""

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

_CACHED_TEXTS = 2**14


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file, not yet parsed; small enough to be sent to another process.

    Attributes
    ----------
    content : bytes or RecordBatch
        Lines of text, or rows of a Parquet file.
    first_row : int
        Number of rows of the table before this part.
    lines_before : int
        Number of lines of the file before this part.
    repeated : ndarray of bool of shape (n_rows,)
        Whether another row of the table has the same identifier.
    """

    content: Any
    first_row: int
    lines_before: int
    repeated: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.repeated)


class Format(Protocol):
    """Turns a part of a file into rows."""

    @property
    def decimal_comma(self) -> bool:
        """Whether numbers have a decimal comma."""

    @property
    def source(self) -> str:
        """Name of the file for messages."""

    @property
    def typed(self) -> frozenset[str]:
        """Columns whose type is not text."""

    def table(self, part: Part) -> TextTable:
        """Return the rows of a part."""


@dataclass(frozen=True, slots=True)
class TextFormat:
    """Rows of a text file."""

    dialect: Dialect
    codec: str
    source: str

    @property
    def decimal_comma(self) -> bool:
        """Whether numbers have a decimal comma."""
        return self.dialect.decimal_comma

    @property
    def typed(self) -> frozenset[str]:
        """Columns whose type is not text: none in a text file."""
        return frozenset()

    def table(self, part: Part) -> TextTable:
        """Return the rows of a part."""
        lines = io.StringIO(part.content.decode(self.codec), newline="")
        rows = numbered_rows(lines, self.dialect.delimiter, self.source, part.lines_before)
        return GatheredRows(self.dialect, rows).table()


@dataclass(frozen=True, slots=True)
class ParquetFormat:
    """Rows of a Parquet file. Integer and flag columns with a missing value anywhere get another type in pandas."""

    with_missing: frozenset[str]
    source: str
    decimal_comma: bool = False
    typed: frozenset[str] = frozenset()

    def table(self, part: Part) -> TextTable:
        """Return the rows of a part."""
        table = given_table(self.frame(part.content), self.source)
        return TextTable.of_frame(table.frame, table.lines + part.first_row)

    def frame(self, batch: pa.RecordBatch) -> pd.DataFrame:
        """Return rows with the column types that pandas finds in the whole file."""
        import pyarrow as pa

        columns = [
            column.cast(pa.float64(), safe=False)
            if name in self.with_missing and pa.types.is_integer(column.type)
            else column
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        ]
        named = pa.schema([field.with_type(column.type) for field, column in zip(batch.schema, columns, strict=True)])
        frame = pa.Table.from_arrays(columns, schema=named.with_metadata(batch.schema.metadata)).to_pandas()
        flags = {name: object for name in frame.columns if name in self.with_missing and frame[name].dtype == bool}
        flags_with_missing: pd.DataFrame = frame.astype(flags)
        return flags_with_missing


class CachingParser(CellParser):
    """Cell parser that keeps the results of texts it has parsed; not for columns whose values never repeat."""

    @cached_property
    def _read(self) -> Callable[[str], Reading]:
        return lru_cache(_CACHED_TEXTS)(super().__call__)

    def __call__(self, text: str) -> Reading:
        """Parse one cell."""
        return self._read(text)


def caching_parsers(matched: Mapping[str, MappedColumn], column_map: ColumnMap, how: Format) -> dict[str, CellParser]:
    """Return one parser for each variable, to be used for all parts of a file."""
    parsers = cell_parsers(matched, column_map, how.decimal_comma, how.typed)
    repeated = {target: parser for target, parser in parsers.items() if parser.variable.kind != "id"}
    return parsers | {
        target: CachingParser(**{each.name: getattr(parser, each.name) for each in fields(parser)})
        for target, parser in repeated.items()
    }


@dataclass(frozen=True)
class Layout:
    """Reads the parts of a file; can be sent to other processes.

    Attributes
    ----------
    format : Format
        Turns bytes into rows.
    columns : mapping of str to MappedColumn
        Source columns, unit and levels of each variable.
    column_map : ColumnMap
        Column map of the user.
    """

    format: Format
    columns: dict[str, MappedColumn]
    column_map: ColumnMap

    @cached_property
    def _parsers(self) -> dict[str, CellParser]:
        return caching_parsers(self.columns, self.column_map, self.format)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the cached parsers."""
        return {name: value for name, value in self.__dict__.items() if name != "_parsers"}

    def read(self, part: Part) -> tuple[TextTable, ReadPatients]:
        """Read a part; the result equals that of `read_patients` for the same rows."""
        table = self.format.table(part)
        cells = cells_of_variables(table, self.columns)
        values, findings = parse_cells(cells, self._parsers)
        findings += convert_cells(values, table, self.columns, self.column_map, self.format.source)
        return table, check_patients(cells, values, findings, table, self.columns, part.repeated)
