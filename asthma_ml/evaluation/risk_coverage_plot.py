"""Risk-coverage curves and the recognition of other diseases, drawn without pyplot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from asthma_ml.evaluation.decision_curve_plot import NOTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES: Mapping[str, dict[str, Any]] = {
    "classes_of_the_model": {"color": "#0072B2", "marker": "o"},
    "all_labelled": {"color": "#D55E00", "marker": "s", "linestyle": "--"},
}
"""Colours of Okabe and Ito; marks and dashes say what the colour says."""


def risk_coverage_figure(metrics: Mapping[str, Any]) -> Figure:
    """Draw accuracy against the share of patients called and, where measured, the recognition of other diseases.

    Parameters
    ----------
    metrics : Mapping
        From `evaluate_patients`: `risk_coverage` and, perhaps, `recognition`.

    Returns
    -------
    Figure
        A panel for each of the two.
    """
    recognition = metrics.get("recognition")
    n_panels = 2 if recognition else 1
    figure = Figure(figsize=(5.4 * n_panels + 0.6, 4.6), layout="constrained")
    panels = figure.subplots(1, n_panels, squeeze=False)[0]
    _draw_accuracy(panels[0], metrics["risk_coverage"])
    if recognition:
        _draw_recognition(panels[1], recognition)
    figure.suptitle(f"What abstaining buys. {NOTE}", x=0.01, ha="left", fontsize=10)
    return figure


def _draw_accuracy(axes: Axes, curves: Mapping[str, Any]) -> None:
    for name, curve in curves.items():
        label, accuracy = f"{name.replace('_', ' ')} ({curve['n']})", curve["accuracy"]
        axes.plot(curve["share_called"], accuracy["value"], label=label, **STYLES[name])
        color = STYLES[name]["color"]
        axes.fill_between(curve["share_called"], accuracy["lower"], accuracy["upper"], color=color, alpha=0.15)
    axes.set(xlabel="Patients called, the surest first", ylabel="Accuracy among them", title="Risk and coverage")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(frameon=False, fontsize=8)


def _draw_recognition(axes: Axes, found: Mapping[str, Any]) -> None:
    turned_away, recognised = [0.0, *found["share_turned_away"]], [0.0, *found["share_recognised"]]
    axes.plot(turned_away, recognised, color="#009E73", marker="^", label=f"AUC {found['auc']:.2f}")
    axes.plot([0, 1], [0, 1], color="#999999", linestyle=":", label="chance")
    axes.set(xlabel="Turned away of the model's classes", ylabel="Recognised of other labels")
    axes.set_title(f"Recognising {found['n_of_other_labels']} patients of other labels")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(frameon=False, fontsize=8, loc="lower right")
