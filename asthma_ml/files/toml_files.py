"""Read the TOML files that users write."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asthma_ml.errors import UnusableInputError

_MOST_BYTES, _DEEPEST, _NUMBER_BELOW = 2**22, 20, 2**63


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a TOML file.

    Parameters
    ----------
    path : path
        UTF-8 text, with or without a byte order mark.

    Returns
    -------
    dict
        Its content.

    Raises
    ------
    UnusableInputError
        If the file cannot be read or is not TOML, if it is larger than 4 MB, nested more than 20 deep, or has a whole
        number of more than 64 bits.
    """
    name = os.fspath(path)
    data = _content(path, name)
    if len(data) > _MOST_BYTES:
        raise UnusableInputError(f"{name}: not a TOML file that can be read (it is larger than {_MOST_BYTES >> 20} MB)")
    try:
        content = tomllib.loads(data.decode("utf-8-sig"))
        _refuse_unusual(content)
    except RecursionError as error:
        raise UnusableInputError(f"{name}: not a TOML file that can be read (nested too deeply)") from error
    except ValueError as error:
        # Python's own limit on the digits of a number has no line and column.
        reason = error if isinstance(error, tomllib.TOMLDecodeError | UnicodeDecodeError) else "a number is too long"
        raise UnusableInputError(f"{name}: not a TOML file that can be read ({reason})") from error
    return content


def _content(path: str | os.PathLike[str], name: str) -> bytes:
    """The bytes of a file, at most one more than are allowed."""
    try:
        with Path(path).open("rb") as file:
            return file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UnusableInputError(f"{name}: cannot be read ({error.strerror})") from error


def _refuse_unusual(content: Any) -> None:
    """Refuse what would overflow or recurse wherever it is used."""
    for depth, value in _values(content):
        if depth > _DEEPEST:
            raise RecursionError
        if isinstance(value, int) and abs(value) >= _NUMBER_BELOW:
            raise ValueError


def _values(content: Any) -> Iterator[tuple[int, Any]]:
    """All values with their depth, outer before inner."""
    waiting = [(0, content)]
    while waiting:
        depth, value = waiting.pop()
        yield depth, value
        if isinstance(value, dict | list):
            waiting += [(depth + 1, each) for each in (value.values() if isinstance(value, dict) else value)]
