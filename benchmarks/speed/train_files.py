"""`asthma-ml train` of generated patients, the two default classes.

ours   the command, with one and two jobs
peer   `peers/naive.py train`: CalibratedClassifierCV of HistGradientBoosting, scored by cross_val_predict
floor  none
unit   seconds of a new process
"""

from __future__ import annotations

from collections.abc import Iterator

from results import Goal, Row, compared
from setting import BEFORE, Setting, in_jobs

QUICK, LARGE = 2_000, 200_000
PEER = "HistGradientBoosting, calibrated, {} processes"


def rows(setting: Setting) -> Iterator[Row]:
    """Small cohort, and a large one."""
    yield from of_size(setting, QUICK, times_before=(2, 2))
    if setting.full:
        yield from of_size(setting, LARGE, times_before=(None, 3))


def of_size(setting: Setting, n: int, times_before: tuple[float | None, float | None]) -> Iterator[Row]:
    """Rows of one cohort."""
    source, out = setting.patients(n), setting.folder / "trained.aml"
    tasks = setting.earlier("train", source, "-o", out)
    for jobs in (1, 2):
        tasks[f"ours, {jobs}"] = setting.ours("train", source, "--jobs", jobs, "-o", out)
        tasks[PEER.format(jobs)] = setting.peer("naive.py", "train", source, setting.folder / "trained.joblib", jobs)
    runs = setting.timed(tasks, patients=n * 10, warm_up=["ours, 1"])
    for jobs, least in zip((1, 2), times_before, strict=True):
        job = f"train, {in_jobs(jobs)}"
        yield compared(runs, job, n, f"ours, {jobs}", peer=PEER.format(jobs))
        if BEFORE in runs:
            yield compared(runs, job, n, f"ours, {jobs}", peer=BEFORE, goal=Goal(least))
    yield compared(runs, "train, 2 jobs", n, "ours, 2", peer="ours, 1")
    yield compared(runs, "train, 2 jobs", n, "ours, 2", peer=PEER.format(2), field="peak_mb")
