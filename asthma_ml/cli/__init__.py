"""Command line: one module per command."""

from __future__ import annotations

from collections.abc import Sequence

import click

from asthma_ml.cli.command_group import AsthmaCommands
from asthma_ml.cli.options import examples
from asthma_ml.cli.terminal import drop_unwritable_messages, replace_closed_streams
from asthma_ml.version import __version__

__all__ = ["commands", "main"]


# Not the docstring of `commands`, which `python -OO` drops.
_HELP = """Inflammatory endotypes of treatment-resistant severe asthma.

Research software, not a medical device. SHAP values explain the model, not the disease.

Results go to the standard output or to --output, messages to the standard error. FILE may be "-" for the standard
input. Exit codes: 0 success, 1 unexpected error, 2 usage error or unusable input, 3 rows refused under --strict, 4
model file unusable, 5 gate refused.
"""


@click.group(
    "asthma-ml",
    cls=AsthmaCommands,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=_HELP,
    epilog=examples("demo -o out", "predict patients.csv -o predictions.csv", "explain patients.csv --patient P001"),
)
@click.version_option(__version__, prog_name="asthma-ml")
def commands() -> None:
    """All commands."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the name of the program; those of the process if None.
    """
    replace_closed_streams()
    drop_unwritable_messages()
    commands.main(args=list(argv) if argv is not None else None, prog_name="asthma-ml")
