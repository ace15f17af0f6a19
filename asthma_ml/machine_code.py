"""Compilation of numeric functions with numba, and the decision when to load them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def compiled(function: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Function that numba compiles on its first call.

    It releases the GIL and is cached on disk where possible. ``fastmath`` is never used, because it breaks missing
    values (NaN). The call imports numba, so it belongs into modules that are imported late.

    Parameters
    ----------
    function : callable
        Function of numbers and arrays.

    Returns
    -------
    callable
        Compiled function.

    Examples
    --------
    >>> compiled(lambda number: number + 1)(2)
    3
    """
    import numba

    how: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    machine_code: Callable[_Given, _Result]
    try:
        machine_code = numba.njit(cache=True, **how)(function)
    except RuntimeError:
        machine_code = numba.njit(**how)(function)
    return machine_code


class Patience:
    """Work budget of the interpreted path before compiled code is loaded, which takes one or two seconds.

    If the switch comes when the interpreted path has taken as long as loading takes, the total time is at most twice
    the optimum (ski rental problem). Both paths must give bit-identical results.

    Parameters
    ----------
    steps : float
        Steps of the interpreted path in the loading time.
    once_loaded : float, default=1
        Loading time as a fraction of that, where numba has been loaded for another function before.

    References
    ----------
    Karlin AR et al, Algorithmica, 1988;3:79-119 (to rent or to buy).

    Examples
    --------
    >>> patience = Patience(100)
    >>> [patience.is_over(40) for _ in range(4)]
    [False, False, True, True]
    """

    def __init__(self, steps: float, once_loaded: float = 1.0) -> None:
        self.steps, self.once_loaded, self.done = steps, once_loaded, 0.0

    def is_over(self, steps: float, expected: float = 0.0) -> bool:
        """Whether the next `steps` should use compiled code; `expected` are those of the whole work, if known."""
        self.done += steps
        budget = self.steps * (self.once_loaded if "numba" in sys.modules else 1.0)
        return max(self.done, expected) >= budget
