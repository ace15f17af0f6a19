"""Figures of the causal graph: the mechanisms with the arrows between them, and all variables.

The layout needs no graph library: each mechanism has a lane, and the column of a variable is the length of
the longest path to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import cycle
from statistics import mean
from typing import TYPE_CHECKING, TypeAlias

from asthma_ml.cohort import CausalModel
from asthma_ml.cohort.engine.structural_equations import StructuralEquation
from asthma_ml.variables import data_dictionary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = (
    "#77AADD",
    "#EE8866",
    "#EEDD88",
    "#FFAABB",
    "#99DDFF",
    "#44BB99",
    "#BBCC33",
    "#AAAA00",
    "#DDDDDD",
    "#C8B4E0",
    "#D9C2A5",
    "#B5D8CC",
)
"""Paul Tol's light scheme and three more; names in boxes and lanes repeat the information in colours."""
DARK = "#333333"

Place: TypeAlias = tuple[float, float]
Corners: TypeAlias = list[Place]

_VARIABLE_BOX = (0.8, 0.66)
_MECHANISM_BOX = (0.46, 0.34)
"""Width and height, in columns and rows."""
_ROWS_OF_MECHANISMS = 4
_LONGEST_LINE = 14
_LEAST_LABELLED = 3
"""Number of arrows between two mechanisms from which it is written on the arrow."""


def generations(model: CausalModel) -> dict[str, int]:
    """Length of the longest path to each variable."""
    found: dict[str, int] = {}
    for name in model.order:
        found[name] = 1 + max((found[parent] for parent in model.equations[name].parents), default=-1)
    return found


def mechanisms_in_causal_order(model: CausalModel) -> dict[str, list[StructuralEquation]]:
    """Equations of each mechanism in the order of its file; mechanisms in causal order.

    Examples
    --------
    >>> from asthma_ml.cohort import severe_asthma_model
    >>> chapters = list(mechanisms_in_causal_order(severe_asthma_model()))
    >>> chapters.index("genetics") < chapters.index("type2_inflammation") < chapters.index("outcomes")
    True
    """
    found: dict[str, list[StructuralEquation]] = {}
    for equation in model.equations.values():
        found.setdefault(equation.mechanism, []).append(equation)
    depth = generations(model)
    # Enrolment and measurement come last, although many tests depend on chance alone.
    order = sorted(
        found,
        key=lambda name: (
            ".mechanisms." not in found[name][0].function.__module__,
            mean(depth[equation.name] for equation in found[name]),
            name,
        ),
    )
    return {name: sorted(found[name], key=lambda equation: equation.function.__code__.co_firstlineno) for name in order}


def heading(mechanism: str) -> str:
    """Heading of a mechanism."""
    return mechanism.replace("_", " ").replace("type2", "type-2").capitalize()


def mechanism_graph_figure(model: CausalModel) -> Figure:
    """Draw the mechanisms and the number of arrows between each two.

    Parameters
    ----------
    model : CausalModel
        From `severe_asthma_model`.

    Returns
    -------
    Figure
        Causes to the left of effects; the width of an arrow grows with the number of arrows between variables.
    """
    from matplotlib.figure import Figure

    chapters = mechanisms_in_causal_order(model)
    colours = _colours(chapters)
    figure = Figure(figsize=(15.0, 9.0), layout="constrained")
    axes = figure.add_subplot()
    places = {name: _mechanism_place(number) for number, name in enumerate(chapters)}
    for name, equations in chapters.items():
        observed = sum(equation.name in data_dictionary() for equation in equations)
        label = f"{heading(name).replace(' ', chr(10))}\n{len(equations)} ({observed} observed)"
        _box(axes, places[name], _MECHANISM_BOX, label, colours[name], observed=True, size=10.5)
    for (cause, effect), count in sorted(_arrows_between(model).items(), key=lambda item: -item[1]):
        _counted_arrow(axes, places[cause], places[effect], _darker(colours[cause]), count)
    columns = 1 + max(x for x, _ in places.values())
    axes.set(xlim=(-0.35, columns - 0.5), ylim=(_ROWS_OF_MECHANISMS - 0.3, -0.3))
    axes.set_axis_off()
    title = "Mechanisms: number of variables, and of arrows between each two"
    axes.set_title(f"{title} (from {_LEAST_LABELLED})", loc="left", fontsize=13)
    return figure


def causal_graph_figure(model: CausalModel) -> Figure:
    """Draw all variables in the lanes of their mechanisms, and all arrows.

    Parameters
    ----------
    model : CausalModel
        From `severe_asthma_model`.

    Returns
    -------
    Figure
        Causes to the left of effects. Observed variables are filled with a solid outline, latent ones white and dashed.
    """
    from matplotlib.figure import Figure

    places, lanes = _swimming_lanes(model)
    colours = _colours(lanes)
    columns, rows = 1 + max(x for x, _ in places.values()), 1 + max(y for _, y in places.values())
    figure = Figure(figsize=(1.62 * columns + 2.2, 0.52 * rows + 1.2), layout="constrained")
    axes = figure.add_subplot()
    for name, (top, bottom) in lanes.items():
        axes.axhspan(top - 0.52, bottom + 0.52, color=colours[name], alpha=0.15, linewidth=0)
        axes.text(-0.55, (top + bottom) / 2, heading(name), ha="right", va="center", fontsize=13, weight="bold")
    for cause, effect in model.graph():
        corners = _flow(places[cause], places[effect], _VARIABLE_BOX)
        _draw(axes, corners, _darker(colours[model.equations[cause].mechanism]), 0.9)
    for name, place in places.items():
        colour = colours[model.equations[name].mechanism]
        _box(axes, place, _VARIABLE_BOX, _broken(name), colour, observed=name in data_dictionary(), size=8.2)
    axes.set(xlim=(-2.0, columns - 0.5), ylim=(rows - 0.4, -0.6))
    axes.set_axis_off()
    title = f"{len(places)} variables and {len(model.graph())} arrows, causes to the left of effects."
    axes.set_title(f"{title} Filled: observed in the clinic. White and dashed: latent.", loc="left", fontsize=16)
    return figure


def _mechanism_place(number: int) -> Place:
    """Place by column; every other column is half a row lower, so that fewer arrows pass behind a box."""
    column, row = divmod(number, _ROWS_OF_MECHANISMS)
    return float(column), row + 0.45 * (column % 2)


def _arrows_between(model: CausalModel) -> Counter[tuple[str, str]]:
    mechanism = {name: equation.mechanism for name, equation in model.equations.items()}
    return Counter((mechanism[a], mechanism[b]) for a, b in model.graph() if mechanism[a] != mechanism[b])


def _swimming_lanes(model: CausalModel) -> tuple[dict[str, Place], dict[str, Place]]:
    """Place (column, row) of each variable; first and last row of each mechanism's lane."""
    depth = _late_roots(model, generations(model))
    places: dict[str, Place] = {}
    lanes: dict[str, Place] = {}
    top = 0.0
    for mechanism, equations in mechanisms_in_causal_order(model).items():
        filled: Counter[int] = Counter()
        for equation in sorted(equations, key=lambda equation: _height(equation.parents, places)):
            column = depth[equation.name]
            places[equation.name] = (float(column), top + filled[column])
            filled[column] += 1
        lanes[mechanism] = (top, top + max(filled.values()) - 1)
        top += max(filled.values()) + 0.15
    return places, lanes


def _height(parents: tuple[str, ...], places: Mapping[str, Place]) -> float:
    """Mean row of the causes that already have a place; the order reduces crossings."""
    known = [places[parent][1] for parent in parents if parent in places]
    return mean(known) if known else 0.0


def _late_roots(model: CausalModel, depth: Mapping[str, int]) -> dict[str, int]:
    """Columns, with root variables just before their first effect, so that arrows are short."""
    first_effect: dict[str, int] = {}
    for cause, effect in model.graph():
        first_effect[cause] = min(depth[effect], first_effect.get(cause, depth[effect]))
    roots = {name: column - 1 for name, column in first_effect.items() if not model.equations[name].parents}
    return {**depth, **roots}


def _colours(names: Iterable[str]) -> dict[str, str]:
    return dict(zip(names, cycle(PALETTE)))


def _darker(colour: str) -> tuple[float, ...]:
    from matplotlib.colors import to_rgb

    return tuple(0.7 * part for part in to_rgb(colour))


def _broken(name: str) -> str:
    """Break a long name at the underscore nearest to its middle."""
    breaks = [place for place, sign in enumerate(name) if sign == "_"]
    if len(name) <= _LONGEST_LINE or not breaks:
        return name
    middle = min(breaks, key=lambda place: abs(place - len(name) / 2))
    return f"{name[: middle + 1]}\n{name[middle + 1 :]}"


def _box(axes: Axes, place: Place, extent: Place, label: str, colour: str, *, observed: bool, size: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    width, height = extent
    box = FancyBboxPatch(
        (place[0] - width / 2, place[1] - height / 2),
        width,
        height,
        boxstyle="round,pad=0,rounding_size=0.06",
        facecolor=colour if observed else "white",
        edgecolor=DARK,
        linewidth=1.1,
        linestyle="-" if observed else (0, (3, 2)),
        zorder=3,
    )
    axes.add_patch(box)
    axes.text(*place, label, ha="center", va="center", fontsize=size, zorder=4)


def _flow(start: Place, end: Place, extent: Place) -> Corners:
    """Bezier points from the near side of one box to the near side of another, horizontal at both ends."""
    (x, y), (to_x, to_y), (width, height) = start, end, extent
    if x == to_x:
        down = height / 2 if to_y > y else -height / 2
        aside = x + 0.25 * (to_y - y)
        return [(x, y + down), (aside, y + 2 * down), (aside, to_y - 2 * down), (x, to_y - down)]
    side = width / 2 if to_x > x else -width / 2
    near, far = x + side, to_x - side
    bend = 0.5 * (far - near)
    return [(near, y), (near + bend, y), (far - bend, to_y), (far, to_y)]


def _counted_arrow(axes: Axes, start: Place, end: Place, colour: tuple[float, ...], count: int) -> None:
    corners = _flow(start, end, _MECHANISM_BOX)
    _draw(axes, corners, colour, 0.6 + 0.55 * count)
    if count < _LEAST_LABELLED:
        return
    # A third of the way along, where arrows into the same box are still apart.
    weights = (0.343, 0.441, 0.189, 0.027)
    x, y = (sum(w * corner[axis] for w, corner in zip(weights, corners, strict=True)) for axis in (0, 1))
    patch = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": colour}
    axes.text(x, y, f"{count}", ha="center", va="center", fontsize=9, bbox=patch, zorder=2)


def _draw(axes: Axes, corners: Corners, colour: tuple[float, ...], width: float) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    path = Path(corners, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    arrow = FancyArrowPatch(
        path=path, arrowstyle="-|>", mutation_scale=6 + 2 * width, linewidth=width, color=colour, alpha=0.8, zorder=1
    )
    axes.add_patch(arrow)
