"""Figures of explanations, drawn without pyplot and without touching any global setting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.special import expit

from asthma_ml.explanation.sentences import EXPLAINS_THE_MODEL, plain_name
from asthma_ml.variables import data_dictionary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from asthma_ml.explanation.explanations import Explanation

TOWARDS, AWAY, LINE = "#0072B2", "#D55E00", "#444444"
"""Blue and vermillion of Okabe and Ito, told apart by every kind of colour vision; signs repeat what they say."""

_NAMED_FEATURES = 2
_SMALLEST_NAMED = 0.01


def patient_figure(explanation: Explanation, i: int) -> Figure:
    """Draw the way from the base to one patient's log-odds, a bar a factor.

    Parameters
    ----------
    explanation : Explanation
        From `explain`.
    i : int
        Place of the patient in the table.

    Returns
    -------
    Figure
        Factors from the strongest down, each with its strongest features.
    """
    factors = explanation.factors.iloc[i]
    factors = factors[factors.abs().sort_values(ascending=False, kind="stable").index]
    base, explained = float(explanation.base[i]), plain_name(explanation.explained_class[i])
    figure = Figure(figsize=(9.0, 5.2), layout="constrained")
    axes = figure.add_subplot()
    _draw_steps(axes, base, factors)
    _draw_ends(axes, base, float(explanation.log_odds[i]), len(factors))
    axes.set_yticks(range(len(factors)), [_factor_label(explanation, i, str(name)) for name in factors.index])
    axes.set_xlabel(f"log-odds of {explained}")
    axes.legend(handles=_legend(explained), loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, frameon=False)
    called = "" if explanation.calls.no_call[i] == "" else " (no call)"
    _finish(axes, f"Why the model gives {explained} a probability of {expit(explanation.log_odds[i]):.2f}{called}")
    return figure


def cohort_figure(explanation: Explanation) -> Figure:
    """Draw the contributions of each documented factor over all patients.

    Parameters
    ----------
    explanation : Explanation
        From `explain`.

    Returns
    -------
    Figure
        A box of the contributions of each factor, from the one with the largest mean size down.
    """
    order = explanation.factors.abs().mean().sort_values(kind="stable")
    figure = Figure(figsize=(9.0, 4.6), layout="constrained")
    axes = figure.add_subplot()
    values = [explanation.factors[name].to_numpy() for name in order.index]
    boxes = axes.boxplot(
        values, orientation="horizontal", whis=(5, 95), showfliers=False, widths=0.55, patch_artist=True
    )
    for box, median in zip(boxes["boxes"], boxes["medians"], strict=True):
        box.set(facecolor=TOWARDS, alpha=0.55, edgecolor=LINE)
        median.set(color="black", linewidth=1.6)
    axes.axvline(0, color=LINE, linewidth=0.8)
    labels = [f"{plain_name(name).capitalize()}\nmean size {size:.2f}" for name, size in order.items()]
    axes.set_yticks(range(1, len(order) + 1), labels)
    axes.set_xlabel(
        f"contribution to the log-odds of {_explained_classes(explanation)} (box: quartiles, whiskers: 5-95 %)"
    )
    _finish(axes, f"What moves the model's predictions, {len(explanation)} patients")
    return figure


def _draw_steps(axes: Axes, base: float, factors: pd.Series) -> None:
    """One bar a factor, each from where the one above ends."""
    ends = base + factors.cumsum().to_numpy()
    starts = np.r_[base, ends[:-1]]
    widths = factors.to_numpy()
    axes.barh(range(len(factors)), widths, left=starts, height=0.6, color=[TOWARDS if w > 0 else AWAY for w in widths])
    for place, (start, end, width) in enumerate(zip(starts, ends, widths, strict=True)):
        axes.annotate(
            f"{width:+.2f}",
            (max(start, end), place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
        axes.plot([end, end], [place - 0.3, min(place + 1.3, len(factors) - 0.7)], color=LINE, linewidth=0.8)
    axes.invert_yaxis()
    axes.use_sticky_edges = False
    axes.margins(x=0.1)


def _draw_ends(axes: Axes, base: float, log_odds: float, n_factors: int) -> None:
    for place, text in ((base, f"base {base:+.2f}"), (log_odds, f"patient {log_odds:+.2f}")):
        axes.axvline(place, color=LINE, linewidth=0.8, linestyle=":" if place == base else "--", zorder=0)
        row = -0.75 if text.startswith("base") else n_factors - 0.35
        axes.text(place, row, text, ha="center", va="center", fontsize=9, color=LINE)
    axes.set_ylim(n_factors - 0.1, -1.0)


def _factor_label(explanation: Explanation, i: int, factor: str) -> str:
    """The factor with the findings that count most in it."""
    factor_of = data_dictionary().factor_of
    row = explanation.features.iloc[i]
    row = row[[factor_of(str(name)) == factor for name in row.index]]
    strongest = row[row.abs() >= _SMALLEST_NAMED].abs().nlargest(_NAMED_FEATURES).index
    shown = explanation.findings(i)
    named = ", ".join(f"{name} {_short(shown[name])}" for name in strongest)
    return f"{plain_name(factor).capitalize()}\n{named}" if named else plain_name(factor).capitalize()


def _short(value: Any) -> str:
    if pd.isna(value):
        return "missing"
    return value if isinstance(value, str) else f"{float(value):.4g}"


def _legend(explained: str) -> list[Patch]:
    return [
        Patch(color=TOWARDS, label=f"+ towards {explained}"),
        Patch(color=AWAY, label=f"\N{MINUS SIGN} away from {explained}"),
    ]


def _explained_classes(explanation: Explanation) -> str:
    classes = {plain_name(name) for name in explanation.explained_class}
    return classes.pop() if len(classes) == 1 else "the predicted class"


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(f"{title}\n{EXPLAINS_THE_MODEL}", fontsize=11, loc="left")
    axes.tick_params(axis="y", labelsize=9, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
