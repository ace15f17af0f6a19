"""The card of a model in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from typing import Any, TypeAlias

from asthma_ml.html import html_summary
from asthma_ml.wording import first_names, patients_and_rows, percent, rounded, with_interval

_Pairs: TypeAlias = Iterator[tuple[str, Any]]

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
        return f"<ModelCard of {_number_of(self, 'classes')} classes, {_number_of(self, 'feature_names')} features>"

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


def mechanisms_line(found: Mapping[str, Any]) -> str:
    """World of a mechanism regression, and how much of the effects of the factors a row tells."""
    of_factors = found["explained_variance"]["contributions"]
    told = ", ".join(f"{name.replace('_', ' ')} {percent(share)}" for name, share in of_factors.items())
    return f"learned from twins of {found['preset']}; variance of the contributions that a row tells: {told}"


def _entries(card: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and texts; what another program or person wrote in another form is named, not shown."""
    for title, pairs in _PAIRS.items():
        try:
            yield from [(name, str(text)) for name, text in pairs(card)]
        except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError):
            yield title, "not shown, because the card has another form here; see asthma-ml inspect MODEL --json"


def _purpose(card: Mapping[str, Any]) -> _Pairs:
    yield "Intended use", card.get("intended_use", "")
    yield "Limits", _LIMITS


def _classes(card: Mapping[str, Any]) -> _Pairs:
    yield "Classes", _joined(card.get("classes", ()))
    yield "Detected unmodelled classes", _joined(card.get("unmodelled_classes", ()))
    yield "Label", card.get("label", "unknown")


def _patients(card: Mapping[str, Any]) -> _Pairs:
    training = card.get("training", {})
    counts = _joined(f"{n} {name}" for name, n in training.get("class_counts", {}).items())
    yield "Training patients", f"{training.get('n_patients', 'unknown')} ({counts})"
    yield "Recalibrated on", _joined(f"{n} {name}" for name, n in card.get("recalibrated_on", {}).items())
    yield "Excluded rows", _joined(f"{n} ({reason})" for reason, n in card.get("excluded", {}).items())


def _calls(card: Mapping[str, Any]) -> _Pairs:
    for label, found in card.get("unmodelled_labels", {}).items():
        yield f"Calls for {label}", f"{call_percentages(found)} (n = {found['n']})"


def _features(card: Mapping[str, Any]) -> _Pairs:
    features = card.get("feature_names") or ()
    yield "Features", f"{len(features)}: {first_names(list(features))}" if features else ""
    yield "Excluded features", _joined([*card.get("without", ()), *card.get("excluded_features", ())])


def _settings(card: Mapping[str, Any]) -> _Pairs:
    yield "Calibrated", "yes" if card.get("training", {}).get("calibrated") else "no: too few training patients"
    parameters, background = card.get("parameters", {}), card.get("background")
    yield "Nominal coverage", percent(parameters["confidence"]) if "confidence" in parameters else ""
    yield "Stored background", f"{background['n_patients']} patients, for explanations" if background else "none"
    yield "Versions", _joined(f"{name} {number}" for name, number in card.get("versions", {}).items())
    yield "Complete card", "asthma-ml inspect MODEL --json"


def _mechanisms(card: Mapping[str, Any]) -> str:
    """What the file holds; a regression that was set in Python has no entry of its own."""
    if "mechanisms_sha256" not in card:
        return "none; learn them with train --mechanisms PRESET"
    found = card.get("mechanisms")
    return "stored; the card does not name the preset" if found is None else mechanisms_line(found)


def _number_of(card: Mapping[str, Any], name: str) -> int | str:
    found = card.get(name) or ()
    return len(found) if isinstance(found, Sized) else "unknown"


def _joined(texts: Iterable[Any]) -> str:
    return ", ".join(map(str, texts))


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


_PAIRS: dict[str, Callable[[Mapping[str, Any]], _Pairs]] = {
    "Intended use": _purpose,
    "Classes": _classes,
    "Training patients": _patients,
    "Held-out metrics": metric_lines,
    "Calls": _calls,
    "Mechanisms": lambda card: iter([("Mechanisms", _mechanisms(card))]),
    "Starting model": lambda card: iter([("Starting model", _starting_model(card.get("start_from")))]),
    "Features": _features,
    "Settings": _settings,
}
"""Parts of the card by title, in the order in which they are shown."""
