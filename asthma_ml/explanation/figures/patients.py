"""Figures of one patient and of all patients.

Two colours of Okabe and Ito, distinguishable with every kind of colour vision; hatching and signs repeat the
information, so that a print in grey can be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.special import expit

from asthma_ml.explanation.figures.rows import Row, rows_of_patient, shortened
from asthma_ml.spelling import visible
from asthma_ml.variables import FACTORS
from asthma_ml.wording import EXPLAINS_THE_MODEL, plain_name, rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from asthma_ml.explanation.patient_contributions import PatientContributions

TOWARDS, AWAY, LINE = "#0072B2", "#D55E00", "#444444"
_FEATURES_ALPHA = 0.45
_FACTOR_HEIGHT, _FEATURE_HEIGHT = 0.6, 0.4
_INCHES_A_ROW = 0.27
HALO = {"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.85}


def patient_figure(contributions: PatientContributions, i: int, name: str | None = None) -> Figure:
    """Contributions of one patient from base value to log-odds: each factor with its strongest findings; see `plot`."""
    rows, log_odds = rows_of_patient(contributions, i), float(contributions.log_odds[i])
    explained = plain_name(contributions.explained_class[i])
    patient = contributions.patient_name(i) if name is None else name
    figure = Figure(figsize=(7.4, 1.7 + _INCHES_A_ROW * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    _draw_rows(axes, rows)
    _draw_ends(axes, float(contributions.base[i]), log_odds, len(rows))
    axes.set_xlabel(f"log-odds of {explained}")
    figure.legend(handles=bar_legend(explained), loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    called = " (no call)" if contributions.calls.no_call[i] else ""
    subject = f"Patient {shortened(patient)}: model" if patient else "Model"
    finish(axes, f"{subject} probability of {explained} {rounded(float(expit(log_odds)))}{called}")
    return figure


def cohort_figure(contributions: PatientContributions) -> Figure:
    """Distribution of the contributions of each documented factor over all patients.

    Parameters
    ----------
    contributions : PatientContributions
        From `explain`.

    Returns
    -------
    Figure
        One box a factor, the largest mean absolute contribution first.
    """
    order = contributions.factors.abs().mean().sort_values(kind="stable")
    figure = Figure(figsize=(7.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    values = [contributions.factors[name].to_numpy() for name in order.index]
    boxes = axes.boxplot(
        values, orientation="horizontal", whis=(5, 95), showfliers=False, widths=0.55, patch_artist=True
    )
    for box, median in zip(boxes["boxes"], boxes["medians"], strict=True):
        box.set(facecolor=TOWARDS, alpha=0.55, edgecolor=LINE)
        median.set(color="black", linewidth=1.6)
    axes.axvline(0, color=LINE, linewidth=0.8)
    labels = [f"{plain_name(name).capitalize()}\nmean |contribution| {size:.2f}" for name, size in order.items()]
    axes.set_yticks(range(1, len(order) + 1), labels)
    axes.set_xlabel(
        f"contribution to the log-odds of {contributions.explained_class_in_words()}"
        "\n(box: quartiles, whiskers: 5th and 95th percentiles)"
    )
    n = len(contributions)
    finish(axes, f"Contributions to the model's predictions, {n} patient{'s' * (n != 1)}")
    return figure


def interaction_figure(interactions: ArrayLike, explained: str = "Th2-high") -> Figure:
    """Interactions of the documented factors as a heat map.

    Parameters
    ----------
    interactions : array-like of shape (6, 6)
        Interaction value of each pair, in the order of `FACTORS` [log-odds], with main effects on the diagonal:
        mean absolute values, or signed values of one patient.
    explained : str, default="Th2-high"
        Class whose log-odds are explained.

    Returns
    -------
    Figure
        Heat map with its numbers. The diagonal, which would dominate the colours, is printed but not coloured.
    """
    values = np.asarray(interactions, dtype=float)
    pairs = np.where(np.eye(len(FACTORS), dtype=bool), np.nan, values)
    most = float(np.nanmax(np.abs(pairs), initial=0.0)) or 1.0
    signed = bool(np.nanmin(pairs) < 0)
    figure = Figure(figsize=(6.4, 5.4), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(pairs, cmap="PuOr_r" if signed else "cividis_r", vmin=-most if signed else 0.0, vmax=most)
    for (row, column), value in np.ndenumerate(values):
        dark = row != column and (abs(value) > 0.6 * most)
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=9, color="white" if dark else "black")
    names = [plain_name(name).capitalize() for name in FACTORS]
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    figure.colorbar(image, ax=axes, label=f"interaction [log-odds of {explained}]", shrink=0.85)
    finish(axes, "Interactions of factors in the model (diagonal: main effects)")
    axes.spines[:].set_visible(False)
    return figure


def _draw_rows(axes: Axes, rows: Sequence[Row]) -> None:
    """One bar a row: factors from the base to the log-odds, findings from the start to the end of their factor."""
    end_of_factors = [row.end for row in rows if row.is_factor]
    places = [place for place, row in enumerate(rows) if row.is_factor]
    for place, row in enumerate(rows):
        towards = row.width >= 0
        axes.barh(
            place,
            row.width,
            left=row.start,
            height=_FACTOR_HEIGHT if row.is_factor else _FEATURE_HEIGHT,
            color=TOWARDS if towards else AWAY,
            hatch=None if towards else "////",
            edgecolor="white",
            linewidth=0,
            alpha=1.0 if row.is_factor else _FEATURES_ALPHA,
        )
        _annotate(axes, place, row)
    for end, place, following in zip(end_of_factors, places, [*places[1:], len(rows)], strict=True):
        axes.plot([end, end], [place - 0.3, following - 0.3], color=LINE, linewidth=0.8)
    axes.set_yticks(range(len(rows)), [row.label for row in rows])
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set(fontweight="bold" if row.is_factor else "normal", fontsize=9.5 if row.is_factor else 8.5)
    axes.invert_yaxis()
    axes.use_sticky_edges = False
    axes.margins(x=0.12)


def _annotate(axes: Axes, place: int, row: Row) -> None:
    axes.annotate(
        f"{row.width:+z.2f}",
        (max(row.start, row.end), place),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=9 if row.is_factor else 8,
        fontweight="bold" if row.is_factor else "normal",
        color="black" if row.is_factor else LINE,
        bbox=HALO,
    )


def _draw_ends(axes: Axes, base: float, log_odds: float, n_rows: int) -> None:
    for place, text in ((base, f"base {base:+.2f}"), (log_odds, f"patient {log_odds:+.2f}")):
        axes.axvline(place, color=LINE, linewidth=0.8, linestyle=":" if place == base else "--", zorder=0)
        row = -0.85 if text.startswith("base") else n_rows - 0.15
        axes.text(place, row, text, ha="center", va="center", fontsize=9, color=LINE, bbox=HALO)
    axes.set_ylim(n_rows + 0.25, -1.2)


def bar_legend(explained: str) -> list[Patch]:
    """Colours of contributions towards a class and away from it."""
    return [
        Patch(facecolor=TOWARDS, label=f"+ towards {explained}"),
        Patch(facecolor=AWAY, hatch="////", edgecolor="white", label=f"\N{MINUS SIGN} away from {explained}"),
    ]


def finish(axes: Axes, title: str) -> None:
    """Add the title and the layout that all figures of explanations share."""
    axes.set_title(f"{visible(title)}\n{EXPLAINS_THE_MODEL}", fontsize=10.5, loc="left")
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
