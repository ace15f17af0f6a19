"""``asthma-ml generate``: synthetic cohorts."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from asthma_ml.cli.options import (
    TABLE_SUFFIXES,
    examples,
    jobs_option,
    number_option,
    output_option,
    preset_option,
    say,
    seed_option,
    shows_progress,
    with_verbosity,
    writable,
)


def _interventions(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, object]:
    """Mapping of VAR=VALUE pairs, with numbers converted."""
    pairs = [value.partition("=") for value in values]
    for text, (name, sign, value) in zip(values, pairs, strict=True):
        if not (name.strip() and sign and value.strip()):
            raise click.BadParameter(f"{text!r} is not VAR=VALUE, for example inhaled_adherence=1.")
    return {name.strip(): _number_or_text(value.strip()) for name, _, value in pairs}


def _number_or_text(value: str) -> float | str:
    try:
        return float(value)
    except ValueError:
        return value


@contextmanager
def _cleanup_on_sigterm() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that no partial file remains."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


@click.command(
    "generate",
    epilog=examples(
        "generate --patients 2000 --seed 1 -o cohort.csv",
        "generate --patients 500 --truth truth.csv -o cohort.parquet",
        "generate --do inhaled_adherence=1 -o everyone_adheres.csv",
        "generate --where \"phenotype == 'th2_high' and smoking_status == 'never'\" -o never_smokers.csv",
        "generate --patients 10000000 --jobs 4 -o large.parquet",
    ),
)
@number_option("--patients", 2000, "Number of patients.")
@seed_option
@preset_option("severe_clinic")
@click.option(
    "--do",
    metavar="VAR=VALUE",
    multiple=True,
    callback=_interventions,
    help="Intervention: set a variable to a value; repeatable.",
)
@click.option(
    "--where",
    metavar="EXPR",
    help="Keep only patients who meet this condition on columns of the table and true_ columns.",
)
@click.option(
    "--truth",
    metavar="FILE",
    callback=writable(TABLE_SUFFIXES),
    help="Also write the truth table (latent variables), joined by patient_id.",
)
@jobs_option
@output_option(TABLE_SUFFIXES, text="Output table, .csv or .parquet; default is the standard output.")
@with_verbosity
def generate_command(*, patients: int, output: str, do: dict[str, object], **how: Any) -> None:
    """Generate a synthetic cohort.

    Patients are written while they are generated, so memory use does not grow with their number. FILE
    appears when it is complete. Its schema is written beside it, with the suffix .schema.json.
    """
    from asthma_ml.cohort import write_cohort

    with _cleanup_on_sigterm():
        schema = write_cohort(output, patients, do=do or None, progress=shows_progress(), **how)
    say(f"{patients} synthetic patients of {how['preset']}, seed {how['seed']}{_accepted(schema)}")


def _accepted(schema: dict[str, Any]) -> str:
    if schema["where"] is None:
        return ""
    return f"; {schema['acceptance_rate']:.2%} of {schema['patients_examined']:,} enrolled patients meet --where"
