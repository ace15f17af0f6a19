"""`asthma-ml predict`, file to file, with the shipped model.

ours   the command, with factors or features, with one or two jobs; CSV to CSV, and Parquet to Parquet
peer   `peers/naive.py`, which writes the contribution of each feature, or their sums by factor
floor  `peers/arrow.py`: Arrow reads our input and writes our output, with as many threads as we have jobs
unit   seconds of a new process, and MB of peak memory

The size grows tenfold from row to row; `scaling.svg` shows time and memory by size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from results import Goal, Row, compared, save_figure
from setting import BEFORE, MANY_PATIENTS, Setting, in_jobs
from timing import Runs, Task

QUICK, FULL, LARGEST = (10_000, 100_000), (10_000, 100_000, 1_000_000, 5_000_000), 10_000_000
N_TRAINING = 20_000
LEVELS, JOBS = ("factors", "features"), (1, 2)
NAIVE = {"factors": "naive script, sums by factor", "features": "naive script"}
GOALS = {("factors", 1): 10, ("factors", 2): 20, ("features", 1): None, ("features", 2): 12}
MOST_MB = 600
MOST_NAIVE = 1_000_000
TITLE = "predict CSV to CSV"


def rows(setting: Setting) -> Iterator[Row]:
    """Time and memory at all sizes."""
    sizes = setting.sizes or (FULL if setting.full else QUICK)
    setting.patients(LARGEST if setting.full else max(sizes))
    naive_model(setting)
    for n in sizes:
        runs = setting.timed(csv_tasks(setting, n), patients=n, warm_up=[ours(level, 2) for level in levels(n)])
        yield from csv_rows(runs, n)
        if n <= MOST_NAIVE:
            yield parquet_row(setting, n)
    if setting.full:
        yield from largest(setting)


def naive_model(setting: Setting) -> Path:
    """Model of the naive script, fitted where it is missing."""
    path = setting.folder / "naive.joblib"
    if not path.exists():
        setting.peer("naive.py", "fit", setting.patients(N_TRAINING), path)()
    return path


def ours(level: str, jobs: int) -> str:
    return f"ours, {level}, {in_jobs(jobs)}"


def arrow(level: str, jobs: int) -> str:
    return f"Arrow, {level}, {jobs} thread{'s' * (jobs > 1)}"


def levels(n: int) -> tuple[str, ...]:
    """Levels of the explanations at a size: factors alone where a round takes minutes."""
    return LEVELS if n <= MOST_NAIVE else LEVELS[:1]


def csv_tasks(setting: Setting, n: int) -> dict[str, Task]:
    """Contenders of one size: ours, the version before, the naive script and Arrow."""
    source, out = setting.patients(n), setting.folder / "out.csv"
    tasks: dict[str, Task] = {}
    for level in levels(n):
        if n <= (MOST_NAIVE if level == "features" else MANY_PATIENTS):
            tasks[NAIVE[level]] = setting.peer("naive.py", "predict", naive_model(setting), source, out, level)
        kept = kept_output(setting, level, source)
        for jobs in JOBS:
            tasks[ours(level, jobs)] = predict(setting, source, out, level, jobs)
            tasks[arrow(level, jobs)] = setting.peer("arrow.py", "copy", kept, out, jobs, source)
    return tasks | setting.earlier("predict", source, "--explain", "factors", "-o", out)


def predict(setting: Setting, source: Path, out: Path, level: str = "factors", jobs: int = 1) -> Task:
    return setting.ours("predict", source, "--explain", level, "--jobs", jobs, "-o", out)


def kept_output(setting: Setting, level: str, source: Path) -> Path:
    """Our output as an Arrow file."""
    out, kept = setting.folder / f"kept{source.suffix}", setting.folder / f"{level}.arrow"
    predict(setting, source, out, level, 2)()
    setting.peer("arrow.py", "keep", out, kept)()
    return kept


def csv_rows(runs: Runs, n: int) -> Iterator[Row]:
    """Rows of the table for one size."""
    for level in levels(n):
        for jobs in JOBS:
            job, mine, floor = f"{TITLE}, {level}, {in_jobs(jobs)}", ours(level, jobs), arrow(level, jobs)
            goal = Goal(GOALS[level, jobs], 2 if level == "factors" else None)
            yield compared(runs, job, n, mine, peer=NAIVE["features"], floor=floor, goal=goal)
            if level == "factors":
                if NAIVE["factors"] in runs:
                    yield compared(runs, job, n, mine, peer=NAIVE["factors"])
                yield without_start_up(runs, job, n, mine, floor)
        one, two = (ours(level, jobs) for jobs in JOBS)
        yield compared(runs, f"{TITLE}, {level}, 2 jobs", n, two, peer=one, goal=Goal(1.7))
    if BEFORE in runs:
        yield compared(runs, f"{TITLE}, factors, 1 job", n, ours("factors", 1), peer=BEFORE)
    for jobs in JOBS:
        goal = Goal(most=MOST_MB)
        job = f"{TITLE}, factors, {in_jobs(jobs)}"
        yield compared(runs, job, n, ours("factors", jobs), peer=NAIVE["features"], goal=goal, field="peak_mb")


def without_start_up(runs: Runs, job: str, n: int, mine: str, floor: str) -> Row:
    """Our whole process beside Arrow's reading and writing alone."""
    again = {mine: runs[mine], "Arrow without start-up": runs[floor]}
    return compared(again, job, n, mine, floor="Arrow without start-up", floor_field="reported_s")


def parquet_row(setting: Setting, n: int) -> Row:
    """Parquet to Parquet."""
    source, out = setting.folder / f"patients-{n}.parquet", setting.folder / "out.parquet"
    setting.peer("arrow.py", "to_parquet", setting.patients(n), source)()
    kept = kept_output(setting, "factors", source)
    tasks = {
        "ours": predict(setting, source, out),
        "Arrow": setting.peer("arrow.py", "copy", kept, out, 1, source),
    }
    runs = setting.timed(tasks, patients=n)
    return compared(runs, "predict Parquet to Parquet, factors, 1 job", n, "ours", floor="Arrow", goal=Goal(None, 2))


def largest(setting: Setting) -> Iterator[Row]:
    """Time and memory of ours alone at ten million patients."""
    source, out = setting.patients(LARGEST), setting.folder / "out.csv"
    tasks = {ours("factors", jobs): predict(setting, source, out, "factors", jobs) for jobs in JOBS}
    runs = setting.timed(tasks, patients=LARGEST)
    for jobs in JOBS:
        for field in ("wall_s", "peak_mb"):
            job = f"{TITLE}, factors, {in_jobs(jobs)}"
            yield compared(runs, job, LARGEST, ours("factors", jobs), field=field)


def draw_scaling(path: Path, found: Sequence[Row]) -> None:
    """Figure of time and peak memory by number of patients; the dotted lines are proportional to it."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8, 3.5))
    for axes, (unit, title) in zip(
        figure.subplots(1, 2), {"s": "time [s]", "MB": "peak memory [MB]"}.items(), strict=True
    ):
        for jobs, colour in zip(JOBS, ("#4477aa", "#cc6677"), strict=True):
            job = f"{TITLE}, factors, {in_jobs(jobs)}"
            value = {row.patients: row.ours for row in found if (row.job, row.unit) == (job, unit)}
            axes.loglog(list(value), list(value.values()), "o-", color=colour, label=in_jobs(jobs))
            if unit == "s" and value:
                most = max(value)
                axes.loglog(list(value), [value[most] * n / most for n in value], ":", color=colour)
        axes.set(xlabel="patients", title=title)
        axes.set_ylim(bottom=0.1 if unit == "s" else 10)
        axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)
