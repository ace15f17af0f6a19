"""Decision curves of the model and the reference rules, drawn without pyplot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from asthma_ml.evaluation.reference_rules import MODEL, TREAT_ALL, TREAT_NONE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES: Mapping[str, dict[str, Any]] = {
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
"""Colours of Okabe and Ito; marks and dashes say what the colour says."""

TITLES = {
    "decision_curves": "All {n} patients; a rule without an answer treats nobody",
    "decision_curves_where_all_rules_answer": "The {n} patients whom every rule answers",
}
NOTE = "Research software, not a medical device."


def decision_curve_figure(reference_rules: Mapping[str, Any]) -> Figure:
    """Draw net benefit against the threshold, for all patients and for those whom every rule answers.

    Parameters
    ----------
    reference_rules : Mapping
        From `beside_reference_rules`.

    Returns
    -------
    Figure
        A panel for each of the two.
    """
    found = {title: reference_rules[name] for name, title in TITLES.items() if reference_rules[name]}
    figure = Figure(figsize=(5.4 * len(found) + 0.6, 5.2), layout="constrained")
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    for axes, (title, curves) in zip(panels, found.items(), strict=True):
        _draw_panel(axes, curves, title.format(n=curves["n"]))
    panels[0].set_ylabel("Net benefit of treating for type-2 inflammation")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False, fontsize=8)
    figure.suptitle(f"Decision curves. {NOTE}", x=0.01, ha="left", fontsize=10)
    return figure


def _draw_panel(axes: Axes, curves: Mapping[str, Any], title: str) -> None:
    drawn = {name: style for name, style in STYLES.items() if name in curves["net_benefit"]}
    for name, style in drawn.items():
        look = {"linewidth": 1.2, "markersize": 4, "markevery": 2, "label": name.replace("_", " "), **style}
        axes.plot(curves["thresholds"], curves["net_benefit"][name], **look)
    highest = max(max(curve) for curve in curves["net_benefit"].values())
    axes.set(xlabel="Probability of Th2-high from which on to treat", xlim=(0, 1), ylim=(-0.15, highest * 1.08))
    axes.set_title(title, fontsize=9, loc="left")
    axes.grid(color="#EEEEEE")
    axes.spines[["top", "right"]].set_visible(False)
