"""TODO."""

from __future__ import annotations

import gzip
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from asthma_ml.errors import UnusableInputError


def write_text(text: str, path: str | os.PathLike[str]) -> None:
    """Write text as UTF-8, whole or not at all; `-` is standard output.

    Raises
    ------
    UnusableInputError
        If the folder is missing or cannot be written to.
    """
    if os.fspath(path) == "-" and not hasattr(sys.stdout, "buffer"):
        sys.stdout.write(text)
    else:
        write_bytes(_encoded(text, path), path)


def write_bytes(data: bytes, path: str | os.PathLike[str]) -> None:
    """Write bytes, whole or not at all; `-` is standard output.

    Raises
    ------
    UnusableInputError
        If the folder is missing or cannot be written to.
    """
    if os.fspath(path) == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` once all is written; nothing is left behind otherwise."""
    given = Path(path)
    try:
        if given.exists() and not given.is_file() and not given.is_dir():
            with given.open("wb") as device:
                yield device
            return
        # A link stays a link: what it points to is replaced.
        target = given.resolve()
        temporary = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.tmp")
        with _removed_on_failure(temporary):
            with temporary.open("xb") as file:
                yield file
                synced(file)
            if target.exists():
                shutil.copymode(target, temporary)
            temporary.replace(target)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritable(path, error, given) from error


def synced(file: BinaryIO) -> None:
    """Wait until what was written is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write to a file without a buffer, which may take less than it is given."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def unwritable(path: str | os.PathLike[str], error: OSError, target: Path, then: str = "") -> UnusableInputError:
    """Return the error that says why a file cannot be written, and what then."""
    return UnusableInputError(f"{os.fspath(path)}: {_reason(error, target)}{then}")


@contextmanager
def _removed_on_failure(temporary: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def packing(file: BinaryIO, packed: bool) -> Iterator[BinaryIO | gzip.GzipFile]:
    """Compress where asked for, with neither name nor time inside, so that equal tables give equal bytes."""
    if not packed:
        yield file
        return
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as sink:
        yield sink


def _encoded(text: str, path: str | os.PathLike[str]) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise UnusableInputError(f"{os.fspath(path)}: text that is not Unicode cannot be written") from error


def _reason(error: OSError, target: Path) -> str:
    if not target.parent.is_dir():
        return f"there is no folder {target.parent}; create it first"
    if target.is_dir():
        return "this is a folder; name a file"
    return f"cannot be written ({error.strerror or error})"
