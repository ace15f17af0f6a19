"""Functions of numbers as machine code.

Importing this module imports numba, so only modules that are imported late themselves do it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numba

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def compiled(function: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Compile a function when it is first called.

    It lets other threads run and is kept on disk if there is a folder to keep it in. Never with
    ``fastmath``, which takes gaps for numbers.

    Parameters
    ----------
    function : callable
        Of numbers and arrays.

    Returns
    -------
    callable
        The same function, compiled.

    Examples
    --------
    >>> compiled(lambda number: number + 1)(2)
    3
    """
    how: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    machine_code: Callable[_Given, _Result]
    try:
        machine_code = numba.njit(cache=True, **how)(function)
    except RuntimeError:
        machine_code = numba.njit(**how)(function)
    return machine_code
