"""Resumable writing: a table grows in a part file beside its target and can be continued after a crash.

Beside ``predictions.csv`` lie ``predictions.csv.part`` and a journal, ``predictions.csv.part.json``. Both disappear
when the table is complete.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO, Self

from asthma_ml.errors import UnusableInputError
from asthma_ml.files.atomic import open_atomically, sync, write_all, write_error
from asthma_ml.files.journals import Journal, beside, damage, signed, write_journal
from asthma_ml.files.temporary_files import mode_of

_SECONDS_UNSAFE = 1.0


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
        Progress of the run to resume. Without it an existing part file is replaced; also if the part file is not what
        the journal states.

    Attributes
    ----------
    rows : int
        Number of rows written.
    counts : Counter
        Number of rows by status.
    warning : str
        Why the run to resume was not continued; empty if it was.

    Raises
    ------
    UnusableInputError
        If the journal belongs to another table, the folder is not writable, another run writes this table, or the part
        file is a link or belongs to another user.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from asthma_ml.files import read_journal
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
        self._part, self._journal = beside(path)
        self._made_from, self.warning = made_from, ""
        self.rows, self.n_bytes, self.counts, self._digest = 0, 0, Counter[str](), sha256()
        self._safe_rows, self._safe_at = 0, -_SECONDS_UNSAFE
        with self._reporting_failures():
            self._file = _locked(self._part, self._target)
            try:
                if journal is not None:
                    self._resume(journal)
                self._begin()
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
            self._digest.update(block)
            self.n_bytes += len(block)
            self.rows, self.counts = self.rows + n_rows, self.counts + Counter(counts or {})
            if monotonic() - self._safe_at >= _SECONDS_UNSAFE:
                self._make_safe()

    def _make_safe(self) -> None:
        """Wait until all rows are on the disk, then state them in the journal."""
        if self.rows == self._safe_rows:
            return
        sync(self._file)
        write_journal(self._journal, self._signed())
        self._safe_rows, self._safe_at = self.rows, monotonic()

    def _signed(self) -> Journal:
        return signed(self._made_from, self.rows, self.n_bytes, dict(self.counts), self._digest)

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

    def _resume(self, journal: Journal) -> None:
        """Continue a run if its part file is what its journal states; otherwise say why not."""
        reason, digest = damage(journal, self._file)
        if reason:
            self.warning = f"{self._part}: {reason}; nothing of it was used, and all rows were predicted again"
            return
        _refuse_other_origin(self._part, journal.made_from, self._made_from)
        self.rows, self.n_bytes, self.counts = journal.rows, journal.bytes, Counter(journal.counts)
        self._safe_rows, self._digest = self.rows, digest

    def _begin(self) -> None:
        """Truncate the part file to the bytes that are continued."""
        if not self.rows:
            self._journal.unlink(missing_ok=True)
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


def _refuse_other_origin(part: Path, made_before: Mapping[str, str], made_from: Mapping[str, str]) -> None:
    names = sorted({*made_before, *made_from})
    if other := [name for name in names if made_before.get(name) != made_from.get(name)]:
        raise UnusableInputError(
            f"{part}: made with another {', another '.join(other)}; run without --resume to start again"
        )


def _locked(part: Path, target: Path) -> Any:
    """Open a part file, readable by those who may read the target, and lock it against other runs."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    if part.is_symlink():
        raise UnusableInputError(f"{part}: this is a link, and patients are not written through links; delete it")
    # Unbuffered: closing the file must not retry bytes that a full disk refused.
    file = os.fdopen(os.open(part, flags, mode_of(target)), "r+b", buffering=0)
    try:
        _refuse_shared(part, file)
        _lock(part, file)
        if hasattr(os, "fchmod") and target.exists():
            os.fchmod(file.fileno(), mode_of(target))
    except BaseException:
        file.close()
        raise
    return file


def _refuse_shared(part: Path, file: BinaryIO) -> None:
    """Refuse a file that others can reach in another way: by another name, or as its owner."""
    status = os.fstat(file.fileno())
    owned = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
    if not (owned and stat.S_ISREG(status.st_mode) and status.st_nlink <= 1):
        raise UnusableInputError(
            f"{part}: this file belongs to another user or has a second name; patients are not written to it; delete it"
        )


def _lock(part: Path, file: BinaryIO) -> None:
    try:
        import fcntl
    except ImportError:  # Windows itself refuses to replace a file that another run has open
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UnusableInputError(f"{part}: another run is writing it; wait for it or name another output") from None
