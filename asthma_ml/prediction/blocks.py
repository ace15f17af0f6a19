"""A part of a file of patients becomes a block of the table of predictions, in this process or in another."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import pandas as pd

from asthma_ml.classifier import Classifier
from asthma_ml.errors import UnusableInputError
from asthma_ml.files import TableForm, csv_rows, frame_cells, write_row_groups
from asthma_ml.patients import Layout, Part, TextTable
from asthma_ml.prediction.shift import TableSums, shift_statistics
from asthma_ml.prediction.tables import Explain, predicted_columns
from asthma_ml.variables import OUTPUT_PREFIX

if TYPE_CHECKING:
    import pyarrow as pa


ROWS_COMPARED = 500
"""Rows of each block that are compared with the training patients; all of them would tell no more."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of the table of predictions.

    Attributes
    ----------
    content : bytes
        As they are written, without a header.
    n_rows : int
        How many.
    statuses : Counter
        How many have which status.
    added : list of str
        Names of the columns that the prediction adds.
    sums : TableSums
        Of some of the patients, to be compared with the training patients.
    """

    content: bytes
    n_rows: int
    statuses: Counter[str]
    added: list[str]
    sums: TableSums


@dataclass(frozen=True)
class BlockWriter:
    """Predicts parts of a file.

    Attributes
    ----------
    model : Classifier
        Fitted on a table with column names.
    layout : Layout
        Reads the parts.
    explain : {"factors", "features", "none"}
        How far predictions are explained.
    form : TableForm
        How the table is written.
    given_schema : Schema or None
        Kinds of the columns of a Parquet file as they are written to another one.
    """

    model: Classifier
    layout: Layout
    explain: Explain
    form: TableForm
    given_schema: pa.Schema | None = None

    def __call__(self, part: Part) -> Block:
        """Predict the rows of a part."""
        table, patients = self.layout.read(part)
        added = predicted_columns(self.model, patients, self.explain)
        statuses = Counter(added[f"{OUTPUT_PREFIX}status"].tolist())
        content = self._arrow(table, added) if self.form.is_parquet else self._text(table, added)
        some = patients.values.iloc[:: -(-len(added) // ROWS_COMPARED) or 1]
        sums = shift_statistics(self.model, self.model.encode(some))
        return Block(content, len(added), statuses, list(added.columns), sums)

    def _text(self, table: TextTable, added: pd.DataFrame) -> bytes:
        given: Iterable[Sequence[Any]] = table.columns if table.given is None else frame_cells(table.given)
        return csv_rows([*given, *frame_cells(added)], self.form.delimiter).encode()

    def _arrow(self, table: TextTable, added: pd.DataFrame) -> bytes:
        """A whole stream of Arrow's own, so that the file can be cut after each block."""
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


def packed_as_parquet(made: BinaryIO, file: BinaryIO) -> None:
    """Turn the streams of a part file into one Parquet file."""
    import pyarrow as pa

    made.seek(0)
    first = pa.ipc.open_stream(made).schema

    def batches() -> Iterable[pa.RecordBatch]:
        size = made.seek(0, os.SEEK_END)
        made.seek(0)
        while made.tell() < size:
            yield from pa.ipc.open_stream(made)

    write_row_groups(batches(), first, file)


def given_parquet_schema(frame: pd.DataFrame, given: pa.Schema, source: str) -> pa.Schema:
    """Kinds of the columns of a Parquet file after pandas has read them.

    Parameters
    ----------
    frame : DataFrame of no rows
        As pandas reads it.
    given : Schema
        Of the file; decides where pandas holds any objects.
    source : str
        Name of the file for messages.

    Returns
    -------
    Schema
        Without pandas' own remarks.
    """
    import pyarrow as pa

    kinds = pa.Schema.from_pandas(frame, preserve_index=False)
    fields = [
        given.field(field.name) if frame[field.name].dtype == object and field.name in given.names else field
        for field in kinds
    ]
    if any(pa.types.is_null(field.type) for field in fields):
        raise UnusableInputError(f"{source}: a column without a kind cannot be written to Parquet; write a .csv")
    return pa.schema(fields)
