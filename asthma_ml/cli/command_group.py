"""Exit codes and one-line error messages of all commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn

import click

from asthma_ml.cli.terminal import drop_standard_output, show
from asthma_ml.errors import AsthmaMLError, UnusableInputError
from asthma_ml.spelling import with_suggestion

COMMANDS = {
    "compare": "Compare a challenger with the model in use, the champion.",
    "compare-real": "Compare a generated cohort with real patients.",
    "demo": "Run the complete workflow, from a cohort to explanations.",
    "evaluate": "Evaluate a model on labelled patients.",
    "explain": "Explain predictions by contributions of findings and factors.",
    "fidelity": "Compare the generated cohorts with the literature.",
    "generate": "Generate a synthetic cohort.",
    "inspect": "Show the card of a model.",
    "predict": "Predict the phenotype of each patient, with reasons.",
    "sensitivity": "Change each coefficient of the causal model by 50 %.",
    "train": "Train a classifier on labelled patients.",
    "validate": "List all problems of a table of patients.",
    "variables": "List the variables of the data dictionary.",
}
"""What each command does; its module has the name of the command."""

UNEXPECTED, USAGE, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141


@dataclass(slots=True)
class Verbosity:
    """Values of --debug and --quiet."""

    debug: bool = False
    quiet: bool = False


class AsthmaCommands(click.Group):
    """Command group that reports every error as one line and an exit code, and imports a command when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is no command of this name."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"asthma_ml.cli.{module}"), f"{module}_command")
        command.help = command.help or COMMANDS[cmd_name]  # `python -OO` drops docstrings
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each command does, without importing it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> NoReturn:
        """Run a command and exit."""
        verbosity = Verbosity()
        extra |= {"standalone_mode": False, "obj": verbosity}
        try:
            code = super().main(args, *rest, **extra)
        except Exception as error:
            if verbosity.debug:
                raise
            code = _report(error)
        sys.exit(code if isinstance(code, int) else 0)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or refuse an unknown one with the nearest name."""
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"no command {with_suggestion(args[0], self.list_commands(ctx))}.")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a closed pipe is not reported as an error."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            drop_standard_output()
            return BROKEN_PIPE
        return result


def _report(error: Exception) -> int:
    """Print an error, each problem on a line of its own, and return the exit code."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return USAGE
    if isinstance(error, click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    message, code = _message_and_code(error)
    problems = message.splitlines() if isinstance(error, AsthmaMLError) else [message]
    for problem in problems or [""]:
        show(f"asthma-ml: {' '.join(problem.split())}", err=True)
    return code


def _message_and_code(error: Exception) -> tuple[str, int]:
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "asthma-ml"
        return f"{error.format_message()} See: {path} --help", USAGE
    if isinstance(error, click.ClickException):
        return error.format_message(), USAGE
    if isinstance(error, AsthmaMLError):
        return str(error), error.exit_code
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}", UnusableInputError.exit_code
    if isinstance(error, OSError):
        drop_standard_output()
        return f"standard output: cannot be written ({error.strerror or error})", UnusableInputError.exit_code
    return f"unexpected {type(error).__name__}: {error} (run again with --debug to see the traceback)", UNEXPECTED
