"""Sampling speed of dowhy.gcm with the same graph and of SDV with the same table; bench.py runs this script.

    python -m venv peers && peers/bin/pip install dowhy sdv
    python benchmarks/bench.py generate --peers "$PWD/peers/bin/python"

Only sampling is timed, not fitting. dowhy has the graph of the causal model with linear additive-noise mechanisms, its
fastest general ones; SDV has a Gaussian copula with normal margins, its fastest.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

import networkx as nx
import pandas as pd
from dowhy import gcm
from sdv.metadata import Metadata
from sdv.single_table import GaussianCopulaSynthesizer

warnings.simplefilter("ignore")


def dowhy_sampler(folder: Path):
    gcm.config.disable_progress_bars()
    graph, values = (
        json.loads((folder / "graph.json").read_text()),
        pd.read_csv(folder / "values.csv", keep_default_na=False),
    )
    network = nx.DiGraph(graph["edges"])
    network.add_nodes_from(graph["nodes"])
    model = gcm.StructuralCausalModel(network)
    for node in graph["nodes"]:
        text = not pd.api.types.is_numeric_dtype(values[node])
        if not list(network.predecessors(node)):
            mechanism = gcm.EmpiricalDistribution()
        elif text:
            mechanism = gcm.ClassifierFCM(gcm.ml.create_logistic_regression_classifier())
        else:
            mechanism = gcm.AdditiveNoiseModel(gcm.ml.create_linear_regressor())
        model.set_causal_mechanism(node, mechanism)
        if text:
            values[node] = values[node].astype(str).astype(object)
    gcm.fit(model, values)
    return lambda n: gcm.draw_samples(model, n)


def sdv_sampler(folder: Path):
    tables = {"patients": pd.read_csv(folder / "table.csv")}
    synthesizer = GaussianCopulaSynthesizer(Metadata.detect_from_dataframes(tables), default_distribution="norm")
    synthesizer.fit(tables)
    return synthesizer.sample


def main() -> None:
    folder, sizes = Path(sys.argv[1]), [int(size) for size in sys.argv[2:]]
    runs = []
    for name, make in (("dowhy.gcm", dowhy_sampler), ("SDV GaussianCopula", sdv_sampler)):
        sample = make(folder)
        sample(100)
        for n_patients in sizes:
            wall, cpu = time.perf_counter(), time.process_time()
            sample(n_patients)
            seconds = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
            runs.append({"task": f"{name}, {n_patients:,}", "patients": n_patients, **seconds})
    print(json.dumps(runs))


if __name__ == "__main__":
    main()
