"""``asthma-ml worked-patients``: four patients worked through, as a document with figures."""

from __future__ import annotations

from pathlib import Path

import click

from asthma_ml.cli.options import examples, model_option, output_option, with_verbosity


@click.command(
    "worked-patients",
    epilog=examples("worked-patients -o docs/worked_patients.md", "worked-patients --model model.aml -o worked.md"),
)
@model_option
@output_option((".md",), text="Where the document goes, its figures beside it; the standard output if left out.")
@with_verbosity
def worked_patients_command(*, model: str | None, output: str) -> None:
    """Work four patients through: record, prediction, reasons and a physician's comment.

    With a model of your own it shows whether its reasons are still those that the comments speak of.
    """
    from asthma_ml.cli.explain import write_figure
    from asthma_ml.explanation import explain
    from asthma_ml.explanation.worked_patients import places_of_stories, worked_patients_page
    from asthma_ml.patients import read_patients, write_text
    from asthma_ml.persistence import load_model
    from asthma_ml.shipped import example_patients_path, shipped_model_path

    explanation = explain(load_model(model or shipped_model_path()), read_patients(example_patients_path()))
    figures = {name: f"{Path(output).stem}_{name}.svg" for name in places_of_stories(explanation)}
    if output != "-":
        for name, place in places_of_stories(explanation).items():
            write_figure(explanation.plot(place), Path(output).parent / figures[name])
    of_another = None if model is None else Path(model).name
    write_text(worked_patients_page(explanation, figures, of_another), output)
