"""``asthma-ml compare``: whether a new model may replace the one in use."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from asthma_ml.cli.evaluate import label_of_card
from asthma_ml.cli.evaluation_tables import aligned
from asthma_ml.cli.label_options import chosen_label, label_given, label_options
from asthma_ml.cli.options import (
    ModelPath,
    columns_option,
    examples,
    patients_argument,
    refuse_overwriting,
    say,
    with_verbosity,
    writable,
)
from asthma_ml.cli.terminal import show
from asthma_ml.errors import GateRefusedError
from asthma_ml.html import RESEARCH_NOTE
from asthma_ml.wording import patients_and_rows, rounded, rows_of_patients, with_interval

_CRITERIA_FILE = """

\b
A criteria file, for example:
  [log_loss]
  worse_by_at_most = 0.01
  [coverage]
  at_least = 0.88
  [subgroups]
  log_loss_worse_by_at_most = 0.05
"""
_MOST_NAMED = 5
_NAMES = {
    "auc": "AUC",
    "log_loss": "log-loss [nats]",
    "brier": "Brier score",
    "balanced_accuracy": "balanced accuracy",
    "calibration_slope": "calibration slope",
    "calibration_intercept": "calibration intercept",
    "coverage": "coverage of prediction sets",
    "set_size": "size of prediction sets",
    "called": "proportion called",
    "error_among_calls": "error among calls",
}


@click.command(
    "compare",
    epilog=examples(
        "compare shipped ours.aml held_out.csv",
        "compare old.aml new.aml held_out.csv --criteria acceptance.toml -o comparison.json",
        "compare old.aml new.aml hospital.csv --label endotype --levels 'T2=th2_high,nonT2=neutrophilic_th2_low'",
    )
    + _CRITERIA_FILE,
)
@click.argument("champion", metavar="CHAMPION", type=ModelPath())
@click.argument("challenger", metavar="CHALLENGER", type=ModelPath())
@patients_argument
@label_options
@columns_option
@click.option(
    "--criteria",
    metavar="FILE.toml",
    type=click.Path(exists=True, dir_okay=False),
    help="What the challenger must meet. Default: its log-loss must be lower, over the whole 95 % interval.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    callback=writable(),
    help="Write everything as JSON (- for standard output); the table then goes to standard error.",
)
@with_verbosity
def compare_command(
    *,
    champion: str,
    challenger: str,
    file: str,
    label: str,
    levels: dict[str, str] | None,
    label_rule: str | None,
    at_least: float | None,
    columns: str | None,
    criteria: str | None,
    output: str | None,
) -> None:
    """Compare a challenger with the model in use, the champion.

    Both models predict the same labelled patients of FILE, who must be training patients of neither. Differences are
    challenger minus champion, with 95 % intervals over patients. Exit code 0 if the challenger is accepted, 5 if it is
    refused.

    Each criterion of --criteria must hold over the whole interval: better_by_at_least and worse_by_at_most of the
    difference, at_least and at_most of the challenger. Tables all_diagnoses and subgroups judge other patients.

    Without --label, --levels, --label-rule and --at-least, the label is the column that both models were trained on, or
    phenotype if FILE lacks that column.
    """
    from asthma_ml import evaluation
    from asthma_ml.files import write_text
    from asthma_ml.model_files import load_model_with_card
    from asthma_ml.patients import read_patients
    from asthma_ml.training import overlap_warning

    target = chosen_label(label, label_rule, at_least)
    refuse_overwriting([champion, challenger, file, columns, criteria], filter(None, [output]))
    wanted = evaluation.Criteria.of(criteria)
    loaded = {"champion": load_model_with_card(champion), "challenger": load_model_with_card(challenger)}
    old, new = (model for model, _ in loaded.values())
    evaluation.refuse_different_classes(old, new)
    cards = {name: card for name, (_, card) in loaded.items()}
    refuse_different_labels(cards)
    patients = read_patients(file, columns)
    target, levels = label_of_card(cards["champion"], patients, target, levels)
    found = evaluation.compare_models(old, new, patients, target, levels=levels, criteria=wanted)
    seen = {name: overlap_warning(card, patients.values) for name, card in cards.items()}
    found["warnings"] = [*(f"{name}: {text}" for name, text in seen.items() if text), *found["warnings"]]
    _say_exceptions(found)
    if output is None:
        show(comparison_report(found))
    else:
        write_text(json.dumps(found, indent=2, allow_nan=False) + "\n", output)
        say(comparison_report(found))
    say(RESEARCH_NOTE)
    if not found["accepted"]:
        raise GateRefusedError("\n".join(f"challenger refused: {reason}" for reason in found["reasons"]))


def refuse_different_labels(cards: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse models that were trained on different labels, unless the command line defines the label."""
    champion, challenger = (_label_in_words(card) for card in cards.values())
    if champion and challenger and champion != challenger and not label_given():
        raise click.UsageError(
            f"the models were trained on different labels: the champion on {champion}, the challenger on {challenger}; "
            "name the label to compare them on with --label, --levels, --label-rule or --at-least."
        )


def _label_in_words(card: Mapping[str, Any]) -> str:
    """Label that a model was trained on, with its levels; empty if the card has none."""
    name, levels = card.get("label"), card.get("levels")
    if not isinstance(name, str):
        return ""
    pairs = [f"{value}={of}" for value, of in levels.items()] if isinstance(levels, Mapping) else []
    return f"{name} ({','.join(sorted(pairs))})" if pairs else name


def _say_exceptions(found: Mapping[str, Any]) -> None:
    for warning in found["warnings"]:
        say(f"warning: {warning}")
    for reason, n in found["excluded"].items():
        excluded = rows_of_patients(n, found.get("excluded_patients", {}).get(reason))
        say(f"excluded from modelled classes: {excluded}, {reason}")


def comparison_report(found: Mapping[str, Any]) -> str:
    """Figures of both models, calls of both models by label, and the verdict.

    Parameters
    ----------
    found : Mapping
        From `compare_models`.

    Returns
    -------
    str
        Aligned lines.
    """
    modelled, everyone = found["modelled_classes"], found["all_diagnoses"]
    counts = ", ".join(f"{n} {name}" for name, n in modelled["class_counts"].items())
    parts = [
        _figures(f"Modelled classes, {patients_and_rows(modelled['n'], modelled.get('n_rows'))}: {counts}", modelled),
        _figures(f"All diagnoses, {patients_and_rows(everyone['n'], everyone.get('n_rows'))}", everyone),
        _reclassification(everyone["reclassification"]),
        "\n".join(_by_subgroup(modelled["subgroups"])),
        "\n".join(_verdict(found)),
    ]
    return "\n\n".join(filter(None, parts))


def _figures(title: str, group: Mapping[str, Any]) -> str:
    rows = []
    for name, found in group["figures"].items():
        values = [
            "-" if (of := found[model]) is None else rounded(of["value"], 3) for model in ("champion", "challenger")
        ]
        rows.append([_NAMES[name], *values, "-" if found["difference"] is None else with_interval(found["difference"])])
    return aligned(title, ["", "champion", "challenger", "difference (95 % CI)"], rows)


def _reclassification(cells: Sequence[Mapping[str, Any]]) -> str:
    """Patients by label and call of the champion in rows, by call of the challenger in columns."""
    calls = sorted({cell["challenger"] for cell in cells})
    table: dict[tuple[str, str], dict[str, int]] = {}
    for cell in cells:
        table.setdefault((cell["label"], cell["champion"]), {})[cell["challenger"]] = cell["n"]
    rows = [[*names, *(str(of.get(call, 0)) for call in calls)] for names, of in table.items()]
    head = ["label", "call of the champion", *calls]
    return aligned("Patients by label and call of the champion (rows) and call of the challenger (columns)", head, rows)


def _by_subgroup(subgroups: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """In which subgroups the log-loss is lower and in which it is higher."""
    judged = {
        f"{row['characteristic']} {row['subgroup']}": row["figures"]["log_loss"]["difference"]
        for row in subgroups
        if row["figures"] is not None
    }
    if not judged:
        return
    lower = [name for name, difference in judged.items() if difference["upper"] < 0]
    higher = {name: difference for name, difference in judged.items() if difference["lower"] > 0}
    yield (
        f"Log-loss of the challenger in {len(judged)} subgroups: lower in {len(lower)}, higher in {len(higher)}, "
        "interval contains 0 in the others"
    )
    worst = sorted(higher.items(), key=lambda named: -named[1]["lower"])[:_MOST_NAMED]
    yield from (f"  higher in {name}: {with_interval(difference)}" for name, difference in worst)
    if len(higher) > len(worst):
        yield f"  and in {len(higher) - len(worst)} others"


def _verdict(found: Mapping[str, Any]) -> Iterator[str]:
    doubts = f"; warnings: {len(found['warnings'])}" if found["warnings"] else ""
    yield f"Challenger {'accepted' if found['accepted'] else 'refused'}{doubts}"
    for each in found["criteria"]:
        yield f"  {'met    ' if each['met'] else 'not met'}  {each['criterion']}"
