"""Time contenders in turns, as new processes or as functions of this process."""

from __future__ import annotations

import math
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_S = 0.05
"""Time between two samples of resident memory [s]."""


@dataclass(frozen=True)
class Run:
    """One timed run.

    Parameters
    ----------
    wall_s, cpu_s : float
        Wall-clock time, and CPU time of the process and of its children [s].
    peak_mb : float
        Peak resident memory of the process and of its children, summed [MB]; NaN for a function.
    last_line : str
        Last line of the output of a process.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float = math.nan
    last_line: str = ""

    @property
    def reported_s(self) -> float:
        """Time without start-up [s], where the process wrote it as its last line."""
        return float(self.last_line)


Task = Callable[[], Run]
Runs = dict[str, list[Run]]


def in_turns(tasks: Mapping[str, Task], repeats: int, warm_up: Collection[str] = ()) -> Runs:
    """Run all tasks in every round.

    Parameters
    ----------
    tasks : mapping of str to callable
        Contenders by name.
    repeats : int
        Rounds.
    warm_up : collection of str
        Contenders that run once before the first round, such as those that compile machine code.

    Returns
    -------
    dict of str to list of Run
        Runs of each contender, in the order of the rounds.

    Examples
    --------
    >>> runs = in_turns({"sum": function(lambda: sum(range(10)))}, repeats=3)
    >>> len(runs["sum"])
    3
    """
    for name in warm_up:
        tasks[name]()
    runs: Runs = {name: [] for name in tasks}
    for repeat in range(repeats):
        for name, task in tasks.items():
            runs[name].append(task())
            print(f"  {repeat + 1}/{repeats} {name}: {runs[name][-1].wall_s:.3g} s", file=sys.stderr, flush=True)
    return runs


def function(task: Callable[[], object]) -> Task:
    """Task that calls a function in this process."""

    def run() -> Run:
        wall, cpu = time.perf_counter(), _cpu_seconds()
        task()
        return Run(time.perf_counter() - wall, _cpu_seconds() - cpu)

    return run


def process(
    command: Iterable[object], folder: Path, *, checkout: Path | None = None, exit_codes: Sequence[int] = (0,)
) -> Task:
    """Task that runs a command in a new process.

    Parameters
    ----------
    command : iterable
        Program and arguments; `asthma-ml` is the one of this environment.
    folder : Path
        Working directory.
    checkout : Path, optional
        Checkout whose package is imported instead of the installed one.
    exit_codes : sequence of int
        Exit codes that are no failure.
    """
    call = [str(part) for part in command]
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    if call[0] == "asthma-ml":
        call[0] = str(Path(sys.executable).with_name("asthma-ml"))
    if checkout is not None:
        environment["PYTHONPATH"] = str(checkout.resolve())

    def run() -> Run:
        wall, cpu = time.perf_counter(), _cpu_seconds()
        started = subprocess.Popen(
            call, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        with _Memory(started.pid) as memory:
            out, messages = started.communicate()
        found = Run(time.perf_counter() - wall, _cpu_seconds() - cpu, memory.peak_mb, out.rstrip().rpartition("\n")[2])
        if started.returncode not in exit_codes:
            raise RuntimeError(f"{' '.join(call)}: exit code {started.returncode}\n{messages[-2000:]}")
        return found

    return run


class _Memory:
    """Peak resident memory of a process and its children, sampled in a thread while the context is open."""

    def __init__(self, pid: int) -> None:
        self.peak_mb = 0.0
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> _Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            self.peak_mb = max(self.peak_mb, _memory_mb(self._pid, "VmHWM"), _tree_mb(self._pid))


def _tree_mb(pid: int) -> float:
    """Resident memory of a process and of its children [MB]; shared pages count in each."""
    children = [child for of in Path(f"/proc/{pid}/task").glob("*/children") for child in _text(of).split()]
    return _memory_mb(pid, "VmRSS") + sum(_tree_mb(int(child)) for child in children)


def _memory_mb(pid: int, field: str) -> float:
    lines = _text(Path(f"/proc/{pid}/status")).splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), 0.0)


def _text(path: Path) -> str:
    """Content of a file of a process, which may have ended."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
