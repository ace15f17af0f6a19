"""TODO."""

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

_ORPHAN_CHECK_S = 1.0

_writer: BlockWriter


Results: TypeAlias = Callable[[Iterator[Part]], Iterator[Block]]


@contextmanager
def _workers(writer: BlockWriter, jobs: int) -> Iterator[Results]:
    """What predicts parts, in order: this process, alone or with others that end with it."""
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
            "a process that predicts has ended, perhaps for want of memory; try fewer jobs or smaller chunks; "
            "what was written to a file is kept, go on with --resume"
        ) from error
    except BaseException:
        pool.shutdown(wait=False, kill_workers=True)
        raise
    pool.shutdown()


def _in_order(pool: Any, writer: BlockWriter, parts: Iterator[Part], ahead: int) -> Iterator[Block]:
    """Results in the order of the parts; this process takes one itself where it would wait for the others."""
    waiting: deque[Future[Block]] = deque()
    with _interrupts_for_this_process_alone():
        waiting.extend(pool.submit(_work, part) for part in islice(parts, ahead))
    while waiting:
        if not waiting[0].done() and len(waiting) <= 2 * ahead:
            waiting.extend(_finished(writer(part)) for part in islice(parts, 1))
        yield waiting.popleft().result()
        lacking = ahead - sum(not result.done() for result in waiting)
        waiting.extend(pool.submit(_work, part) for part in islice(parts, max(lacking, 0)))


def _finished(block: Block) -> Future[Block]:
    result: Future[Block] = Future()
    result.set_result(block)
    return result


@contextmanager
def _interrupts_for_this_process_alone() -> Iterator[None]:
    """Processes that start meanwhile leave Ctrl-C to this one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _begin_work(writer: BlockWriter) -> None:
    """Prepare a process that predicts."""
    global _writer  # noqa: PLW0603 (a process of its own, told once what it works for)
    _writer = writer
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when the one that it works for was killed."""
    while os.getppid() == parent:
        time.sleep(_ORPHAN_CHECK_S)
    os._exit(1)


def _work(part: Part) -> Block:
    return _writer(part)
