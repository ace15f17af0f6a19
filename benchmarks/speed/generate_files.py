"""`asthma-ml generate` to CSV.

ours   the command, with one and two jobs
peer   `peers/random_table.py`: independent random columns by numpy, and pandas' `to_csv`; dowhy and SDV by --peers
floor  Arrow writes our table
unit   seconds of a new process, and MB of peak memory
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from results import Row, compared
from setting import BEFORE, PEERS, SEED, Setting, in_jobs
from timing import Run, function

N_PATIENTS, PEER_SIZES = 300_000, (1_000, 100_000)
PRESETS = ("severe_clinic", "population_asthma")
PEER, FLOOR = "numpy and to_csv", "Arrow write_csv"


def rows(setting: Setting) -> Iterator[Row]:
    """Two presets, and other generators if asked for."""
    for preset in PRESETS if setting.full else PRESETS[:1]:
        yield from of_preset(setting, preset)
    if setting.peers_python:
        yield from other_generators(setting, setting.peers_python)


def of_preset(setting: Setting, preset: str) -> Iterator[Row]:
    """Time and memory of one preset."""
    out, kept, call = setting.folder / "cohort.csv", setting.folder / "cohort.arrow", generate(N_PATIENTS, preset)
    setting.ours(*call, "--jobs", 2, "-o", out)()
    setting.peer("arrow.py", "keep", out, kept)()
    tasks = {f"ours, {jobs}": setting.ours(*call, "--jobs", jobs, "-o", out) for jobs in (1, 2)}
    tasks[PEER] = setting.peer("random_table.py", setting.patients(10_000), N_PATIENTS, out)
    tasks[FLOOR] = setting.peer("arrow.py", "copy", kept, out, 1)
    runs = setting.timed(tasks | setting.earlier(*call, "-o", out))
    for jobs in (1, 2):
        job = f"generate {preset} to CSV, {in_jobs(jobs)}"
        yield compared(runs, job, N_PATIENTS, f"ours, {jobs}", peer=PEER, floor=FLOOR)
        yield compared(runs, job, N_PATIENTS, f"ours, {jobs}", peer=PEER, field="peak_mb")
    yield compared(runs, f"generate {preset} to CSV, 2 jobs", N_PATIENTS, "ours, 2", peer="ours, 1")
    if BEFORE in runs:
        yield compared(runs, f"generate {preset} to CSV, 1 job", N_PATIENTS, "ours, 1", peer=BEFORE)


def generate(n: int, preset: str) -> list[object]:
    return ["generate", "--patients", n, "--seed", SEED, "--preset", preset]


def other_generators(setting: Setting, python: str) -> Iterator[Row]:
    """Sampling by dowhy.gcm and SDV from the same graph and table, in an environment of their own."""
    from asthma_ml import generate_cohort  # noqa: PLC0415

    write_graph(setting.folder)
    call = [python, str(PEERS / "generators.py"), str(setting.folder), *map(str, PEER_SIZES)]
    printed = subprocess.run(call, check=True, capture_output=True, text=True).stdout
    for found in json.loads(printed.splitlines()[-1]):
        n = found["patients"]
        ours = function(lambda n=n: generate_cohort(n, preset=PRESETS[1]).truth)
        runs = setting.timed({"ours": ours}, warm_up=["ours"])
        runs["theirs"] = [Run(found["wall_s"], found["cpu_s"])] * len(runs["ours"])
        yield compared(runs, f"cohort and truth in memory, beside {found['task']}", n, "ours", peer="theirs")


def write_graph(folder: Path) -> None:
    """Graph, latent values and table that the other generators learn from."""
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    from asthma_ml.cohort import Noise, generate_cohort, severe_asthma_model  # noqa: PLC0415

    cohort, model = generate_cohort(2_000, preset=PRESETS[1]), severe_asthma_model()
    values = model.simulate(Noise(1, 0, size=2_000))
    frame = pd.DataFrame({name: np.asarray(column) for name, column in values.items()})
    frame.to_csv(folder / "values.csv", index=False)
    table = cohort.observed.merge(cohort.truth, on="patient_id").drop(columns="patient_id")
    table.to_csv(folder / "table.csv", index=False)
    graph = json.dumps({"nodes": model.order, "edges": model.graph()})
    (folder / "graph.json").write_text(graph, encoding="utf-8")
