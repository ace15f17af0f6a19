"""``asthma-ml predict``: a patient table with the model's answer and its reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from asthma_ml.cli.options import (
    RESEARCH_NOTE,
    TABLE_SUFFIXES,
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
from asthma_ml.variables import ID

if TYPE_CHECKING:
    from asthma_ml.prediction import PredictedFile

CHUNK_ROWS = 10_000


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
    type=click.Choice(["none", "factors", "features"]),
    default="factors",
    show_default=True,
    help="How finely each prediction is explained.",
)
@click.option("--strict", is_flag=True, help="Write nothing and exit with 3 if any row breaks a hard limit.")
@click.option("--resume", is_flag=True, help="Go on where a run that was cut short has left off.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes; no byte changes.")
@click.option(
    "--chunk-rows",
    type=click.IntRange(min=1),
    default=CHUNK_ROWS,
    show_default=True,
    help="Rows in memory at once, for each process; no byte changes.",
)
@output_option(TABLE_SUFFIXES, text="Where the table goes, .csv or .parquet; the standard output if left out.")
@with_verbosity
def predict_command(*, file: str, model: str | None, columns: str | None, output: str, **how: Any) -> None:
    """Predict phenotypes, with reasons.

    The columns of FILE pass through untouched, one row out for each row in; the model's columns
    begin with aml_. Memory does not grow with FILE. The output appears when it is whole; until then
    it grows beside its place, ending in .part, where --resume finds it.
    """
    from asthma_ml.files import kept, read_journal
    from asthma_ml.model_files import shipped_model_path
    from asthma_ml.prediction import predict_file

    model_path = model or shipped_model_path()
    beside = [] if output == "-" else [f"{output}.part", f"{output}.part.json"]
    refuse_overwriting([file, columns, model_path], [output, *beside])
    try:
        predicted = predict_file(model_path, file, output, columns, progress=shows_progress(), **how)
    except KeyboardInterrupt:
        journal = None if output == "-" else read_journal(output)
        if journal is not None:
            say(f"{output}: not finished{kept(journal.rows)}")
        raise
    for warning in predicted.warnings:
        say(f"warning: {warning}")
    if predicted.n_repeated:
        say(f"warning: {predicted.n_repeated} rows share their {ID} with another row")
    say_missing_features(predicted.missing_features)
    say(summary(predicted))
    say(RESEARCH_NOTE)


def say_missing_features(missing: list[str]) -> None:
    """Tell which features the model makes use of and does not get, those that count most first."""
    from asthma_ml.wording import first_names

    if missing:
        say(f"not in the table, so not measured: {len(missing)} features that the model uses: {first_names(missing)}")


def summary(predicted: PredictedFile) -> str:
    """One line: how many patients, and what became of them."""
    resumed = f" ({predicted.n_resumed} from the run before)" if predicted.n_resumed else ""
    became = ", ".join(f"{n} {status}" for status, n in predicted.statuses.items())
    return f"{predicted.n_patients} patients{resumed}: {became}"
