"""Temporary files beside their targets: locked while their run lives, so that those of killed runs can be deleted."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, BinaryIO

from asthma_ml.errors import UnusableInputError

_SECONDS_IN_TURN = 1.0


@contextmanager
def temporary_beside(target: Path, *, alone: bool = False) -> Iterator[BinaryIO]:
    """Open a new locked file in the folder of `target`, with its mode, after deleting those that killed runs left.

    The caller moves or deletes it. With `alone`, UnusableInputError is raised if another run has such a file.
    """
    with ExitStack() as opened:
        with _in_turn(target.parent) if alone else nullcontext():
            file = opened.enter_context(_locked_new_file(target))
            alive = [_is_alive(path) for path in _others(target, file.name)]
            if alone and any(alive):
                Path(file.name).unlink()
                raise UnusableInputError(f"{target}: another run is writing it; wait for it or name another output")
        yield file


@contextmanager
def _in_turn(folder: Path) -> Iterator[None]:
    """Lock a folder for a moment, so that of runs that start together exactly one finds itself alone.

    The wait is limited, because the run may have been started by a program that holds this lock.
    """
    with ExitStack() as ended:
        if hasattr(os, "O_DIRECTORY"):
            lock = os.open(folder, os.O_RDONLY)
            ended.callback(os.close, lock)
            _lock_within(lock, _SECONDS_IN_TURN)
        yield


def _lock_within(file: int, seconds: float) -> None:
    """Lock a file; give up after some seconds, or if the system has no locks."""
    until = monotonic() + seconds
    with suppress(OSError):
        while monotonic() < until:
            with suppress(BlockingIOError):
                _lock(file, wait=False)
                return
            sleep(0.002)


@contextmanager
def temporary_folder_beside(target: Path) -> Iterator[Path]:
    """Make a new locked folder beside `target` that only its owner can read; deleted at the end.

    Those that killed runs left are deleted first.
    """
    folder = _new_name(target)
    folder.mkdir(0o700)
    with ExitStack() as ended:
        ended.callback(shutil.rmtree, folder, ignore_errors=True)
        if hasattr(os, "O_DIRECTORY"):
            lock = os.open(folder, os.O_RDONLY)
            ended.callback(os.close, lock)
            with suppress(OSError):
                _lock(lock, wait=True)
        for path in _others(target, str(folder)):
            _is_alive(path)
        yield folder


def mode_of(target: Path) -> int:
    """Mode of a new file that will replace `target`: that of `target`, or the usual one."""
    return stat.S_IMODE(target.stat().st_mode) if target.is_file() else 0o666


def _prefix(target: Path) -> str:
    return f".{target.name[:200]}."


def _new_name(target: Path) -> Path:
    return target.with_name(f"{_prefix(target)}{secrets.token_hex(4)}.tmp")


def _locked_new_file(target: Path) -> Any:
    """Create a file and lock it; another run may delete it in between, and it is then created again."""
    while True:
        path = _new_name(target)
        file: Any = open(path, "xb", opener=lambda name, flags: os.open(name, flags, mode_of(target)))  # noqa: SIM115
        with suppress(OSError):  # some network drives have no locks
            _lock(file, wait=True)
        if path.exists():
            return file
        file.close()


def _others(target: Path, own: str) -> list[str]:
    """Paths of the other temporary files and folders of a target."""
    pattern = re.compile(re.escape(_prefix(target)) + "[0-9a-f]{8}[.]tmp")
    with os.scandir(target.parent) as entries:
        return [each.path for each in entries if pattern.fullmatch(each.name) and each.path != own]


def _is_alive(path: str) -> bool:
    """Whether another run has locked a file or folder; one that nobody has locked is deleted."""
    with suppress(OSError), ExitStack() as ended:
        opened = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        ended.callback(os.close, opened)
        try:
            _lock(opened, wait=False)
        except BlockingIOError:
            return True
        if stat.S_ISDIR(os.fstat(opened).st_mode):
            shutil.rmtree(path)
        else:
            Path(path).unlink()
    return False


def _lock(file: Any, *, wait: bool) -> None:
    """Lock a file or folder; raises OSError if another run has locked it or the system has no locks, as Windows."""
    try:
        import fcntl
    except ImportError as error:
        raise OSError(str(error)) from error
    fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
