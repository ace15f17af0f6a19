"""Forest plot of generated against published figures, drawn without pyplot."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INSIDE, OUTSIDE, PUBLISHED = "#0072B2", "#D55E00", "#999999"
"""Blue, vermillion and grey of Okabe and Ito; the marker shape repeats the colour."""

NOTE = (
    "Distance from the centre of the tolerance in half-widths; right: generated value [tolerance]. "
    "Synthetic patients: research software, not a medical device."
)
COLUMNS_OF_PAGE = 3
_MOST = 4.0
_ROW_HEIGHT, _HEAD, _COLUMN_WIDTH = 0.17, 0.75, 7.2
_LABEL_WIDTH = 46
_ROWS_OF_PAGE = 55


def forest_figure(table: pd.DataFrame) -> Figure:
    """Forest plot of the compared figures, one panel per mechanism.

    Parameters
    ----------
    table : DataFrame
        From `compare_with_literature`.

    Returns
    -------
    Figure
        Each tolerance is a bar from -1 to 1, each generated value a marker on that scale, with the numbers at
        its right. Values within the tolerance are blue dots, values outside are vermillion crosses, and values
        far outside are arrows at the edge.

    Examples
    --------
    >>> figure = forest_figure(
    ...     pd.DataFrame(
    ...         {
    ...             "id": ["COH007"],
    ...             "mechanism": ["cohort"],
    ...             "quantity": ["female sex"],
    ...             "published": [62.4],
    ...             "lower": [55.0],
    ...             "upper": [65.0],
    ...             "generated": [60.0],
    ...             "within": [True],
    ...         }
    ...     )
    ... )
    >>> figure.axes[0].get_title(loc="left")
    'cohort: 1 of 1 within'
    """
    compared = table[table["within"].notna()]
    columns = _in_columns({str(name): len(rows) for name, rows in compared.groupby("mechanism")})
    heights = [sum(_height(len(compared[compared["mechanism"] == name])) for name in names) for names in columns]
    figure = Figure(figsize=(_COLUMN_WIDTH * len(columns), max(heights) + 1.0))
    for place, names in enumerate(columns):
        top = 0.6
        for name in names:
            rows = compared[compared["mechanism"] == name]
            _draw_panel(_panel(figure, place, len(columns), top, len(rows)), name, rows)
            top += _height(len(rows))
    _add_legend(figure)
    return figure


def forest_pages(table: pd.DataFrame) -> list[Figure]:
    """Forest plot as pages to print, one mechanism after another.

    Parameters
    ----------
    table : DataFrame
        From `compare_with_literature`.

    Returns
    -------
    list of Figure
        Pages that fit on A4 without scaling, each with one mechanism.
    """
    compared = table[table["within"].notna()]
    pages = []
    for _, rows in compared.groupby("mechanism"):
        parts = math.ceil(len(rows) / _ROWS_OF_PAGE)
        size = math.ceil(len(rows) / parts)
        pages += [forest_figure(rows.iloc[start : start + size]) for start in range(0, len(rows), size)]
    return pages


def standardised(lower: float, upper: float, generated: float) -> float:
    """Generated value on a scale where the tolerance reaches from -1 to 1.

    A half-line has no centre: values inside are 0, values outside are infinite.

    Examples
    --------
    >>> standardised(10.0, 20.0, 17.5)
    0.5
    """
    if math.isinf(lower) or math.isinf(upper):
        outside = math.inf if generated > upper else -math.inf
        return 0.0 if lower <= generated <= upper else outside
    return (generated - (lower + upper) / 2) / ((upper - lower) / 2)


def _in_columns(sizes: dict[str, int]) -> list[list[str]]:
    """Mechanisms distributed over columns of similar height, largest first."""
    columns: list[list[str]] = [[] for _ in range(min(COLUMNS_OF_PAGE, len(sizes)))]
    heights = [0.0] * len(columns)
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        shortest = int(np.argmin(heights))
        columns[shortest].append(name)
        heights[shortest] += _height(sizes[name])
    return columns


def _height(n_rows: int) -> float:
    return n_rows * _ROW_HEIGHT + _HEAD


def _panel(figure: Figure, place: int, n_columns: int, top: float, n_rows: int) -> Axes:
    """Axes of a mechanism, `top` inches below the upper edge."""
    width, height = figure.get_size_inches()
    rows = n_rows * _ROW_HEIGHT
    left = (place * _COLUMN_WIDTH + 3.5) / width
    return figure.add_axes((left, (height - top - 0.3 - rows) / height, 2.0 / width, rows / height))


def _draw_panel(axes: Axes, name: str, rows: pd.DataFrame) -> None:
    scaled = [standardised(*row) for row in rows[["lower", "upper", "generated"]].itertuples(index=False)]
    within = [bool(inside) for inside in rows["within"]]
    places = [float(place) for place in range(len(rows))]
    axes.barh(places, 2.0, left=-1.0, height=0.55, color=PUBLISHED, alpha=0.45, linewidth=0)
    for place, value, inside in zip(places, scaled, within, strict=True):
        _draw_mark(axes, place, value, inside)
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set(xlim=(-_MOST - 0.4, _MOST + 0.4), ylim=(len(rows) - 0.4, -0.6))
    axes.set_xticks([-3, -1, 0, 1, 3])
    axes.tick_params(labelsize=6, length=2)
    axes.set_yticks(places, [_label(row) for row in rows.itertuples()], fontsize=6)
    for place, row in zip(places, rows.itertuples(), strict=True):
        axes.text(_MOST + 0.6, place, _numbers(row), fontsize=6, va="center")
    axes.set_title(f"{name}: {sum(within)} of {len(rows)} within", loc="left", fontsize=9, fontweight="bold")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _draw_mark(axes: Axes, place: float, value: float, inside: bool) -> None:
    far = abs(value) > _MOST
    shape = "o" if inside else "x"
    if far:
        shape = ">" if value > 0 else "<"
    axes.plot(
        np.clip(value, -_MOST, _MOST),
        place,
        marker=shape,
        color=INSIDE if inside else OUTSIDE,
        markersize=3.6 if inside else 4.6,
        clip_on=False,
    )


def _label(row: Any) -> str:
    text = row.quantity if len(row.quantity) <= _LABEL_WIDTH else row.quantity[: _LABEL_WIDTH - 1] + "…"
    return f"{text}  {row.id}"


def _numbers(row: Any) -> str:
    return f"{row.generated:.4g}  [{row.lower:.4g} to {row.upper:.4g}]"


def _add_legend(figure: Figure) -> None:
    marks = [
        Line2D([], [], color=PUBLISHED, alpha=0.45, linewidth=6, label="published tolerance"),
        Line2D([], [], color=INSIDE, marker="o", linestyle="", label="generated, within"),
        Line2D([], [], color=OUTSIDE, marker="x", linestyle="", label="generated, outside"),
        Line2D([], [], color=OUTSIDE, marker=">", linestyle="", label="far outside"),
    ]
    figure.legend(handles=marks, loc="upper left", ncols=4, frameon=False, fontsize=8)
    figure.text(0.02, 0.05 / figure.get_size_inches()[1], NOTE, fontsize=6)
