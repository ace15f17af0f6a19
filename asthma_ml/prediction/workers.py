"""Predict the parts of a file in several processes and return the results in order."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeAlias

from asthma_ml.errors import AsthmaMLError
from asthma_ml.patients import Part
from asthma_ml.prediction.blocks import Block, BlockWriter

PredictParts: TypeAlias = Callable[[Iterator[Part]], Iterator[Block]]

_ORPHAN_CHECK_S = 1.0

_writer: BlockWriter


@contextmanager
def start_workers(writer: BlockWriter, jobs: int) -> Iterator[PredictParts]:
    """Start `jobs - 1` processes beside this one; they end with the context or with this process.

    Parameters
    ----------
    writer : BlockWriter
        Predicts one part.
    jobs : int
        Number of processes, this one included.

    Yields
    ------
    callable
        Takes an iterator of parts and returns an iterator of their blocks, in the same order.

    Raises
    ------
    AsthmaMLError
        If one of the processes is killed.
    """
    if jobs == 1:
        yield lambda parts: map(writer, parts)
        return
    from joblib.externals.loky import ProcessPoolExecutor
    from joblib.externals.loky.process_executor import BrokenProcessPool

    pool = ProcessPoolExecutor(jobs - 1, initializer=_begin_work, initargs=(writer,))
    try:
        yield lambda parts: _in_order(pool, writer, parts, 2 * (jobs - 1))
    except BrokenProcessPool as error:
        raise AsthmaMLError(
            "a worker process was killed, perhaps because memory ran out; try fewer --jobs or --chunk-rows; "
            "the rows in the part file are kept, continue with --resume"
        ) from error
    except BaseException:
        pool.shutdown(wait=False, kill_workers=True)
        raise
    pool.shutdown()


def _in_order(pool: Any, writer: BlockWriter, parts: Iterator[Part], ahead: int) -> Iterator[Block]:
    """Yield blocks in the order of the parts; this process predicts a part itself instead of waiting."""
    waiting: deque[Future[Block]] = deque()
    with _interrupts_ignored():
        waiting.extend(pool.submit(_work, part) for part in islice(parts, ahead))
    while waiting:
        if not waiting[0].done() and len(waiting) <= 2 * ahead:
            waiting.extend(_finished(writer(part)) for part in islice(parts, 1))
        yield waiting.popleft().result()
        n_free = ahead - sum(not result.done() for result in waiting)
        waiting.extend(pool.submit(_work, part) for part in islice(parts, max(n_free, 0)))


def _finished(block: Block) -> Future[Block]:
    result: Future[Block] = Future()
    result.set_result(block)
    return result


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


def _begin_work(writer: BlockWriter) -> None:
    """Prepare a worker process."""
    global _writer  # noqa: PLW0603 (set once in each worker process)
    _writer = writer
    threading.Thread(target=_exit_with_parent, args=(os.getppid(),), daemon=True).start()


def _exit_with_parent(parent: int) -> None:
    """Exit when the parent process is gone."""
    while os.getppid() == parent:
        time.sleep(_ORPHAN_CHECK_S)
    os._exit(1)


def _work(part: Part) -> Block:
    return _writer(part)
