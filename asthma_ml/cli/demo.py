"""``asthma-ml demo``: generate, train, evaluate, predict and explain."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from asthma_ml.cli.evaluation_tables import headline
from asthma_ml.cli.explain import write_figure
from asthma_ml.cli.options import (
    LARGEST_SEED,
    examples,
    number_option,
    refuse_overwriting,
    say,
    shows_progress,
    with_verbosity,
)
from asthma_ml.cli.terminal import show
from asthma_ml.files import temporary_folder_beside
from asthma_ml.html import RESEARCH_NOTE
from asthma_ml.model_files import metric_lines
from asthma_ml.wording import rounded

if TYPE_CHECKING:
    import pandas as pd

    from asthma_ml.cohort import Cohort
    from asthma_ml.training import TrainedClassifier

RESULTS = (
    "cohort.csv",
    "cohort.schema.json",
    "truth.csv",
    "model.aml",
    "model.card.json",
    "predictions.csv",
    "factors.png",
    "first_patient.png",
)


@click.command("demo", epilog=examples("demo -o out", "demo -o out --patients 500 --seed 7"))
@click.option(
    "-o", "--output", metavar="FOLDER", required=True, type=click.Path(file_okay=False), help="Output folder."
)
@number_option("--patients", 2000, "Training patients.", least=100)
@number_option("--test-patients", 10_000, "Held-out test patients.", least=100)
@number_option("--seed", 1, "Seed; the same seed gives the same result.", least=0, most=LARGEST_SEED)
@click.option(
    "--patients-file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="Patients to predict; default is the shipped example table.",
)
@with_verbosity
def demo_command(*, output: str, patients: int, test_patients: int, seed: int, patients_file: str | None) -> None:
    """Run the complete workflow, from a cohort to explanations.

    The demo generates a cohort, trains a model on it, evaluates the model on a second cohort, and
    predicts and explains example patients. FOLDER then contains the cohort with its truth table, the
    model, predictions.csv and two figures.
    """
    from asthma_ml.model_files import example_patients_path

    folder = Path(output)
    source = Path(patients_file) if patients_file else example_patients_path()
    refuse_overwriting([source], [folder / name for name in RESULTS])
    with _draft_of(folder) as draft, tqdm(total=4, unit="step", leave=False, disable=not shows_progress()) as bar:
        _next_step(bar, "generating")
        cohort, test_cohort = synthetic_cohort(patients, seed), synthetic_cohort(test_patients, seed + 1)
        cohort.write(draft / "cohort.csv", draft / "truth.csv")
        _next_step(bar, "training")
        trained = train_on(cohort, draft / "model.aml", seed=seed)
        _next_step(bar, "evaluating")
        metrics = evaluate_on(trained, test_cohort)
        _next_step(bar, "explaining")
        table = predict_and_explain(trained, source, draft)
    show(f"1. Cohort: {patients} synthetic patients of a severe asthma clinic, seed {seed}")
    show(_indented(_class_counts(trained)))
    show("2. Model trained on this cohort, among patients of the two classes")
    show(_indented("\n".join(f"{name:<26}  {text}" for name, text in metric_lines(trained.card))))
    show(f"3. Evaluation on {test_patients} new patients, seed {seed + 1}")
    show(_indented(headline(metrics)))
    show(f"4. Predictions for {len(table)} patients of {source.name}")
    show(_indented(_predictions(table)))
    show(f"Written: {', '.join(str(folder / name) for name in RESULTS if (folder / name).exists())}")
    say(RESEARCH_NOTE)


@contextmanager
def _draft_of(folder: Path) -> Iterator[Path]:
    """Temporary folder whose files move to `folder` on success."""
    nearest = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.is_dir())
    with temporary_folder_beside(nearest / folder.absolute().name) as draft:
        yield draft
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(draft.iterdir()):
            file.replace(folder / file.name)


def _next_step(bar: tqdm, doing: str) -> None:
    bar.set_description(doing)
    bar.update()


def synthetic_cohort(n_patients: int, seed: int) -> Cohort:
    """Generate a cohort."""
    from asthma_ml.cohort import generate_cohort

    return generate_cohort(n_patients=n_patients, seed=seed)


def train_on(cohort: Cohort, model_path: Path, *, seed: int) -> TrainedClassifier:
    """Train the two-class model on a cohort; save it with its card."""
    from asthma_ml.model_files import save_model_with_card
    from asthma_ml.patients import read_patients
    from asthma_ml.training import train_classifier

    trained = train_classifier(read_patients(cohort.observed), seed=seed)
    save_model_with_card(trained.model, model_path, card=trained.card, background=trained.patients.features)
    return trained


def evaluate_on(trained: TrainedClassifier, cohort: Cohort) -> dict[str, Any]:
    """Evaluate the model on a held-out cohort."""
    from asthma_ml.evaluation import evaluate_patients
    from asthma_ml.patients import read_patients

    return evaluate_patients(trained.model, read_patients(cohort.observed))


def predict_and_explain(trained: TrainedClassifier, source: Path, folder: Path) -> pd.DataFrame:
    """Write the predictions, the figure of all patients by factor, and the figure of the first patient."""
    from asthma_ml.explanation import cohort_figure, explain
    from asthma_ml.files import write_table
    from asthma_ml.patients import read_patients
    from asthma_ml.prediction import predict_table

    patients = read_patients(source)
    table = predict_table(trained.model, patients, explain="factors")
    write_table(table, folder / "predictions.csv")
    explanation = explain(trained.model, patients.values[~patients.invalid])
    if len(explanation):
        write_figure(cohort_figure(explanation), folder / "factors.png")
        write_figure(explanation.plot(0), folder / "first_patient.png")
    return table


def _class_counts(trained: TrainedClassifier) -> str:
    return ", ".join(f"{n} {name}" for name, n in trained.patients.class_counts.items())


def _predictions(table: pd.DataFrame) -> str:
    """One line per patient, and the reasons of the first."""
    head = ("patient", "status", "call", "P(Th2-high)*", "P(unmodelled diagnosis)")
    rows = [head, *(_cells(row, str(table.columns[0])) for row in table.to_dict(orient="records"))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    note = "* with its interval, among patients of the two classes"
    return "\n".join([*lines, note, f"Reasons for the first patient: {table['aml_reasons'].iloc[0]}"])


def _cells(row: Mapping[Any, Any], identifier: str) -> tuple[str, ...]:
    p, low, high, unmodelled = (_or_dash(row[f"aml_p_{name}"]) for name in ("th2_high", "low", "high", "unmodelled"))
    return str(row[identifier]), row["aml_status"], _or_dash(row["aml_phenotype"]), f"{p} ({low} to {high})", unmodelled


def _or_dash(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "-" if value is None or value != value else rounded(value)  # noqa: PLR0124 (not a number)


def _indented(text: str) -> str:
    indent = "   "
    return "\n".join(
        textwrap.fill(line, 110, initial_indent=indent, subsequent_indent=indent, drop_whitespace=True)
        if len(line) > 110
        else indent + line
        for line in text.splitlines()
    )
