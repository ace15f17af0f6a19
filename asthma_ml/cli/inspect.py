"""``asthma-ml inspect``: the card of a model file."""

from __future__ import annotations

import json
from pathlib import Path

import click

from asthma_ml.cli.options import ModelPath, examples, output_option, refuse_overwriting, with_verbosity
from asthma_ml.spelling import visible


@click.command(
    "inspect",
    epilog=examples("inspect", "inspect model.aml", "inspect model.aml --json", "inspect shipped -o card.json"),
)
@click.argument("model", metavar="[MODEL]", default="shipped", type=ModelPath())
@click.option("--json", "as_json", is_flag=True, help="Print the complete card as JSON.")
@output_option(text="Write the card to FILE, as JSON if it ends in .json; default is the standard output.")
@with_verbosity
def inspect_command(*, model: str, as_json: bool, output: str) -> None:
    """Show the card of a model.

    The card describes its purpose, classes, training patients, held-out metrics, features and limits.
    MODEL is a model file, or 'shipped' for the shipped model (the default). --json also shows the card of a
    file that this version cannot load.
    """
    from asthma_ml.files import write_text
    from asthma_ml.model_files import check_card, read_card, readable_card

    refuse_overwriting([model], [output])
    card = read_card(model)
    as_json |= Path(output).suffix == ".json"
    if not as_json:
        check_card(card, model)
    text = json.dumps(card, indent=2) if as_json else visible(f"{Path(model).name}\n{readable_card(card)}")
    write_text(f"{text}\n", output)
