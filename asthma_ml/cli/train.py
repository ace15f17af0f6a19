"""``asthma-ml train``: from a labelled patient table to a model file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from asthma_ml.cli.label_options import label_options, label_told_by
from asthma_ml.cli.options import (
    MODEL_SUFFIXES,
    RESEARCH_NOTE,
    columns_option,
    command_given,
    examples,
    output_option,
    patients_argument,
    refuse_overwriting,
    say,
    shows_progress,
    with_verbosity,
)
from asthma_ml.cli.validate import say_repeated_patients
from asthma_ml.variables import FOUR_CLASSES, TWO_CLASSES

if TYPE_CHECKING:
    from asthma_ml.classifier import Background

CLASSES = {"two": TWO_CLASSES, "four": FOUR_CLASSES}
SHIPPED = "shipped"
USUAL_BUDGET = 12

SAME_PATIENTS = "warning: it was trained on these very patients, so that the metrics are far too good"

_NOT_WITH_RECALIBRATION = ("groups", "time", "weights", "class_weight", "without", "start_from", "tune", "classes")


@click.command(
    "train",
    epilog=examples(
        "train cohort.csv --label phenotype -o model.aml",
        "train cohort.csv --classes four -o four_classes.aml",
        "train our_patients.csv --start-from shipped -o our_model.aml",
        "train ours.csv --label endotype --levels 'T2=th2_high,nonT2=neutrophilic_th2_low' -o model.aml",
        "train ours.csv --classes two --levels 'A=th2_high,B=neutrophilic_th2_low,C=mixed_granulocytic' -o model.aml",
        "train ours.csv --label-rule sputum_3_61 --time visit_date -o model.aml",
        "train ours.csv --label feno_ppb --at-least 25 --weights wtmec2yr -o feno.aml",
        "train cohort.csv --groups site --tune --budget 20 -o model.aml",
        "train our_patients.csv --recalibrate-only model.aml -o our_model.aml",
    ),
)
@patients_argument
@label_options
@columns_option
@click.option(
    "--classes",
    type=click.Choice(list(CLASSES)),
    default="two",
    show_default=True,
    help="Th2-high against neutrophilic Th2-low, or all four granulocyte classes. With 'two', the other two classes, "
    "where --levels names them, are learned to be recognised, and get no call.",
)
@click.option("--without", metavar="COLUMN", multiple=True, help="A column that shall not be a feature; repeatable.")
@click.option(
    "--groups",
    metavar="COLUMN",
    help="Column, such as site, whose rows of one value are held out together. Rows of one patient always are.",
)
@click.option(
    "--time",
    metavar="COLUMN",
    help="Column of dates or numbers: the metrics are of later patients than those learned from.",
)
@click.option("--weights", metavar="COLUMN", help="Column of weights of the patients; only their ratios count.")
@click.option("--class-weight", type=click.Choice(["balanced"]), help="Let all classes weigh the same.")
@click.option(
    "--start-from",
    metavar="shipped|MODEL",
    help="Start from what a model of the same classes knows of other patients, as far as held-out patients say. "
    "For few patients, none of whom it was trained on.",
)
@click.option("--tune", is_flag=True, help="Choose the settings of the classifier; metrics are nested.")
@click.option(
    "--budget",
    type=click.IntRange(min=2),
    default=USUAL_BUDGET,
    show_default=True,
    help="With --tune: settings to try, each about as long as twenty trainings.",
)
@click.option(
    "--recalibrate-only",
    "recalibrated",
    metavar="MODEL",
    type=click.Path(dir_okay=False),
    help="Keep what MODEL has learned and fit only its calibration to these patients, none of whom it was trained on; "
    "a hundred or so suffice.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of model and folds.")
@output_option(MODEL_SUFFIXES, required=True, text="Model file, .aml; its card is written beside it.")
@with_verbosity
def train_command(
    *,
    file: str,
    label: str,
    levels: dict[str, str] | None,
    label_rule: str | None,
    at_least: float | None,
    columns: str | None,
    classes: str,
    tune: bool,
    budget: int,
    recalibrated: str | None,
    seed: int,
    output: str,
    **how: Any,
) -> None:
    """Train a classifier on labelled patients.

    Rows with another label or none are left out and counted, and the card says what the model calls
    them.
    """
    from asthma_ml.model_files import card_path, load_model_with_card, save_model_with_card
    from asthma_ml.patients import read_patients
    from asthma_ml.training import recalibrate_classifier, train_classifier

    refuse_contradictions(recalibrated)
    start = how["start_from"] if how["start_from"] != SHIPPED else None
    refuse_overwriting([file, columns, recalibrated, start], [output, card_path(output)])
    told_by = label_told_by(label, label_rule, at_least)
    patients = read_patients(file, columns)
    say_repeated_patients(patients)
    if recalibrated is None:
        by_default = "classes" not in command_given()
        wanted = None if by_default and (levels is not None or at_least is not None) else CLASSES[classes]
        how |= {"budget": budget if tune else 0, "progress": shows_progress()}
        trained = train_classifier(patients, told_by, wanted, levels=levels, seed=seed, **how)
    else:
        model, card_before = load_model_with_card(recalibrated)
        trained = recalibrate_classifier(model, patients, told_by, levels=levels, seed=seed)
    # Against the patients that were learned from it can be explained later; a hundred of a hospital are too few.
    background = trained.patients.features if recalibrated is None else stored_background(recalibrated)
    card = {**trained.card, "command": command_given()}
    save_model_with_card(trained.model, output, card=card, background=background)
    for line in told(trained.card, trained.patients.left_out):
        say(line)
    if recalibrated is not None:
        if learned_from_the_same(card_before, trained.card):
            say(SAME_PATIENTS)
        before = trained.metrics["log_loss_before"]
        worse = "; no better now: it may be kept as it was" if trained.metrics["log_loss"] >= before else ""
        say(f"log-loss of {recalibrated} as it was: {before:.3f}{worse}")
    say("trained on " + ", ".join(f"{n} {name}" for name, n in trained.patients.class_counts.items()))
    for name in ("auc", "balanced_accuracy", "log_loss"):
        click.echo(f"{name:<18} {trained.metrics[name]:.3f}  ({how_measured(trained.card)})")
    say(RESEARCH_NOTE)


def learned_from_the_same(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether a model was trained on the very patients at hand, by what is said of both."""
    return bool(before.get("training_data_sha256") == now["training_data_sha256"])


def stored_background(path: str) -> Background | None:
    """The patients that a model file can be explained against, who stay when it is recalibrated."""
    from asthma_ml.model_files import load_predictor

    return getattr(load_predictor(path), "background", None)


def refuse_contradictions(recalibrated: str | None) -> None:
    """Refuse options that mean nothing beside each other."""
    given = set(command_given())
    if recalibrated is not None and (useless := sorted(given & set(_NOT_WITH_RECALIBRATION))):
        names = ", ".join(f"--{name.replace('_', '-')}" for name in useless)
        raise click.UsageError(f"{names}: of no use to --recalibrate-only, which fits two numbers and nothing else.")
    if {"classes", "at_least"} <= given:
        raise click.UsageError("--classes says nothing beside --at-least, which names the classes.")
    if {"groups", "time"} <= given:
        raise click.UsageError("--groups and --time exclude each other.")
    if "budget" in given and "tune" not in given:
        raise click.UsageError("--budget goes with --tune.")


def how_measured(card: Mapping[str, Any]) -> str:
    """On whom the metrics of a training were measured, in words."""
    metrics = card["cross_validated"]
    if card.get("time") is not None:
        return f"on {metrics['n_held_out']} later rows, in {metrics['folds']} steps"
    return f"cross-validated, {metrics['folds']} folds"


def told(card: Mapping[str, Any], left_out: Mapping[str, int]) -> Iterator[str]:
    """Lines about rows that were left out, about the starting point and about the settings."""
    for reason, n in left_out.items():
        yield f"left out: {n} rows, {reason}"
    if telling := card.get("tell_the_label"):
        yield f"no features, because they tell the label: {', '.join(telling)}"
    for name in card.get("classes_without_patients", ()):
        yield f"no patient is {name}: the model does not know that class"
    yield from others_called(card.get("other_labels", {}), card.get("recognises_patients_of", ()))
    yield from not_recognised(card, left_out)
    if (start := card.get("start_from")) is not None:
        of_use = "of no use to these patients, not used" if start["penalty"] is None else "used"
        yield f"start from {start.get('model', 'a model')} ({start['n_patients']} patients): {of_use}"
        if learned_from_the_same(start, card):
            yield SAME_PATIENTS
    if (tuned := card.get("tuned")) is not None:
        chosen = ", ".join(f"{name}={value:.3g}" for name, value in tuned["chosen"].items()) or "the usual ones"
        yield f"settings: {chosen}, the best of {len(tuned['settings'])}"


def not_recognised(card: Mapping[str, Any], left_out: Mapping[str, int]) -> Iterator[str]:
    """How to have mixed and paucigranulocytic patients recognised, where a two-class model learned of none."""
    may_be_some = left_out.get("another label") and "levels" in card and not card.get("recognises_patients_of")
    if may_be_some and set(card["levels"].values()) == set(TWO_CLASSES):
        yield (
            "patients of other labels are not recognised as such; if some are mixed or paucigranulocytic, name them: "
            "--classes two --levels '...,own text=mixed_granulocytic,own text=paucigranulocytic'"
        )


def others_called(other_labels: Mapping[str, Any], learned: Sequence[str]) -> Iterator[str]:
    """A line for each label that was left out: what the model calls its patients."""
    for label, found in other_labels.items():
        shares = ", ".join(f"{share:.0%} {name}" for name, share in found["called"].items())
        of_whom = ", whom it learned to recognise (of others it will call more)," if label in learned else ""
        yield f"of {found['n']} {label}{of_whom} the model calls {shares}"
