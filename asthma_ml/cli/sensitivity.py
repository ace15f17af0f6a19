"""``asthma-ml sensitivity``: sensitivity of the headline AUCs to the coefficients of the causal model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from asthma_ml.cli.options import (
    FIGURE_SUFFIXES,
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

if TYPE_CHECKING:
    import pandas as pd


@click.command(
    "sensitivity",
    epilog=examples(
        "sensitivity -o sensitivity.csv --plot sensitivity.svg --jobs 2",
        "sensitivity --only 'feno_ppb.*' --only 'il13_*' --patients 2000",
        "sensitivity --all -o sensitivity.csv",
    ),
)
@preset_option("severe_clinic")
@number_option("--patients", 5000, "Size of each cohort.", least=500)
@seed_option
@click.option("--all", "every", is_flag=True, help="Vary measured and derived coefficients as well as assumed ones.")
@click.option(
    "--only", metavar="PATTERN", multiple=True, help="Coefficients to vary, such as 'feno_ppb.*'; repeatable."
)
@number_option("--top", 20, "Number of coefficients to plot and to report.")
@jobs_option
@output_option(TABLE_SUFFIXES, text="Output table; default is the standard output.")
@click.option("--plot", metavar="FILE", callback=writable(FIGURE_SUFFIXES), help="Tornado plot, PNG or SVG.")
@click.option(
    "--report",
    metavar="FILE.md",
    callback=writable((".md",)),
    help="Coefficients with the largest effect, as Markdown.",
)
@with_verbosity
def sensitivity_command(
    *,
    preset: str,
    patients: int,
    seed: int,
    every: bool,
    only: tuple[str, ...],
    top: int,
    jobs: int,
    output: str,
    plot: str | None,
    report: str | None,
) -> None:
    """Change each coefficient of the causal model by 50 % and compare the headline AUCs.

    The headlines are the AUCs of blood eosinophils, FeNO, IgE and six variables for sputum
    eosinophils of 3 % or more, and of a model that distinguishes the two phenotypes without sputum.
    """
    from asthma_ml.cli.explain import write_figure
    from asthma_ml.evidence import ASSUMED, GRADES
    from asthma_ml.fidelity import analyse_sensitivity, sensitivity_report, tornado_figure
    from asthma_ml.files import write_table, write_text

    table = analyse_sensitivity(
        preset,
        patients,
        seed,
        evidence=GRADES if every else (ASSUMED,),
        only=only or ("*",),
        jobs=jobs,
        progress=shows_progress(),
    )
    write_table(table, output)
    if plot:
        write_figure(tornado_figure(table, top), plot)
    if report:
        made_by = f"asthma-ml sensitivity --preset {preset} --patients {patients} --seed {seed}{' --all' * every}"
        write_text(sensitivity_report(table, made_by, top), report)
    say(summary(table, top))


def summary(table: pd.DataFrame, top: int) -> str:
    """Coefficients with the largest effect on a headline."""
    lines = [
        f"{table['coefficient'].nunique()} coefficients varied; the largest changes of an AUC (-50 % <- base -> +50 %):"
    ]
    for row in table.drop_duplicates("coefficient").head(top).to_dict("records"):
        moves = f"{row['headline']:<25} {row['low']:.3f} <- {row['base']:.3f} -> {row['high']:.3f}"
        lines.append(f"  {row['coefficient']:<48} {moves}")
    return "\n".join(lines)
