"""``asthma-ml train``: from a labelled patient table to a model file."""

from __future__ import annotations

import click

from asthma_ml.cli.options import (
    RESEARCH_NOTE,
    columns_option,
    examples,
    label_option,
    output_option,
    patients_argument,
    refuse_overwriting,
    say,
    with_verbosity,
)
from asthma_ml.variables import FOUR_CLASSES, TWO_CLASSES

CLASSES = {"two": TWO_CLASSES, "four": FOUR_CLASSES}


@click.command(
    "train",
    epilog=examples(
        "train cohort.csv --label phenotype -o model.aml",
        "train cohort.csv --classes four -o four_classes.aml",
    ),
)
@patients_argument
@label_option
@columns_option
@click.option(
    "--classes",
    type=click.Choice(list(CLASSES)),
    default="two",
    show_default=True,
    help="Th2-high against neutrophilic Th2-low, or all four granulocyte classes.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of model and folds.")
@output_option(required=True, text="Model file; its card is written beside it.")
@with_verbosity
def train_command(*, file: str, label: str, columns: str | None, classes: str, seed: int, output: str) -> None:
    """Train a classifier on labelled patients.

    Rows with another label or none are left out and counted.
    """
    from asthma_ml.patients import read_patients
    from asthma_ml.persistence import save_model, write_card
    from asthma_ml.training import train_classifier

    refuse_overwriting(file, output)
    patients = read_patients(file, columns)
    trained = train_classifier(patients, label, CLASSES[classes], seed=seed)
    save_model(trained.model, output, card=trained.card)
    write_card(output)
    for reason, n in trained.patients.left_out.items():
        say(f"left out: {n} rows, {reason}")
    say("trained on " + ", ".join(f"{n} {name}" for name, n in trained.patients.class_counts.items()))
    for name in ("auc", "balanced_accuracy", "log_loss"):
        click.echo(f"{name:<18} {trained.metrics[name]:.3f}  (cross-validated, {trained.metrics['folds']} folds)")
    say(RESEARCH_NOTE)
