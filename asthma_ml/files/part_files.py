"""Resumable writing: a table grows in a part file beside its target and can be continued after a crash.

Beside ``predictions.csv`` lie ``predictions.csv.part`` and a journal, ``predictions.csv.part.json``. The
journal states how many rows are safely on the disk and what the table was made from. Both disappear when
the table is complete.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO, Self

from asthma_ml.errors import UnusableInputError
from asthma_ml.files.atomic import open_atomically, sync, write_all, write_error

PART, JOURNAL = ".part", ".part.json"
_SECONDS_UNSAFE = 1.0
_START_AGAIN = "run without --resume to start again"


@dataclass(frozen=True, slots=True)
class Journal:
    """Progress of a part file.

    Attributes
    ----------
    made_from : mapping of str to str
        Everything that determines the table (input, model, options), by name.
    rows, bytes : int
        Rows and bytes that are safely on the disk.
    counts : mapping of str to int
        Number of rows by status.
    """

    made_from: Mapping[str, str]
    rows: int = 0
    bytes: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)


def read_journal(path: str | os.PathLike[str]) -> Journal | None:
    """Read the journal of an unfinished table; None if there is none.

    Raises
    ------
    UnusableInputError
        If the journal is damaged.
    """
    part, journal = _beside(path)
    if not (part.is_file() and journal.is_file()):
        return None
    try:
        return Journal(**json.loads(journal.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise UnusableInputError(f"{journal}: the journal is damaged; {_START_AGAIN}") from error


class PartFile:
    r"""A table that is written block by block; rows are on the disk before the journal states them.

    Waiting for the disk may take longer than predicting a block, so it is done once a second. A crash loses the blocks
    of the last second; an interruption or an error loses none.

    Parameters
    ----------
    path : path
        Target of the complete table.
    made_from : mapping of str to str
        Everything that determines the table, by name.
    journal : Journal, optional
        Progress of the run to resume. Without it an existing part file is replaced.

    Attributes
    ----------
    rows : int
        Number of rows written.
    counts : Counter
        Number of rows by status.

    Raises
    ------
    UnusableInputError
        If the journal belongs to another table, the folder is not writable, or another run writes this table.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "table.csv")
    ...     with PartFile(path, {"model": "a"}) as part:
    ...         part.append(b"id\n1\n", 1)
    ...     with PartFile(path, {"model": "a"}, read_journal(path)) as part:
    ...         part.append(b"2\n", 1)
    ...         part.finish()
    ...     path.read_bytes(), len(list(Path(folder).iterdir()))
    (b'id\n1\n2\n', 1)
    """

    def __init__(
        self, path: str | os.PathLike[str], made_from: Mapping[str, str], journal: Journal | None = None
    ) -> None:
        self.path = path
        self._target = Path(path).resolve()
        self._part, self._journal = _beside(path)
        self._made_from = made_from
        _refuse_other_origin(self._part, journal, made_from)
        self.rows, self.n_bytes = (journal.rows, journal.bytes) if journal else (0, 0)
        self.counts = Counter(journal.counts if journal else {})
        self._safe_rows, self._safe_at = self.rows, -_SECONDS_UNSAFE
        with self._reporting_failures():
            self._file = _locked(self._part)
            try:
                self._begin(resumed=journal is not None)
            except BaseException:
                self._file.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Keep the part file if it has rows; delete it otherwise."""
        if self._file.closed:
            return
        with suppress(OSError):
            self._make_safe()
        if not self._safe_rows:
            self._journal.unlink(missing_ok=True)
            self._part.unlink(missing_ok=True)
        self._file.close()

    def append(self, block: bytes, n_rows: int, counts: Mapping[str, int] | None = None) -> None:
        """Write the next rows; once a second, wait for the disk and state them in the journal."""
        with self._reporting_failures():
            write_all(self._file, block)
            self.n_bytes += len(block)
            self.rows, self.counts = self.rows + n_rows, self.counts + Counter(counts or {})
            if monotonic() - self._safe_at >= _SECONDS_UNSAFE:
                self._make_safe()

    def _make_safe(self) -> None:
        """Wait until all rows are on the disk, then state them in the journal."""
        if self.rows == self._safe_rows:
            return
        sync(self._file)
        with open_atomically(self._journal) as file:
            journal = Journal(self._made_from, self.rows, self.n_bytes, dict(self.counts))
            file.write(json.dumps(asdict(journal)).encode())
        self._safe_rows, self._safe_at = self.rows, monotonic()

    def finish(self, convert: Callable[[BinaryIO, BinaryIO], object] | None = None) -> None:
        """Move the complete table to its target; `convert` copies the part file to a file of another format."""
        with self._reporting_failures():
            if convert is None:
                sync(self._file)
                if self._target.exists():
                    shutil.copymode(self._target, self._part)
                self._file.close()
                self._part.replace(self._target)
            else:
                with self._part.open("rb") as part, open_atomically(self.path) as file:
                    convert(part, file)
                self._file.close()
                self._part.unlink()
            self._journal.unlink(missing_ok=True)

    def _begin(self, *, resumed: bool) -> None:
        """Truncate the part file to the bytes that the journal states."""
        if not resumed:
            self._journal.unlink(missing_ok=True)
        size = os.fstat(self._file.fileno()).st_size
        if size < self.n_bytes:
            raise UnusableInputError(f"{self._part}: shorter than its journal states; {_START_AGAIN}")
        self._file.truncate(self.n_bytes)
        self._file.seek(self.n_bytes)

    @contextmanager
    def _reporting_failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            with suppress(OSError):
                self._make_safe()
            raise write_error(self.path, error, resume_hint(self._safe_rows)) from error


def resume_hint(rows: int) -> str:
    """Hint, at the end of a message, that an unfinished table can be resumed."""
    return f"; {rows:,} rows are kept, continue with --resume" if rows else ""


def _beside(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    target = Path(path).resolve()
    return target.with_name(target.name + PART), target.with_name(target.name + JOURNAL)


def _refuse_other_origin(part: Path, journal: Journal | None, made_from: Mapping[str, str]) -> None:
    if journal is None or journal.made_from == made_from:
        return
    names = sorted({*journal.made_from, *made_from})
    other = [name for name in names if journal.made_from.get(name) != made_from.get(name)]
    raise UnusableInputError(f"{part}: made with another {', another '.join(other)}; {_START_AGAIN}")


def _locked(part: Path) -> Any:
    """Open a part file and lock it against other runs."""
    # Unbuffered: closing the file must not retry bytes that a full disk refused.
    file = os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+b", buffering=0)
    try:
        import fcntl
    except ImportError:  # Windows itself refuses to replace a file that another run has open
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise UnusableInputError(f"{part}: another run is writing it; wait for it or name another output") from None
    return file
