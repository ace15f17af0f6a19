"""Kill `predict` again and again at random moments: what comes out is whole and right, or is not there.

    OMP_NUM_THREADS=1 python benchmarks/kill_and_resume.py --kills 20

One run that nobody disturbs gives the bytes that are expected. Then a run is killed (SIGKILL, the whole group of
processes) at a random moment and resumed, until it has been killed often enough; the last one may finish. After each
kill the output must be absent or complete.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from asthma_ml.cohort import write_cohort


def checksum(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def rows_done(out: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return json.loads(Path(f"{out}.part.json").read_text(encoding="utf-8"))["rows"]
    return 0


def killed_after(call: list[str], seconds: float) -> bool:
    """Whether a run was still at work when it was killed."""
    process = subprocess.Popen(call, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    assert process.returncode == 0
    return False


def killed_and_resumed(call: list[str], out: Path, expected: str, kills: int, longest_s: float) -> list[int]:
    """Rows that were safe after each kill."""
    rows: list[int] = []
    while len(rows) < kills:
        still_at_work = killed_after([*call, "--resume"], random.uniform(0.2, longest_s))  # noqa: S311
        assert not out.exists() or checksum(out) == expected, "the output is broken"
        if still_at_work:
            rows.append(rows_done(out))
        else:
            out.unlink()
        print(f"{len(rows)} of {kills} kills, rows safe: {rows[-1] if rows else 0:,}", file=sys.stderr, flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--patients", type=int, default=20_000)
    parser.add_argument("--explain", default="none")
    parser.add_argument("--jobs", default="1")
    parser.add_argument("--suffix", default=".csv")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        source, out = Path(name, "patients.csv"), Path(name, f"predictions{asked.suffix}")
        write_cohort(source, asked.patients, preset="population_asthma")
        options = ["--explain", asked.explain, "--jobs", asked.jobs, "--chunk-rows", "200", "-o", str(out)]
        call = [sys.executable, "-m", "asthma_ml", "predict", str(source), *options]
        started = time.perf_counter()
        subprocess.run(call, check=True, stderr=subprocess.DEVNULL)
        undisturbed_s = time.perf_counter() - started
        expected = checksum(out)
        out.unlink()
        rows = killed_and_resumed(call, out, expected, asked.kills, 1.2 * undisturbed_s)
        subprocess.run([*call, "--resume"], check=True, stderr=subprocess.DEVNULL)
        assert checksum(out) == expected, "the bytes differ"
        assert sorted(path.name for path in Path(name).iterdir() if path.name.startswith("pred")) == [out.name]
        with_progress = sum(n > 0 for n in rows)
    print(
        f"{len(rows)} kills ({with_progress} with rows to go on from), {asked.patients:,} rows: bytes equal each time"
    )


if __name__ == "__main__":
    main()
