"""Arguments and options that several commands share, checked before any work is done."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from asthma_ml.cli.command_group import Verbosity

TABLE_SUFFIXES = (".csv", ".tsv", ".gz", ".parquet")
FIGURE_SUFFIXES = (".png", ".svg")
RESEARCH_NOTE = "Research software, not a medical device. SHAP values explain the model, not the disease."

_EXISTING_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True)


def examples(*calls: str) -> str:
    """Text of the Examples block that ends a command's help."""
    return "\n".join(["\b", "Examples:", *(f"  asthma-ml {call}" for call in calls)])


def verbosity() -> Verbosity:
    """What the user asked for with --debug and --quiet."""
    return click.get_current_context().find_object(Verbosity) or Verbosity()


def say(message: str) -> None:
    """Tell the user something that is no result: on the standard error, unless --quiet."""
    if not verbosity().quiet:
        click.echo(message, err=True)


def shows_progress() -> bool:
    """Whether a progress bar has a terminal to be drawn on."""
    return not verbosity().quiet and sys.stderr.isatty()


def refuse_overwriting(source: str, output: str) -> None:
    """Refuse to replace the file that was read by the one that is written."""
    if "-" not in (source, output) and Path(source).resolve() == Path(output).resolve():
        raise click.UsageError(f"--output would overwrite the input {source}; name another file.")


def with_verbosity(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --quiet and --debug to a command."""
    for name, text in (("debug", "Show where an error comes from."), ("quiet", "Leave messages out.")):
        option = click.option(f"--{name}", is_flag=True, expose_value=False, callback=_remember, help=text)
        command = option(command)
    return command


def output_option(
    suffixes: tuple[str, ...] = (), *, required: bool = False, text: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Option -o, which refuses what cannot be written before any work is done."""
    return click.option(
        "-o",
        "--output",
        metavar="FILE",
        required=required,
        default=None if required else "-",
        callback=writable(suffixes),
        help=text,
    )


patients_argument = click.argument("file", metavar="FILE", type=_EXISTING_FILE)
columns_option = click.option(
    "--columns",
    metavar="MAP.toml",
    type=click.Path(exists=True, dir_okay=False),
    help="Names and units of the columns of FILE, where they differ from the data dictionary.",
)
model_option = click.option(
    "--model",
    metavar="MODEL",
    type=click.Path(exists=True, dir_okay=False),
    help="Model file; the shipped two-class model if left out.",
)
label_option = click.option(
    "--label", metavar="COLUMN", default="phenotype", show_default=True, help="Column that holds the class."
)


def _remember(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if parameter.name:
        asked = context.find_object(Verbosity)
        setattr(asked, parameter.name, value)


def writable(suffixes: tuple[str, ...] = ()) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Check of an option that names a file to write: folder, suffix."""

    def check(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
        if value is None or value == "-":
            return value
        path = Path(value)
        if path.is_dir():
            raise click.BadParameter(f"{value} is a folder; name a file.")
        if not path.parent.is_dir():
            raise click.BadParameter(f"the folder {path.parent} does not exist; make it first.")
        if suffixes and path.suffix.lower() not in suffixes:
            raise click.BadParameter(f"{value} should end in {', '.join(suffixes[:-1])} or {suffixes[-1]}.")
        return value

    return check
