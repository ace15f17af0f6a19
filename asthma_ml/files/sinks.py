"""Sinks that take a table of predictions block by block: the protocol, and the sink for streams."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from asthma_ml.files.atomic import write_all, write_error


class Sink(Protocol):
    """A destination for the blocks of a table.

    Attributes
    ----------
    rows : int
        Number of rows written.
    counts : Counter
        Number of rows by status.
    warning : str
        Why an unfinished table was not continued; empty if none was to be.
    """

    rows: int
    counts: Counter[str]
    warning: str

    def append(self, block: bytes, n_rows: int, counts: Mapping[str, int] | None = None) -> None:
        """Write the next rows."""

    def finish(self, convert: Any = None) -> None:
        """Complete the table after the last block."""


class StreamSink:
    """Writes each block at once to standard output, a pipe or a device."""

    def __init__(self, output: str | os.PathLike[str], file: Any) -> None:
        self.rows, self.counts, self.warning = 0, Counter[str](), ""
        self._name, self._file = "standard output" if os.fspath(output) == "-" else output, file

    def append(self, block: bytes, n_rows: int, counts: Mapping[str, int] | None = None) -> None:
        """Write the next rows."""
        try:
            write_all(self._file, block)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise write_error(self._name, error) from error
        self.rows += n_rows
        self.counts.update(counts or {})

    def finish(self, convert: Any = None) -> None:
        """Do nothing: all rows are written."""


@contextmanager
def stream_sink(output: str | os.PathLike[str]) -> Iterator[StreamSink]:
    """Open the sink of a stream, without a buffer."""
    if os.fspath(output) != "-":
        with Path(output).open("wb", buffering=0) as file:
            yield StreamSink(output, file)
        return
    sys.stdout.flush()
    yield StreamSink(output, getattr(sys.stdout.buffer, "raw", sys.stdout.buffer))
