"""``asthma-ml fidelity``: comparison of generated cohorts with published figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from asthma_ml.cli.options import (
    TABLE_SUFFIXES,
    examples,
    number_option,
    output_option,
    say,
    seed_option,
    with_verbosity,
    writable,
)

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
    help="Compare only the population of this preset; a user-defined preset (TOML file) is compared with severe "
    "clinics. Default: all populations.",
)
@number_option("--patients", 20_000, "Size of each cohort.", least=1000)
@seed_option
@output_option(TABLE_SUFFIXES, text="Output table; default is the standard output.")
@click.option(
    "--plot",
    metavar="FILE",
    callback=writable(PLOT_SUFFIXES),
    help="Forest plot of the compared figures: .png or .svg, or .pdf for pages to print.",
)
@with_verbosity
def fidelity_command(*, preset: str | None, patients: int, seed: int, output: str, plot: str | None) -> None:
    """Compare the generated cohorts with the literature.

    The table has one row per figure of the evidence table, computed in its own population. A figure
    is within tolerance if it lies in the published interval, or without one in the sampling error of
    the published number of patients. Where several cohorts report the same quantity, the tolerance is
    their span. Treatment effects compare counterfactual twins. Figures that are not computed have a
    reason.
    """
    from asthma_ml.fidelity import compare_with_literature
    from asthma_ml.files import write_table

    table = compare_with_literature(preset, patients, seed)
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
    """Percentage within tolerance, overall and by mechanism."""
    compared = table[table["within"].notna()]
    within = compared["within"].astype(bool)
    computed = int(table["generated"].notna().sum())
    lines = [f"{computed} of {len(table)} published figures computed; column reason explains the others"]
    lines.append(f"{within.sum()} of {len(compared)} within tolerance ({within.mean():.0%})")
    for mechanism, figures in within.groupby(compared["mechanism"]):
        lines.append(f"  {mechanism:<15} {figures.sum():>3} of {len(figures)}")
    return "\n".join(lines)
