"""What a terminal is shown, and the standard streams of a process that was started without them."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

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


def drop_unwritable_messages() -> None:
    """Drop messages that the standard error does not take, because it is full, closed or read-only.

    The work goes on, and the exit code says how it ended.
    """
    if sys.stderr is sys.__stderr__ and isinstance(sys.stderr, io.TextIOWrapper):
        errors, encoding = sys.stderr.errors, sys.stderr.encoding
        messages = io.BufferedWriter(_Dropping(getattr(sys.stderr.buffer, "raw", sys.stderr.buffer)))
        sys.stderr = io.TextIOWrapper(messages, encoding, errors, line_buffering=True)


class _Dropping(io.RawIOBase):
    """A stream that drops what the stream below it does not take."""

    def __init__(self, below: Any) -> None:
        self._below = below

    def write(self, data: Any) -> int | None:
        try:
            written: int | None = self._below.write(data)
        except OSError:
            return len(data)
        return written

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._below.fileno())

    def isatty(self) -> bool:
        return bool(self._below.isatty())
