"""What a terminal is shown, and the standard streams of a process that was started without them."""

from __future__ import annotations

import os
import sys

import click

from asthma_ml.spelling import visible


def show(text: str, *, err: bool = False) -> None:
    """Print text to the standard output, or the standard error, with control characters written out.

    A name or an identifier in a file of somebody else could otherwise clear the screen or forge a line.
    """
    click.echo(visible(text), err=err)


def drop_standard_output() -> None:
    """Let Python's own flush at exit succeed after the standard output failed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def replace_closed_streams() -> None:
    """Replace standard streams that were closed before the start, which Python has as None.

    Reading or writing the standard input or output then fails as for any other file; messages are dropped. Their file
    numbers are taken, so that no file of patients is opened under them.
    """
    for number, (name, flags, mode) in enumerate(
        [("stdin", os.O_WRONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w")]
    ):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, flags)
            os.dup2(opened, number)
            setattr(sys, name, os.fdopen(number, mode, closefd=False))
