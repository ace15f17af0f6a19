"""TODO."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from asthma_ml.files.atomic import unwritable, write_all


class Sink(Protocol):
    """Where blocks of a table go."""

    rows: int
    counts: Counter[str]

    def append(self, block: bytes, n_rows: int, counts: Mapping[str, int] | None = None) -> None:
        """Take some rows."""

    def finish(self, pack: Any = None) -> None:
        """Take note that these were all."""


def _is_direct(output: str | os.PathLike[str]) -> bool:
    """Whether what is written is gone at once: standard output, a pipe, a device."""
    return os.fspath(output) == "-" or (
        Path(output).exists() and not Path(output).is_file() and not Path(output).is_dir()
    )


class DirectSink:
    """Writes at once to what cannot be taken back: standard output, a pipe, a device."""

    def __init__(self, output: str | os.PathLike[str], file: Any) -> None:
        self.rows, self.counts = 0, Counter[str]()
        self._output, self._file = output, file

    def append(self, block: bytes, n_rows: int, counts: Mapping[str, int] | None = None) -> None:
        """Write some rows."""
        try:
            write_all(self._file, block)
        except BrokenPipeError:
            raise
        except OSError as error:
            name = "standard output" if os.fspath(self._output) == "-" else self._output
            raise unwritable(name, error, Path(self._output)) from error
        self.rows += n_rows
        self.counts.update(counts or {})

    def finish(self, pack: Any = None) -> None:
        """All rows are written."""


@contextmanager
def _direct(output: str | os.PathLike[str]) -> Iterator[DirectSink]:
    if os.fspath(output) != "-":
        with Path(output).open("wb", buffering=0) as file:
            yield DirectSink(output, file)
        return
    sys.stdout.flush()
    yield DirectSink(output, getattr(sys.stdout.buffer, "raw", sys.stdout.buffer))
