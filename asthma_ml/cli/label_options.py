"""Where the class of a patient stands: a column, in words of its own, or a rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from asthma_ml.cli.options import command_given

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
