"""``asthma-ml inspect``: what a model file says about itself."""

from __future__ import annotations

import json

import click

from asthma_ml.cli.evaluate import readable
from asthma_ml.cli.options import examples, output_option, refuse_overwriting, with_verbosity


@click.command("inspect", epilog=examples("inspect model.aml", "inspect model.aml --json"))
@click.argument("model", metavar="[MODEL]", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="The whole card as JSON.")
@output_option(text="Where the card goes; the standard output if left out.")
@with_verbosity
def inspect_command(*, model: str | None, as_json: bool, output: str) -> None:
    """Show the card of a model.

    What it is for, what it learned from and how good it is. Without MODEL it shows the card of the shipped model.
    """
    from asthma_ml.files import write_text
    from asthma_ml.model_files import read_card, shipped_model_path

    model_path = model or shipped_model_path()
    refuse_overwriting([model_path], [output])
    card = read_card(model_path)
    write_text((json.dumps(card, indent=2) if as_json else readable(card)) + "\n", output)
