"""``asthma-ml variables``: the data dictionary."""

from __future__ import annotations

import click

from asthma_ml.cli.options import examples, output_option, with_verbosity
from asthma_ml.variables import Variable, data_dictionary


@click.command("variables", epilog=examples("variables", "variables --json -o variables.json", "variables --csv"))
@click.option("--json", "form", flag_value="json", help="Write JSON.")
@click.option("--csv", "form", flag_value="csv", help="Write CSV.")
@output_option(text="Output file. Default: standard output.")
@with_verbosity
def variables_command(*, form: str | None, output: str) -> None:
    """List the variables of the data dictionary.

    One line for each variable: name, factor, kind, and limits with unit or levels. --json and --csv add aliases,
    codes and units that can be converted.
    """
    from asthma_ml.files import write_table, write_text

    dictionary = data_dictionary()
    if form == "csv":
        write_table(dictionary.to_frame(), output)
    elif form == "json":
        write_text(dictionary.to_json() + "\n", output)
    else:
        write_text("\n".join(map(_line, dictionary.values())) + "\n", output)


def _line(variable: Variable) -> str:
    allowed = ", ".join(variable.levels)
    if variable.limits:
        allowed = f"{variable.limits[0]:g} to {variable.limits[1]:g} {variable.unit}"
    return f"{variable.name:<31} {variable.factor or '-':<18} {variable.kind:<9} {allowed}".rstrip()
