"""Open a table of any format: a file part by part, or a file or data frame as a whole."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from asthma_ml.patients.columns.column_map import ColumnMap
from asthma_ml.patients.columns.matching import variable_of_name
from asthma_ml.patients.table_shapes import refuse_other_shape
from asthma_ml.patients.text.aligned import aligned_table, find_layout
from asthma_ml.patients.text.data_frames import pandas_frame, table_of_frame
from asthma_ml.patients.text.file_rows import ParquetRows, TextRows, beginning_of
from asthma_ml.patients.text.plain_files import (
    BINARY_TABLES,
    OLE,
    PARQUET,
    ZIP,
    PlainFile,
    begins_with,
    plain_file,
    source_name,
)
from asthma_ml.patients.text.preamble import VariableOf
from asthma_ml.patients.text.table_rows import TableRows
from asthma_ml.patients.text.text_tables import TextTable

if TYPE_CHECKING:
    from asthma_ml.patients.text.data_frames import Source

Rows: TypeAlias = TextRows | ParquetRows | TableRows


def whole_table(source: Source, column_map: ColumnMap | None = None) -> tuple[TextTable, str]:
    """Read a whole table as text; also return its name for messages."""
    column_map = column_map or ColumnMap()
    if not isinstance(source, str | os.PathLike):
        name = "table in memory"
        table = table_of_frame(pandas_frame(source), name)
        refuse_other_shape(table.names, table.first_rows(), _variable_of(column_map), name)
        return table, name
    name = source_name(source)
    with plain_file(source, name) as file:
        rows = rows_of_file(file, None, column_map)
        [(table, _)] = rows.cuts()
        return replace(table, findings=rows.findings, layout=rows.layout), name


def rows_of_file(file: PlainFile, chunk_rows: int | None, column_map: ColumnMap) -> Rows:
    """Open the rows of a file, in parts of `chunk_rows` or as one part."""
    variable_of = _variable_of(column_map)
    rows = _opened(file, chunk_rows, variable_of)
    refuse_other_shape(rows.names, rows.first_rows(), variable_of, file.name)
    return rows


def _variable_of(column_map: ColumnMap) -> VariableOf:
    """What a known column name stands for, None for any other name; names of the map are known."""
    names = column_map.names
    return lambda name: name if name in names else variable_of_name(name)


def _opened(file: PlainFile, chunk_rows: int | None, variable_of: VariableOf) -> Rows:
    if begins_with(file.file, PARQUET):
        return ParquetRows(file, chunk_rows)
    if begins_with(file.file, *BINARY_TABLES):
        return TableRows(_other_table(file, variable_of), chunk_rows)
    if find_layout(beginning_of(file)) is not None:
        text = b"".join(file.blocks()).decode()
        return TableRows(aligned_table(text, file.name, file.encoding), chunk_rows)
    return TextRows(file, chunk_rows, variable_of)


def _other_table(file: PlainFile, variable_of: VariableOf) -> TextTable:
    """Table of a workbook or of a statistics program."""
    if begins_with(file.file, ZIP, OLE):
        from asthma_ml.patients.text.workbooks import workbook_table

        return workbook_table(file, variable_of)
    from asthma_ml.patients.text.statistics_files import statistics_table

    return statistics_table(file, variable_of)
