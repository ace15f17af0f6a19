"""``asthma-ml evaluate``: how good a model is on labelled patients."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from asthma_ml.cli.evaluation_tables import TABULATED, evaluation_tables
from asthma_ml.cli.label_options import label_as_trained, label_given, label_options, label_told_by
from asthma_ml.cli.options import (
    FIGURE_SUFFIXES,
    RESEARCH_NOTE,
    columns_option,
    command_given,
    examples,
    model_option,
    output_option,
    patients_argument,
    refuse_one_file_for_two,
    refuse_overwriting,
    say,
    shows_progress,
    with_verbosity,
    writable,
)
from asthma_ml.variables import LABEL

if TYPE_CHECKING:
    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.evaluation import Origin
    from asthma_ml.patients import PatientTable
    from asthma_ml.training import LabelRule

_INTERVAL = {"value", "lower", "upper"}
_LONGEST_LIST = 4
_ONLY_WITH = {
    ("--limit-patients", "--particles"): ("--limit",),
    ("--reasons-patients",): ("--reasons",),
    ("--preset", "--seed"): ("--limit", "--twins", "--reasons"),
}
"""Options that are about others, and those others."""


@click.command(
    "evaluate",
    epilog=examples(
        "evaluate other_cohort.csv --model model.aml",
        "evaluate other_cohort.csv --model model.aml -o metrics.json",
        "evaluate others.csv --label endotype --levels 'T2=th2_high,nonT2=neutrophilic_th2_low'",
        "evaluate other_cohort.csv --plot decision_curves.svg --risk-plot risk_coverage.svg -o metrics.json",
        "evaluate other_cohort.csv --model model.aml --truth other_truth.csv --twins",
        "evaluate other_cohort.csv --model model.aml --reasons",
        "evaluate other_cohort.csv --model model.aml --limit --limit-patients 500",
    ),
)
@patients_argument
@model_option
@label_options
@columns_option
@click.option(
    "--truth",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="The truth of a generated cohort: also judge the adherence gate and what becomes of clear-cut patients.",
)
@click.option(
    "--twins",
    is_flag=True,
    help="Also count the predictions that change in the same patients without oral steroids; generated cohorts only.",
)
@click.option(
    "--limit",
    is_flag=True,
    help="Also compute the Bayes limit, which no classifier can beat; generated cohorts only. Takes minutes.",
)
@click.option(
    "--reasons",
    is_flag=True,
    help="Also compare what the model credits to each factor with what the factor does; generated cohorts only.",
)
@click.option(
    "--reasons-patients",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="With --reasons: of how many patients the true log-odds are computed, a third of a second each.",
)
@click.option(
    "--preset",
    metavar="NAME|FILE.toml",
    help="With --limit, --twins or --reasons: how FILE was generated, where the schema beside it does not say so.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="With --limit, --twins or --reasons: seed of FILE, to check that it is what it says.",
)
@click.option(
    "--limit-patients",
    type=click.IntRange(min=20),
    default=2000,
    show_default=True,
    help="With --limit: on how many patients, the first ones.",
)
@click.option(
    "--particles",
    type=click.IntRange(min=50),
    default=2000,
    show_default=True,
    help="With --limit: particles of each patient; four times as many halve the error.",
)
@click.option(
    "--plot",
    metavar="FILE",
    callback=writable(FIGURE_SUFFIXES, standard_output=False),
    help="Decision curves of the model and the reference rules: .png or .svg.",
)
@click.option(
    "--risk-plot",
    metavar="FILE",
    callback=writable(FIGURE_SUFFIXES, standard_output=False),
    help="Accuracy against the share of patients called, and how other diseases are recognised: .png or .svg.",
)
@output_option(text="Where the metrics go, as JSON; the standard output if left out.")
@with_verbosity
def evaluate_command(
    *,
    file: str,
    model: str | None,
    label: str,
    levels: dict[str, str] | None,
    label_rule: str | None,
    at_least: float | None,
    columns: str | None,
    output: str,
    plot: str | None,
    risk_plot: str | None,
    truth: str | None,
    limit: bool,
    twins: bool,
    reasons: bool,
    **how: Any,
) -> None:
    """Measure a model on labelled patients.

    They should be others than those that it was trained on. Rows of other labels are counted, and
    what the model calls them. Beside the model stand the rules that clinics use already: cuts of blood
    eosinophils and FeNO, GINA, UKSAR, ISAR, SARP and ORACLE.

    With --limit, --twins or --reasons the file must be a generated cohort: all three follow from the causal
    model that made it. With --reasons the twins of each patient, with one factor at its reference, tell
    what the factor does; beside it stands what the explanation credits to it. With --truth the adherence
    gate is judged: how many of those who only look resistant it sends to a check first.

    Where none of --label, --levels, --label-rule and --at-least is given, the label is the one that the model
    was trained on, if FILE has it.
    """
    from asthma_ml.evaluation import evaluate_patients
    from asthma_ml.files import write_text
    from asthma_ml.model_files import load_model_with_card, shipped_model_path
    from asthma_ml.patients import read_patients

    model_path, told_by = model or shipped_model_path(), label_told_by(label, label_rule, at_least)
    refuse_overwriting([file, columns, model_path, truth], [output, *filter(None, [plot, risk_plot])])
    refuse_one_file_for_two({"-o": output, "--plot": plot, "--risk-plot": risk_plot})
    refuse_options_without_use()
    if limit:
        refuse_limit_of_other_labels(told_by, levels)
    asked = {"limit": limit, "twins": twins, "reasons": reasons}
    origin = _origin(file, any(asked.values()), how)
    classifier, card = load_model_with_card(model_path)
    refuse_what_the_model_cannot(classifier, plot=plot is not None, limit=limit, reasons=reasons)
    patients = read_patients(file, columns)
    told_by, levels = _judged_on(card, patients, told_by, levels)
    if limit:
        refuse_limit_of_other_labels(told_by, levels)
    true = read_patients(truth).raw if truth else None
    metrics = evaluate_patients(classifier, patients, told_by, levels=levels, truth=true)
    if true is not None:
        from asthma_ml.evaluation import evaluate_adherence_gate

        metrics["adherence_gate"] = evaluate_adherence_gate(patients.values, true)
    if origin is not None:
        metrics |= _beside_the_causal_model(classifier, patients, origin, **asked, how=how)
    if plot:
        draw_decision_curves(metrics, plot)
    if risk_plot:
        draw_risk_coverage(metrics, risk_plot)
    write_text(json.dumps(metrics, indent=2, allow_nan=False) + "\n", output)
    _say_metrics(metrics)


def _say_metrics(metrics: dict[str, Any]) -> None:
    """The metrics for people: warnings, rows that were left out, figures, tables."""
    for warning in metrics.pop("warnings"):
        say(f"warning: {warning}")
    for reason, n in metrics.pop("left_out").items():
        say(f"left out: {n} rows, {reason}")
    say(readable(metrics))
    for table in evaluation_tables(metrics):
        say(f"\n{table}")
    say(f"\n{RESEARCH_NOTE}")


def refuse_options_without_use() -> None:
    """Refuse options that say something about what was not asked for."""
    given = {f"--{name.replace('_', '-')}" for name in command_given()}
    for options, others in _ONLY_WITH.items():
        if given.isdisjoint(others) and (useless := [option for option in options if option in given]):
            needed = " or ".join(filter(None, [", ".join(others[:-1]), others[-1]]))
            raise click.UsageError(f"{' and '.join(useless)} only mean something with {needed}.")


def refuse_limit_of_other_labels(told_by: str | LabelRule, levels: Mapping[str, str] | None) -> None:
    """Stop where the limit, which is that of the generated label, would stand beside a model judged on others."""
    if told_by == LABEL and levels is None:
        return
    name = told_by if isinstance(told_by, str) else told_by.name
    other = f"{name}{'' if levels is None else ' with levels'}"
    raise click.UsageError(
        f"--limit is that of the generated label {LABEL} as it stands, not of {other}; "
        f"leave --limit out, or judge the model by --label {LABEL} alone."
    )


def refuse_what_the_model_cannot(
    model: PhenotypeClassifier, *, plot: bool = False, limit: bool = False, reasons: bool = False
) -> None:
    """Stop before any work where what was asked for needs a model of other classes."""
    from asthma_ml.errors import UnusableInputError
    from asthma_ml.evaluation import TH2_HIGH, refuse_other_classes, refuse_unknown_classes

    classes = [str(name) for name in model.classes_]
    if plot and TH2_HIGH not in classes:
        raise UnusableInputError(f"--plot: decision curves need a model with the class {TH2_HIGH}")
    if limit:
        refuse_unknown_classes(classes)
    if reasons:
        refuse_other_classes(model)


def _judged_on(
    card: Mapping[str, Any], patients: PatientTable, told_by: str | LabelRule, levels: dict[str, str] | None
) -> tuple[str | LabelRule, dict[str, str] | None]:
    """The label and levels that the user gave; else those of the model's card, which is said where they are others."""
    as_trained = None if label_given() else label_as_trained(card, patients)
    if as_trained is None or as_trained == (told_by, levels):
        return told_by, levels
    label = as_trained[0]
    say(f"label: {label if isinstance(label, str) else label.name}, as the model was trained")
    return as_trained


def _beside_the_causal_model(
    model: PhenotypeClassifier,
    patients: PatientTable,
    origin: Origin,
    *,
    limit: bool,
    twins: bool,
    reasons: bool,
    how: Mapping[str, Any],
) -> dict[str, Any]:
    """What follows from the causal model that made the patients, as far as it was asked for."""
    found: dict[str, Any] = {}
    if limit:
        from asthma_ml.evaluation import compare_with_bayes_limit

        sizes = {"most_patients": how["limit_patients"], "n_particles": how["particles"]}
        found["limit"] = compare_with_bayes_limit(model, patients, origin, **sizes, progress=shows_progress())
    if twins:
        from asthma_ml.evaluation import evaluate_steroid_masking, twins_of_file

        found["steroid_masking"] = evaluate_steroid_masking(model, twins_of_file(patients, origin))
    if reasons:
        found["reasons"] = _reasons_on_truth(model, patients, origin, how)
    return found


def _reasons_on_truth(
    model: PhenotypeClassifier, patients: PatientTable, origin: Origin, how: Mapping[str, Any]
) -> dict[str, Any]:
    from asthma_ml.evaluation import evaluate_faithfulness, true_effects, twins_of_file

    effects = true_effects(
        twins_of_file(patients, origin), limit_patients=how["reasons_patients"], progress=shows_progress()
    )
    return evaluate_faithfulness(model, effects)


def draw_decision_curves(metrics: Mapping[str, Any], path: str) -> None:
    """Write the decision curves, which only a model that knows Th2-high has."""
    from asthma_ml.cli.explain import write_figure
    from asthma_ml.evaluation import decision_curve_figure

    write_figure(decision_curve_figure(metrics["reference_rules"]), path)


def draw_risk_coverage(metrics: Mapping[str, Any], path: str) -> None:
    """Write what abstaining buys."""
    from asthma_ml.cli.explain import write_figure
    from asthma_ml.evaluation import risk_coverage_figure

    write_figure(risk_coverage_figure(metrics), path)


def _origin(file: str, asked: bool, how: Mapping[str, Any]) -> Origin | None:
    """How the file was generated, asked before any work is done; None where nobody asked for its causal model."""
    if not asked:
        return None
    from asthma_ml.evaluation import cohort_origin

    return cohort_origin(file, how["preset"], how["seed"])


def readable(metrics: Mapping[str, Any]) -> str:
    """Metrics or a card as aligned lines; tables inside are left out."""
    lines = list(_flat({name: value for name, value in metrics.items() if name not in TABULATED}))
    width = max((len(name) for name, _ in lines), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines)


def _flat(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in metrics.items():
        if isinstance(value, Mapping) and set(value) != _INTERVAL:
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            if 0 < len(value) <= _LONGEST_LIST:
                yield f"{prefix}{name}", ", ".join(str(item) for item in value)
        else:
            yield f"{prefix}{name}", _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{value['value']:.3f} ({value['lower']:.3f} to {value['upper']:.3f})"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
