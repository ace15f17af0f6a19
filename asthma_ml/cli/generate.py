"""``asthma-ml generate``: a synthetic cohort."""

from __future__ import annotations

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
            raise click.BadParameter(f"{text!r} is not VAR=VALUE, such as ics_adherence_fraction=1.")
    return {name.strip(): _number_or_text(value.strip()) for name, _, value in pairs}


def _number_or_text(value: str) -> float | str:
    try:
        return float(value)
    except ValueError:
        return value


@click.command(
    "generate",
    epilog=examples(
        "generate --patients 2000 --seed 1 -o cohort.csv",
        "generate --patients 500 --truth truth.csv -o cohort.parquet",
        "generate --do ics_adherence_fraction=1 -o everyone_adheres.csv",
    ),
)
@click.option("--patients", type=click.IntRange(min=1), default=2000, show_default=True, help="How many patients.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Same seed, same cohort.")
@click.option("--preset", metavar="NAME", default="severe_clinic", show_default=True, help="Named cohort.")
@click.option(
    "--do", metavar="VAR=VALUE", multiple=True, callback=_interventions, help="Hold a variable at a value; repeatable."
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
def generate_command(
    *, patients: int, seed: int, preset: str, do: dict[str, object], truth: str | None, jobs: int, output: str
) -> None:
    """Generate a synthetic cohort.

    Beside an output file its schema is written: FILE without its suffix, plus .schema.json.
    """
    from asthma_ml.cohort import generate_cohort

    cohort = generate_cohort(
        n_patients=patients, seed=seed, preset=preset, do=do or None, jobs=jobs, progress=shows_progress()
    )
    cohort.write(output, truth)
    say(f"{len(cohort.observed)} synthetic patients of {preset}, seed {seed}")
