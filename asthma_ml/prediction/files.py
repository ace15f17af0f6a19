"""Predict a file of any size: in constant memory, in several threads, resumable after an interruption."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from asthma_ml.classifier import Classifier, refuse_without_features
from asthma_ml.errors import RowsRefusedError, UnusableInputError
from asthma_ml.explanation import refuse_without_mechanisms
from asthma_ml.files import (
    Journal,
    PartFile,
    Sink,
    TableForm,
    compressing,
    csv_header,
    is_stream,
    read_journal,
    stream_sink,
    table_form,
)
from asthma_ml.jobs import in_order
from asthma_ml.patients import ColumnMap, PatientFile, reasons_not_read
from asthma_ml.prediction.blocks import BlockWriter, convert_to_parquet
from asthma_ml.prediction.options import CHUNK_ROWS, Explain, refuse_unknown_explain
from asthma_ml.prediction.shift import ShiftStatistics, detect_shift, shift_warning
from asthma_ml.prediction.tables import missing_features, refuse_output_columns
from asthma_ml.version import __version__

_COPIED_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class PredictedFile:
    """Counts and warnings of a predicted file.

    Attributes
    ----------
    n_patients : int
        Number of rows of the input and of the output.
    statuses : mapping of str to int
        Number of rows by status, in descending order.
    n_repeated : int
        Number of rows that share their identifier with another row.
    missing_features : list of str
        Features that the model uses and the file does not have, in descending order of importance.
    not_read : list of str
        Columns of the file of which no variable is read.
    n_resumed : int
        Number of rows that an earlier run had written.
    warnings : list of str
        Warnings about the file, its columns and covariate shift.
    """

    n_patients: int
    statuses: Mapping[str, int]
    n_repeated: int
    missing_features: list[str]
    not_read: list[str]
    n_resumed: int = 0
    warnings: list[str] = field(default_factory=list)


def predict_file(
    model: Classifier | str | os.PathLike[str],
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    columns: ColumnMap | str | os.PathLike[str] | None = None,
    *,
    explain: Explain = "factors",
    strict: bool = False,
    chunk_rows: int = CHUNK_ROWS,
    jobs: int = 1,
    resume: bool = False,
    progress: bool = False,
) -> PredictedFile:
    r"""Predict a file of patients of any size.

    The output equals that of ``write_table(predict_table(model, read_patients(source, columns)), output)`` byte for
    byte, for any `chunk_rows` and `jobs`; columns of a Parquet file that is written to Parquet keep their types. The
    input is read twice: a first pass checks it, a second pass predicts it. Memory does not grow with the file, except
    for one byte per row.

    Parameters
    ----------
    model : PhenotypeClassifier, CompiledClassifier, path or "shipped"
        Classifier fitted on a table with column names, its model file, or the shipped two-class model.
    source : path or "-"
        As for `read_patients`; `-` is standard input, which is copied to a temporary file.
    output : path or "-"
        ``.csv``, ``.tsv`` (also ``.gz``) or ``.parquet``; `-` is standard output. Files are written atomically:
        `output` appears when it is complete.
    columns : ColumnMap or path, optional
        Maps other column names, units and codes to the data dictionary.
    explain : {"none", "factors", "features", "mechanisms"}, default="factors"
        Level of the explanation, as for `predict_table`.
    strict : bool, default=False
        Refuse the file if any row has an error, such as a value outside its hard limits.
    chunk_rows : int, default=20_000
        Rows that each thread holds in memory at a time.
    jobs : int, default=1
        Number of threads that predict.
    resume : bool, default=False
        Continue an interrupted run of the same input, column map, model and options; start from the first row if there
        is none, or if its finished rows are not as they were written. They lie beside `output`, in a file that ends in
        ``.part``.
    progress : bool, default=False
        Show a progress bar on standard error.

    Returns
    -------
    PredictedFile
        Counts and warnings.

    Raises
    ------
    UnusableInputError
        As `read_patients` and `predict_table` do; also if `output` cannot be written, or if the interrupted run had
        another input, model or option.
    RowsRefusedError
        If `strict` and a row has an error.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import asthma_ml as aml
    >>> with TemporaryDirectory() as folder:
    ...     patients, predictions = Path(folder, "patients.csv"), Path(folder, "predictions.csv")
    ...     _ = patients.write_text("patient_id,feno_ppb\n007,85\n")
    ...     predicted = aml.predict_file("shipped", patients, predictions, explain="none")
    ...     predicted.n_patients, predictions.read_text()[:34]
    (1, 'patient_id,feno_ppb,aml_status,aml')
    """
    _refuse_bad_options(explain, chunk_rows, jobs, output, resume)
    form = table_form(output)
    journal = read_journal(output) if resume else None
    fitted, model_hash = _loaded(model, mechanisms=explain == "mechanisms")
    if explain == "mechanisms":
        refuse_without_mechanisms(fitted)
    with ExitStack() as opened:
        patients = _open_patients(opened, source, output, columns, journal, chunk_rows, jobs, strict, progress)
        _refuse_unpredictable(patients, fitted, strict)
        writer = BlockWriter(fitted, patients, explain, form)
        sink: Sink = (
            opened.enter_context(stream_sink(output))
            if is_stream(output)
            else opened.enter_context(PartFile(output, _made_from(patients, model_hash, explain, form), journal))
        )
        n_resumed = sink.rows
        shift = _predict_parts(patients, writer, sink, jobs, progress)
        sink.finish(_converter(form))
    statuses = dict(sink.counts.most_common())
    missing = missing_features(fitted, patients.columns)
    warnings = list(filter(None, [sink.warning, *(found.text for found in patients.findings), shift]))
    return PredictedFile(
        patients.n_patients, statuses, patients.n_repeated, missing, patients.not_read, n_resumed, warnings
    )


def _refuse_bad_options(explain: str, chunk_rows: int, jobs: int, output: str | os.PathLike[str], resume: bool) -> None:
    refuse_unknown_explain(explain)
    for name, number in (("chunk_rows", chunk_rows), ("jobs", jobs)):
        if number < 1:
            raise UnusableInputError(f"{name}={number}: give a whole number of at least 1")
    if resume and is_stream(output):
        raise UnusableInputError("--resume needs an output file; name one with -o")


def _loaded(model: Classifier | str | os.PathLike[str], *, mechanisms: bool) -> tuple[Classifier, str]:
    """The classifier, compiled if possible, and a hash that identifies it."""
    if not isinstance(model, str | os.PathLike):
        import joblib

        from asthma_ml.classifier import compiled_where_possible

        return compiled_where_possible(model), str(joblib.hash(model))
    from asthma_ml.model_files import load_model, resolve_model_path

    path = resolve_model_path(model)
    return load_model(path, compiled=True, mechanisms=mechanisms), sha256(path.read_bytes()).hexdigest()


def _open_patients(
    opened: ExitStack,
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    columns: ColumnMap | str | os.PathLike[str] | None,
    journal: Journal | None,
    chunk_rows: int,
    jobs: int,
    strict: bool,
    progress: bool,
) -> PatientFile:
    """First pass over the input; temporary files lie in the folder of the output, if that is a file."""
    folder = None if is_stream(output) else Path(output).resolve().parent
    with _bar(progress, desc="check", unit="", unit_scale=True) as advance:
        return opened.enter_context(
            PatientFile(
                source,
                columns,
                chunk_rows=chunk_rows,
                first_row=journal.rows if journal else 0,
                count_errors=strict,
                folder=folder if folder is not None and folder.is_dir() else None,
                progress=advance,
                jobs=jobs,
            )
        )


def _refuse_unpredictable(patients: PatientFile, model: Classifier, strict: bool) -> None:
    if strict and patients.n_invalid:
        raise RowsRefusedError(
            f"{patients.name}: {patients.n_invalid} of {patients.n_patients} rows are invalid: "
            + "; ".join(patients.errors.summary())
            + "; correct them, or predict without --strict"
        )
    refuse_output_columns(patients.names, patients.name)
    features = [str(name) for name in getattr(model, "feature_names_in_", [])]
    refuse_without_features(patients.columns, features, patients.name, reasons_not_read(patients.findings))


def _made_from(patients: PatientFile, model_hash: str, explain: Explain, form: TableForm) -> dict[str, str]:
    """Everything that determines the output, by name."""
    return {
        "version of asthma_ml": __version__,
        "version of numpy": np.__version__,
        "input": patients.sha256,
        "model": model_hash,
        "column map": sha256(repr((replace(patients.column_map, source=""), patients.columns)).encode()).hexdigest(),
        "--explain": explain,
        "output format": repr(form),
    }


def _predict_parts(patients: PatientFile, writer: BlockWriter, sink: Sink, jobs: int, progress: bool) -> str:
    """Second pass: predict and write each part; return a warning of covariate shift, if any."""
    statistics: ShiftStatistics | None = None
    shown = {"unit": "patient", "unit_scale": True, "total": patients.n_patients, "initial": sink.rows}
    started = sink.rows > 0
    with _bar(progress, desc="predict", **shown) as advance:
        for block in in_order(writer, patients.parts(sink.rows), jobs):
            names = [*patients.names, *block.added]
            header = b"" if started or writer.form.is_parquet else csv_header(names, writer.form.delimiter).encode()
            sink.append(header + block.content, block.n_rows, block.statuses)
            advance(block.n_rows)
            statistics = block.shift if statistics is None else statistics + block.shift
            started = True
    if statistics is None:
        return ""
    return shift_warning(detect_shift(writer.model, statistics), round(statistics.n_patients))


@contextmanager
def _bar(progress: bool, **shown: Any) -> Iterator[Any]:
    """A function that advances a progress bar, if one is shown."""
    if not progress:
        yield lambda n, total=None: None
        return
    from tqdm import tqdm

    with tqdm(dynamic_ncols=True, **shown) as bar:

        def advance(n: int, total: int | None = None) -> None:
            bar.total = total or bar.total
            bar.update(n)

        yield advance


def _converter(form: TableForm) -> Callable[[Any, Any], None] | None:
    if form.is_parquet:
        return convert_to_parquet
    return _convert_to_gzip if form.compressed else None


def _convert_to_gzip(part: Any, file: Any) -> None:
    with compressing(file, compressed=True) as sink:
        shutil.copyfileobj(part, sink, _COPIED_BYTES)
