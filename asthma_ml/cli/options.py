"""Arguments and options that several commands share, checked before any work is done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import click
from click.core import ParameterSource

from asthma_ml.cli.command_group import Verbosity

FilePath: TypeAlias = str | PathLike[str]

TABLE_SUFFIXES = (".csv", ".tsv", ".gz", ".parquet")
FIGURE_SUFFIXES = (".png", ".svg")
MODEL_SUFFIXES = (".aml",)
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


def refuse_overwriting(inputs: str | Iterable[FilePath | None], outputs: str | Iterable[FilePath]) -> None:
    """Refuse to replace any file that is read by one that is written."""
    read = [path for path in _files(inputs) if path.exists()]
    for output in _files(outputs):
        for source in read:
            if output.resolve() == source.resolve() or (output.exists() and output.samefile(source)):
                raise click.UsageError(f"{output} would overwrite the input {source}; name another file.")


def refuse_one_file_for_two(outputs: Mapping[str, str | None]) -> None:
    """Refuse options that name the same file to write: the later would replace what the earlier wrote."""
    written: dict[Path, str] = {}
    for option, path in outputs.items():
        for file in _files([path]):
            if (other := written.setdefault(file.resolve(), option)) != option:
                raise click.UsageError(f"{other} and {option} both write {path}; name two files.")


def _files(paths: str | Iterable[FilePath | None]) -> list[Path]:
    """Those of the paths that are files; the standard streams are none."""
    several = [paths] if isinstance(paths, str) else paths
    return [Path(path) for path in several if path is not None and str(path) != "-"]


def with_verbosity(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --quiet and --debug to a command."""
    for name, text in (("debug", "Show where an error comes from."), ("quiet", "Leave messages out.")):
        option = click.option(f"--{name}", is_flag=True, expose_value=False, callback=_remember, help=text)
        command = option(command)
    return command


def output_option(
    suffixes: tuple[str, ...] = (), *, required: bool = False, text: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Option -o, which refuses what cannot be written before any work is done.

    Without the standard output to fall back on where it is required.
    """
    # click takes any default, None as well, for an answer to a required option.
    fallback: dict[str, Any] = {"required": True} if required else {"default": "-"}
    return click.option(
        "-o",
        "--output",
        metavar="FILE",
        callback=writable(suffixes, standard_output=not required),
        help=text,
        **fallback,
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


def _remember(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if parameter.name:
        asked = context.find_object(Verbosity)
        setattr(asked, parameter.name, value)


def writable(
    suffixes: tuple[str, ...] = (), *, standard_output: bool = True
) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Check of an option that names a file to write: folder, suffix."""

    def check(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
        if value is None or (value == "-" and standard_output):
            return value
        if value == "-":
            raise click.BadParameter("this cannot go to the standard output; name a file.")
        path = Path(value)
        if path.is_dir():
            raise click.BadParameter(f"{value} is a folder; name a file.")
        if not path.parent.is_dir():
            raise click.BadParameter(f"the folder {path.parent} does not exist; make it first.")
        if suffixes and path.suffix.lower() not in suffixes:
            allowed = " or ".join(filter(None, [", ".join(suffixes[:-1]), suffixes[-1]]))
            raise click.BadParameter(f"{value} should end in {allowed}.")
        return value

    return check


def command_given() -> dict[str, Any]:
    """Options and arguments that the user gave, files by their names alone, as the card keeps them."""
    context = click.get_current_context()
    given = {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    files = ("file", "columns", "output", "recalibrated", "start_from")
    return {name: Path(value).name if name in files else value for name, value in given.items()}
