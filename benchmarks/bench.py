"""Run all benchmarks beside their peers in one run, and write one table.

    python benchmarks/bench.py                         # all jobs, in less than 10 minutes
    python benchmarks/bench.py predict train --full    # all sizes of two jobs
    python benchmarks/bench.py --before CHECKOUT       # an earlier version in the same rounds

Writes results.json, results.md, results.svg and scaling.svg to the output folder.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is loaded

from machine import load_average, machine
from results import Row, write_results
from setting import Setting

JOBS = {
    "start": "speed.start_up",
    "predict": "speed.predict_files",
    "explain": "speed.explain_in_memory",
    "train": "speed.train_files",
    "generate": "speed.generate_files",
    "quality": "speed.quality",
}
OUT = Path(__file__).parent.parent / "out"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=f"Of {', '.join(JOBS)}; all without one.")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="Small sizes (the default).")
    size.add_argument("--full", action="store_true", help="All sizes, up to 10,000,000 patients: hours.")
    parser.add_argument("--patients", type=int, nargs="+", metavar="N", help="Sizes of `predict` instead of those.")
    parser.add_argument("--repeats", type=int, help="Rounds: 3, or 8 with --full.")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="Time an earlier version too.")
    parser.add_argument("--peers", metavar="PYTHON", help="Interpreter of an environment with dowhy and SDV.")
    parser.add_argument("--folder", type=Path, help="Folder in which generated files are kept.")
    parser.add_argument("-o", "--output", type=Path, default=OUT / "bench", help="Folder of the results.")
    asked = parser.parse_args()
    if unknown := set(asked.jobs) - set(JOBS):
        parser.error(f"unknown job: {', '.join(sorted(unknown))}; allowed: {', '.join(JOBS)}")
    with ExitStack() as stack:
        folder = asked.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for each in (folder, asked.output):
            each.mkdir(parents=True, exist_ok=True)
        repeats = asked.repeats or (8 if asked.full else 3)
        sizes = tuple(asked.patients or ())
        setting = Setting(folder.resolve(), asked.full, repeats, asked.before, asked.peers, sizes)
        measure(setting, asked.jobs, asked.output)


def measure(setting: Setting, jobs: list[str], output: Path) -> None:
    """Run jobs and write the results."""
    load, started = load_average(), time.monotonic()
    about = {"mode": "full" if setting.full else "quick", "repeats": str(setting.repeats), **machine()}
    rows: list[Row] = []
    for job in jobs or JOBS:
        print(job, file=sys.stderr, flush=True)
        rows += import_module(JOBS[job]).rows(setting)
        about |= {"load average before": load, "after": load_average()}
        about |= {"took": f"{(time.monotonic() - started) / 60:.1f} minutes"}
        write_results(output, rows, about)
    if any(row.unit == "MB" and row.job.startswith("predict") for row in rows):
        import_module("speed.predict_files").draw_scaling(output / "scaling.svg", rows)
    print((output / "results.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
