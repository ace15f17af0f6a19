"""Atomic writing: a file appears complete under its name, or the previous file stays."""

from __future__ import annotations

import gzip
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from asthma_ml.errors import UnusableInputError


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


@contextmanager
def open_atomically(path: str | os.PathLike[str], *, follow_links: bool = True) -> Iterator[BinaryIO]:
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

    Yields
    ------
    BinaryIO
        The temporary file.

    Raises
    ------
    UnusableInputError
        If the folder does not exist or is not writable.
    """
    if os.fspath(path) == "-":
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        target = Path(path).resolve() if follow_links else Path(path)
        with target.open("wb") if is_stream(path) else _replacement(target) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise write_error(path, error) from error


@contextmanager
def _replacement(target: Path) -> Iterator[BinaryIO]:
    """Temporary file in the folder of `target`; a symbolic link has been resolved and stays a link."""
    temporary = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode_of(target))) as file:
            yield file
            sync(file)
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def mode_of(target: Path) -> int:
    """Mode of a new file that will replace `target`: that of `target`, or the usual one."""
    return stat.S_IMODE(target.stat().st_mode) if target.is_file() else 0o666


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
