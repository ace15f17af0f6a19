"""Atomic writing: a file appears complete under its name, or the previous file stays."""

from __future__ import annotations

import gzip
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from errno import EISDIR, ELOOP
from pathlib import Path
from typing import BinaryIO

from asthma_ml.errors import UnusableInputError
from asthma_ml.files.temporary_files import temporary_beside


def write_text(text: str, path: str | os.PathLike[str]) -> None:
    """Write text as UTF-8, atomically; `-` is standard output.

    Raises
    ------
    UnusableInputError
        If the folder does not exist or is not writable, or the text is not Unicode.
    """
    if os.fspath(path) == "-" and not hasattr(sys.stdout, "buffer"):
        sys.stdout.write(text)
    else:
        write_bytes(encode_text(text, path), path)


def write_bytes(data: bytes, path: str | os.PathLike[str]) -> None:
    """Write bytes, atomically; `-` is standard output.

    Raises
    ------
    UnusableInputError
        If the folder does not exist or is not writable.
    """
    with open_atomically(path) as file:
        file.write(data)


def write_with_companion(data: bytes, path: str | os.PathLike[str], text: str, companion: Path) -> None:
    """Write a file and a text that describes it; after an error both are unchanged.

    If the process is killed, the file may lie there without its companion, never beside that of another file.

    Raises
    ------
    UnusableInputError
        As for `write_bytes`.
    """
    with open_atomically(companion) as described:
        described.write(encode_text(text, companion))
        with open_atomically(path, companions=[companion]) as file:
            file.write(data)


@contextmanager
def open_atomically(
    path: str | os.PathLike[str],
    *,
    follow_links: bool = True,
    alone: bool = False,
    companions: Iterable[str | os.PathLike[str]] = (),
) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces `path` when the block ends without an error.

    Standard output (`-`), pipes and devices cannot be replaced: they are written to directly. After an
    error the temporary file is deleted and `path` is unchanged. The file has the mode of the one that it replaces from
    its first byte on.

    Parameters
    ----------
    path : path or "-"
        File to write.
    follow_links : bool, default=True
        Whether the target of a symbolic link is replaced; otherwise the link itself is.
    alone : bool, default=False
        Whether to refuse a file that another run is writing.
    companions : iterable of path
        Files that belong to the old content of `path`. They are deleted just before it is replaced, so that after a
        kill none lies beside another content; the caller writes the new ones.

    Yields
    ------
    BinaryIO
        The temporary file.

    Raises
    ------
    UnusableInputError
        If the folder does not exist or is not writable, or if `alone` and another run is writing the file.
    """
    if os.fspath(path) == "-":
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        target = _resolved(path) if follow_links else Path(path)
        with target.open("wb") if is_stream(path) else _replacement(target, alone, companions) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise write_error(path, error) from error


def _resolved(path: str | os.PathLike[str]) -> Path:
    try:
        return Path(path).resolve()
    except RuntimeError:  # until Python 3.12
        raise OSError(ELOOP, os.strerror(ELOOP), os.fspath(path)) from None


@contextmanager
def _replacement(target: Path, alone: bool, companions: Iterable[str | os.PathLike[str]]) -> Iterator[BinaryIO]:
    """Temporary file in the folder of `target`; a symbolic link has been resolved and stays a link."""
    if target.is_dir():
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(target))
    with temporary_beside(target, alone=alone) as file:
        temporary = Path(file.name)
        try:
            yield file
            sync(file)
            if target.exists():
                shutil.copymode(target, temporary)
            for path in companions:
                if not is_stream(path):
                    Path(path).unlink(missing_ok=True)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Whether a path is standard output, a pipe or a device, where writing takes effect at once.

    Examples
    --------
    >>> is_stream("-"), is_stream("predictions.csv")
    (True, False)
    """
    return os.fspath(path) == "-" or (Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir())


def sync(file: BinaryIO) -> None:
    """Wait until the written bytes are on the disk."""
    file.flush()
    os.fsync(file.fileno())


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write all bytes to an unbuffered file, whose `write` may accept only some of them."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def write_error(path: str | os.PathLike[str], error: OSError, hint: str = "") -> UnusableInputError:
    """Return the error message for a file that cannot be written, with a hint at its end."""
    return UnusableInputError(f"{os.fspath(path)}: {_reason(error, Path(path))}{hint}")


@contextmanager
def compressing(file: BinaryIO, compressed: bool) -> Iterator[BinaryIO | gzip.GzipFile]:
    """Compress with gzip if asked; without name and time in the header, so that equal tables give equal bytes."""
    if not compressed:
        yield file
        return
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as sink:
        yield sink


@contextmanager
def unencodable_refused(path: str | os.PathLike[str]) -> Iterator[None]:
    """Raise UnusableInputError, which names the file, if text is not Unicode."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise UnusableInputError(f"{os.fspath(path)}: text that is not Unicode cannot be written") from error


def encode_text(text: str, path: str | os.PathLike[str]) -> bytes:
    """Encode text as UTF-8; raise UnusableInputError, which names the file, if it is not Unicode."""
    with unencodable_refused(path):
        return text.encode()


def _reason(error: OSError, target: Path) -> str:
    if not target.parent.is_dir():
        return f"there is no folder {target.parent}; create it first"
    if target.is_dir():
        return "this is a folder; name a file"
    return f"cannot be written ({error.strerror or error})"
