"""Predictions of a file of any size: in constant memory, on several cores, to be resumed where it was cut short."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeAlias, get_args

from tqdm import tqdm

from asthma_ml.classifier import Classifier, refuse_without_features
from asthma_ml.errors import AsthmaMLError, RowsRefusedError, UnusableInputError
from asthma_ml.patients import CHUNK_ROWS, ColumnMap, PatientFile
from asthma_ml.patients.part_files import Journal, PartFile, read_journal
from asthma_ml.patients.pieces import Piece
from asthma_ml.patients.writing import TableForm, csv_header, packing, table_form, unwritable, write_all
from asthma_ml.prediction.blocks import Block, BlockWriter, given_parquet_schema, packed_as_parquet
from asthma_ml.prediction.shift import TableSums, departures, said_of_departures
from asthma_ml.prediction.tables import Explain, missing_features, refuse_output_columns

_COPIED_BYTES = 2**20
_ORPHAN_CHECK_S = 1.0


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


class Sink(Protocol):
    """Where blocks of a table go."""

    rows: int
    counts: Counter[str]

    def append(self, block: bytes, n_rows: int, counts: Mapping[str, int] | None = None) -> None:
        """Take some rows."""

    def finish(self, pack: Any = None) -> None:
        """Take note that these were all."""


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


def _is_direct(output: str | os.PathLike[str]) -> bool:
    """Whether what is written is gone at once: standard output, a pipe, a device."""
    return os.fspath(output) == "-" or (
        Path(output).exists() and not Path(output).is_file() and not Path(output).is_dir()
    )


def _loaded(model: Classifier | str | os.PathLike[str]) -> tuple[Classifier, str]:
    """A classifier, compiled where it can be, and what tells it from others."""
    if not isinstance(model, str | os.PathLike):
        import joblib

        from asthma_ml.explanation import compiled_where_possible

        return compiled_where_possible(model), str(joblib.hash(model))
    from asthma_ml.compiled_files import load_predictor

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
    import asthma_ml

    versions = {name: version(name) for name in ("numpy", "pandas", "pyarrow", "scikit-learn", "shap")}
    return {
        "version of asthma_ml": asthma_ml.__version__,
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
        for block in results(patients.pieces()):
            names = [*patients.names, *block.added]
            header = b"" if started or writer.form.is_parquet else csv_header(names, writer.form.delimiter).encode()
            sink.append(header + block.content, block.n_rows, block.statuses)
            bar.update(block.n_rows)
            sums = block.sums if sums is None else sums + block.sums
            started = True
    said = "" if sums is None else said_of_departures(departures(writer.model, sums), sums.n_patients)
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


class DirectSink:
    """Writes at once to what cannot be taken back: standard output, a pipe, a device."""

    def __init__(self, output: str | os.PathLike[str], file: Any) -> None:
        self.rows, self.counts = 0, Counter[str]()
        self._output, self._file = output, file

    def append(self, block: bytes, n_rows: int, counts: Mapping[str, int] | None = None) -> None:
        """Write some rows."""
        try:
            write_all(self._file, block)
        except BrokenPipeError:
            raise
        except OSError as error:
            name = "standard output" if os.fspath(self._output) == "-" else self._output
            raise unwritable(name, error, Path(self._output)) from error
        self.rows += n_rows
        self.counts.update(counts or {})

    def finish(self, pack: Any = None) -> None:
        """All rows are written."""


@contextmanager
def _direct(output: str | os.PathLike[str]) -> Iterator[DirectSink]:
    if os.fspath(output) != "-":
        with Path(output).open("wb", buffering=0) as file:
            yield DirectSink(output, file)
        return
    sys.stdout.flush()
    yield DirectSink(output, getattr(sys.stdout.buffer, "raw", sys.stdout.buffer))


Results: TypeAlias = Callable[[Iterator[Piece]], Iterator[Block]]


@contextmanager
def _workers(writer: BlockWriter, jobs: int) -> Iterator[Results]:
    """What predicts parts, in order: this process, alone or with others that end with it."""
    if jobs == 1:
        yield lambda pieces: map(writer, pieces)
        return
    from joblib.externals.loky import ProcessPoolExecutor
    from joblib.externals.loky.process_executor import BrokenProcessPool

    pool = ProcessPoolExecutor(jobs - 1, initializer=_begin_work, initargs=(writer,))
    try:
        yield lambda pieces: _in_order(pool, writer, pieces, 2 * (jobs - 1))
    except BrokenProcessPool as error:
        raise AsthmaMLError(
            "a process that predicts has ended, perhaps for want of memory; try fewer jobs or smaller chunks; "
            "what was written to a file is kept, go on with --resume"
        ) from error
    except BaseException:
        pool.shutdown(wait=False, kill_workers=True)
        raise
    pool.shutdown()


def _in_order(pool: Any, writer: BlockWriter, pieces: Iterator[Piece], ahead: int) -> Iterator[Block]:
    """Results in the order of the parts; this process takes one itself where it would wait for the others."""
    waiting: deque[Future[Block]] = deque()
    with _interrupts_for_this_process_alone():
        waiting.extend(pool.submit(_work, piece) for piece in islice(pieces, ahead))
    while waiting:
        if not waiting[0].done() and len(waiting) <= 2 * ahead:
            waiting.extend(_finished(writer(piece)) for piece in islice(pieces, 1))
        yield waiting.popleft().result()
        lacking = ahead - sum(not result.done() for result in waiting)
        waiting.extend(pool.submit(_work, piece) for piece in islice(pieces, max(lacking, 0)))


def _finished(block: Block) -> Future[Block]:
    result: Future[Block] = Future()
    result.set_result(block)
    return result


@contextmanager
def _interrupts_for_this_process_alone() -> Iterator[None]:
    """Processes that start meanwhile leave Ctrl-C to this one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_writer: BlockWriter


def _begin_work(writer: BlockWriter) -> None:
    """Prepare a process that predicts."""
    global _writer  # noqa: PLW0603 (a process of its own, told once what it works for)
    _writer = writer
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when the one that it works for was killed."""
    while os.getppid() == parent:
        time.sleep(_ORPHAN_CHECK_S)
    os._exit(1)


def _work(piece: Piece) -> Block:
    return _writer(piece)
