"""``asthma-ml generate``: a synthetic cohort."""

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
    output_option,
    say,
    shows_progress,
    with_verbosity,
    writable,
)


def _interventions(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, object]:
    """VAR=VALUE pairs as a mapping; numbers become numbers."""
    pairs = [value.partition("=") for value in values]
    for text, (name, sign, value) in zip(values, pairs, strict=True):
        if not (name.strip() and sign and value.strip()):
            raise click.BadParameter(f"{text!r} is not VAR=VALUE, such as inhaled_adherence=1.")
    return {name.strip(): _number_or_text(value.strip()) for name, _, value in pairs}


def _number_or_text(value: str) -> float | str:
    try:
        return float(value)
    except ValueError:
        return value


@contextmanager
def _ended_like_an_error() -> Iterator[None]:
    """Let a request to end (SIGTERM) unwind, so that no half-written file is left."""
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
@click.option("--patients", type=click.IntRange(min=1), default=2000, show_default=True, help="How many patients.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Same seed, same cohort.")
@click.option(
    "--preset",
    metavar="NAME",
    default="severe_clinic",
    show_default=True,
    help="Named cohort, or a .toml file that derives one.",
)
@click.option(
    "--do", metavar="VAR=VALUE", multiple=True, callback=_interventions, help="Hold a variable at a value; repeatable."
)
@click.option(
    "--where",
    metavar="EXPR",
    help="Keep only patients of whom this is true; columns of the table and true_ columns may be named.",
)
@click.option(
    "--truth",
    metavar="FILE",
    callback=writable(TABLE_SUFFIXES),
    help="Also write the latent truth, joined by patient_id.",
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Threads; no number changes.")
@output_option(TABLE_SUFFIXES, text="Where the cohort goes, .csv or .parquet; the standard output if left out.")
@with_verbosity
def generate_command(*, patients: int, output: str, do: dict[str, object], **how: Any) -> None:
    """Generate a synthetic cohort.

    Patients are written as they are generated, so that memory does not grow with their number. A
    file appears when it is whole. Beside it its schema is written: FILE without its suffix, plus
    .schema.json.
    """
    from asthma_ml.cohort import write_cohort

    with _ended_like_an_error():
        schema = write_cohort(output, patients, do=do or None, progress=shows_progress(), **how)
    say(f"{patients} synthetic patients of {how['preset']}, seed {how['seed']}{_accepted(schema)}")


def _accepted(schema: dict[str, Any]) -> str:
    if schema["where"] is None:
        return ""
    return f"; {schema['acceptance_rate']:.2%} of {schema['patients_examined']:,} enrolled were accepted"
