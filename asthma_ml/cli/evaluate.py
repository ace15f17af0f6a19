"""``asthma-ml evaluate``: how good a model is on labelled patients."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from asthma_ml.cli.options import (
    columns_option,
    examples,
    label_option,
    model_option,
    output_option,
    patients_argument,
    refuse_overwriting,
    say,
    with_verbosity,
)

_INTERVAL = {"value", "lower", "upper"}
_LONGEST_LIST = 4


@click.command(
    "evaluate",
    epilog=examples(
        "evaluate other_cohort.csv --model model.aml",
        "evaluate other_cohort.csv --model model.aml -o metrics.json",
    ),
)
@patients_argument
@model_option
@label_option
@columns_option
@output_option(text="Where the metrics go, as JSON; the standard output if left out.")
@with_verbosity
def evaluate_command(*, file: str, model: str | None, label: str, columns: str | None, output: str) -> None:
    """Measure a model on labelled patients.

    They should be others than those that it was trained on. Rows of other labels are counted, and
    what the model calls them.
    """
    from asthma_ml.evaluation.metrics import evaluate_patients
    from asthma_ml.patients import read_patients, write_text
    from asthma_ml.persistence import load_model
    from asthma_ml.shipped import shipped_model_path

    model_path = model or shipped_model_path()
    refuse_overwriting([file, columns, model_path], [output])
    metrics = evaluate_patients(load_model(model_path), read_patients(file, columns), label)
    write_text(json.dumps(metrics, indent=2) + "\n", output)
    for reason, n in metrics.pop("left_out").items():
        say(f"left out: {n} rows, {reason}")
    say(readable(metrics))


def readable(metrics: Mapping[str, Any]) -> str:
    """Metrics or a card as aligned lines; tables inside are left out."""
    lines = list(_flat(metrics))
    width = max((len(name) for name, _ in lines), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines)


def _flat(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in metrics.items():
        if isinstance(value, Mapping) and set(value) != _INTERVAL:
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            if len(value) <= _LONGEST_LIST:
                yield f"{prefix}{name}", ", ".join(str(item) for item in value)
        else:
            yield f"{prefix}{name}", _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{value['value']:.3f} ({value['lower']:.3f} to {value['upper']:.3f})"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
