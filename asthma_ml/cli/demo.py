"""``asthma-ml demo``: the main job, start to end."""

from __future__ import annotations

import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from asthma_ml.cli.evaluate import readable
from asthma_ml.cli.explain import write_figure
from asthma_ml.cli.options import (
    RESEARCH_NOTE,
    examples,
    refuse_overwriting,
    say,
    shows_progress,
    with_verbosity,
)

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
    "-o", "--output", metavar="FOLDER", required=True, type=click.Path(file_okay=False), help="Result folder."
)
@click.option("--patients", type=click.IntRange(min=100), default=2000, show_default=True, help="Size of each cohort.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Same seed, same results.")
@click.option(
    "--patients-file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="Patients to predict; the shipped examples if left out.",
)
@with_verbosity
def demo_command(*, output: str, patients: int, seed: int, patients_file: str | None) -> None:
    """Do the whole job once, from cohort to reasons.

    Generates a cohort, trains on it, measures the model on a second cohort, predicts and explains
    example patients. Leaves the cohort with its truth, the model, predictions.csv and two figures in
    FOLDER, once all is done.
    """
    from asthma_ml.model_files import example_patients_path

    folder = Path(output)
    source = Path(patients_file) if patients_file else example_patients_path()
    refuse_overwriting([source], [folder / name for name in RESULTS])
    with _draft_of(folder) as draft, tqdm(total=4, unit="step", leave=False, disable=not shows_progress()) as bar:
        _next_step(bar, "generating")
        cohort, others = synthetic_cohort(patients, seed), synthetic_cohort(patients, seed + 1)
        cohort.write(draft / "cohort.csv", draft / "truth.csv")
        _next_step(bar, "training")
        trained = train_on(cohort, draft / "model.aml", seed=seed)
        _next_step(bar, "evaluating")
        metrics = evaluate_on(trained, others)
        _next_step(bar, "explaining")
        table = predict_and_explain(trained, source, draft)
    click.echo(f"1. Cohort: {patients} synthetic patients of a severe asthma clinic, seed {seed}")
    click.echo(_indented(_class_counts(trained)))
    click.echo("2. Model, cross-validated on them")
    click.echo(_indented(readable(trained.metrics)))
    click.echo(f"3. The same model on {patients} other patients, seed {seed + 1}")
    click.echo(_indented(readable(metrics)))
    click.echo(f"4. Predictions for {len(table)} patients of {source.name}")
    click.echo(_indented(_answers(table)))
    click.echo(f"Written: {', '.join(str(folder / name) for name in RESULTS if (folder / name).exists())}")
    say(RESEARCH_NOTE)


@contextmanager
def _draft_of(folder: Path) -> Iterator[Path]:
    """A folder to write to, whose files move to where they belong if all went well."""
    nearest = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.is_dir())
    with tempfile.TemporaryDirectory(dir=nearest, prefix=".demo-") as draft:
        yield Path(draft)
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(Path(draft).iterdir()):
            file.replace(folder / file.name)


def _next_step(bar: tqdm, doing: str) -> None:
    bar.set_description(doing)
    bar.update()


def synthetic_cohort(n_patients: int, seed: int) -> Cohort:
    """Generate one cohort."""
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
    """Measure the model on a cohort that it has not seen."""
    from asthma_ml.evaluation import evaluate_patients
    from asthma_ml.patients import read_patients

    return evaluate_patients(trained.model, read_patients(cohort.observed))


def predict_and_explain(trained: TrainedClassifier, source: Path, folder: Path) -> pd.DataFrame:
    """Write the predictions, their overview in documented factors, and the figure of the first patient."""
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


def _answers(table: pd.DataFrame) -> str:
    """One line for each patient, and the whole reason for the first."""
    lines = [
        f"{row[table.columns[0]]}  {row['aml_status']:<12}  {_or_dash(row['aml_phenotype']):<22}"
        f"P(Th2-high) {row['aml_p_th2_high']:.2f} ({row['aml_p_low']:.2f} to {row['aml_p_high']:.2f})"
        for row in table.to_dict(orient="records")
    ]
    return "\n".join([*lines, f"Why, for the first: {table['aml_reasons'].iloc[0]}"])


def _or_dash(value: object) -> str:
    return value if isinstance(value, str) else "-"


def _indented(text: str) -> str:
    indent = "   "
    return "\n".join(
        textwrap.fill(line, 110, initial_indent=indent, subsequent_indent=indent, drop_whitespace=True)
        if len(line) > 110
        else indent + line
        for line in text.splitlines()
    )
