"""Independent tasks in several processes, with results that do not depend on their number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from asthma_ml.errors import AsthmaMLError


def run_tasks(tasks: Sequence[tuple[Any, ...]], n_jobs: int | None = None, *, progress: str | None = None) -> list[Any]:
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
        One result a task.

    Raises
    ------
    AsthmaMLError
        If a process is killed.

    Examples
    --------
    >>> run_tasks([(max, 1, 2), (len, "abc")])
    [2, 3]
    """
    from joblib.externals.loky.process_executor import BrokenProcessPool
    from sklearn.utils.parallel import Parallel, delayed
    from tqdm import tqdm

    work = Parallel(n_jobs=n_jobs, return_as="generator", pre_dispatch="all", batch_size=1)(
        delayed(_one_blas_thread)(*task) for task in tasks
    )
    try:
        return list(tqdm(work, total=len(tasks), unit="fit", desc=progress, disable=progress is None))
    except BrokenProcessPool as error:
        raise AsthmaMLError("a worker process was killed, perhaps because memory ran out; try fewer --jobs") from error


def _one_blas_thread(function: Callable[..., Any], *given: Any) -> Any:
    """Call a function with one thread for BLAS, because the last bits of a sum depend on their number."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        return function(*given)
