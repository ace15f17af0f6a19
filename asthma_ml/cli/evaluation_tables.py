"""Text of an evaluation: the headline of at most 20 lines, and every table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from asthma_ml.wording import patients_and_rows, percent, percent_with_interval, rounded, with_interval

_SHOWN_THRESHOLDS = (0.3, 0.5, 0.7)
_MOST_CLASSES = 4
_INTERVAL = {"value", "lower", "upper"}
_LONGEST_LIST = 4
_SCORES = {
    "auc": "AUC",
    "log_loss": "log-loss [nats]",
    "brier": "Brier score",
    "calibration_slope": "calibration slope",
    "calibration_intercept": "calibration intercept",
}


def headline(metrics: Mapping[str, Any]) -> str:
    """Main results of an evaluation, in at most 20 lines.

    Parameters
    ----------
    metrics : Mapping
        From `evaluate_patients`, perhaps with what the command `evaluate` adds.

    Returns
    -------
    str
        Aligned lines.
    """
    lines = list(_headline(metrics))
    width = max(len(name) for name, text in lines if text)
    return "\n".join(f"{name:<{width}}  {text}".rstrip() for name, text in lines)


def _headline(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    modelled, everyone = metrics["modelled_classes"], metrics["all_diagnoses"]
    counts = ", ".join(f"{n} {name}" for name, n in modelled["class_counts"].items())
    of_classes = patients_and_rows(modelled["n_patients"], modelled.get("n_rows"))
    yield (
        "Labelled",
        f"{patients_and_rows(everyone['n'], everyone.get('n_rows'))}, of modelled classes {of_classes}: {counts}",
    )
    yield "Modelled classes only (95 % CI)", ""
    yield from ((f"  {text}", with_interval(modelled[name])) for name, text in _SCORES.items())
    sets = modelled["prediction_sets"]
    coverage = f"{percent_with_interval(sets['coverage'], 1)}, nominal {percent(sets['nominal_coverage'])}"
    yield "  empirical coverage", coverage
    yield from _best_rule(modelled.get("reference_rules", {}).get("rules", ()))
    if "bayes_limit" in metrics:
        excess = with_interval(metrics["bayes_limit"]["excess_log_loss"])
        yield (
            "  excess log-loss over the Bayes limit",
            f"{excess} nats, {metrics['bayes_limit']['n_patients']} patients",
        )
    yield "All diagnoses (95 % CI)", ""
    yield "  classified (not abstained)", percent_with_interval(everyone["classified"]["proportion"], 1)
    for name, value in list(everyone["predictive_values"].items())[:_MOST_CLASSES]:
        yield f"  PPV of {name}", percent_with_interval(value, 1)
    yield from _causal_lines(metrics)


def _best_rule(rules: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """The reference rule of the highest AUC, and the model on the same patients."""
    evaluated = [rule for rule in rules if rule["auc"] is not None]
    if evaluated:
        best = max(evaluated, key=lambda rule: float(rule["auc"]["value"]))
        both = f"AUC {with_interval(best['auc'])}; the model has {with_interval(best['model_auc'])}"
        yield f"  best rule in use ({best['rule']})", f"{both} on the same {best['n']} patients"


def _causal_lines(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A line for each part that needs a generated cohort."""
    if "steroid_masking" in metrics:
        row = metrics["steroid_masking"]["never_prescribed"][0]
        changed = percent_with_interval(row["call_changes"], 1)
        yield "  call changes without oral steroids", f"{changed} of {row['n']} treated patients"
    if "adherence_gate" in metrics:
        gate = metrics["adherence_gate"]["apparent_resistance"]
        found = f"sensitivity {_percent(gate['sensitivity'])}, specificity {_percent(gate['specificity'])}"
        yield "  adherence gate, apparent resistance", found
    if "faithfulness" in metrics:
        rows = [row for row in metrics["faithfulness"]["agreement"] if row["label"] == "all"]
        first = next(row for row in rows if row["factor"] == "immune_profile")
        truth = "true_log_odds" if "true_log_odds" in first else "endotype"
        yield "  faithfulness of the immune profile", f"rank correlation {_figure(first[truth]['spearman'])} ({truth})"


def full_report(metrics: Mapping[str, Any]) -> str:
    """All results of an evaluation: headline, further figures and tables."""
    said = {"warnings", "excluded", "excluded_patients"}
    untabulated = {name: value for name, value in metrics.items() if name not in said}
    return "\n\n".join([headline(metrics), readable(untabulated), *evaluation_tables(metrics)])


def readable(metrics: Mapping[str, Any]) -> str:
    """Nested metrics or a card as aligned lines, without the parts that have a table."""
    lines = list(_flat(metrics))
    width = max((len(name) for name, _ in lines), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines)


def _flat(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in metrics.items():
        if name in _TABULATED:
            continue
        if isinstance(value, Mapping) and set(value) != _INTERVAL:
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            if 0 < len(value) <= _LONGEST_LIST:
                yield f"{prefix}{name}", ", ".join(str(item) for item in value)
        else:
            yield f"{prefix}{name}", _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return with_interval(value)
    return rounded(value, 3) if isinstance(value, float) else str(value)


def evaluation_tables(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Yield each table that the metrics hold, as aligned lines under a title."""
    parts = {**metrics.get("modelled_classes", {}), **metrics.get("all_diagnoses", {}), **metrics}
    if "all_diagnoses" in metrics:
        parts["risk_coverage"] = {
            name.replace("_", " "): metrics[name]["risk_coverage"] for name in ("modelled_classes", "all_diagnoses")
        }
    return (tabulate(parts[name]) for name, tabulate in _TABLES.items() if parts.get(name))


def _reference_rules(found: Mapping[str, Any]) -> str:
    names = ("auc", "model_auc", "sensitivity", "specificity")
    rows = [
        [rule["rule"], str(rule["n"]), str(rule["n_missing"]), *(_figure(rule[name]) for name in names)]
        for rule in found["rules"]
    ]
    head = ["rule", "n", "inputs missing", "AUC", "AUC of the model", "sensitivity", "specificity"]
    title = "Rules in use for Th2-high, and the model on the same patients; modelled classes only (- too few patients)"
    return f"{aligned(title, head, rows)}\n\n{_net_benefit(found['decision_curves'])}"


def _net_benefit(curves: Mapping[str, Any]) -> str:
    places = [curves["thresholds"].index(threshold) for threshold in _SHOWN_THRESHOLDS]
    rows = [[name, *(rounded(curve[i], 3) for i in places)] for name, curve in curves["net_benefit"].items()]
    head = ["strategy", *(f"threshold {threshold}" for threshold in _SHOWN_THRESHOLDS)]
    title = f"Net benefit of treating for type-2 inflammation, {curves['n']} patients of modelled classes"
    return aligned(title, head, rows)


def _subgroups(rows: Sequence[Mapping[str, Any]]) -> str:
    classes = [name for name in rows[0]["coverage"] if name != "all"]
    names = ("in_the_large", "slope", "intercept")
    lines = [
        [
            row["characteristic"],
            row["subgroup"],
            str(row["n"]),
            *(_figure((row["calibration"] or {}).get(name)) for name in names),
            *(_percent(row["coverage"][name]) for name in classes),
        ]
        for row in rows
    ]
    head = ["", "subgroup", "n", "in the large", "slope", "intercept", *(f"coverage of {name}" for name in classes)]
    title = "Calibration and coverage by subgroup; modelled classes only (- too few patients)"
    found = [row["calibration"] for row in rows if row["calibration"] and row["subgroup"] != "all"]
    large = sum(not _contains(fit["in_the_large"], 0.0) for fit in found)
    slope = sum(not _contains(fit["slope"], 1.0) for fit in found)
    return (
        f"{aligned(title, head, lines)}\n  In {large} of {len(found)} subgroups the interval in the large excludes 0, "
        f"in {slope} the interval of the slope excludes 1;\n  about 1 in 20 does so by chance in a calibrated model"
    )


def _contains(interval: Mapping[str, float], value: float) -> bool:
    return interval["lower"] <= value <= interval["upper"]


def _abstention_by_diagnosis(rows: Sequence[Mapping[str, Any]]) -> str:
    names = ("abstained", "multi_class_set", "predicted_unmodelled")
    classes, reasons = list(rows[0]["classified_as"]), list(rows[0]["abstention_reasons"])
    lines = [
        [
            row["diagnosis"],
            str(row["n"]),
            *(_percent(row[name]) for name in names),
            *(percent(row["classified_as"][name]) for name in classes),
        ]
        for row in rows
    ]
    head = ["diagnosis", "n", "abstained", "multi-class set", "predicted unmodelled", *(f"called {c}" for c in classes)]
    why = [[row["diagnosis"], *(percent(row["abstention_reasons"][name]) for name in reasons)] for row in rows]
    return (
        f"{aligned('Abstention and calls by diagnosis', head, lines)}\n\n"
        f"{aligned('Reasons for abstention by diagnosis', ['diagnosis', *reasons], why)}"
    )


def _detection(found: Mapping[str, Any]) -> str:
    names = {"sensitivity": "sensitivity", "false_positive_rate": "false positives in modelled classes"}
    rows = [[text, *(percent(value) for value in found[name])] for name, text in names.items()]
    title = (
        f"Detection of unmodelled diagnoses ({found['n_unmodelled']} of {found['n']}): AUC {rounded(found['auc'], 3)}"
    )
    return aligned(title, rows[0], rows[1:])


def _risk_coverage(found: Mapping[str, Any]) -> str:
    rows = [[name, *(rounded(value) for value in curve["accuracy"]["value"])] for name, curve in found.items()]
    rates = next(iter(found.values()))["call_rate"]
    return aligned(
        "Accuracy by call rate, most confident first", ["patients", *(percent(rate) for rate in rates)], rows
    )


def _adherence_gate(found: Mapping[str, Any]) -> str:
    names = ("sensitivity", "specificity", "ppv", "sensitivity_where_known", "specificity_where_known")
    rows = [
        [
            target.replace("_", " "),
            str(result["n"]),
            str(result["n_positive"]),
            *(_percent(result[name]) for name in names),
            _figure(result["suppression_test"]["auc"]),
        ]
        for target, result in found.items()
        if target != "published"
    ]
    head = ["truth", "n", "positive", *(name.replace("_", " ") for name in names), "AUC of FeNO suppression"]
    physician, test = (found["published"][name] for name in ("physician_sensitivity", "suppression_test_auc"))
    published = (
        f"  published: sensitivity of physicians {physician['percent']:g} % ({physician['evidence']}); "
        f"AUC of the suppression test {_figure(test)} ({test['evidence']})"
    )
    return aligned("Adherence gate: check_first as a test", head, rows) + f"\n{published}"


def _steroid_masking(found: Mapping[str, Any]) -> str:
    names = ("class_changes", "call_changes", "accuracy_as_treated", "accuracy_in_twin")
    rows = [
        [twin.replace("_", " "), row["label"], str(row["n"]), *(_percent(row.get(name)) for name in names)]
        for twin, of_twin in found.items()
        for row in of_twin
    ]
    head = ["twin", "label", "n", *(name.replace("_", " ") for name in names)]
    return aligned("Patients on oral steroids compared with their counterfactual twins without", head, rows)


def _faithfulness(found: Mapping[str, Any]) -> str:
    title = "Agreement of contributions with the effects of the factors on the true log-odds and on the endotype"
    tables = [_agreement(title, found["agreement"]), _contribution_changes(found["contribution_changes"])]
    mechanisms = found.get("mechanisms", {})
    kinds = {"contributions": "contributions", "alone": "effects alone", "endotype": "effects on the endotype"}
    tables += [_agreement(f"Agreement of mechanism {kinds[k]}", mechanisms[k]) for k in kinds if k in mechanisms]
    return "\n\n".join([*tables, *_adherence_proxy(found)])


def _agreement(title: str, found: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            row["factor"].replace("_", " "),
            row["label"],
            "-" if row["mean_abs_contribution"] is None else rounded(row["mean_abs_contribution"]),
            *(
                _figure(row.get(truth, {}).get(name))
                for truth in ("true_log_odds", "endotype")
                for name in ("spearman", "sign_agreement")
            ),
            _figure(row.get("model_response", {}).get("spearman")),
        ]
        for row in found
    ]
    ranks = ["rank, true log-odds", "sign, true log-odds", "rank, endotype", "sign, endotype", "rank, model response"]
    return aligned(title, ["factor", "label", "mean |contribution|", *ranks], rows)


def _contribution_changes(found: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        [factor.replace("_", " "), *(percent(size / (sum(changes.values()) or 1)) for size in changes.values())]
        for factor, changes in found.items()
    ]
    head = ["set to its reference", *(name.replace("_", " ") for name in found)]
    return aligned(
        "Contributions that change when a factor is set to its reference (off-diagonal: proxies)", head, rows
    )


def _adherence_proxy(found: Mapping[str, Any]) -> Iterator[str]:
    if (proxy := found["adherence_proxy"]) is None or proxy["immune_profile"] == 0:
        return
    true = ""
    if proxy.get("n_with_true_log_odds"):
        true = (
            f"\n  In {proxy['n_with_true_log_odds']} of them: true log-odds {_change(proxy['true_log_odds'])}, "
            f"log-odds of the model {_change(proxy['model_log_odds_same_patients'])}"
        )
    yield (
        f"Effect of full adherence in {proxy['n']} patients with recorded adherence below 50 %\n"
        f"  Mean contribution of the immune profile {_change(proxy['immune_profile'])}, of adherence "
        f"{_change(proxy['adherence'])}, endotype {_change(proxy['endotype'])} SD: FeNO and eosinophils are proxies of "
        f"adherence,\n  and the contribution of adherence offsets "
        f"{percent(-proxy['adherence'] / proxy['immune_profile'])} of it{true}"
    )


def _change(decrease: float) -> str:
    return f"{0.0 - decrease:+.2f}"


def _figure(value: Mapping[str, float] | None) -> str:
    return "-" if value is None or "value" not in value else with_interval(value, 2)


def _percent(value: Mapping[str, float] | None) -> str:
    return "-" if value is None or "value" not in value else percent_with_interval(value)


def aligned(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Table as aligned lines under a title."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    return "\n".join([title, *(f"  {line.rstrip()}" for line in lines)])


_TABLES: Mapping[str, Callable[[Any], str]] = {
    "reference_rules": _reference_rules,
    "subgroups": _subgroups,
    "abstention_by_diagnosis": _abstention_by_diagnosis,
    "unmodelled_diagnosis_detection": _detection,
    "risk_coverage": _risk_coverage,
    "adherence_gate": _adherence_gate,
    "steroid_masking": _steroid_masking,
    "faithfulness": _faithfulness,
}
_TABULATED = frozenset(_TABLES)
"""Parts of the metrics that have a table."""
