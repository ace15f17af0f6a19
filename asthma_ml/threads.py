"""Work on the parts of a file in several threads, and return the results in order.

Threads suffice, because compiled code and numpy release the GIL; they share the model and start at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Given = TypeVar("_Given")
_Result = TypeVar("_Result")

_WAITING_PER_JOB = 2


def in_order(function: Callable[[_Given], _Result], parts: Iterable[_Given], jobs: int) -> Iterator[_Result]:
    """Yield the results of a function for each part, in the order of the parts.

    Parameters
    ----------
    function : callable
        Called in `jobs` threads at once, or in this one if `jobs` is 1.
    parts : iterable
        Taken one by one as results are yielded, so that few are held in memory.
    jobs : int
        Number of threads.

    Yields
    ------
    object
        Results. An error in a thread is raised here; parts that have not begun are then dropped.

    Examples
    --------
    >>> list(in_order(abs, [-1, -2, -3], jobs=2))
    [1, 2, 3]
    """
    if jobs == 1:
        yield from map(function, parts)
        return
    waiting: deque[Future[_Result]] = deque()
    pool = ThreadPoolExecutor(jobs)
    try:
        for part in parts:
            waiting.append(pool.submit(function, part))
            if len(waiting) >= _WAITING_PER_JOB * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
