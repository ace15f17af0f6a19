"""How every command ends: its exit code, and one line that says what went wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import click

from asthma_ml.errors import AsthmaMLError, UnusableInputError

UNEXPECTED, USAGE, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141


@dataclass(slots=True)
class Verbosity:
    """What the user asked for with --debug and --quiet."""

    debug: bool = False
    quiet: bool = False


class AsthmaCommands(click.Group):
    """A command group that turns every failure into one line and an exit code."""

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

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a reader that closes the pipe early is no error to talk about."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # Python flushes the standard output once more at exit: give that a place to go.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return BROKEN_PIPE
        return result


def _report(error: Exception) -> int:
    """Say in one line what went wrong, and return the exit code."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return USAGE
    if isinstance(error, click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    message, code = _explained(error)
    click.echo(f"asthma-ml: {' '.join(message.split())}", err=True)
    return code


def _explained(error: Exception) -> tuple[str, int]:
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "asthma-ml"
        return f"{error.format_message()} See: {path} --help", USAGE
    if isinstance(error, click.ClickException):
        return error.format_message(), USAGE
    if isinstance(error, AsthmaMLError):
        return str(error), error.exit_code
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}", UnusableInputError.exit_code
    return f"unexpected {type(error).__name__}: {error} (run again with --debug to see where)", UNEXPECTED
