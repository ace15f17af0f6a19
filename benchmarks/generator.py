"""How fast cohorts are generated: against bare random numbers, and to CSV against a frame and `to_csv`.

    OMP_NUM_THREADS=1 python benchmarks/generator.py            # prints a table of medians
    OMP_NUM_THREADS=1 python benchmarks/generator.py --peers PYTHON

PYTHON is the interpreter of another environment in which dowhy and sdv are installed, see
generator_peers.py. Every contender runs in turn, several times over, each time twice, of which the
second counts; wall-clock and processor seconds are both given, because a busy machine lengthens the
first and hardly the second.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from asthma_ml.cohort import Noise, generate_cohort, severe_asthma_model, write_cohort
from asthma_ml.cohort.engine.noise import BLOCK_SIZE
from asthma_ml.cohort.patient_stream import PATIENTS_AT_ONCE, visible_variables
from asthma_ml.cohort.patient_tables import whole_columns
from asthma_ml.files.cohort_files import MANY_ROWS, table_file

PRESET = "population_asthma"
"""Everybody is in, so that a patient costs one row of the population and no rejection."""


def streams() -> int:
    """Random numbers that the table of one patient needs."""
    model = severe_asthma_model()
    needed = model.with_ancestors(visible_variables())
    values = model.simulate(Noise(1, size=10), wanted=needed)
    return sum(hasattr(model.distribution(name, values), "from_noise") for name in needed)


def bare_draws(n_patients: int, n_streams: int) -> None:
    """The floor: as many normal numbers from the same generator in the same blocks, and nothing else."""
    random = np.random.Generator(np.random.SFC64(1))
    for _ in range(0, n_patients, BLOCK_SIZE):
        for _ in range(n_streams):
            random.standard_normal(BLOCK_SIZE)


def bare_draws_on_two_threads(n_patients: int, n_streams: int) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(bare_draws, [n_patients // 2] * 2, [n_streams] * 2))


def frame_and_to_csv(n_patients: int, path: Path) -> None:
    only_to_csv(generate_cohort(n_patients, preset=PRESET).observed, path)


def only_to_csv(observed: pd.DataFrame, path: Path) -> None:
    observed.astype(dict.fromkeys(whole_columns(), "Int64")).to_csv(path, index=False)


def only_stream_to_csv(observed: pd.DataFrame, path: Path) -> None:
    """A block of patients at a time, as they come when they are generated."""
    with table_file(path, whole=whole_columns(), n_rows=MANY_ROWS) as append:
        for start in range(0, len(observed), PATIENTS_AT_ONCE):
            append(observed.iloc[start : start + PATIENTS_AT_ONCE])


def timed(task: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the second of two runs: a virtual machine takes long over memory that it has never used."""
    task()
    wall, processor = time.perf_counter(), time.process_time()
    task()
    return time.perf_counter() - wall, time.process_time() - processor


def contenders(n_patients: int, folder: Path) -> dict[str, Callable[[], object]]:
    n_streams, path = streams(), folder / "cohort.csv"
    table = generate_cohort(min(n_patients, 50_000), preset=PRESET).observed
    only_stream_to_csv(table, path)  # so that getting numba ready is not timed
    return {
        f"bare random numbers, {n_streams} a patient": lambda: bare_draws(n_patients, n_streams),
        "the same on 2 threads": lambda: bare_draws_on_two_threads(n_patients, n_streams),
        "cohort in memory, 1 thread": lambda: generate_cohort(n_patients, preset=PRESET),
        "cohort in memory, 2 threads": lambda: generate_cohort(n_patients, preset=PRESET, jobs=2),
        "cohort and its truth, 1 thread": lambda: generate_cohort(n_patients, preset=PRESET).truth,
        "frame and to_csv": lambda: frame_and_to_csv(n_patients, path),
        "streamed to CSV, 1 thread": lambda: write_cohort(path, n_patients, preset=PRESET),
        "streamed to CSV, 2 threads": lambda: write_cohort(path, n_patients, preset=PRESET, jobs=2),
        "streamed to Parquet, 2 threads": lambda: write_cohort(
            path.with_suffix(".parquet"), n_patients, preset=PRESET, jobs=2
        ),
        f"text alone, {len(table):,} rows: to_csv": lambda: only_to_csv(table, path),
        f"text alone, {len(table):,} rows: ours": lambda: only_stream_to_csv(table, path),
    }


def selected(n_patients: int) -> dict[str, Callable[[], object]]:
    """Of a hundred people about five enrol in the default preset."""
    return {
        f"severe_clinic in memory, {jobs} thread(s)": lambda j=jobs: generate_cohort(n_patients, jobs=j)
        for jobs in (1, 2)
    }


def peers(python: str, sizes: list[int], folder: Path) -> list[dict[str, object]]:
    """The same graph and table in dowhy.gcm and SDV, in an environment of their own."""
    cohort = generate_cohort(2_000, preset=PRESET)
    model = severe_asthma_model()
    values = model.simulate(Noise(1, 0, size=2_000))
    pd.DataFrame({name: np.asarray(column) for name, column in values.items()}).to_csv(
        folder / "values.csv", index=False
    )
    table = cohort.observed.merge(cohort.truth, on="patient_id").drop(columns="patient_id")
    table.to_csv(folder / "table.csv", index=False)
    (folder / "graph.json").write_text(json.dumps({"nodes": model.order, "edges": model.graph()}))
    script = Path(__file__).with_name("generator_peers.py")
    call = [python, str(script), str(folder), *map(str, sizes)]
    return json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peers", metavar="PYTHON")
    parser.add_argument("-o", "--output", type=Path, help="CSV of every run")
    asked = parser.parse_args()
    runs: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tasks = [(asked.patients, contenders(asked.patients, folder)), (20_000, selected(20_000))]
        if asked.peers:
            tasks += [
                (n, {f"cohort and its truth, {n:,}": lambda n=n: generate_cohort(n, preset=PRESET).truth})
                for n in (1_000, 10**6)
            ]
        for repeat in range(asked.repeats):
            for n_patients, group in tasks:
                for what, task in group.items():
                    rows = 50_000 if what.startswith("text") else n_patients
                    wall, processor = timed(task)
                    runs.append(
                        {"what": what, "repeat": repeat, "patients": rows, "wall_s": wall, "processor_s": processor}
                    )
            if asked.peers:
                runs += [{"repeat": repeat, **run} for run in peers(asked.peers, [1_000, 10**6], folder)]
            print(f"{repeat + 1} of {asked.repeats}", file=sys.stderr, flush=True)
    table = pd.DataFrame(runs)
    if asked.output:
        table.round(4).to_csv(asked.output, index=False)
    table["rows per wall s"] = table["patients"] / table["wall_s"]
    table["rows per processor s"] = table["patients"] / table["processor_s"]
    print(
        table.groupby(["what", "patients"], sort=False)[["rows per wall s", "rows per processor s"]].median().round(-1)
    )


if __name__ == "__main__":
    main()
