"""Predictions of a file of any size: in constant memory, on several cores, to be resumed where it was cut short."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

from tqdm import tqdm

from asthma_ml.classifier import Classifier, refuse_without_features
from asthma_ml.errors import RowsRefusedError, UnusableInputError
from asthma_ml.files import (
    Journal,
    PartFile,
    Sink,
    TableForm,
    _direct,
    _is_direct,
    csv_header,
    packing,
    read_journal,
    table_form,
)
from asthma_ml.patients import CHUNK_ROWS, ColumnMap, PatientFile
from asthma_ml.prediction.blocks import BlockWriter, given_parquet_schema, packed_as_parquet
from asthma_ml.prediction.shift import TableSums, detect_shift, shift_warning
from asthma_ml.prediction.tables import Explain, missing_features, refuse_output_columns
from asthma_ml.prediction.workers import _workers
from asthma_ml.version import __version__

_COPIED_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class PredictedFile:
    """What became of a file of patients.

    Attributes
    ----------
    n_patients : int
        Rows in and rows out.
    statuses : mapping of str to int
        How many rows have which status, the most frequent first.
    n_repeated : int
        Rows that share their identifier with another row.
    missing_features : list of str
        Features that the model uses and the file has no column for, the one that counts most first.
    n_resumed : int
        Rows that an earlier run had written.
    warnings : list of str
        What is worth knowing about how the file and its columns were read, and where its patients are not like
        the training patients.
    """

    n_patients: int
    statuses: Mapping[str, int]
    n_repeated: int
    missing_features: list[str]
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

    The table is that of ``write_table(predict_table(model, read_patients(source, columns)), output)``,
    byte for byte, whatever `chunk_rows` and `jobs`. The file is looked through once before anything is
    predicted. Memory does not grow with it, but for one byte a row.

    Parameters
    ----------
    model : PhenotypeClassifier, CompiledClassifier or path
        Fitted on a table with column names, or its file.
    source : path or "-"
        As for `read_patients`; `-` is standard input, which is copied to a temporary file.
    output : path or "-"
        ``.csv``, ``.tsv`` (also ``.gz``) or ``.parquet``; `-` is standard output. A file appears when it is whole.
    columns : ColumnMap or path, optional
        Which columns are which variables.
    explain : {"factors", "features", "none"}, default="factors"
        How far predictions are explained.
    strict : bool, default=False
        Refuse the file if any row breaks a hard limit.
    chunk_rows : int, default=10_000
        Rows that are held in memory at once, by each job.
    jobs : int, default=1
        Processes that predict, this one among them.
    resume : bool, default=False
        Go on where a run of the same input, model and options was cut short; begin anew where there is
        nothing to go on with. The rows that were written lie beside `output`, ending in ``.part``.
    progress : bool, default=False
        Show a bar with rate and time left on the standard error.

    Returns
    -------
    PredictedFile
        Counts of what was written.

    Raises
    ------
    UnusableInputError
        As `read_patients` and `predict_table` do; if `output` cannot be written; if what is to be resumed was
        made from something else.
    RowsRefusedError
        If `strict` and a row breaks a hard limit.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import asthma_ml as aml
    >>> with TemporaryDirectory() as folder:
    ...     patients, predictions = Path(folder, "patients.csv"), Path(folder, "predictions.csv")
    ...     _ = patients.write_text("patient_id,feno_ppb\n007,85\n")
    ...     predicted = aml.predict_file(aml.shipped_model_path(), patients, predictions, explain="none")
    ...     predicted.n_patients, predictions.read_text()[:34]
    (1, 'patient_id,feno_ppb,aml_status,aml')
    """
    _refuse_impossible(explain, chunk_rows, jobs, output, resume)
    direct = _is_direct(output)
    form = TableForm(",") if os.fspath(output) == "-" else table_form(output)
    journal = read_journal(output) if resume else None
    fitted, model_hash = _loaded(model)
    with ExitStack() as opened:
        patients = _looked_through(opened, source, output, columns, journal, chunk_rows, strict, progress)
        _refuse_unpredictable(patients, fitted, strict)
        writer = BlockWriter(fitted, patients.layout, explain, form, _given_schema(patients, form))
        made_from = _made_from(patients, model_hash, explain, form)
        sink: Sink = (
            opened.enter_context(_direct(output))
            if direct
            else opened.enter_context(PartFile(output, made_from, journal))
        )
        n_resumed = sink.rows
        departed = _predict_all(patients, writer, sink, jobs, progress)
        sink.finish(_packer(form) if not direct else None)
    statuses = dict(sink.counts.most_common())
    missing = missing_features(fitted, patients.layout.columns)
    warnings = [f"{found.column}: {found.message}".removeprefix(": ") for found in patients.findings] + departed
    return PredictedFile(patients.n_patients, statuses, patients.n_repeated, missing, n_resumed, warnings)


def _refuse_impossible(explain: str, chunk_rows: int, jobs: int, output: str | os.PathLike[str], resume: bool) -> None:
    if explain not in get_args(Explain):
        raise UnusableInputError(f"explain={explain!r}: allowed are {', '.join(get_args(Explain))}")
    for name, number in (("chunk_rows", chunk_rows), ("jobs", jobs)):
        if number < 1:
            raise UnusableInputError(f"{name}={number}: give a whole number of at least 1")
    if resume and _is_direct(output):
        raise UnusableInputError("only what goes to a file can be resumed; name one with -o")


def _loaded(model: Classifier | str | os.PathLike[str]) -> tuple[Classifier, str]:
    """A classifier, compiled where it can be, and what tells it from others."""
    if not isinstance(model, str | os.PathLike):
        import joblib

        from asthma_ml.classifier import compiled_where_possible

        return compiled_where_possible(model), str(joblib.hash(model))
    from asthma_ml.model_files import load_predictor

    return load_predictor(model), sha256(Path(model).read_bytes()).hexdigest()


def _looked_through(
    opened: ExitStack,
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    columns: ColumnMap | str | os.PathLike[str] | None,
    journal: Journal | None,
    chunk_rows: int,
    strict: bool,
    progress: bool,
) -> PatientFile:
    """First pass over the file; temporary files lie where the table will, if that is a file."""
    folder = None if _is_direct(output) else Path(output).resolve().parent
    with _bar(progress, desc="check", unit="", unit_scale=True) as bar:

        def told(done: int, of: int) -> None:
            bar.total = of
            bar.update(done)

        return opened.enter_context(
            PatientFile(
                source,
                columns,
                chunk_rows=chunk_rows,
                first_row=journal.rows if journal else 0,
                count_errors=strict,
                folder=folder if folder is not None and folder.is_dir() else None,
                told=told,
            )
        )


def _refuse_unpredictable(patients: PatientFile, model: Classifier, strict: bool) -> None:
    if strict and patients.n_invalid:
        raise RowsRefusedError(
            f"{patients.name}: {patients.n_invalid} of {patients.n_patients} rows cannot be used: "
            + "; ".join(patients.errors.summary())
            + "; correct them, or leave --strict out"
        )
    refuse_output_columns(patients.names, patients.name)
    features = [str(name) for name in getattr(model, "feature_names_in_", [])]
    refuse_without_features(patients.layout.columns, features, patients.names, patients.name)


def _given_schema(patients: PatientFile, form: TableForm) -> Any:
    if not form.is_parquet or patients.given_schema is None:
        return None
    return given_parquet_schema(patients.empty, patients.given_schema, patients.name)


def _made_from(patients: PatientFile, model_hash: str, explain: Explain, form: TableForm) -> dict[str, str]:
    """Everything that the bytes of a table depend on."""
    versions = {name: version(name) for name in ("numpy", "pandas", "pyarrow", "scikit-learn", "shap")}
    return {
        "version of asthma_ml": __version__,
        **{f"version of {name}": number for name, number in versions.items()},
        "input": patients.sha256,
        "model": model_hash,
        "column map": sha256(repr(patients.layout.columns).encode()).hexdigest(),
        "--explain": explain,
        "kind of output": repr(form),
    }


def _predict_all(patients: PatientFile, writer: BlockWriter, sink: Sink, jobs: int, progress: bool) -> list[str]:
    """Second pass: predict and write, part by part; say where the patients are not like the training patients."""
    sums: TableSums | None = None
    shown = {"unit": "patient", "unit_scale": True, "total": patients.n_patients, "initial": sink.rows}
    started = sink.rows > 0
    with _bar(progress, desc="predict", **shown) as bar, _workers(writer, jobs) as results:
        for block in results(patients.parts()):
            names = [*patients.names, *block.added]
            header = b"" if started or writer.form.is_parquet else csv_header(names, writer.form.delimiter).encode()
            sink.append(header + block.content, block.n_rows, block.statuses)
            bar.update(block.n_rows)
            sums = block.sums if sums is None else sums + block.sums
            started = True
    said = "" if sums is None else shift_warning(detect_shift(writer.model, sums), sums.n_patients)
    return [said] if said else []


def _bar(progress: bool, **shown: Any) -> Any:
    return tqdm(disable=not progress, dynamic_ncols=True, **shown)


def _packer(form: TableForm) -> Callable[[Any, Any], None] | None:
    if form.is_parquet:
        return packed_as_parquet
    return _gzipped if form.packed else None


def _gzipped(made: Any, file: Any) -> None:
    with packing(file, packed=True) as sink:
        shutil.copyfileobj(made, sink, _COPIED_BYTES)
