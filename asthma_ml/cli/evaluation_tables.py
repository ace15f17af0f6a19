"""What `evaluate` measures beside the model's own figures, as tables for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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


def _subgroups(rows: Sequence[Mapping[str, Any]]) -> str:
    classes = [name for name in rows[0]["coverage"] if name != "all"]
    lines = [
        [
            row["characteristic"],
            row["subgroup"],
            str(row["n"]),
            *(_figure(row.get(name)) for name in ("in_the_large", "slope", "intercept")),
            *(_figure(row["coverage"][name]) for name in classes),
        ]
        for row in rows
    ]
    head = ["", "subgroup", "n", "in the large", "slope", "intercept", *(f"sets holding {name}" for name in classes)]
    table = _aligned("Calibration and coverage by subgroup (- not judged: too few patients)", head, lines)
    judged = [row for row in rows if row["judged"] and row["subgroup"] != "all"]
    off = sum(not _holds(row["in_the_large"], 0.0) for row in judged)
    tilted = sum(not _holds(row["slope"], 1.0) for row in judged)
    return (
        f"{table}\n  of {len(judged)} judged subgroups {off} have an interval in the large without 0 and {tilted} "
        "one of the slope without 1;\n  of a calibrated model about one in twenty does by chance"
    )


def _holds(figure: Mapping[str, float], value: float) -> bool:
    return figure["lower"] <= value <= figure["upper"]


def _kinds(rows: Sequence[Mapping[str, Any]]) -> str:
    names = ("not_called", "several_classes_in_set", "undecided", "recognised")
    lines = [[row["kind"], str(row["n"]), *(_figure(row[name]) for name in names)] for row in rows]
    head = ["label", "n", "not called", "several in the set", "either of the two", "recognised as another class"]
    table = _aligned("Patients left undecided, by label", head, lines)
    doubts = list(rows[0]["doubts"])
    shares = [[row["kind"], *(f"{row['doubts'][doubt]:.0%}" for doubt in doubts)] for row in rows]
    return f"{table}\n\n{_aligned('Why they are not called', ['label', *doubts], shares)}"


def _recognition(found: Mapping[str, Any]) -> str:
    names = ("share_recognised", "share_turned_away")
    rows = [[name.replace("_", " "), *(f"{value:.0%}" for value in found[name])] for name in names]
    title = (
        f"Telling {found['n_of_other_labels']} patients of other labels from the others: AUC {found['auc']:.3f}; "
        "of the model's classes are turned away"
    )
    return _aligned(title, rows[0], rows[1:])


def _risk_coverage(found: Mapping[str, Any]) -> str:
    rows = [
        [name.replace("_", " "), *(f"{value:.2f}" for value in curve["accuracy"]["value"])]
        for name, curve in found.items()
    ]
    shares = next(iter(found.values()))["share_called"]
    title = "Accuracy when the surest so many are called"
    return _aligned(title, ["patients", *(f"{part:.0%}" for part in shares)], rows)


def _adherence_gate(found: Mapping[str, Any]) -> str:
    names = ("sensitivity", "specificity", "ppv", "sensitivity_where_known", "specificity_where_known")
    rows = [
        [
            target.replace("_", " "),
            str(judged["n"]),
            str(judged["n_with"]),
            *(_figure(judged[name]) for name in names),
            _figure(judged["suppression_test"]["auc"]),
        ]
        for target, judged in found.items()
        if target != "published"
    ]
    head = ["truth", "n", "with it", *(name.replace("_", " ") for name in names), "AUC of FeNO suppression"]
    physician, test = (found["published"][name] for name in ("physician_sensitivity", "suppression_test_auc"))
    beside = (
        f"  published: physicians find {physician['percent']:g} % ({physician['evidence']}); "
        f"AUC of the suppression test {_figure(test)} ({test['evidence']})"
    )
    return _aligned("Adherence gate: check_first as a test", head, rows) + f"\n{beside}"


def _steroid_masking(found: Mapping[str, Any]) -> str:
    names = ("flips", "calls_changed", "right_as_treated", "right_in_twin")
    rows = [
        [twin.replace("_", " "), row["label"], str(row["n"]), *(_figure(row.get(name)) for name in names)]
        for twin, of_twin in found.items()
        for row in of_twin
    ]
    head = ["twin", "label", "n", *(name.replace("_", " ") for name in names)]
    return _aligned("Patients on oral steroids beside their twins without", head, rows)


def _reasons(found: Mapping[str, Any]) -> str:
    rows = [
        [
            row["factor"].replace("_", " "),
            row["label"],
            f"{row['mean_size']:.2f}",
            *(
                _figure(row.get(truth, {}).get(name))
                for truth in ("log_odds", "endotype")
                for name in ("spearman", "sign")
            ),
            _figure(row.get("response", {}).get("spearman")),
        ]
        for row in found["agreement"]
    ]
    head = ["factor", "label", "mean size", "rank", "sign", "rank, endotype", "sign, endotype", "rank, model's twin"]
    title = "What is credited to a factor beside what the factor does to the true log-odds, and to the endotype"
    return "\n\n".join([_aligned(title, head, rows), _credit(found["credit"]), *_adherence_proxy(found)])


def _credit(found: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        [factor.replace("_", " "), *(f"{size / (sum(moved.values()) or 1):.0%}" for size in moved.values())]
        for factor, moved in found.items()
    ]
    head = ["set to its reference", *(name.replace("_", " ") for name in found)]
    return _aligned("Whose value moves when a factor is set to its reference (off the diagonal: proxies)", head, rows)


def _adherence_proxy(found: Mapping[str, Any]) -> Iterator[str]:
    if (proxy := found["adherence_proxy"]) is None or proxy["immune_profile"] == 0:
        return
    true = ""
    if proxy.get("n_true"):
        true = (
            f"; in {proxy['n_true']} of them the true log-odds fall by {proxy['true_log_odds']:.2f}, "
            f"those of the model by {proxy['log_odds_beside']:.2f}"
        )
    yield (
        f"Of {proxy['n']} patients with less than half of their doses on record, the twins who take all lose "
        f"{proxy['immune_profile']:.2f} of the immune profile's value on average and gain "
        f"{-proxy['adherence']:.2f} of the adherence's:\n  FeNO and eosinophils stand in for adherence, and the model "
        f"takes {-proxy['adherence'] / proxy['immune_profile']:.0%} of it back{true}, the endotype by "
        f"{abs(proxy['endotype']):.2f}"
    )


def _figure(value: Mapping[str, float] | None) -> str:
    if value is None or "value" not in value:
        return "-"
    return f"{value['value']:.2f} ({value['lower']:.2f} to {value['upper']:.2f})"


def _aligned(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    return "\n".join([title, *(f"  {line.rstrip()}" for line in lines)])


_TABLES: Mapping[str, Callable[[Any], str]] = {
    "reference_rules": _rules,
    "subgroups": _subgroups,
    "kinds": _kinds,
    "recognition": _recognition,
    "risk_coverage": _risk_coverage,
    "adherence_gate": _adherence_gate,
    "steroid_masking": _steroid_masking,
    "reasons": _reasons,
}
TABULATED = tuple(_TABLES)
"""Parts of the metrics that have a table of their own."""
