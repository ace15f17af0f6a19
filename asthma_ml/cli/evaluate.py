"""``asthma-ml evaluate``: how good a model is on labelled patients."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from asthma_ml.cli.evaluation_tables import TABULATED, evaluation_tables
from asthma_ml.cli.label_options import label_options, label_told_by
from asthma_ml.cli.options import (
    FIGURE_SUFFIXES,
    RESEARCH_NOTE,
    columns_option,
    examples,
    model_option,
    output_option,
    patients_argument,
    refuse_overwriting,
    say,
    shows_progress,
    with_verbosity,
    writable,
)

if TYPE_CHECKING:
    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.evaluation.bayes_limit_beside_model import Origin
    from asthma_ml.patients import PatientTable

_INTERVAL = {"value", "lower", "upper"}
_LONGEST_LIST = 4


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
    """
    from asthma_ml.evaluation.metrics import evaluate_patients
    from asthma_ml.patients import read_patients, write_text
    from asthma_ml.persistence import load_model
    from asthma_ml.shipped import shipped_model_path

    model_path, told_by = model or shipped_model_path(), label_told_by(label, label_rule, at_least)
    refuse_overwriting([file, columns, model_path, truth], [output, *filter(None, [plot, risk_plot])])
    origin = _origin(file, limit or twins or reasons, how)
    classifier, patients = load_model(model_path), read_patients(file, columns)
    true = read_patients(truth).raw if truth else None
    metrics = evaluate_patients(classifier, patients, told_by, levels=levels, truth=true)
    if true is not None:
        from asthma_ml.evaluation.adherence_truth import judge_adherence_gate

        metrics["adherence_gate"] = judge_adherence_gate(patients.values, true)
    if origin is not None and limit:
        from asthma_ml.evaluation.bayes_limit_beside_model import limit_beside_model

        sizes = {"most_patients": how["limit_patients"], "n_particles": how["particles"]}
        metrics["limit"] = limit_beside_model(classifier, patients, origin, **sizes, progress=shows_progress())
    if origin is not None and twins:
        from asthma_ml.evaluation.steroid_masking import masking_of_twins
        from asthma_ml.evaluation.twins import twins_of_file

        metrics["steroid_masking"] = masking_of_twins(classifier, twins_of_file(patients, origin))
    if origin is not None and reasons:
        metrics["reasons"] = _reasons_on_truth(classifier, patients, origin, how)
    if plot:
        draw_decision_curves(metrics, plot)
    if risk_plot:
        draw_risk_coverage(metrics, risk_plot)
    write_text(json.dumps(metrics, indent=2, allow_nan=False) + "\n", output)
    for warning in metrics.pop("warnings"):
        say(f"warning: {warning}")
    for reason, n in metrics.pop("left_out").items():
        say(f"left out: {n} rows, {reason}")
    say(readable(metrics))
    for table in evaluation_tables(metrics):
        say(f"\n{table}")
    say(f"\n{RESEARCH_NOTE}")


def _reasons_on_truth(
    model: PhenotypeClassifier, patients: PatientTable, origin: Origin, how: Mapping[str, Any]
) -> dict[str, Any]:
    from asthma_ml.evaluation.faithfulness import judge_reasons, refuse_other_classes, true_effects
    from asthma_ml.evaluation.twins import twins_of_file

    refuse_other_classes(model)
    effects = true_effects(
        twins_of_file(patients, origin), limit_patients=how["reasons_patients"], progress=shows_progress()
    )
    return judge_reasons(model, effects)


def draw_decision_curves(metrics: Mapping[str, Any], path: str) -> None:
    """Write the decision curves, which only a model that knows Th2-high has."""
    from asthma_ml.cli.explain import write_figure
    from asthma_ml.errors import UnusableInputError
    from asthma_ml.evaluation.decision_curve_plot import decision_curve_figure

    if "reference_rules" not in metrics:
        raise UnusableInputError("--plot: decision curves need a model with the class th2_high")
    write_figure(decision_curve_figure(metrics["reference_rules"]), path)


def draw_risk_coverage(metrics: Mapping[str, Any], path: str) -> None:
    """Write what abstaining buys."""
    from asthma_ml.cli.explain import write_figure
    from asthma_ml.evaluation.risk_coverage_plot import risk_coverage_figure

    write_figure(risk_coverage_figure(metrics), path)


def _origin(file: str, asked: bool, how: Mapping[str, Any]) -> Origin | None:
    """How the file was generated, asked before any work is done; None where nobody asked for its causal model."""
    if not asked:
        without = [f"--{name}" for name in ("preset", "seed") if how[name] is not None]
        if without:
            raise click.UsageError(f"{' and '.join(without)} only mean something with --limit, --twins or --reasons.")
        return None
    from asthma_ml.evaluation.bayes_limit_beside_model import cohort_origin

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
