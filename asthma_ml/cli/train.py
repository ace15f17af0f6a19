"""``asthma-ml train``: training or recalibration of a model on a labelled patient table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from asthma_ml.cli.label_options import chosen_label, label_options
from asthma_ml.cli.options import (
    LARGEST_SEED,
    MODEL_SUFFIXES,
    Choice,
    ModelPath,
    columns_option,
    command_given,
    examples,
    number_option,
    output_option,
    patients_argument,
    refuse_overwriting,
    say,
    shows_progress,
    with_verbosity,
)
from asthma_ml.cli.terminal import show
from asthma_ml.cli.validate import say_repeated_patients
from asthma_ml.html import RESEARCH_NOTE
from asthma_ml.model_files import call_percentages, mechanisms_line, metric_lines
from asthma_ml.variables import FOUR_CLASSES, TWO_CLASSES
from asthma_ml.wording import patients_and_rows, rows_of_patients, with_interval

if TYPE_CHECKING:
    from asthma_ml.training import TrainedClassifier

CLASSES = {"two": TWO_CLASSES, "four": FOUR_CLASSES}
DEFAULT_BUDGET = 12

_NOT_WITH_RECALIBRATION = (
    *("groups", "time", "weights", "class_weight", "without", "start_from", "tune", "classes", "jobs"),
)


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
        "train ours.csv --mechanisms severe_clinic -o model.aml",
    ),
)
@patients_argument
@label_options
@columns_option
@click.option(
    "--classes",
    type=Choice(list(CLASSES)),
    default="two",
    show_default=True,
    help="Classes of the model: Th2-high against neutrophilic Th2-low, or all four granulocyte classes. A two-class "
    "model also learns to recognise the other two classes, if the labels contain them, and then abstains.",
)
@click.option("--without", metavar="COLUMN", multiple=True, help="Exclude a column from the features; repeatable.")
@click.option(
    "--groups",
    metavar="COLUMN",
    help="Hold out all rows with the same value together, for example one site. Rows of one patient are always held "
    "out together.",
)
@click.option(
    "--time",
    metavar="COLUMN",
    help="Temporal validation: train on earlier rows, hold out later ones (dates or numbers). With --groups, hold out "
    "later rows of other groups; this takes five times as many trainings.",
)
@click.option("--weights", metavar="COLUMN", help="Sample weights of the patients; only their ratios matter.")
@click.option("--class-weight", type=Choice(["balanced"]), help="Give all classes the same total weight.")
@click.option(
    "--start-from",
    metavar="MODEL",
    type=ModelPath(),
    help="Regularise towards a model of the same classes (a file, or 'shipped'), as far as held-out patients support "
    "it. For small cohorts. They must not contain patients that this model was trained on.",
)
@click.option("--tune", is_flag=True, help="Search the hyperparameters; the metrics are from nested cross-validation.")
@number_option(
    "--budget",
    DEFAULT_BUDGET,
    "With --tune: settings to search; each takes about twenty trainings.",
    least=2,
)
@click.option(
    "--recalibrate-only",
    "recalibrated",
    metavar="MODEL",
    type=ModelPath(),
    help="Only recalibrate MODEL (a file, or 'shipped') to these patients, about a hundred or more, none of them "
    "training patients of MODEL.",
)
@click.option(
    "--mechanisms",
    metavar="PRESET",
    help="Also learn what the documented factors are expected to do to the predictions, from counterfactual twins of "
    "patients of this preset (a name, or a TOML file of your own) with the tests of your patients.",
)
@number_option("--seed", 0, "Seed of the model and the folds of a search.", least=0, most=LARGEST_SEED)
@number_option("--jobs", 1, "Number of processes for the fits; does not change the result.")
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
    mechanisms: str | None,
    seed: int,
    jobs: int,
    output: str,
    **how: Any,
) -> None:
    """Train a classifier on labelled patients.

    Rows without a label of the classes are excluded and counted. The model card (a JSON file beside the model) says
    how the model classifies the patients with other labels.
    """
    from asthma_ml.classifier import without_constant_model_warnings
    from asthma_ml.cohort import preset_named
    from asthma_ml.model_files import card_path, save_model_with_card
    from asthma_ml.patients import read_patients
    from asthma_ml.training import add_mechanisms, train_classifier

    refuse_contradictions(recalibrated)
    refuse_overwriting([file, columns, recalibrated, how["start_from"]], [output, card_path(output)])
    world = None if mechanisms is None else preset_named(mechanisms)
    chosen = chosen_label(label, label_rule, at_least)
    for line in misspelt_classes(levels):
        say(line)
    patients = read_patients(file, columns)
    say_repeated_patients(patients)
    if recalibrated is None:
        by_default = "classes" not in command_given()
        wanted = None if by_default and (levels is not None or at_least is not None) else CLASSES[classes]
        how |= {"budget": budget if tune else 0, "jobs": jobs, "progress": shows_progress()}
        with without_constant_model_warnings():  # `_report` says it in one line
            trained = train_classifier(patients, chosen, wanted, levels=levels, seed=seed, **how)
        background: Any = trained.patients.first_rows
    else:
        trained, background = _recalibrate(recalibrated, patients, chosen, levels, seed)
    if world is not None:
        trained = add_mechanisms(trained, world, seed=seed, jobs=jobs, progress=shows_progress())
    # The name of a table may name a patient, and the number of jobs does not change the model.
    command = {name: value for name, value in command_given().items() if name not in ("file", "jobs")}
    card = {**trained.card, "command": command}
    save_model_with_card(trained.model, output, card=card, background=background)
    _report(trained)


def _recalibrate(path: str, patients: Any, label: Any, levels: dict[str, str] | None, seed: int) -> tuple[Any, Any]:
    """The recalibrated model, and the background of the model file, which it keeps."""
    from asthma_ml.model_files import load_model, load_model_with_card
    from asthma_ml.training import overlap_warning, recalibrate_classifier

    model, card = load_model_with_card(path)
    if model.mechanisms_ is not None and "mechanisms" not in command_given():
        say("the mechanisms of the model are not kept, because they are of other log-odds; add --mechanisms PRESET")
    trained = recalibrate_classifier(model, patients, label, levels=levels, seed=seed, card=card)
    if warning := overlap_warning(card, trained.patients.features):
        say(f"warning: {warning}")
    return trained, getattr(load_model(path, compiled=True), "background", None)


def _report(trained: TrainedClassifier) -> None:
    """Print the messages of a training and its held-out metrics."""
    from asthma_ml.classifier import constant_model_warning

    for line in training_messages(trained.card):
        say(line)
    if warning := constant_model_warning(trained.model):
        say(f"warning: {warning}")
    patients = trained.patients
    counts = ", ".join(f"{n} {name}" for name, n in patients.class_counts.items())
    n_patients, n_rows = len(set(patients.patient)), len(patients.patient)
    of_rows = "" if n_patients == n_rows else f": {patients_and_rows(n_patients, n_rows)}"
    say(f"{'recalibrated' if 'recalibrated_on' in trained.card else 'trained'} on {counts}{of_rows}")
    for name, text in metric_lines(trained.card):
        show(f"{name:<26}  {text}")
    say(RESEARCH_NOTE)


def misspelt_classes(levels: Mapping[str, str] | None) -> Iterator[str]:
    """Warnings for class names that resemble a granulocyte class."""
    from asthma_ml.spelling import closest

    for name in dict.fromkeys((levels or {}).values()):
        close = closest(name, FOUR_CLASSES, 0.85)
        if close and name not in FOUR_CLASSES:
            yield f"warning: --levels: {name} is not one of the four granulocyte classes (did you mean {close}?)"


def refuse_contradictions(recalibrated: str | None) -> None:
    """Refuse options that exclude each other or have no effect."""
    given = set(command_given())
    if recalibrated is not None and (unused := sorted(given & set(_NOT_WITH_RECALIBRATION))):
        names = ", ".join(f"--{name.replace('_', '-')}" for name in unused)
        raise click.UsageError(f"{names} cannot be combined with --recalibrate-only, which fits the calibration only.")
    if {"classes", "at_least"} <= given:
        raise click.UsageError("--classes and --at-least exclude each other; --at-least defines its own classes.")
    if "budget" in given and "tune" not in given:
        raise click.UsageError("--budget needs --tune.")


def training_messages(card: Mapping[str, Any]) -> Iterator[str]:
    """Messages on excluded rows and features, other labels, the starting model and the settings."""
    for reason, n in card["excluded"].items():
        yield f"excluded: {rows_of_patients(n, card.get('excluded_patients', {}).get(reason))}, {reason}"
    if names := card.get("excluded_features"):
        yield f"excluded from the features, because they determine the label: {', '.join(names)}"
    for name in card.get("classes_without_patients", ()):
        yield f"no patient has class {name}: the model cannot predict it"
    yield from unmodelled_label_messages(card)
    yield from unnamed_label_messages(card)
    yield from starting_model_messages(card)
    if "log_loss_before" in card["held_out_metrics"]:
        yield recalibration_message(card["held_out_metrics"])
    if (mechanisms := card.get("mechanisms")) is not None:
        yield f"mechanisms: {mechanisms_line(mechanisms)}"
    if (tuned := card.get("tuned")) is not None:
        chosen = ", ".join(f"{name}={value:.3g}" for name, value in tuned["chosen"].items()) or "the defaults"
        yield f"selected settings: {chosen}, of {len(tuned['settings'])} tried"


def unmodelled_label_messages(card: Mapping[str, Any]) -> Iterator[str]:
    """How the model classifies the patients of each other label."""
    for label, found in card.get("unmodelled_labels", {}).items():
        in_training = label in card.get("unmodelled_classes", ()) and "recalibrated_on" not in card
        note = (
            "; the auxiliary classifier was trained on them, so expect more false calls in new patients"
            if in_training
            else ""
        )
        yield f"{found['n']} excluded {label} patients are classified as: {call_percentages(found)}{note}"


def unnamed_label_messages(card: Mapping[str, Any]) -> Iterator[str]:
    """How to name mixed and paucigranulocytic patients, if a two-class model has none but there are other labels."""
    others = card["excluded"].get("another label") and not card.get("unmodelled_classes")
    if others and set(card.get("levels", {}).values()) == set(TWO_CLASSES):
        yield (
            "patients with other labels are not recognised as unmodelled; if some are mixed or paucigranulocytic, map "
            "them: --classes two --levels '...,value=mixed_granulocytic,value=paucigranulocytic'"
        )


def starting_model_messages(card: Mapping[str, Any]) -> Iterator[str]:
    """Whether the starting model was used, with the held-out log-loss with and without it."""
    if (start := card.get("start_from")) is None:
        return
    used = "not used" if start["penalty"] is None else "used"
    both = (card["held_out_metrics"]["log_loss"], start["log_loss_without"])
    with_it, without = (with_interval(log_loss) for log_loss in both)
    name = f"{start.get('model', 'model')} ({start['n_patients']} patients)"
    yield f"starting model {name}: {used}; held-out log-loss {with_it} with it, {without} without it"
    if start.get("overlap"):
        yield f"warning: {start['overlap']}"


def recalibration_message(metrics: Mapping[str, Any]) -> str:
    """Log-loss before recalibration, and whether recalibration lowers it."""
    before, after = metrics["log_loss_before"], metrics["log_loss"]
    worse = "; recalibration does not lower it, so the model may be kept unchanged"
    return f"log-loss before recalibration: {with_interval(before)}{worse if after['value'] >= before['value'] else ''}"
