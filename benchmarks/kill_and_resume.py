"""Kill `predict` again and again at random moments: what comes out is whole and right, or is not there.

    OMP_NUM_THREADS=1 python benchmarks/kill_and_resume.py --kills 20

One run that nobody disturbs gives the bytes that are expected. Then a run is killed (SIGKILL, the whole group of
processes) at a random moment and resumed, until it has been killed often enough; the last one may finish. After each
kill the output must be absent or complete. A run that finishes is checked, and the next one begins anew.
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
from asthma_ml.model_files.shipped import shipped_model_path
from asthma_ml.prediction import predict_file


def checksum(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def rows_done(out: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return json.loads(Path(f"{out}.part.json").read_text(encoding="utf-8"))["rows"]
    return 0


def started(how: dict[str, object]) -> int:
    """Begin a run in a fork of this process: it spends its life on rows and not on importing."""
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
    """Whether a run was still at work when it was killed."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            assert status == 0, "a run that nobody killed has failed"
            return False
        time.sleep(0.001)
    os.killpg(process, signal.SIGKILL)
    return os.waitpid(process, 0)[1] == signal.SIGKILL


def killed_and_resumed(how: dict[str, object], out: Path, expected: str, kills: int, longest_s: float) -> list[int]:
    """Rows that were safe after each kill; the output is absent or complete at any time."""
    rows: list[int] = []
    n_finished = 0
    while len(rows) < kills:
        killed = killed_after(started(how), random.uniform(0.02, longest_s))  # noqa: S311
        if out.exists():
            assert checksum(out) == expected, "the output is broken"
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
        how = {"model": shipped_model_path(), "source": source, "output": out, "explain": asked.explain}
        how |= {"jobs": asked.jobs, "chunk_rows": 200}
        begun = time.perf_counter()
        assert not killed_after(started(how), 3600)
        undisturbed_s = time.perf_counter() - begun
        expected = checksum(out)
        out.unlink()
        rows = killed_and_resumed(how | {"resume": True}, out, expected, asked.kills, undisturbed_s / 2)
        assert not killed_after(started(how | {"resume": True}), 3600)
        assert checksum(out) == expected, "the bytes differ"
        assert [path for path in Path(name).iterdir() if path.name.startswith("pred")] == [out]
        with_progress = sum(n > 0 for n in rows)
    what = f"{asked.patients:,} patients to {asked.suffix}, --explain {asked.explain}, --jobs {asked.jobs}"
    print(f"{what}: {len(rows)} kills, {with_progress} with rows to go on from; absent or complete, bytes equal")


if __name__ == "__main__":
    main()
