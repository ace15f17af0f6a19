"""Kill `predict` at random moments and resume it: the output must be absent or complete.

    OMP_NUM_THREADS=1 python benchmarks/kill_and_resume.py --kills 20

An uninterrupted run gives the expected bytes. Then a run is killed (SIGKILL to its process group) at a random moment
and resumed, as often as asked; the last run may finish. After each kill the output must be absent or complete. A run
that finishes is compared with the expected bytes, and the next one starts from nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from asthma_ml.cohort import write_cohort
from asthma_ml.prediction import predict_file


def checksum(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def rows_done(out: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return json.loads(Path(f"{out}.part.json").read_text(encoding="utf-8"))["rows"]
    return 0


def started(how: dict[str, object]) -> int:
    """Process id of a run in a fork of this process, which has the libraries imported already."""
    process = os.fork()
    if process:
        return process
    os.setsid()
    code = 1
    with contextlib.suppress(Exception):
        predict_file(**how)
        code = 0
    os._exit(code)


def killed_after(process: int, seconds: float) -> bool:
    """Whether a run was still working when it was killed."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            assert status == 0, "an uninterrupted run failed"
            return False
        time.sleep(0.001)
    os.killpg(process, signal.SIGKILL)
    return os.waitpid(process, 0)[1] == signal.SIGKILL


def killed_and_resumed(how: dict[str, object], out: Path, expected: str, kills: int, longest_s: float) -> list[int]:
    """Rows saved after each kill; raises where the output is neither absent nor complete."""
    rows: list[int] = []
    n_finished = 0
    while len(rows) < kills:
        killed = killed_after(started(how), random.uniform(0.02, longest_s))  # noqa: S311
        if out.exists():
            assert checksum(out) == expected, "the output is incomplete or wrong"
            assert out.suffix != ".csv" or n_lines(out) == n_lines(how["source"]), "rows are missing"
            out.unlink()
            n_finished += 1
        if killed:
            rows.append(rows_done(out))
        print(f"{len(rows)} of {kills} kills, {n_finished} runs finished", file=sys.stderr, flush=True)
    return rows


def n_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--patients", type=int, default=20_000)
    parser.add_argument("--explain", default="none")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--suffix", default=".csv")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        source, out = Path(name, "patients.csv"), Path(name, f"predictions{asked.suffix}")
        write_cohort(source, asked.patients, preset="population_asthma")
        how = {"model": "shipped", "source": source, "output": out, "explain": asked.explain}
        how |= {"jobs": asked.jobs, "chunk_rows": 200}
        start = time.perf_counter()
        assert not killed_after(started(how), 3600)
        uninterrupted_s = time.perf_counter() - start
        expected = checksum(out)
        out.unlink()
        rows = killed_and_resumed(how | {"resume": True}, out, expected, asked.kills, uninterrupted_s / 2)
        assert not killed_after(started(how | {"resume": True}), 3600)
        assert checksum(out) == expected, "the bytes differ"
        assert [path for path in Path(name).iterdir() if path.name.startswith("pred")] == [out]
        with_progress = sum(n > 0 for n in rows)
    what = f"{asked.patients:,} patients to {asked.suffix}, --explain {asked.explain}, --jobs {asked.jobs}"
    print(f"{what}: {len(rows)} kills, {with_progress} with saved rows; output absent or complete, bytes equal")


if __name__ == "__main__":
    main()
