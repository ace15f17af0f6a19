"""``asthma-ml evaluate``: performance of a model on labelled patients."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from asthma_ml.cli.evaluation_tables import full_report, headline
from asthma_ml.cli.explain import write_figure
from asthma_ml.cli.label_options import chosen_label, label_as_trained, label_given, label_options
from asthma_ml.cli.options import (
    FIGURE_SUFFIXES,
    columns_option,
    command_given,
    examples,
    model_option,
    patients_argument,
    refuse_one_file_for_two,
    refuse_overwriting,
    say,
    shows_progress,
    with_verbosity,
    writable,
)
from asthma_ml.cli.terminal import show
from asthma_ml.html import RESEARCH_NOTE
from asthma_ml.variables import LABEL
from asthma_ml.wording import rows_of_patients

if TYPE_CHECKING:
    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.evaluation import LabelledPredictions, Origin
    from asthma_ml.patients import PatientTable
    from asthma_ml.training import LabelRule

_ONLY_WITH = {
    ("--limit-patients", "--particles"): ("--limit",),
    ("--faithfulness-patients",): ("--faithfulness",),
    ("--preset", "--seed"): ("--limit", "--twins", "--faithfulness"),
}
"""Options that need one of some other options."""


@click.command(
    "evaluate",
    epilog=examples(
        "evaluate held_out.csv --model model.aml",
        "evaluate held_out.csv --model model.aml --full",
        "evaluate held_out.csv --model model.aml -o metrics.json",
        "evaluate hospital.csv --label endotype --levels 'T2=th2_high,nonT2=neutrophilic_th2_low'",
        "evaluate survey.csv --model model.aml --weights survey_weight",
        "evaluate held_out.csv --plot decision_curves.svg --risk-plot risk_coverage.svg",
        "evaluate cohort.csv --model model.aml --truth truth.csv --twins --faithfulness",
        "evaluate cohort.csv --model model.aml --limit --limit-patients 500",
    ),
)
@patients_argument
@model_option
@label_options
@columns_option
@click.option(
    "--weights",
    metavar="COLUMN",
    help="Sampling weights, such as survey weights; only their ratios matter. All rows of a patient together weigh as "
    "much as the single row of another, with or without them.",
)
@click.option(
    "--truth",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="Truth table of a generated cohort: adds how well the adherence check finds true non-adherence, and "
    "abstention in clear-cut patients.",
)
@click.option(
    "--twins",
    is_flag=True,
    help="Also compare predictions with those of counterfactual twins without oral steroids (generated cohorts).",
)
@click.option(
    "--limit",
    is_flag=True,
    help="Also compare with the Bayes limit, the best possible log-loss (generated cohorts; takes minutes).",
)
@click.option(
    "--faithfulness",
    "--reasons",
    is_flag=True,
    help="Also compare contributions of factors, by SHAP and by mechanisms, with their effects in the causal model "
    "(generated cohorts).",
)
@click.option(
    "--faithfulness-patients",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="With --faithfulness: number of patients whose true log-odds are computed, a third of a second each.",
)
@click.option(
    "--preset",
    metavar="NAME|FILE.toml",
    help="With --limit, --twins or --faithfulness: preset that generated FILE, if FILE has no .schema.json beside it.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="With --limit, --twins or --faithfulness: seed of FILE, which is checked.",
)
@click.option(
    "--limit-patients",
    type=click.IntRange(min=20),
    default=2000,
    show_default=True,
    help="With --limit: number of patients, the first ones.",
)
@click.option(
    "--particles",
    type=click.IntRange(min=50),
    default=2000,
    show_default=True,
    help="With --limit: particles per patient; four times as many halve the Monte Carlo error.",
)
@click.option(
    "--plot",
    metavar="FILE",
    callback=writable(FIGURE_SUFFIXES, standard_output=False),
    help="Decision curves of the model and of the rules in use: .png or .svg.",
)
@click.option(
    "--risk-plot",
    metavar="FILE",
    callback=writable(FIGURE_SUFFIXES, standard_output=False),
    help="Accuracy by call rate, and detection of unmodelled diagnoses: .png or .svg.",
)
@click.option("--full", is_flag=True, help="Print all metrics and tables instead of the headline.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    callback=writable(),
    help="Write all metrics as JSON (- for standard output); the headline then goes to standard error.",
)
@with_verbosity
def evaluate_command(
    *,
    file: str,
    model: str,
    label: str,
    levels: dict[str, str] | None,
    label_rule: str | None,
    at_least: float | None,
    columns: str | None,
    output: str | None,
    plot: str | None,
    risk_plot: str | None,
    truth: str | None,
    weights: str | None,
    full: bool,
    **how: Any,
) -> None:
    """Evaluate a model on labelled patients.

    Use held-out patients. The metrics are discrimination, calibration, coverage and abstention, for the
    patients of modelled classes and for all diagnoses, compared with rules in clinical use: cut-offs of blood
    eosinophils and FeNO, GINA, UKSAR, ISAR, SARP and ORACLE. The headline is printed; --full prints
    everything, -o writes everything as JSON.

    A patient may have several rows, such as visits: rows with one patient_id, or identical rows, are one patient in
    every count and every interval.

    --limit, --twins and --faithfulness use the causal model: FILE must be a generated cohort. --truth needs
    the truth table of the cohort.

    Without --label, --levels, --label-rule and --at-least, the label is the column that the model was
    trained on, or phenotype if FILE lacks that column.
    """
    from asthma_ml import evaluation
    from asthma_ml.model_files import load_model_with_card
    from asthma_ml.patients import read_patients
    from asthma_ml.training import overlap_warning

    target = chosen_label(label, label_rule, at_least)
    refuse_overwriting([file, columns, model, truth], filter(None, [output, plot, risk_plot]))
    refuse_one_file_for_two({"-o": output, "--plot": plot, "--risk-plot": risk_plot})
    refuse_options_without_effect()
    origin = None
    if how["limit"] or how["twins"] or how["faithfulness"]:
        origin = evaluation.cohort_origin(file, how["preset"], how["seed"])
    classifier, card = load_model_with_card(model)
    refuse_unsuitable_model(classifier, plot=plot is not None, limit=how["limit"], faithfulness=how["faithfulness"])
    patients = read_patients(file, columns)
    target, levels = label_of_card(card, patients, target, levels)
    if how["limit"]:
        refuse_limit_of_other_labels(target, levels)
    true = read_patients(truth).raw if truth else None
    predicted = evaluation.predict_labelled(classifier, patients, target, levels=levels, weights=weights)
    if true is None:
        metrics = evaluation.evaluate_predictions(predicted)
    else:
        clear_cut = evaluation.is_clear_cut(patients.values.iloc[predicted.rows], predicted.labels, true)
        metrics = evaluation.evaluate_predictions(predicted, clear_cut)
        metrics["adherence_gate"] = evaluation.evaluate_adherence_gate(patients.values, true)
    if origin is not None:
        metrics |= _causal_parts(predicted, patients, origin, how)
    if seen := overlap_warning(card, predicted.table):
        metrics["warnings"].insert(0, seen)
    if plot:
        write_figure(evaluation.decision_curve_figure(metrics["modelled_classes"]["reference_rules"]), plot)
    if risk_plot:
        write_figure(evaluation.risk_coverage_figure(metrics), risk_plot)
    _write(metrics, output, full=full)


def _causal_parts(
    predicted: LabelledPredictions, patients: PatientTable, origin: Origin, how: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the requested comparisons with the causal model by name."""
    from asthma_ml import evaluation

    progress = shows_progress()
    if how["limit"]:
        sizes = {"most_patients": how["limit_patients"], "n_particles": how["particles"]}
        yield (
            "bayes_limit",
            evaluation.compare_with_bayes_limit(predicted, patients, origin, **sizes, progress=progress),
        )
    cohort = evaluation.twins_of_file(patients, origin) if how["twins"] or how["faithfulness"] else None
    if cohort is not None and how["twins"]:
        yield "steroid_masking", evaluation.evaluate_steroid_masking(predicted.model, cohort)
    if cohort is not None and how["faithfulness"]:
        n_patients = how["faithfulness_patients"]
        effects = evaluation.true_effects(cohort, limit_patients=n_patients, progress=progress)
        yield "faithfulness", evaluation.evaluate_faithfulness(predicted.model, effects)


def _write(metrics: Mapping[str, Any], output: str | None, *, full: bool) -> None:
    """Write messages, JSON and text to their streams."""
    from asthma_ml.files import write_text

    for warning in metrics["warnings"]:
        say(f"warning: {warning}")
    for reason, n in metrics["excluded"].items():
        excluded = rows_of_patients(n, metrics.get("excluded_patients", {}).get(reason))
        say(f"excluded from modelled classes: {excluded}, {reason}")
    text = full_report(metrics) if full else headline(metrics)
    if output is None:
        show(text)
    else:
        write_text(json.dumps(metrics, indent=2, allow_nan=False) + "\n", output)
        say(text)
    say(RESEARCH_NOTE)


def refuse_options_without_effect() -> None:
    """Refuse options that have no effect without another option."""
    given = {f"--{name.replace('_', '-')}" for name in command_given()}
    for options, others in _ONLY_WITH.items():
        if given.isdisjoint(others) and (unused := [option for option in options if option in given]):
            needed = " or ".join(filter(None, [", ".join(others[:-1]), others[-1]]))
            verb = "needs" if len(unused) == 1 else "need"
            raise click.UsageError(f"{' and '.join(unused)} {verb} {needed}.")


def refuse_limit_of_other_labels(label: str | LabelRule, levels: Mapping[str, str] | None) -> None:
    """Refuse the Bayes limit, which is that of the generated label, for a model evaluated on another label."""
    if label == LABEL and levels is None:
        return
    name = label if isinstance(label, str) else label.name
    other = f"{name}{'' if levels is None else ' with levels'}"
    raise click.UsageError(
        f"--limit is the Bayes limit of the generated label {LABEL}, not of {other}; "
        f"leave --limit out, or evaluate the model with --label {LABEL} alone."
    )


def refuse_unsuitable_model(
    model: PhenotypeClassifier, *, plot: bool = False, limit: bool = False, faithfulness: bool = False
) -> None:
    """Refuse, before any work, options that need a model of other classes."""
    from asthma_ml.errors import UnusableInputError
    from asthma_ml.evaluation import TH2_HIGH, refuse_other_classes, refuse_unknown_classes

    classes = [str(name) for name in model.classes_]
    if plot and TH2_HIGH not in classes:
        raise UnusableInputError(f"--plot: decision curves need a model with the class {TH2_HIGH}")
    if limit:
        refuse_unknown_classes(classes)
    if faithfulness:
        refuse_other_classes(model)


def label_of_card(
    card: Mapping[str, Any], patients: PatientTable, label: str | LabelRule, levels: dict[str, str] | None
) -> tuple[str | LabelRule, dict[str, str] | None]:
    """Label and levels from the user, else from the model's card, with a message where these differ."""
    as_trained = None if label_given() else label_as_trained(card, patients)
    if as_trained is None or as_trained == (label, levels):
        return label, levels
    label = as_trained[0]
    say(f"label: {label if isinstance(label, str) else label.name}, as in training")
    return as_trained
