"""Tasks in processes give the results of tasks in this process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from asthma_ml.errors import AsthmaMLError
from asthma_ml.jobs import run_tasks


@pytest.mark.parametrize("n_jobs", [None, 1, 2])
def test_results_are_in_the_order_of_the_tasks(n_jobs: int | None) -> None:
    arrays = np.random.default_rng(0).normal(size=(9, 300, 300))
    found = run_tasks([(np.linalg.eigvalsh, each @ each.T) for each in arrays], n_jobs)
    expected = run_tasks([(np.linalg.eigvalsh, each @ each.T) for each in arrays])
    assert [each.tobytes() for each in found] == [each.tobytes() for each in expected]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_of_a_task_is_raised(n_jobs: int) -> None:
    with pytest.raises(ZeroDivisionError):
        run_tasks([(divmod, 1, 0), (divmod, 1, 1), (divmod, 2, 1)], n_jobs)


def test_a_killed_process_is_reported() -> None:
    with pytest.raises(AsthmaMLError, match="a worker process was killed"):
        run_tasks([(os.abort,), (abs, 1)], 2)
    assert run_tasks([(abs, -1), (abs, -2)], 2) == [1, 2]


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal to a process group")
@pytest.mark.parametrize("ends", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_their_parent(ends: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C reaches the whole group; the processes print no traceback."""
    program = (
        "import pathlib, signal, sys, time; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from asthma_ml.jobs import run_tasks\n"
        "def wait(folder, n):\n"
        "    import os, pathlib, time\n"
        "    (pathlib.Path(folder) / str(os.getpid())).touch()\n"
        "    time.sleep(60)\n"
        "try:\n"
        "    run_tasks([(wait, sys.argv[1], n) for n in range(8)], 2)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(130)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while process.poll() is None and len(list(tmp_path.iterdir())) < 2:
        time.sleep(0.05)
    if ends == signal.SIGINT:
        os.killpg(process.pid, ends)
    else:
        process.kill()
    error = process.communicate(timeout=60)[1]  # the processes hold this pipe until they end
    assert process.returncode == (130 if ends == signal.SIGINT else -ends)
    assert "Traceback" not in error
