"""Benchmarks of quality and safety, in sizes that show whether they run; their pages hold the results.

ours   the script of `benchmarks/` in seconds; with learning curves and small cohorts the log-loss [nats]
peer   where a row gives a log-loss: HistGradientBoosting, or a fit from scratch
floor  none; an excess log-loss is counted from the Bayes limit
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from results import Row
from setting import Setting
from timing import Run, process

SCRIPTS = Path(__file__).parent.parent
OURS, PEER = "PhenotypeClassifier", "HistGradientBoosting, default settings"

QUICK: dict[str, tuple[str, list[object]]] = {
    "fuzz_patients": ("does any input crash the reader?", ["--inputs", 300]),
    "fuzz_meaning": ("what is read silently wrong?", ["--tables", 360, "--right", 100]),
    "kill_and_resume": ("does predict survive kills?", ["--kills", 3, "--patients", 4000]),
    "modules_entered": ("how many files does predict pass through?", ["predict"]),
    "unmodelled_diagnosis": ("when does the model abstain?", ["--patients", 80, "--particles", 300]),
    "bayes_limit": ("is the Bayes limit a limit?", ["--train", 3000, "--test", 60, "--particles", 300]),
    "shift": (
        "how does the model perform in another clinic?",
        ["--worlds", "smokers_clinic", "--patients", 1000, "--limit-patients", 60, "--particles", 200],
    ),
    "faithfulness": (
        "do attributions follow the causal model?",
        ["--presets", "--patients", 200, "--limit-patients", 20, "-o", "faithfulness.md"],
    ),
    "stability": (
        "would another model name the same factor?",
        ["--sizes", 1000, "--fraction", 0.4, "-o", "stability.md"],
    ),
}
"""Question and options of each script."""


def rows(setting: Setting) -> Iterator[Row]:
    """One row for each script, and one for each comparison of log-losses."""
    for name, (question, options) in QUICK.items():
        run = script(setting, name, *options)
        yield Row(f"{name}: {question}", None, "s", run.wall_s, result=run.last_line.strip("| ").replace(" | ", ", "))
    yield learning_curve(setting)
    yield small_cohort(setting)


def script(setting: Setting, name: str, *options: object) -> Run:
    """Run a script in a new process."""
    return process([sys.executable, SCRIPTS / f"{name}.py", *options], setting.folder)()


def learning_curve(setting: Setting) -> Row:
    """Excess log-loss over the Bayes limit, in a model of 200 patients."""
    options = ["--sizes", 200, "--seeds", 1, "--contenders", OURS, PEER, "--test-patients", 2000]
    path = setting.folder / "learning_curves.csv"
    script(setting, "learning_curves", *options, "--limit-patients", 50, "--particles", 500, "-o", path)
    return losses("excess log-loss over the Bayes limit", 200, path, "excess_log_loss", OURS, PEER)


def small_cohort(setting: Setting) -> Row:
    """Log-loss of a model of 100 patients that starts from the shipped model."""
    path = setting.folder / "small_cohorts.csv"
    script(setting, "small_cohorts", "--kinds", "population", "--worlds", 1, "--sizes", 100, "-o", path)
    return losses("log-loss in a small cohort, from shipped", 100, path, "log_loss", "from shipped", "from scratch")


def losses(job: str, n: int, path: Path, column: str, ours: str, peer: str) -> Row:
    """Row of the mean losses in a file of results."""
    import pandas as pd  # noqa: PLC0415

    mean = pd.read_csv(path).groupby("contender")[column].mean()
    return Row(job, n, "nats", float(mean[ours]), peer, float(mean[peer]))
