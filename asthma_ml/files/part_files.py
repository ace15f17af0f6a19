"""A table that is written for hours: it grows beside its place, survives a kill, and appears when it is whole.

Beside ``predictions.csv`` grow ``predictions.csv.part`` and a journal, ``predictions.csv.part.json``. The
journal says how far the part file is known to be on the disk and what it was made from. Both go when
the table takes its place.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Self

from asthma_ml.errors import UnusableInputError
from asthma_ml.files.atomic import replacing, synced, unwritable, write_all

PART, JOURNAL = ".part", ".part.json"


@dataclass(frozen=True, slots=True)
class Journal:
    """How far a part file has come.

    Attributes
    ----------
    made_from : mapping of str to str
        Everything that the table depends on, by name, as text.
    rows, bytes : int
        What is known to be on the disk.
    counts : mapping of str to int
        What became of the rows.
    """

    made_from: Mapping[str, str]
    rows: int = 0
    bytes: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)


def read_journal(path: str | os.PathLike[str]) -> Journal | None:
    """Read how far the part file of a table has come, None where there is none to go on with.

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
        raise UnusableInputError(
            f"{journal}: damaged, so nothing to resume; leave --resume out to begin anew"
        ) from error


class PartFile:
    r"""Grows a block at a time; each block is on the disk before the journal counts it.

    Parameters
    ----------
    path : path
        Where the table goes.
    made_from : mapping of str to str
        Everything that it depends on, by name, as text.
    journal : Journal, optional
        What to go on with; without it a part file that is there is replaced.

    Attributes
    ----------
    rows : int
        Rows that are safe.
    counts : Counter
        What became of them.

    Raises
    ------
    UnusableInputError
        If the journal speaks of another table, the folder cannot be written to, or another run writes the same.

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
        with self._failures_told():
            self._file = _locked(self._part)
            try:
                self._begin(anew=journal is None)
            except BaseException:
                self._file.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Keep what can be resumed, leave nothing else behind."""
        nothing_to_keep = not self.rows and not self._file.closed
        if nothing_to_keep:
            self._journal.unlink(missing_ok=True)
            self._part.unlink(missing_ok=True)
        self._file.close()

    def append(self, block: bytes, n_rows: int, counts: Mapping[str, int] | None = None) -> None:
        """Write some rows and what became of them."""
        with self._failures_told():
            write_all(self._file, block)
            synced(self._file)
            self.n_bytes += len(block)
            written = self.counts + Counter(counts or {})
            journal = Journal(self._made_from, self.rows + n_rows, self.n_bytes, dict(written))
            with replacing(self._journal) as file:
                file.write(json.dumps(asdict(journal)).encode())
            self.rows, self.counts = self.rows + n_rows, written

    def finish(self, pack: Callable[[BinaryIO, BinaryIO], object] | None = None) -> None:
        """Let the table take its place: as it is, or packed by a function of the part file and a new one."""
        with self._failures_told():
            if pack is None:
                if self._target.exists():
                    shutil.copymode(self._target, self._part)
                self._file.close()
                self._part.replace(self._target)
            else:
                with self._part.open("rb") as made, replacing(self.path) as file:
                    pack(made, file)
                self._file.close()
                self._part.unlink()
            self._journal.unlink(missing_ok=True)

    def _begin(self, *, anew: bool) -> None:
        """Cut off what the journal does not know of."""
        if anew:
            self._journal.unlink(missing_ok=True)
        size = os.fstat(self._file.fileno()).st_size
        if size < self.n_bytes:
            raise UnusableInputError(f"{self._part}: shorter than its journal says; leave --resume out to begin anew")
        self._file.truncate(self.n_bytes)
        self._file.seek(self.n_bytes)

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unwritable(self.path, error, Path(self.path), kept(self.rows)) from error


def kept(rows: int) -> str:
    """Say what is left of a table that was not finished."""
    return f"; {rows:,} rows are kept beside it, go on with --resume" if rows else ""


def _beside(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    target = Path(path).resolve()
    return target.with_name(target.name + PART), target.with_name(target.name + JOURNAL)


def _refuse_other_origin(part: Path, journal: Journal | None, made_from: Mapping[str, str]) -> None:
    if journal is None or journal.made_from == made_from:
        return
    names = sorted({*journal.made_from, *made_from})
    other = [name for name in names if journal.made_from.get(name) != made_from.get(name)]
    raise UnusableInputError(f"{part}: begun with another {', another '.join(other)}; leave --resume out to begin anew")


def _locked(part: Path) -> Any:
    """Open a part file that no other run writes to."""
    # Without a buffer: what a full disk does not take is not tried again when the file is closed.
    file = os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+b", buffering=0)
    try:
        import fcntl
    except ImportError:  # Windows refuses by itself to replace what another run has open
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise UnusableInputError(f"{part}: another run is writing it; wait for it or name another output") from None
    return file
