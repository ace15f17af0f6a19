"""``asthma-ml sensitivity``: how far the headline figures rest on numbers without a source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from asthma_ml.cli.options import (
    FIGURE_SUFFIXES,
    TABLE_SUFFIXES,
    examples,
    output_option,
    say,
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
@click.option("--preset", metavar="NAME", default="severe_clinic", show_default=True, help="Cohort to vary.")
@click.option("--patients", type=click.IntRange(min=500), default=5000, show_default=True, help="Size of each cohort.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Same seed, same figures.")
@click.option("--all", "every", is_flag=True, help="Vary measured and derived numbers, too, not assumed ones only.")
@click.option("--only", metavar="PATTERN", multiple=True, help="Numbers to vary, such as 'feno_ppb.*'; repeatable.")
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="Numbers to draw and to report.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
@output_option(TABLE_SUFFIXES, text="Where the table goes; the standard output if left out.")
@click.option("--plot", metavar="FILE", callback=writable(FIGURE_SUFFIXES), help="Tornado plot, PNG or SVG.")
@click.option("--report", metavar="FILE.md", callback=writable((".md",)), help="The strongest numbers, as Markdown.")
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
    """Vary each number of the cohort by 50 % and see what moves.

    The areas under the curve of blood eosinophils, FeNO, IgE and six variables for sputum
    eosinophils of 3 % or more, and of a model that tells the two phenotypes without sputum.
    """
    from asthma_ml.cli.explain import write_figure
    from asthma_ml.evidence import ASSUMED, GRADES
    from asthma_ml.fidelity import sensitivity, sensitivity_report, tornado_figure
    from asthma_ml.files import write_table, write_text

    table = sensitivity(
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
    """The numbers that move a headline most."""
    lines = [f"{table['coefficient'].nunique()} numbers varied; the strongest moves:"]
    for row in table.drop_duplicates("coefficient").head(top).to_dict("records"):
        moves = f"{row['headline']:<25} {row['low']:.3f} <- {row['base']:.3f} -> {row['high']:.3f}"
        lines.append(f"  {row['coefficient']:<48} {moves}")
    return "\n".join(lines)
