"""``asthma-ml predict``: add predictions and their reasons to a table of patients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from asthma_ml.cli.options import (
    NAMED_COLUMNS,
    TABLE_SUFFIXES,
    Choice,
    columns_option,
    examples,
    model_option,
    output_option,
    patients_argument,
    refuse_overwriting,
    say,
    shows_progress,
    with_verbosity,
)
from asthma_ml.html import RESEARCH_NOTE
from asthma_ml.prediction import CHUNK_ROWS, EXPLAIN
from asthma_ml.variables import ID

if TYPE_CHECKING:
    from asthma_ml.prediction import PredictedFile


@click.command(
    "predict",
    epilog=examples(
        "predict patients.csv -o predictions.csv",
        "predict export.csv --columns map.toml --explain features -o predictions.parquet",
        "predict - < patients.csv > predictions.csv",
        "predict millions.csv --jobs 4 --resume -o predictions.csv",
    ),
)
@patients_argument
@model_option
@columns_option
@click.option(
    "--explain",
    type=Choice(EXPLAIN),
    default="factors",
    show_default=True,
    help="Level of the explanation of each prediction.",
)
@click.option("--strict", is_flag=True, help="If any row has an error, write nothing and exit with code 3.")
@click.option("--resume", is_flag=True, help="Continue an interrupted run of the same input, model and options.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of threads; the output is the same.",
)
@click.option(
    "--chunk-rows",
    type=click.IntRange(min=1),
    default=CHUNK_ROWS,
    show_default=True,
    help="Rows that each thread holds in memory; the output is the same.",
)
@output_option(TABLE_SUFFIXES, text="Output table, .csv, .tsv (also .gz) or .parquet. Default: standard output.")
@with_verbosity
def predict_command(*, file: str, model: str, columns: str | None, output: str, **how: Any) -> None:
    """Predict the phenotype of each patient, with reasons.

    The output has one row for each row of FILE. It keeps the columns of FILE unchanged and adds
    columns that begin with aml_; docs/patients.md describes them. The output file appears when it is
    complete. An interrupted run leaves the finished rows in a file that ends in .part; --resume
    continues from it.
    """
    from asthma_ml.files import read_journal, resume_hint
    from asthma_ml.model_files import resolve_model_path
    from asthma_ml.prediction import predict_file
    from asthma_ml.wording import first_names

    model_path = resolve_model_path(model)
    beside = [] if output == "-" else [f"{output}.part", f"{output}.part.json"]
    refuse_overwriting([file, columns, model_path], [output, *beside])
    try:
        predicted = predict_file(model_path, file, output, columns, progress=shows_progress(), **how)
    except KeyboardInterrupt:
        journal = None if output == "-" else read_journal(output)
        if journal is not None:
            say(f"{output}: not finished{resume_hint(journal.rows)}")
        raise
    for warning in predicted.warnings:
        say(f"warning: {warning}")
    if predicted.n_repeated:
        say(f"warning: {predicted.n_repeated} rows share their {ID} with another row")
    say_missing_features(predicted.missing_features)
    if predicted.not_read:
        say(f"columns not read: {first_names(predicted.not_read, NAMED_COLUMNS)}")
    say(summary(predicted))
    say(RESEARCH_NOTE)


def say_missing_features(missing: list[str]) -> None:
    """Print the features that the model uses and the table lacks, in descending order of importance."""
    from asthma_ml.wording import first_names

    if missing:
        say(f"not in the table: {len(missing)} features of the model, treated as missing: {first_names(missing)}")


def summary(predicted: PredictedFile) -> str:
    """Number of patients, or of rows if some are of one patient, in total and by status."""
    counted = "rows" if predicted.n_repeated else "patients"
    resumed = f" ({predicted.n_resumed} from the interrupted run)" if predicted.n_resumed else ""
    statuses = ", ".join(f"{n} {status}" for status, n in predicted.statuses.items())
    return f"{predicted.n_patients} {counted}{resumed}: {statuses}"
