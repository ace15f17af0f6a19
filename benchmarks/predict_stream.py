"""Speed and memory of `predict` on a file of millions of patients.

    OMP_NUM_THREADS=1 python benchmarks/predict_stream.py --patients 5000000 --explain none --jobs 2

A cohort of `severe_clinic` is generated once and repeated with other identifiers until the file is full. The command
runs in a process of its own; resident memory of that process and of its children is sampled five times a second and
summed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measures import cpu_seconds

from asthma_ml.cohort import write_cohort


def repeated_cohort(path: Path, n_patients: int, n_distinct: int) -> None:
    """Write copies of a cohort until the file is full; each copy has its own prefix of the identifiers."""
    once = path.with_name("cohort.csv")
    write_cohort(once, min(n_distinct, n_patients))
    header, *rows = once.read_text(encoding="utf-8").splitlines(keepends=True)
    with path.open("w", encoding="utf-8") as file:
        file.write(header)
        for start in range(0, n_patients, len(rows)):
            file.writelines(f"{start}-{row}" for row in rows[: n_patients - start])


def resident_mb(process: int) -> float:
    """Resident memory of a process and of its children [MB]."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
        children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8").split()
    except OSError:
        return 0.0
    own = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0)
    return own / 1024 + sum(resident_mb(int(child)) for child in children)


def measured(call: list[str]) -> dict[str, float]:
    before, started, peak = cpu_seconds(), time.perf_counter(), 0.0
    process = subprocess.Popen(call)
    while process.poll() is None:
        peak = max(peak, resident_mb(process.pid))
        time.sleep(0.2)
    assert process.returncode == 0
    return {
        "wall_s": round(time.perf_counter() - started, 1),
        "cpu_s": round(cpu_seconds() - before, 1),
        "peak_mb": round(peak),
    }


def n_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(2**20), b""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=5_000_000)
    parser.add_argument("--distinct", type=int, default=100_000)
    parser.add_argument("--explain", choices=["none", "factors", "features"], default="none")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--chunk-rows", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="Folder in which the files are kept.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = asked.folder or Path(name)
        source, out = folder / f"patients-{asked.patients}.csv", folder / f"predictions-{asked.explain}.csv"
        if not source.exists():
            repeated_cohort(source, asked.patients, asked.distinct)
        options = ["--explain", asked.explain, "--jobs", str(asked.jobs), "--chunk-rows", str(asked.chunk_rows)]
        run = measured([sys.executable, "-m", "asthma_ml", "predict", str(source), *options, "-o", str(out)])
        assert n_lines(out) == n_lines(source) == asked.patients + 1
    rate = {f"patients_per_{kind}_s": round(asked.patients / run[f"{kind}_s"]) for kind in ("wall", "cpu")}
    asked_for = {name: getattr(asked, name) for name in ("patients", "explain", "jobs", "chunk_rows")}
    print(json.dumps(asked_for | run | rate))


if __name__ == "__main__":
    main()
