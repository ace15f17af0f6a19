"""The card of a model in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from asthma_ml.html import html_summary
from asthma_ml.wording import first_names, patients_and_rows, percent, rounded, with_interval

_METRICS = {"auc": "AUC", "balanced_accuracy": "balanced accuracy", "log_loss": "log-loss [nats]"}
_LIMITS = "metrics apply to patients like the training patients; evaluate the model on your own patients before use"


class ModelCard(dict[str, Any]):
    """Card of a model: a dict that notebooks show as a page.

    Examples
    --------
    >>> ModelCard(classes=["a", "b"], feature_names=["feno_ppb"])
    <ModelCard of 2 classes, 1 features>
    """

    def __repr__(self) -> str:
        return f"<ModelCard of {len(self.get('classes', ()))} classes, {len(self.get('feature_names') or ())} features>"

    def _repr_html_(self) -> str:
        """Main entries, for notebooks."""
        return html_summary(repr(self), dict(_entries(self)))


def readable_card(card: Mapping[str, Any]) -> str:
    """Main entries of a model card as aligned lines."""
    lines = [(name, text) for name, text in _entries(card) if text]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in lines)


def metric_lines(card: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and text of the held-out metrics of a training, after a line for the validation."""
    if found := card.get("held_out_metrics"):
        yield "Held-out metrics (95 % CI)", _validation(card, found)
        yield from ((f"  {text}", _number(found[name])) for name, text in _METRICS.items() if name in found)


def call_percentages(found: Mapping[str, Any]) -> str:
    """Percentage of each call among the patients of a label."""
    called = found["called"]
    calls = {**called, "no call": 1 - sum(called.values())}
    return ", ".join(f"{percent(proportion)} {name}" for name, proportion in calls.items())


def _entries(card: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    training, features = card.get("training", {}), card.get("feature_names") or ()
    yield "Intended use", card.get("intended_use", "")
    yield "Limits", _LIMITS
    yield "Classes", ", ".join(map(str, card.get("classes", ())))
    yield "Detected unmodelled classes", ", ".join(card.get("unmodelled_classes", ()))
    yield "Label", card.get("label", "unknown")
    counts = ", ".join(f"{n} {name}" for name, n in training.get("class_counts", {}).items())
    yield "Training patients", f"{training.get('n_patients', 'unknown')} ({counts})"
    yield "Recalibrated on", ", ".join(f"{n} {name}" for name, n in card.get("recalibrated_on", {}).items())
    yield "Excluded rows", ", ".join(f"{n} ({reason})" for reason, n in card.get("excluded", {}).items())
    yield from metric_lines(card)
    for label, found in card.get("unmodelled_labels", {}).items():
        yield f"Calls for {label}", f"{call_percentages(found)} (n = {found['n']})"
    yield "Starting model", _starting_model(card.get("start_from"))
    yield "Features", f"{len(features)}: {first_names(list(features))}" if features else ""
    yield "Excluded features", ", ".join([*card.get("without", ()), *card.get("excluded_features", ())])
    yield "Calibrated", "yes" if training.get("calibrated") else "no: too few training patients"
    yield (
        "Nominal coverage",
        percent(card["parameters"]["confidence"]) if "confidence" in card.get("parameters", {}) else "",
    )
    background = card.get("background")
    yield "Stored background", f"{background['n_patients']} patients, for explanations" if background else "none"
    yield "Versions", ", ".join(f"{name} {number}" for name, number in card.get("versions", {}).items())
    yield "Complete card", "asthma-ml inspect MODEL --json"


def _validation(card: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Validation design of the metrics."""
    n = patients_and_rows(found["n_held_out"], found.get("n_held_out_rows")) if "n_held_out" in found else "all rows"
    grouped = f" grouped by {card['groups']}" if card.get("groups") else ""
    if card.get("time") is not None:
        return f"temporal validation by {card['time']}{grouped}, {found['folds']} steps, {n}"
    nested = "nested " if "tuned" in card else ""
    return f"{nested}{found['folds']}-fold cross-validation{grouped}, {n}"


def _number(value: Any) -> str:
    return with_interval(value) if isinstance(value, Mapping) else rounded(value, 3)


def _starting_model(start: Mapping[str, Any] | None) -> str:
    if start is None:
        return ""
    used = "not used" if start.get("penalty") is None else "used"
    return f"{start.get('model', 'unnamed model')} ({start['n_patients']} patients), {used}"
