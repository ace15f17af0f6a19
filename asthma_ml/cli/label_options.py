"""Options that define the label: a column, its levels, or a rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from asthma_ml.cli.options import Choice, command_given
from asthma_ml.variables import LABEL

if TYPE_CHECKING:
    from asthma_ml.patients import PatientTable
    from asthma_ml.training import LabelRule

LABEL_RULES = ("sputum_3_76", "sputum_3_61", "sputum_1.01_61", "sputum_2_40")

_EXCLUDE_EACH_OTHER = (
    ("label_rule", "label"),
    ("label_rule", "levels"),
    ("label_rule", "at_least"),
    ("at_least", "levels"),
)


def parsed_levels(_context: click.Context, _parameter: click.Parameter, value: str | None) -> dict[str, str] | None:
    """Mapping of comma-separated ``value=class`` pairs; a value alone is its own class."""
    if value is None:
        return None
    pairs = [text.partition("=") for text in value.split(",")]
    levels = {own.strip(): (name if equals else own).strip() for own, equals, name in pairs}
    if len(levels) < len(pairs):
        raise click.BadParameter(f"{value!r} contains the same value twice.")
    if len(set(levels.values())) < 2 or not all(levels) or not all(levels.values()) or "|" in value:
        raise click.BadParameter(
            f"{value!r} must map values to at least two classes, such as 'T2=th2_high,nonT2=neutrophilic_th2_low'."
        )
    return levels


_OPTIONS = (
    click.option("--label", metavar="COLUMN", default="phenotype", show_default=True, help="Column of the label."),
    click.option(
        "--levels",
        metavar="VALUE=CLASS,...",
        callback=parsed_levels,
        help="Class of each value of the label column.",
    ),
    click.option(
        "--label-rule",
        type=Choice(LABEL_RULES),
        help="Label by thresholds of sputum eosinophils and neutrophils [%], which are then not features.",
    ),
    click.option(
        "--at-least", type=float, metavar="X", help="Two classes by a threshold: --label is at least X, or below."
    ),
)


def label_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that define the label."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def chosen_label(label: str, label_rule: str | None, at_least: float | None) -> Any:
    """Column or rule of the label; contradictory options are refused."""
    from asthma_ml import training

    given = set(command_given())
    for one, other in _EXCLUDE_EACH_OTHER:
        if {one, other} <= given:
            names = f"--{one} and --{other}".replace("_", "-")
            raise click.UsageError(f"{names} exclude each other.")
    if "at_least" in given and "label" not in given:
        raise click.UsageError("--at-least needs --label with a numeric column.")

    if label_rule is not None:
        return training.LABEL_RULES[label_rule]
    return label if at_least is None else training.at_least(label, at_least)


def label_given() -> bool:
    """Whether an option of the command line defines the label."""
    return not {"label", "levels", "label_rule", "at_least"}.isdisjoint(command_given())


def label_as_trained(card: Mapping[str, Any], patients: PatientTable) -> tuple[Any, dict[str, str] | None] | None:
    """Label and levels of the training table, from the model card.

    None if the card has no known label, or the table has the default label column only.
    """
    name, levels = card.get("label"), card.get("levels")
    if not isinstance(name, str):
        return None
    label = _rule_named(name) if card.get("label_rule") else name
    if label is None or (not _has(patients, label) and _has(patients, LABEL)):
        return None
    return label, levels


def _rule_named(name: str) -> LabelRule | None:
    """Rule by its name in a card: a published rule, or a threshold such as ``feno_ppb >= 25 ppb``."""
    from asthma_ml import training
    from asthma_ml.errors import UnusableInputError

    if name in training.LABEL_RULES:
        return training.LABEL_RULES[name]
    column, _, threshold = name.partition(" >= ")
    try:
        return training.at_least(column, float(threshold.split(" ")[0]))
    except (UnusableInputError, ValueError):
        return None


def _has(patients: PatientTable, label: str | LabelRule) -> bool:
    """Whether a table has the label column, or all columns of the rule."""
    if isinstance(label, str):
        return label in patients.raw.columns or label in patients.values.columns
    return set(label.columns) <= set(patients.values.columns)
