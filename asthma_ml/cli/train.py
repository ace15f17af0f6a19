"""``asthma-ml train``: from a labelled patient table to a model file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from asthma_ml.cli.options import (
    MODEL_SUFFIXES,
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
from asthma_ml.cli.validate import say_repeated_patients
from asthma_ml.variables import FOUR_CLASSES, TWO_CLASSES

CLASSES = {"two": TWO_CLASSES, "four": FOUR_CLASSES}


@click.command(
    "train",
    epilog=examples(
        "train cohort.csv --label phenotype -o model.aml",
        "train cohort.csv --classes four -o four_classes.aml",
        "train cohort.csv --groups site -o model.aml",
        "train our_patients.csv --recalibrate-only model.aml -o our_model.aml",
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
@click.option(
    "--groups",
    metavar="COLUMN",
    help="Column, such as site, whose rows of one value are held out together. Rows of one patient always are.",
)
@click.option(
    "--recalibrate-only",
    "recalibrated",
    metavar="MODEL",
    type=click.Path(dir_okay=False),
    help="Keep what MODEL has learned and fit only its calibration to these patients; a hundred or so suffice.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of model and folds.")
@output_option(MODEL_SUFFIXES, required=True, text="Model file, .aml; its card is written beside it.")
@with_verbosity
def train_command(
    *,
    file: str,
    label: str,
    columns: str | None,
    classes: str,
    groups: str | None,
    recalibrated: str | None,
    seed: int,
    output: str,
) -> None:
    """Train a classifier on labelled patients.

    Rows with another label or none are left out and counted, and the card says what the model calls
    them.
    """
    from asthma_ml.patients import read_patients
    from asthma_ml.persistence import card_path, load_model, save_model_with_card
    from asthma_ml.training import recalibrate_classifier, train_classifier

    if groups is not None and recalibrated is not None:
        raise click.UsageError(
            "--groups is of no use to --recalibrate-only, which fits nothing that could be held out."
        )
    refuse_overwriting([file, columns, recalibrated], [output, card_path(output)])
    patients = read_patients(file, columns)
    say_repeated_patients(patients)
    if recalibrated is None:
        trained = train_classifier(patients, label, CLASSES[classes], groups=groups, seed=seed)
    else:
        trained = recalibrate_classifier(load_model(recalibrated), patients, label, seed=seed)
    # Against the patients that were learned from it can be explained later; a hundred of a hospital are too few.
    background = trained.patients.features if recalibrated is None else None
    save_model_with_card(trained.model, output, card=trained.card, background=background)
    for reason, n in trained.patients.left_out.items():
        say(f"left out: {n} rows, {reason}")
    for line in others_called(trained.card.get("other_labels", {})):
        say(line)
    if recalibrated is not None:
        say(f"log-loss of {recalibrated} as it was: {trained.metrics['log_loss_before']:.3f}")
    say("trained on " + ", ".join(f"{n} {name}" for name, n in trained.patients.class_counts.items()))
    for name in ("auc", "balanced_accuracy", "log_loss"):
        click.echo(f"{name:<18} {trained.metrics[name]:.3f}  (cross-validated, {trained.metrics['folds']} folds)")
    say(RESEARCH_NOTE)


def others_called(other_labels: Mapping[str, Any]) -> Iterator[str]:
    """A line for each label that was left out: what the model calls its patients."""
    for label, found in other_labels.items():
        shares = ", ".join(f"{share:.0%} {name}" for name, share in found["called"].items())
        yield f"of {found['n']} {label} the model calls {shares}"
