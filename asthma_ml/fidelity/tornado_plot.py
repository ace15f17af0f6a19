"""Tornado plot of a sensitivity analysis, drawn without pyplot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from asthma_ml.fidelity.sensitivity_analysis import TOP

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOWER, HIGHER, LINE = "#D55E00", "#0072B2", "#444444"
"""Vermillion and blue of Okabe and Ito; hatching repeats the colour."""


def tornado_figure(table: pd.DataFrame, top: int = TOP) -> Figure:
    """Tornado plot of the coefficients with the largest effect on each headline AUC.

    Parameters
    ----------
    table : DataFrame
        From `analyse_sensitivity`.
    top : int
        Number of coefficients to show, by their largest swing of any headline.

    Returns
    -------
    Figure
        One panel per headline and one row per coefficient, largest swing first.
    """
    strongest = list(table.groupby("coefficient")["swing"].max().nlargest(top).index)
    headlines = list(dict.fromkeys(table.sort_values("base")["headline"]))
    figure = Figure(figsize=(5.2 + 2.1 * len(headlines), 1.7 + 0.32 * len(strongest)), layout="constrained")
    panels = figure.subplots(1, len(headlines), sharey=True, squeeze=False)[0]
    for axes, headline in zip(panels, headlines, strict=True):
        rows = table[table["headline"] == headline].set_index("coefficient").loc[strongest]
        _draw_panel(axes, headline, rows, reach=float(table["swing"].max()) * 1.08)
    labels = table.drop_duplicates("coefficient").set_index("coefficient").loc[strongest]
    panels[0].set_yticks(range(len(strongest)), [_label(str(name), row) for name, row in labels.iterrows()])
    panels[0].invert_yaxis()
    handles = [
        Patch(color=LOWER, label="coefficient - 50 %", hatch="///", fill=False),
        Patch(color=HIGHER, label="coefficient + 50 %"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle("Area under the curve when one coefficient of the causal model changes by 50 %", x=0.01, ha="left")
    return figure


def _draw_panel(axes: Axes, headline: str, rows: pd.DataFrame, reach: float) -> None:
    base = float(rows["base"].iloc[0])
    places = range(len(rows))
    axes.barh(places, rows["high"] - base, height=0.72, left=base, color=HIGHER)
    halved = axes.barh(places, rows["low"] - base, height=0.72, left=base)
    for bar in halved:
        bar.set(facecolor="none", edgecolor=LOWER, hatch="//////", linewidth=1.0)
    axes.axvline(base, color=LINE, linewidth=0.8)
    axes.set(xlim=(base - reach, base + reach))
    axes.set_title(f"{headline}\n{base:.3f}", fontsize=10)
    axes.tick_params(axis="y", labelsize=8, length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.locator_params(axis="x", nbins=4)
    axes.grid(axis="y", color="#EEEEEE", zorder=0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _label(address: str, row: pd.Series) -> str:
    return f"{address} = {row['value']:.3g} ({row['evidence']})"
