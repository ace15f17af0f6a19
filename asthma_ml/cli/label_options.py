"""Where the class of a patient stands: a column, in words of its own, or a rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from asthma_ml.cli.options import command_given
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
    """``own text=class`` pairs, separated by commas; a text alone is a class of its own."""
    if value is None:
        return None
    pairs = [text.partition("=") for text in value.split(",")]
    levels = {own.strip(): (name if equals else own).strip() for own, equals, name in pairs}
    if len(levels) < len(pairs):
        raise click.BadParameter(f"{value!r}: the same text stands there twice.")
    if len(set(levels.values())) < 2 or not all(levels) or not all(levels.values()) or "|" in value:
        raise click.BadParameter(
            f"{value!r}: give two classes or more, such as 'T2=th2_high,nonT2=neutrophilic_th2_low'."
        )
    return levels


_OPTIONS = (
    click.option(
        "--label", metavar="COLUMN", default="phenotype", show_default=True, help="Column that holds the class."
    ),
    click.option(
        "--levels",
        metavar="OWN=CLASS,...",
        callback=parsed_levels,
        help="What the label's column writes for each class, and the names of the classes.",
    ),
    click.option(
        "--label-rule",
        type=click.Choice(LABEL_RULES),
        help="Classes from sputum counts: cuts of eosinophils and neutrophils in %. The counts are then no features.",
    ),
    click.option("--at-least", type=float, metavar="X", help="Two classes: the number of --label reaches X, or not."),
)


def label_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where the class stands."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def label_told_by(label: str, label_rule: str | None, at_least: float | None) -> Any:
    """The column or the rule that tells the class; contradictions are refused."""
    from asthma_ml import training

    given = set(command_given())
    for one, other in _EXCLUDE_EACH_OTHER:
        if {one, other} <= given:
            names = f"--{one} and --{other}".replace("_", "-")
            raise click.UsageError(f"{names} exclude each other.")
    if "at_least" in given and "label" not in given:
        raise click.UsageError("--at-least needs --label with the column that it is about.")

    if label_rule is not None:
        return training.LABEL_RULES[label_rule]
    return label if at_least is None else training.at_least(label, at_least)


def label_given() -> bool:
    """Whether the user said what the label is."""
    return not {"label", "levels", "label_rule", "at_least"}.isdisjoint(command_given())


def label_as_trained(card: Mapping[str, Any], patients: PatientTable) -> tuple[Any, dict[str, str] | None] | None:
    """The label and levels that a model was trained with; None where the table has but the usual label.

    None also where the card tells of no label, or of a rule that is unknown here.
    """
    name, levels = card.get("label"), card.get("levels")
    if not isinstance(name, str):
        return None
    label = _rule_named(name) if card.get("label_rule") else name
    if label is None or (not _has(patients, label) and _has(patients, LABEL)):
        return None
    return label, levels


def _rule_named(name: str) -> LabelRule | None:
    """A rule by the name that a card keeps: a published one, or a cut such as ``feno_ppb >= 25 ppb``."""
    from asthma_ml import training
    from asthma_ml.errors import UnusableInputError

    if name in training.LABEL_RULES:
        return training.LABEL_RULES[name]
    column, _, cut = name.partition(" >= ")
    try:
        return training.at_least(column, float(cut.split(" ")[0]))
    except (UnusableInputError, ValueError):
        return None


def _has(patients: PatientTable, label: str | LabelRule) -> bool:
    """Whether a table has the column, or all that the rule reads."""
    if isinstance(label, str):
        return label in patients.raw.columns or label in patients.values.columns
    return set(label.reads) <= set(patients.values.columns)
