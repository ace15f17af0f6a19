"""Turn a part of a file of patients into a block of the table of predictions."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from asthma_ml.classifier import Classifier
from asthma_ml.columns import Column, Texts
from asthma_ml.files import TableForm, encode_rows
from asthma_ml.intervals import PatientRows
from asthma_ml.patients import Part, PatientFile, ReadPatients, TextTable, text_codes
from asthma_ml.prediction.options import Explain
from asthma_ml.prediction.shift import ShiftStatistics, shift_statistics
from asthma_ml.prediction.tables import predicted_columns
from asthma_ml.variables import ID, OUTPUT_PREFIX

PATIENTS_COMPARED = 500
"""Largest number of patients of a block that are tested for covariate shift; more would add little."""


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
        Statistics of up to `PATIENTS_COMPARED` patients, for the test of covariate shift.
    """

    content: bytes | memoryview
    n_rows: int
    statuses: Counter[str]
    added: list[str]
    shift: ShiftStatistics


@dataclass(frozen=True, slots=True)
class BlockWriter:
    """Predicts the parts of a file; several threads may use it at once.

    Attributes
    ----------
    model : Classifier
        Fitted on a table with column names.
    patients : PatientFile
        Reads the parts.
    explain : {"none", "factors", "features"}
        Level of the explanation.
    form : TableForm
        File format of the output.
    """

    model: Classifier
    patients: PatientFile
    explain: Explain
    form: TableForm

    def __call__(self, part: Part) -> Block:
        """Predict the rows of a part."""
        read = self.patients.read(part)
        X = self.model.encoded_features(read.values)
        added = predicted_columns(self.model, read, self.explain, X)
        tested, rows = _tested_rows(np.flatnonzero(~read.invalid), part.repeated, read)
        content = _arrow_stream(read.table, added) if self.form.is_parquet else self._rows(read.table, added)
        statuses = _counted(added[f"{OUTPUT_PREFIX}status"])
        return Block(content, len(X), statuses, list(added), shift_statistics(self.model, X[tested], rows))

    def _rows(self, table: TextTable, added: dict[str, Column]) -> bytes | memoryview:
        delimiter, n_rows = self.form.delimiter, self.patients.n_patients
        if table.whole_rows is not None and table.delimiter == delimiter:
            return encode_rows([*added.values()], delimiter, copied=table.whole_rows, expected_rows=n_rows)
        return encode_rows([*table.columns, *added.values()], delimiter, expected_rows=n_rows)


def _tested_rows(
    valid: NDArray[np.intp], repeated: NDArray[np.bool_], read: ReadPatients
) -> tuple[NDArray[np.intp], PatientRows]:
    """All valid rows of every k-th patient, with the patient of each row."""
    rows = PatientRows.single(len(valid))
    if repeated[valid].any():
        ids = text_codes(read.values[ID]).codes
        # Rows without an identifier are patients of their own.
        rows = PatientRows.of(np.where(repeated, ids, ids.max() + 1 + np.arange(len(ids)))[valid])
    step = -(-rows.n_patients // PATIENTS_COMPARED) or 1
    chosen = rows.patient % step == 0
    return valid[chosen], rows.take(chosen)


def _counted(statuses: Any) -> Counter[str]:
    texts: Texts = statuses
    counts = np.bincount(texts.codes, minlength=len(texts.distinct))
    return Counter({text: int(n) for text, n in zip(texts.distinct, counts, strict=True) if n})


def _arrow_stream(table: TextTable, added: dict[str, Column]) -> memoryview:
    """Rows as a complete Arrow stream, so that the part file can be truncated after any block."""
    import pyarrow as pa

    from asthma_ml.files import arrow_array

    given = map(arrow_array, table.columns) if table.arrow is None else table.arrow.columns
    columns = [*given, *map(arrow_array, added.values())]
    rows = pa.Table.from_arrays(columns, [*table.names, *added])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    return memoryview(sink.getvalue())


def convert_to_parquet(part: BinaryIO, file: BinaryIO) -> None:
    """Convert the Arrow streams of a part file to one Parquet file."""
    import pyarrow as pa

    from asthma_ml.files import parquet_rows

    part.seek(0)
    schema = pa.ipc.open_stream(part).schema
    size = part.seek(0, os.SEEK_END)
    part.seek(0)
    with parquet_rows(file, schema) as append:
        while part.tell() < size:
            append(pa.ipc.open_stream(part).read_all())
