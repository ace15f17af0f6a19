"""Functions of numbers as machine code, and when they are worth their loading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def compiled(function: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Compile a function when it is first called.

    It lets other threads run and is kept on disk if there is a folder to keep it in. Never with
    ``fastmath``, which takes gaps for numbers. Imports numba, so only modules that are imported late
    themselves use it.

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
    import numba

    how: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    machine_code: Callable[_Given, _Result]
    try:
        machine_code = numba.njit(cache=True, **how)(function)
    except RuntimeError:
        machine_code = numba.njit(**how)(function)
    return machine_code


class Patience:
    """How much is done the slow way before machine code is loaded, which takes a second or two.

    Who switches when the slow way has taken as long as loading takes never needs more than twice the
    least time, however much is still to come. Both ways must give the same to the last bit.

    Parameters
    ----------
    steps : float
        What the slow way does in the time that loading takes.

    References
    ----------
    Karlin AR et al, Algorithmica, 1988;3:79-119 (to rent or to buy).

    Examples
    --------
    >>> patience = Patience(100)
    >>> [patience.is_over(40) for _ in range(4)]
    [False, False, True, True]
    """

    def __init__(self, steps: float) -> None:
        self.steps, self.done = steps, 0.0

    def is_over(self, steps: float) -> bool:
        """Tell whether the next so many steps are for machine code."""
        self.done += steps
        return self.done >= self.steps
