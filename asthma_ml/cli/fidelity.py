"""``asthma-ml fidelity``: a generated cohort beside the published figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from asthma_ml.cli.options import TABLE_SUFFIXES, examples, output_option, say, with_verbosity

if TYPE_CHECKING:
    import pandas as pd


@click.command("fidelity", epilog=examples("fidelity -o fidelity.csv", "fidelity --patients 50000 -o fidelity.csv"))
@click.option("--preset", metavar="NAME", default="severe_clinic", show_default=True, help="Named cohort.")
@click.option("--patients", type=click.IntRange(min=1000), default=20_000, show_default=True, help="Size of cohorts.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Same seed, same figures.")
@output_option(TABLE_SUFFIXES, text="Where the table goes; the standard output if left out.")
@with_verbosity
def fidelity_command(*, preset: str, patients: int, seed: int, output: str) -> None:
    """Compare a generated cohort with the literature.

    One row for each row of the evidence table. A figure is within if it lies in the published
    interval, or in the sampling error of the published number of patients, or in the span of the
    cohorts that report the same quantity. Rows that are not judged say why.
    """
    from asthma_ml.evaluation.fidelity import fidelity
    from asthma_ml.patients import write_table

    table = fidelity(preset, patients, seed)
    write_table(table.assign(within=table["within"].map({True: "true", False: "false"})), output)
    say(summary(table))


def summary(table: pd.DataFrame) -> str:
    """Share within tolerance, overall and by mechanism."""
    judged = table[table["within"].notna()]
    within = judged["within"].astype(bool)
    lines = [f"{within.sum()} of {len(judged)} judged figures within tolerance ({within.mean():.0%})"]
    for mechanism, figures in within.groupby(judged["mechanism"]):
        lines.append(f"  {mechanism:<15} {figures.sum():>3} of {len(figures)}")
    return "\n".join(lines)
