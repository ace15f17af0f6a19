"""Read the TOML files that users write."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from asthma_ml.errors import UnusableInputError


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
        If the file cannot be read or is not TOML.
    """
    name = os.fspath(path)
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UnusableInputError(f"{name}: cannot be read ({error.strerror})") from error
    except RecursionError as error:
        raise UnusableInputError(f"{name}: not a TOML file that can be read (nested too deeply)") from error
    except ValueError as error:
        # Python's own limit on the digits of a number has no line and column.
        reason = error if isinstance(error, tomllib.TOMLDecodeError | UnicodeDecodeError) else "a number is too long"
        raise UnusableInputError(f"{name}: not a TOML file that can be read ({reason})") from error
