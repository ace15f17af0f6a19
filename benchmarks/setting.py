"""What all jobs of the benchmark share: sizes, repeats, folders and the files of patients."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from timing import Runs, Task, in_turns, process

PEERS = Path(__file__).parent / "peers"
BEFORE = "ours, version before"
SEED = 13
MANY_PATIENTS = 200_000


def in_jobs(jobs: int) -> str:
    """Words for a number of jobs."""
    return f"{jobs} job{'s' * (jobs > 1)}"


@dataclass(frozen=True)
class Setting:
    """How large and how often jobs run.

    Parameters
    ----------
    folder : Path
        Folder of generated files.
    full : bool
        All sizes, instead of those that take ten minutes.
    repeats : int
        Rounds; a quarter of them, but at least one, for jobs of minutes.
    before : Path, optional
        Checkout of an earlier version, timed in the same rounds.
    peers_python : str, optional
        Interpreter of an environment with dowhy and SDV.
    sizes : tuple of int
        Numbers of patients of `predict`, instead of those of the mode.
    """

    folder: Path
    full: bool = False
    repeats: int = 3
    before: Path | None = None
    peers_python: str | None = None
    sizes: tuple[int, ...] = ()

    def ours(self, *arguments: object, exit_codes: tuple[int, ...] = (0,)) -> Task:
        """Task of the command of the package."""
        return process(["asthma-ml", *arguments], self.folder, exit_codes=exit_codes)

    def earlier(self, *arguments: object) -> dict[str, Task]:
        """Return the same command of the earlier version, if there is one."""
        if self.before is None:
            return {}
        return {BEFORE: process(["asthma-ml", *arguments], self.folder, checkout=self.before)}

    def peer(self, script: str, *arguments: object) -> Task:
        """Task of a script in `peers/`."""
        return process([sys.executable, PEERS / script, *arguments], self.folder)

    def python(self, code: str) -> Task:
        """Task of a line of Python."""
        return process([sys.executable, "-c", code], self.folder)

    def timed(
        self, tasks: Mapping[str, Task], *, patients: int = 0, extra: int = 0, warm_up: Iterable[str] = ()
    ) -> Runs:
        """Runs of all contenders in turns; large sizes are repeated less often, fast tasks by some rounds more."""
        repeats = self.repeats if patients <= MANY_PATIENTS else max(1, self.repeats // 4)
        return in_turns(tasks, repeats + extra, [*warm_up])

    def patients(self, n: int) -> Path:
        """CSV file of the first patients of one cohort, generated where it is missing."""
        path = self.folder / f"patients-{n}.csv"
        if not path.exists():
            self._write_patients(path, n)
        return path

    def _write_patients(self, path: Path, n: int) -> None:
        larger = [other for other in self.folder.glob("patients-*.csv") if int(other.stem.partition("-")[2]) > n]
        if not larger:
            self.ours("generate", "--patients", n, "--seed", SEED, "--jobs", 2, "-o", path)()
            return
        with larger[0].open("rb") as source, path.open("wb") as file:
            file.writelines(islice(source, n + 1))
