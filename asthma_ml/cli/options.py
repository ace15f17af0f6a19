"""Arguments and options of several commands, checked before any work is done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import click
from click.core import ParameterSource

from asthma_ml.cli.command_group import Verbosity
from asthma_ml.cli.terminal import show

FilePath: TypeAlias = str | PathLike[str]

TABLE_SUFFIXES = (".csv", ".tsv", ".gz", ".parquet")
FIGURE_SUFFIXES = (".png", ".svg")
MODEL_SUFFIXES = (".aml",)

LARGEST_SEED = 2**32 - 1
"""Largest seed of a model that scikit-learn takes."""

NAMED_COLUMNS = 20
"""Columns of a table that a message names."""

_EXISTING_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True)


class ModelPath(click.Path):
    """Path of an existing model file, or ``shipped``."""

    help = "Model file, or 'shipped' for the shipped two-class model."

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Path of the model file."""
        from asthma_ml.model_files import SHIPPED, resolve_model_path
        from asthma_ml.spelling import closest

        path = str(resolve_model_path(value))
        if not Path(path).exists() and closest(str(value), [SHIPPED]):
            self.fail(f"File {value!r} does not exist. Did you mean {SHIPPED!r}?", param, ctx)
        return super().convert(path, param, ctx)


class Choice(click.Choice[str]):
    """Choice that suggests the nearest value."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Message for a value that is not a choice."""
        from asthma_ml.spelling import closest

        close = closest(str(value), self.choices)
        return super().get_invalid_choice_message(value, ctx) + (f" Did you mean {close!r}?" if close else "")


def examples(*calls: str) -> str:
    """Examples block at the end of the help of a command."""
    return "\n".join(["\b", "Examples:", *(f"  asthma-ml {call}" for call in calls)])


def verbosity() -> Verbosity:
    """Values of --debug and --quiet."""
    return click.get_current_context().find_object(Verbosity) or Verbosity()


def say(message: str) -> None:
    """Print a message to the standard error, unless --quiet."""
    if not verbosity().quiet:
        show(message, err=True)


def shows_progress() -> bool:
    """Whether to draw a progress bar: the standard error is a terminal, and not --quiet."""
    return not verbosity().quiet and sys.stderr.isatty()


def refuse_overwriting(inputs: str | Iterable[FilePath | None], outputs: str | Iterable[FilePath]) -> None:
    """Refuse outputs that would overwrite an input."""
    read = [path for path in _files(inputs) if path.exists()]
    for output in _files(outputs):
        for source in read:
            if _resolved(output) == _resolved(source) or (output.exists() and output.samefile(source)):
                raise click.UsageError(f"{output} would overwrite the input {source}; name another file.")


def refuse_one_file_for_two(outputs: Mapping[str, str | None]) -> None:
    """Refuse two options that write the same file."""
    written: dict[Path, str] = {}
    for option, path in outputs.items():
        for file in _files([path]):
            if (other := written.setdefault(_resolved(file), option)) != option:
                raise click.UsageError(f"{other} and {option} both write {path}; name two files.")


def _files(paths: str | Iterable[FilePath | None]) -> list[Path]:
    """Paths without the standard streams."""
    several = [paths] if isinstance(paths, str) else paths
    return [Path(path) for path in several if path is not None and str(path) != "-"]


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        raise click.BadParameter(f"{path} is a link that leads in a circle; name another file.") from None


def with_verbosity(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --quiet and --debug to a command."""
    for name, text in (("debug", "Show the traceback of an error."), ("quiet", "Print no messages.")):
        option = click.option(f"--{name}", is_flag=True, expose_value=False, callback=_remember, help=text)
        command = option(command)
    return command


def output_option(
    suffixes: tuple[str, ...] = (), *, required: bool = False, text: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Option -o, checked before any work is done; the default is the standard output unless it is required."""
    # For click any default, even None, satisfies a required option.
    fallback: dict[str, Any] = {"required": True} if required else {"default": "-"}
    return click.option(
        "-o",
        "--output",
        metavar="FILE",
        callback=writable(suffixes, standard_output=not required),
        help=text,
        **fallback,
    )


def number_option(
    name: str, default: int, help_text: str, *, least: int = 1, most: int | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Option of a whole number of at least `least` and at most `most`."""
    return click.option(name, type=click.IntRange(least, most), default=default, show_default=True, help=help_text)


def preset_option(default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Option of the generated population."""
    text = "Preset, or a .toml file that derives one."
    return click.option("--preset", metavar="NAME", default=default, show_default=True, help=text)


seed_option = number_option("--seed", 1, "Seed; the same seed gives the same result.", least=0)
jobs_option = number_option("--jobs", 1, "Number of processes or threads; does not change the result.")
patients_argument = click.argument("file", metavar="FILE", type=_EXISTING_FILE)
columns_option = click.option(
    "--columns",
    metavar="MAP.toml",
    type=click.Path(exists=True, dir_okay=False),
    help="Column map: names, units and codes of FILE that differ from the data dictionary.",
)
model_option = click.option(
    "--model", metavar="MODEL", type=ModelPath(), default="shipped", show_default=True, help=ModelPath.help
)


def _remember(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if parameter.name:
        asked = context.find_object(Verbosity)
        setattr(asked, parameter.name, value)


def writable(
    suffixes: tuple[str, ...] = (), *, standard_output: bool = True
) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Callback that checks the folder and suffix of a file to write."""

    def check(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
        if value is None or (value == "-" and standard_output):
            return value
        if value == "-":
            raise click.BadParameter("this cannot be written to the standard output; name a file.")
        path = Path(value)
        if path.is_dir():
            raise click.BadParameter(f"{value} is a folder; name a file.")
        _resolved(path)
        if not path.parent.is_dir():
            raise click.BadParameter(f"the folder {path.parent} does not exist; create it first.")
        if suffixes and path.suffix.lower() not in suffixes:
            allowed = " or ".join(filter(None, [", ".join(suffixes[:-1]), suffixes[-1]]))
            raise click.BadParameter(f"{value} must end in {allowed}.")
        return value

    return check


def command_given() -> dict[str, Any]:
    """Options and arguments on the command line, files without their folders, for the model card."""
    context = click.get_current_context()
    given = {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    files = ("file", "columns", "output", "recalibrated", "start_from")
    return {name: Path(value).name if name in files else value for name, value in given.items()}
