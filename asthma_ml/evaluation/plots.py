"""Figures of an evaluation: decision curves, accuracy by call rate, detection of unmodelled diagnoses.

They are drawn without pyplot, so that no display is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from asthma_ml.evaluation.reference_rules import MODEL, TREAT_ALL, TREAT_NONE
from asthma_ml.wording import rounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STRATEGIES: Mapping[str, dict[str, Any]] = {
    MODEL: {"color": "#0072B2", "linewidth": 2.6},
    TREAT_ALL: {"color": "#999999", "linestyle": "--"},
    TREAT_NONE: {"color": "#000000", "linestyle": ":"},
    "blood_eosinophils_300": {"color": "#D55E00", "marker": "o"},
    "feno_25": {"color": "#E69F00", "marker": "s"},
    "gina_type2": {"color": "#009E73", "marker": "^"},
    "uksar_not_t2_low": {"color": "#56B4E9", "marker": "v"},
    "isar_gradient": {"color": "#CC79A7", "marker": "D"},
    "sarp_tree": {"color": "#000000", "marker": "x"},
    "oracle_grid": {"color": "#D55E00", "marker": "+", "linestyle": "-."},
}
"""Line style of each strategy. Colours of Okabe and Ito; markers and dashes carry the same information."""

PANELS = {
    "decision_curves": "All {n} patients; a rule without its inputs treats nobody",
    "decision_curves_complete_cases": "The {n} patients with the inputs of every rule",
}
NOTE = "Research software, not a medical device."

_MODELLED = {"color": "#0072B2", "marker": "o"}
_ALL = {"color": "#D55E00", "marker": "s", "linestyle": "--"}


def decision_curve_figure(reference_rules: Mapping[str, Any]) -> Figure:
    """Draw net benefit against the threshold probability, in all patients and in complete cases.

    Parameters
    ----------
    reference_rules : Mapping
        From `compare_with_reference_rules`.

    Returns
    -------
    Figure
        A panel for each group of patients.
    """
    found = {title: reference_rules[name] for name, title in PANELS.items() if reference_rules[name]}
    figure = Figure(figsize=(5.4 * len(found) + 0.6, 5.2), layout="constrained")
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    for axes, (title, curves) in zip(panels, found.items(), strict=True):
        _draw_net_benefit(axes, curves, title.format(n=curves["n"]))
    panels[0].set_ylabel("Net benefit of treating for type-2 inflammation")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False, fontsize=8)
    figure.suptitle(f"Decision curves. {NOTE}", x=0.01, ha="left", fontsize=10)
    return figure


def _draw_net_benefit(axes: Axes, curves: Mapping[str, Any], title: str) -> None:
    drawn = {name: style for name, style in STRATEGIES.items() if name in curves["net_benefit"]}
    for name, style in drawn.items():
        look = {"linewidth": 1.2, "markersize": 4, "markevery": 2, "label": name.replace("_", " "), **style}
        axes.plot(curves["thresholds"], curves["net_benefit"][name], **look)
    highest = max(max(curve) for curve in curves["net_benefit"].values())
    axes.set(xlabel="Threshold probability of Th2-high", xlim=(0, 1), ylim=(-0.15, highest * 1.08))
    axes.set_title(title, fontsize=9, loc="left")
    axes.grid(color="#EEEEEE")
    axes.spines[["top", "right"]].set_visible(False)


def risk_coverage_figure(metrics: Mapping[str, Any]) -> Figure:
    """Draw accuracy against the call rate and, where measured, the detection of unmodelled diagnoses.

    Parameters
    ----------
    metrics : Mapping
        From `evaluate_patients`.

    Returns
    -------
    Figure
        One panel or two.
    """
    detection = metrics["all_diagnoses"].get("unmodelled_diagnosis_detection")
    n_panels = 2 if detection else 1
    figure = Figure(figsize=(5.4 * n_panels + 0.6, 4.6), layout="constrained")
    panels = figure.subplots(1, n_panels, squeeze=False)[0]
    _draw_curve(panels[0], metrics["modelled_classes"]["risk_coverage"], "modelled classes", _MODELLED)
    _draw_curve(panels[0], metrics["all_diagnoses"]["risk_coverage"], "all diagnoses", _ALL)
    panels[0].set(xlabel="Call rate, most confident first", ylabel="Accuracy of the calls", title="Accuracy")
    _finish(panels[0])
    if detection:
        _draw_detection(panels[1], detection)
    figure.suptitle(f"Abstention. {NOTE}", x=0.01, ha="left", fontsize=10)
    return figure


def _draw_curve(axes: Axes, curve: Mapping[str, Any], patients: str, style: Mapping[str, Any]) -> None:
    rate, accuracy = curve["call_rate"], curve["accuracy"]
    axes.plot(rate, accuracy["value"], label=f"{patients} ({curve['n']})", **style)
    axes.fill_between(rate, accuracy["lower"], accuracy["upper"], color=style["color"], alpha=0.15)


def _draw_detection(axes: Axes, found: Mapping[str, Any]) -> None:
    false_positive_rate, sensitivity = [0.0, *found["false_positive_rate"]], [0.0, *found["sensitivity"]]
    axes.plot(false_positive_rate, sensitivity, color="#009E73", marker="^", label=f"AUC {rounded(found['auc'])}")
    axes.plot([0, 1], [0, 1], color="#999999", linestyle=":", label="chance")
    axes.set(xlabel="False positives in the modelled classes", ylabel="Sensitivity in other diagnoses")
    axes.set_title(f"Detection of {found['n_unmodelled']} patients with other diagnoses")
    _finish(axes)


def _finish(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(frameon=False, fontsize=8)
