"""``asthma-ml fidelity``: the generated cohorts beside the published figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from asthma_ml.cli.options import TABLE_SUFFIXES, examples, output_option, say, with_verbosity, writable

if TYPE_CHECKING:
    import pandas as pd

PLOT_SUFFIXES = (".png", ".svg", ".pdf")
EXAMPLES = examples(
    "fidelity -o fidelity.csv --plot fidelity.svg",
    "fidelity --preset severe_registry -o registry.csv",
    "fidelity --patients 50000 -o fidelity.csv",
)


@click.command("fidelity", epilog=EXAMPLES)
@click.option(
    "--preset",
    metavar="NAME",
    help="Only the figures of the population that this preset stands for; a preset of your own, as a TOML file, is "
    "held to those of severe clinics. All populations if left out.",
)
@click.option("--patients", type=click.IntRange(min=1000), default=20_000, show_default=True, help="Size of cohorts.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Same seed, same figures.")
@output_option(TABLE_SUFFIXES, text="Where the table goes; the standard output if left out.")
@click.option(
    "--plot",
    metavar="FILE",
    callback=writable(PLOT_SUFFIXES),
    help="Forest plot of the judged figures: .png or .svg, or .pdf for pages to print.",
)
@with_verbosity
def fidelity_command(*, preset: str | None, patients: int, seed: int, output: str, plot: str | None) -> None:
    """Compare the generated cohorts with the literature.

    One row for each row of the evidence table, in the population that it describes. A figure is
    within if it lies in the published interval; where there is none, in the sampling error of the
    published number of patients; and where several cohorts report the same quantity, in their
    span. Effects of treatment compare twins. Rows that are not computed say why.
    """
    from asthma_ml.fidelity import fidelity
    from asthma_ml.files import write_table

    table = fidelity(preset, patients, seed)
    write_table(table.assign(within=table["within"].map({True: "true", False: "false"})), output)
    if plot:
        draw(table, plot)
    say(summary(table))


def draw(table: pd.DataFrame, path: str) -> None:
    """Write the forest plot."""
    from io import BytesIO

    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import PdfPages

    from asthma_ml.fidelity import forest_figure, forest_pages
    from asthma_ml.files import write_bytes

    drawn = BytesIO()
    suffix = path.rpartition(".")[2].lower()
    if suffix == "pdf":
        with PdfPages(drawn) as pages:
            for page in forest_pages(table):
                pages.savefig(page)
    else:
        with rc_context({"svg.hashsalt": "asthma_ml"}):
            metadata: dict[str, Any] = {"Date": None} if suffix == "svg" else {}
            forest_figure(table).savefig(drawn, format=suffix, dpi=200, metadata=metadata)
    write_bytes(drawn.getvalue(), path)


def summary(table: pd.DataFrame) -> str:
    """Share within tolerance, overall and by mechanism."""
    judged = table[table["within"].notna()]
    within = judged["within"].astype(bool)
    computed = int(table["generated"].notna().sum())
    lines = [f"{computed} of {len(table)} published figures computed; the others say why not"]
    lines.append(f"{within.sum()} of {len(judged)} within tolerance ({within.mean():.0%})")
    for mechanism, figures in within.groupby(judged["mechanism"]):
        lines.append(f"  {mechanism:<15} {figures.sum():>3} of {len(figures)}")
    return "\n".join(lines)
