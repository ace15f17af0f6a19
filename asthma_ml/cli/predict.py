"""``asthma-ml predict``: a patient table with the model's answer and its reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    with_verbosity,
)
from asthma_ml.cli.validate import refuse_invalid_rows, say_repeated_patients

if TYPE_CHECKING:
    import pandas as pd

    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.patients import PatientTable
    from asthma_ml.prediction import Explain


@click.command(
    "predict",
    epilog=examples(
        "predict patients.csv -o predictions.csv",
        "predict export.csv --columns map.toml --explain features -o predictions.parquet",
        "predict - < patients.csv > predictions.csv",
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
@output_option(TABLE_SUFFIXES, text="Where the table goes, .csv or .parquet; the standard output if left out.")
@with_verbosity
def predict_command(
    *, file: str, model: str | None, columns: str | None, explain: Explain, strict: bool, output: str
) -> None:
    """Predict phenotypes, with reasons.

    The columns of FILE pass through untouched, one row out for each row in; the model's columns
    begin with aml_.
    """
    from asthma_ml.patients import read_patients, write_table
    from asthma_ml.persistence import load_model
    from asthma_ml.prediction import predict_table
    from asthma_ml.shipped import shipped_model_path

    model_path = model or shipped_model_path()
    refuse_overwriting([file, columns, model_path], [output])
    classifier = load_model(model_path)
    patients = read_patients(file, columns)
    refuse_invalid_rows(patients, strict=strict)
    table = predict_table(classifier, patients, explain=explain)
    write_table(table, output)
    say_repeated_patients(patients)
    say_missing_features(classifier, patients)
    say(summary(table))
    say(RESEARCH_NOTE)


def say_missing_features(model: PhenotypeClassifier, patients: PatientTable) -> None:
    """Tell which features the model makes use of and does not get, those that count most first."""
    from asthma_ml.classifier import first_names
    from asthma_ml.prediction import missing_features

    missing = missing_features(model, patients)
    if missing:
        say(f"not in the table, so not measured: {len(missing)} features that the model uses: {first_names(missing)}")


def summary(table: pd.DataFrame) -> str:
    """One line: how many patients, and what became of them."""
    counts = table["aml_status"].value_counts()
    return f"{len(table)} patients: " + ", ".join(f"{n} {status}" for status, n in counts.items())
