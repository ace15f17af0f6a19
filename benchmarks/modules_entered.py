"""Files of the package that a run passes through: `predict` and `evaluate` of a CSV file, and `fit`.

    python benchmarks/modules_entered.py [predict evaluate fit]

Counts the files whose functions are entered, the folders that they belong to (folders of the package, or files beside
them), the pairs of files of which the first calls the second, and the calls from one file to another.
Code that runs while a module is imported does not count. Each run has a process of its own, so that no cache is warm.
With PYTHONPATH the same script measures another checkout.
"""

from __future__ import annotations

import argparse
import inspect
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

N_PATIENTS, SEED = 500, 41
RUNS = {
    "predict": "`asthma-ml predict patients.csv --explain factors --jobs 1`",
    "evaluate": "`asthma-ml evaluate patients.csv`",
    "fit": "`PhenotypeClassifier().fit(X, y)`",
}


class Calls:
    """Calls between the files of a folder, counted by `sys.setprofile`."""

    def __init__(self, folder: Path) -> None:
        self.prefix = f"{folder}/"
        self.files: set[str] = set()
        self.between: Counter[tuple[str, str]] = Counter()
        self._importing = 0

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Count one event of the interpreter."""
        if event not in {"call", "return"}:
            return
        if not frame.f_code.co_flags & inspect.CO_OPTIMIZED:  # the body of a module or of a class
            self._importing += 1 if event == "call" else -1
        elif event == "call" and not self._importing and self._is_counted(frame):
            self._count(frame)

    def figures(self) -> tuple[int, ...]:
        """Return the numbers of files, folders, calling pairs of files, and calls between files."""
        folders = {name.removeprefix(self.prefix).partition("/")[0] for name in self.files}
        return len(self.files), len(folders), len(self.between), self.between.total()

    def _count(self, frame: FrameType) -> None:
        called = frame.f_code.co_filename
        self.files.add(called)
        caller = frame.f_back
        while caller is not None and not self._is_counted(caller):
            caller = caller.f_back
        if caller is not None and caller.f_code.co_filename != called:
            self.between[caller.f_code.co_filename, called] += 1

    def _is_counted(self, frame: FrameType) -> bool:
        return frame.f_code.co_filename.startswith(self.prefix)


def write_patients(folder: Path) -> None:
    """Write 500 patients of all classes, and 500 of the two default classes to fit to."""
    import asthma_ml as aml  # noqa: PLC0415 - only this process generates

    aml.generate_cohort(N_PATIENTS, SEED).observed.to_csv(folder / "patients.csv", index=False)
    X, y = aml.generate_cohort(3 * N_PATIENTS, SEED).training_data()
    X.assign(phenotype=y).head(N_PATIENTS).to_csv(folder / "training.csv", index=False)


def prepared(run: str, folder: Path) -> Callable[[], object]:
    """Return what a run calls; the package is imported by then, as far as it is before a command starts."""
    if run == "fit":
        import pandas as pd  # noqa: PLC0415

        from asthma_ml import PhenotypeClassifier  # noqa: PLC0415

        training = pd.read_csv(folder / "training.csv", keep_default_na=False, na_values=[""])
        return lambda: PhenotypeClassifier().fit(training.drop(columns="phenotype"), training["phenotype"])

    from asthma_ml.cli import main as command  # noqa: PLC0415

    options = {"predict": ["--explain", "factors", "--jobs", "1", "-o", "out.csv"], "evaluate": ["-o", "out.json"]}
    *others, output = options[run]
    return lambda: command([run, str(folder / "patients.csv"), *others, str(folder / output)])


def counted(run: str, folder: Path, *, names: bool) -> str:
    """Count one run and return its row of the table, with the names of the files below it if asked for."""
    import asthma_ml  # noqa: PLC0415

    calls, task = Calls(Path(asthma_ml.__file__).parent), prepared(run, folder)
    sys.setprofile(calls)
    try:
        task()
    except SystemExit as end:
        if end.code:
            raise
    finally:
        sys.setprofile(None)
    row = f"| {RUNS[run]} | " + " | ".join(f"{figure:,}" for figure in calls.figures()) + " |"
    return "\n".join([row, *(f"    {name.removeprefix(calls.prefix)}" for name in sorted(calls.files) if names)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", help=f"Of {', '.join(RUNS)}; all without one.")
    parser.add_argument("--names", action="store_true", help="List the files as well.")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if unknown := set(asked.runs) - set(RUNS):
        parser.error(f"unknown run: {', '.join(unknown)}; allowed: {', '.join(RUNS)}")
    if asked.folder:
        print(*(counted(run, asked.folder, names=asked.names) for run in asked.runs), sep="\n")
        return
    print("| run | files | folders | pairs | calls |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        write_patients(Path(folder))
        for run in asked.runs or RUNS:
            options = ["--folder", folder, *(["--names"] if asked.names else [])]
            subprocess.run([sys.executable, __file__, run, *options], check=True)


if __name__ == "__main__":
    main()
