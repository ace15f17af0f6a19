"""Turn a part of a file of patients into a block of the table of predictions, in this process or another."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import pandas as pd

from asthma_ml.classifier import Classifier
from asthma_ml.errors import UnusableInputError
from asthma_ml.files import TableForm, csv_rows, frame_cells, parquet_rows
from asthma_ml.patients import Layout, Part, TextTable
from asthma_ml.prediction.options import Explain
from asthma_ml.prediction.shift import ShiftStatistics, shift_statistics
from asthma_ml.prediction.tables import frame_of_columns, predicted_columns
from asthma_ml.variables import OUTPUT_PREFIX

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_COMPARED = 500
"""Largest number of rows of a block that are tested for covariate shift; more would add little."""


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive rows of the table of predictions, as bytes.

    Attributes
    ----------
    content : bytes
        Bytes of the output file, without a header.
    n_rows : int
        Number of rows.
    statuses : Counter
        Number of rows by status.
    added : list of str
        Names of the added columns.
    shift : ShiftStatistics
        Statistics of up to `ROWS_COMPARED` rows, for the test of covariate shift.
    """

    content: bytes
    n_rows: int
    statuses: Counter[str]
    added: list[str]
    shift: ShiftStatistics


@dataclass(frozen=True)
class BlockWriter:
    """Predicts the parts of a file.

    Attributes
    ----------
    model : Classifier
        Fitted on a table with column names.
    layout : Layout
        Reads the parts.
    explain : {"none", "factors", "features"}
        Level of the explanation.
    form : TableForm
        File format of the output.
    given_schema : Schema or None
        Column types of a Parquet input that is written to Parquet.
    """

    model: Classifier
    layout: Layout
    explain: Explain
    form: TableForm
    given_schema: pa.Schema | None = None

    def __call__(self, part: Part) -> Block:
        """Predict the rows of a part."""
        table, patients = self.layout.read(part)
        added = frame_of_columns(predicted_columns(self.model, patients, self.explain))
        statuses = Counter(added[f"{OUTPUT_PREFIX}status"].tolist())
        content = self._arrow(table, added) if self.form.is_parquet else self._text(table, added)
        some = patients.values.iloc[:: -(-len(added) // ROWS_COMPARED) or 1]
        shift = shift_statistics(self.model, self.model.encode(some))
        return Block(content, len(added), statuses, list(added.columns), shift)

    def _text(self, table: TextTable, added: pd.DataFrame) -> bytes:
        given: Iterable[Sequence[Any]] = table.columns if table.given is None else frame_cells(table.given)
        return csv_rows([*given, *frame_cells(added)], self.form.delimiter).encode()

    def _arrow(self, table: TextTable, added: pd.DataFrame) -> bytes:
        """Rows as a complete Arrow stream, so that the part file can be truncated after any block."""
        import pyarrow as pa

        frame = pd.concat([table.frame, added.set_axis(table.frame.index)], axis=1)
        schema = None
        if self.given_schema is not None:
            schema = pa.schema([*self.given_schema, *pa.Schema.from_pandas(added, preserve_index=False)])
        rows = pa.Table.from_pandas(frame, schema=schema, preserve_index=False).combine_chunks()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as stream:
            stream.write_table(rows)
        return bytes(sink.getvalue())


def convert_to_parquet(part: BinaryIO, file: BinaryIO) -> None:
    """Convert the Arrow streams of a part file to one Parquet file."""
    import pyarrow as pa

    part.seek(0)
    schema = pa.ipc.open_stream(part).schema
    size = part.seek(0, os.SEEK_END)
    part.seek(0)
    with parquet_rows(file, schema) as append:
        while part.tell() < size:
            append(pa.ipc.open_stream(part).read_all())


def given_parquet_schema(frame: pd.DataFrame, given: pa.Schema, source: str) -> pa.Schema:
    """Column types of a Parquet file after pandas has read it.

    Parameters
    ----------
    frame : DataFrame of no rows
        The table as pandas reads it.
    given : Schema
        Schema of the file; it decides where the pandas type is object.
    source : str
        Name of the file for messages.

    Returns
    -------
    Schema
        Without the metadata of pandas.

    Raises
    ------
    UnusableInputError
        If a column has no type because all its cells are missing.
    """
    import pyarrow as pa

    types = pa.Schema.from_pandas(frame, preserve_index=False)
    fields = [
        given.field(field.name) if frame[field.name].dtype == object and field.name in given.names else field
        for field in types
    ]
    if any(pa.types.is_null(field.type) for field in fields):
        raise UnusableInputError(f"{source}: a column without a type cannot be written to Parquet; write a .csv")
    return pa.schema(fields)
