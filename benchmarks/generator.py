"""Speed of the cohort generator, beside bare random numbers, pandas' `to_csv`, dowhy and SDV.

    OMP_NUM_THREADS=1 python benchmarks/generator.py            # prints a table of medians
    OMP_NUM_THREADS=1 python benchmarks/generator.py --peers PYTHON

PYTHON is the interpreter of another environment with dowhy and SDV, see generator_peers.py. All contenders are timed
in every round, each after a warm-up run: a virtual machine is slow to hand out memory that it has never used. Both
wall-clock and CPU time are given; other processes on the machine affect the first more than the second.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from measures import Task, in_turns, median_rates

from asthma_ml.cohort import Noise, generate_cohort, severe_asthma_model, write_cohort
from asthma_ml.cohort.engine.noise import BLOCK_SIZE
from asthma_ml.cohort.patient_stream import PATIENTS_AT_ONCE, variables_of_observed_table
from asthma_ml.cohort.patient_tables import whole_columns
from asthma_ml.files.table_files import table_file

PRESET = "population_asthma"
"""Preset without selection, so that each person of the population is a patient."""
PEER_SIZES = (1_000, 10**6)


def streams() -> int:
    """Number of random numbers that one patient needs."""
    model = severe_asthma_model()
    needed = model.with_ancestors(variables_of_observed_table())
    values = model.simulate(Noise(1, size=10), wanted=needed)
    return sum(hasattr(model.distribution(name, values), "from_noise") for name in needed)


def bare_draws(n_patients: int, n_streams: int) -> None:
    """Draw the same number of normal numbers from the same generator in the same blocks, and do nothing else."""
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
    """Write blocks of patients, as the generator does."""
    with table_file(path, whole=whole_columns(), n_rows=100_000) as append:
        for start in range(0, len(observed), PATIENTS_AT_ONCE):
            append(observed.iloc[start : start + PATIENTS_AT_ONCE])


def contenders(n_patients: int, folder: Path) -> dict[str, tuple[int, Task]]:
    """Tasks without selection, and the patients of each."""
    n_streams, path = streams(), folder / "cohort.csv"
    table = generate_cohort(min(n_patients, 50_000), preset=PRESET).observed
    only_stream_to_csv(table, path)  # loads the machine code, which is not timed
    generate: dict[str, Task] = {
        f"bare random numbers, {n_streams} per patient": lambda: bare_draws(n_patients, n_streams),
        "bare random numbers, 2 threads": lambda: bare_draws_on_two_threads(n_patients, n_streams),
        "cohort in memory, 1 thread": lambda: generate_cohort(n_patients, preset=PRESET),
        "cohort in memory, 2 threads": lambda: generate_cohort(n_patients, preset=PRESET, jobs=2),
        "cohort and its truth, 1 thread": lambda: generate_cohort(n_patients, preset=PRESET).truth,
        "frame and to_csv": lambda: frame_and_to_csv(n_patients, path),
        "streamed to CSV, 1 thread": lambda: write_cohort(path, n_patients, preset=PRESET),
        "streamed to CSV, 2 threads": lambda: write_cohort(path, n_patients, preset=PRESET, jobs=2),
        "streamed to Parquet, 2 threads": lambda: write_cohort(
            path.with_suffix(".parquet"), n_patients, preset=PRESET, jobs=2
        ),
    }
    text: dict[str, Task] = {
        "text of a table in memory, to_csv": lambda: only_to_csv(table, path),
        "text of a table in memory, write_cohort": lambda: only_stream_to_csv(table, path),
    }
    return {name: (n_patients, task) for name, task in generate.items()} | {
        name: (len(table), task) for name, task in text.items()
    }


def selected(n_patients: int) -> dict[str, tuple[int, Task]]:
    """Tasks with selection: about 4 % of the people enrol in the default preset."""
    return {
        f"severe_clinic in memory, {jobs} thread(s)": (n_patients, lambda j=jobs: generate_cohort(n_patients, jobs=j))
        for jobs in (1, 2)
    }


def peers(python: str, folder: Path) -> list[dict[str, object]]:
    """Timed runs of dowhy.gcm and SDV with the same graph and table, in an environment of their own."""
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
    call = [python, str(script), str(folder), *map(str, PEER_SIZES)]
    return json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peers", metavar="PYTHON")
    parser.add_argument("-o", "--output", type=Path, help="CSV file of all runs.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tasks = contenders(asked.patients, folder) | selected(min(asked.patients, 20_000))
        others: Callable[[], list[dict[str, object]]] = list
        if asked.peers:
            tasks |= {
                f"cohort and its truth, {n:,}": (n, lambda n=n: generate_cohort(n, preset=PRESET).truth)
                for n in PEER_SIZES
            }
            others = partial(peers, asked.peers, folder)
        runs = in_turns(tasks, asked.repeats, twice=True, after_round=others)
    if asked.output:
        runs.round(4).to_csv(asked.output, index=False)
    print(median_rates(runs))


if __name__ == "__main__":
    main()
