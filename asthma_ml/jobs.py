"""Independent work in several threads or processes, with results that do not depend on their number."""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeAlias, TypeVar

from asthma_ml.errors import AsthmaMLError

Task: TypeAlias = tuple[Any, ...]
"""A function and its arguments."""

_Given = TypeVar("_Given")
_Result = TypeVar("_Result")

_WAITING_PER_JOB = 2
"""Tasks that each process has taken or will take next; loky holds no more, and can then be stopped at any time."""

_JOBS_PER_PROCESSOR, _FEWEST_USABLE = 4, 8

_IDLE_S = 10.0
_ORPHAN_CHECK_S = 1.0


def in_order(function: Callable[[_Given], _Result], parts: Iterable[_Given], jobs: int) -> Iterator[_Result]:
    """Yield the results of a function for each part, in the order of the parts.

    Threads suffice for compiled code and numpy, which release the GIL; they share the model and start at once.

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
    jobs = usable_jobs(jobs)
    if jobs == 1:
        yield from map(function, parts)
        return
    with ThreadPoolExecutor(jobs) as pool:
        yield from _results(lambda part: pool.submit(function, part), parts, jobs)


def usable_jobs(jobs: int) -> int:
    """Return a number of threads or processes that the computer can run; further ones would only take memory.

    Examples
    --------
    >>> usable_jobs(2), usable_jobs(1_000_000) < 1_000_000
    (2, True)
    """
    return min(jobs, max(_JOBS_PER_PROCESSOR * (os.cpu_count() or 1), _FEWEST_USABLE))


def _results(submit: Callable[[_Given], Future[_Result]], given: Iterable[_Given], jobs: int) -> Iterator[_Result]:
    """Yield results in the order of what is given, of which few are taken ahead; cancel the rest after an error."""
    waiting: deque[Future[_Result]] = deque()
    try:
        for each in given:
            waiting.append(submit(each))
            if len(waiting) == _WAITING_PER_JOB * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def run_tasks(tasks: Sequence[Task], n_jobs: int | None = None, *, progress: str | None = None) -> list[Any]:
    """Results of the tasks, in their order.

    Parameters
    ----------
    tasks : sequence of tuple
        Function of each task and its arguments.
    n_jobs : int or None
        Number of processes, as in joblib; None is 1 outside a `joblib.parallel_config`, -1 all.
    progress : str, optional
        Title of a progress bar on stderr.

    Returns
    -------
    list
        One result for each task.

    Raises
    ------
    AsthmaMLError
        If a process is killed.

    Examples
    --------
    >>> run_tasks([(max, 1, 2), (len, "abc")])
    [2, 3]
    """
    from joblib import effective_n_jobs
    from tqdm import tqdm

    jobs = min(usable_jobs(effective_n_jobs(n_jobs)), len(tasks))
    results = _in_processes(tasks, jobs) if jobs > 1 else (_with_one_blas_thread(*task) for task in tasks)
    return list(tqdm(results, total=len(tasks), unit="fit", desc=progress, disable=progress is None))


def _in_processes(tasks: Sequence[Task], jobs: int) -> Iterator[Any]:
    """Yield the results in the order of the tasks; idle processes are used again for a while."""
    from joblib.externals.loky.process_executor import BrokenProcessPool

    pool = _pool(jobs)

    def submit(task: Task) -> Future[Any]:
        with _interrupts_ignored():
            future: Future[Any] = pool.submit(_with_one_blas_thread, *task)
        return future

    try:
        yield from _results(submit, tasks, jobs)
    except BrokenProcessPool as error:
        _end(pool)
        raise AsthmaMLError("a worker process was killed, perhaps because memory ran out; try fewer --jobs") from error
    except Exception:
        # The processes are sound; to kill them while the pool hands out tasks would break the pool.
        raise
    except BaseException:
        _end(pool)
        raise


def _end(pool: Any) -> None:
    _pool.cache_clear()
    pool.shutdown(kill_workers=True)


@cache
def _pool(jobs: int) -> Any:
    """Pool of processes, which start with the first task and end when they are idle."""
    from joblib.externals.loky import ProcessPoolExecutor

    # A pool that is dropped after the modules that it uses would complain.
    atexit.register(_pool.cache_clear)
    return ProcessPoolExecutor(jobs, timeout=_IDLE_S, initializer=_end_with_parent)


def _with_one_blas_thread(function: Callable[..., Any], *given: Any) -> Any:
    """Call a function; with several threads, BLAS would add in an order that depends on their number."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        return function(*given)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ignore Ctrl-C, so that processes started meanwhile ignore it too; only this process handles it later."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end_with_parent() -> None:
    """Let a worker process exit when its parent is gone."""
    threading.Thread(target=_exit_after, args=(os.getppid(),), daemon=True).start()


def _exit_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_ORPHAN_CHECK_S)
    os._exit(1)
