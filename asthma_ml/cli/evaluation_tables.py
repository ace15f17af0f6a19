"""What `evaluate` measures beside the model's own figures, as tables for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_SHOWN_THRESHOLDS = (0.3, 0.5, 0.7)


def evaluation_tables(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Yield each table that the metrics hold, as aligned lines under a title."""
    for name, tabulate in _TABLES.items():
        if metrics.get(name):
            yield tabulate(metrics[name])


def _rules(found: Mapping[str, Any]) -> str:
    rows = [
        [
            rule["rule"],
            str(rule["n"]),
            str(rule["unanswered"]),
            *(_figure(rule.get(name)) for name in ("auc", "model_auc", "sensitivity", "specificity")),
        ]
        for rule in found["rules"]
    ]
    head = ["rule", "n", "unanswered", "AUC", "AUC of the model", "sensitivity", "specificity"]
    title = "Reference rules for Th2-high, and the model on the same patients (- not judged: too few patients)"
    return f"{_aligned(title, head, rows)}\n\n{_net_benefit(found['decision_curves'])}"


def _net_benefit(curves: Mapping[str, Any]) -> str:
    places = [curves["thresholds"].index(threshold) for threshold in _SHOWN_THRESHOLDS]
    rows = [[name, *(f"{curve[i]:.3f}" for i in places)] for name, curve in curves["net_benefit"].items()]
    head = ["strategy", *(f"at {threshold}" for threshold in _SHOWN_THRESHOLDS)]
    return _aligned(f"Net benefit of treating for type-2 inflammation, {curves['n']} patients", head, rows)


def _figure(value: Mapping[str, float] | None) -> str:
    return "-" if value is None else f"{value['value']:.2f} ({value['lower']:.2f} to {value['upper']:.2f})"


def _aligned(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    return "\n".join([title, *(f"  {line.rstrip()}" for line in lines)])


_TABLES = {"reference_rules": _rules}
TABULATED = tuple(_TABLES)
"""Parts of the metrics that have a table of their own."""
