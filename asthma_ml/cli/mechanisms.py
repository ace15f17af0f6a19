"""``asthma-ml mechanisms``: every equation of the cohort as a document, and the causal graph as a picture."""

from __future__ import annotations

import click

from asthma_ml.cli.options import FIGURE_SUFFIXES, examples, output_option, with_verbosity, writable


@click.command(
    "mechanisms",
    epilog=examples(
        "mechanisms -o docs/mechanisms.md",
        "mechanisms -o docs/mechanisms.md --graph docs/causal_graph.svg --overview docs/mechanism_graph.svg",
    ),
)
@output_option((".md",), text="Where the document goes, as Markdown; the standard output if left out.")
@click.option(
    "--graph", metavar="FILE", callback=writable(FIGURE_SUFFIXES), help="Draw all variables and arrows, PNG or SVG."
)
@click.option(
    "--overview", metavar="FILE", callback=writable(FIGURE_SUFFIXES), help="Draw the mechanisms only, PNG or SVG."
)
@with_verbosity
def mechanisms_command(*, output: str, graph: str | None, overview: str | None) -> None:
    """Write down how the cohort is made.

    Every equation with its causes, its numbers, their sources and how well they are founded.
    """
    from asthma_ml.cli.explain import write_figure
    from asthma_ml.cohort.generate import severe_asthma_model
    from asthma_ml.cohort.graph_figures import causal_graph_figure, mechanism_graph_figure
    from asthma_ml.cohort.mechanism_book import mechanism_book
    from asthma_ml.patients import write_text

    model = severe_asthma_model()
    if graph:
        write_figure(causal_graph_figure(model), graph)
    if overview:
        write_figure(mechanism_graph_figure(model), overview)
    write_text(mechanism_book(model), output)
