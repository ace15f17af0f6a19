"""Independent tasks in several processes, with results that do not depend on the number of processes."""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from itertools import islice
from typing import Any, TypeAlias

from asthma_ml.errors import AsthmaMLError

Task: TypeAlias = tuple[Any, ...]
"""A function and its arguments."""

_WAITING_PER_JOB = 2
"""Tasks that each other process has taken or will take next; with no more, loky can be stopped at any time."""

_IDLE_S = 10.0
_ORPHAN_CHECK_S = 1.0


def run_tasks(tasks: Sequence[Task], n_jobs: int | None = None, *, progress: str | None = None) -> list[Any]:
    """Results of the tasks, in their order.

    Parameters
    ----------
    tasks : sequence of tuple
        Function of each task and its arguments.
    n_jobs : int or None
        Number of processes, this one included, as in joblib; None is 1 outside a `joblib.parallel_config`, -1 all.
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

    jobs = min(effective_n_jobs(n_jobs), len(tasks))
    results = _in_processes(tasks, jobs) if jobs > 1 else (_with_one_blas_thread(*task) for task in tasks)
    return list(tqdm(results, total=len(tasks), unit="fit", desc=progress, disable=progress is None))


def start_processes(n_jobs: int, module: str) -> None:
    """Start the processes of `run_tasks` early, so that they import a module while this process does other work.

    Parameters
    ----------
    n_jobs : int
        Number of processes, this one included.
    module : str
        Module that the tasks need.
    """
    if n_jobs > 1:
        _submitted(_pool(n_jobs - 1), [(_import, module)] * (n_jobs - 1))


def end_processes() -> None:
    """Let the processes end now, while this process does other work, instead of when they are idle."""
    _pool.cache_clear()


def _import(module: str) -> None:
    import_module(module)


def _in_processes(tasks: Sequence[Task], jobs: int) -> Iterator[Any]:
    """Yield the results in the order of the tasks, some of which this process does instead of waiting."""
    from joblib.externals.loky.process_executor import BrokenProcessPool

    pool, remaining = _pool(jobs - 1), iter(tasks)
    waiting: deque[Future[Any]] = deque()
    try:
        while True:
            n_free = _WAITING_PER_JOB * (jobs - 1) - sum(not result.done() for result in waiting)
            waiting.extend(_submitted(pool, islice(remaining, n_free)))
            if not waiting:
                return
            if waiting[0].done() or (task := next(remaining, None)) is None:
                yield waiting.popleft().result()
            else:
                waiting.append(_done(task))
    except BrokenProcessPool as error:
        _end(pool)
        raise AsthmaMLError("a worker process was killed, perhaps because memory ran out; try fewer --jobs") from error
    except Exception:
        # The processes are sound; to kill them while the pool hands out tasks would break the pool.
        for task_result in waiting:
            task_result.cancel()
        raise
    except BaseException:
        _end(pool)
        raise


def _submitted(pool: Any, tasks: Iterable[Task]) -> list[Future[Any]]:
    with _interrupts_ignored():
        return [pool.submit(_with_one_blas_thread, *task) for task in tasks]


def _done(task: Task) -> Future[Any]:
    result: Future[Any] = Future()
    result.set_result(_with_one_blas_thread(*task))
    return result


def _end(pool: Any) -> None:
    _pool.cache_clear()
    pool.shutdown(kill_workers=True)


@cache
def _pool(n_processes: int) -> Any:
    """Pool of other processes, which start with the first task and end when they are idle."""
    from joblib.externals.loky import ProcessPoolExecutor

    # A pool that is dropped after the modules that it uses would complain.
    atexit.register(_pool.cache_clear)
    return ProcessPoolExecutor(n_processes, timeout=_IDLE_S, initializer=_end_with_parent)


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
